"""Everything that imports Dagster. Re-exports nothing: importing the package wires nothing up."""
