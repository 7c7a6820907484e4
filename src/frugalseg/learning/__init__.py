"""Training, without knowledge of files: one loop, and the data and losses of each teacher: markers, stains, labels."""
