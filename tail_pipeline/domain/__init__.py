"""Decisions and records. Knows no Dagster, network, disk, environment or clock."""
