"""Learning from labels: a few outlined images, best on top of a stain model (paper A, second half)."""
