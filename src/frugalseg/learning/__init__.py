"""Training, without knowledge of files: one loop, and the data and losses of the three ways to learn."""
