"""Nobody sees another's data, as a property: random worlds with canaries in every text, the real pipeline, and a scan of all it left."""
