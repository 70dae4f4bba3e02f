"""GitHub and GitHub Enterprise Server as the place of review; nothing else imports PyGithub."""
