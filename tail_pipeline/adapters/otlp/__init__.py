"""OTLP trace files as units of work: files → spans → traces → units."""
