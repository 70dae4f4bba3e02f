"""Nobody sees another's data: random worlds with a canary in every text, the real pipeline, and a scan of all that is left."""
