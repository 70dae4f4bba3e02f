"""One module per outside system; each outside package has one door."""
