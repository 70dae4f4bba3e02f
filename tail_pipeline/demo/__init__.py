"""The example that ships with the project: simulated traffic of a fictional agent."""
