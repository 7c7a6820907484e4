"""Learning from labels: a few annotated images, best with a stain model as the start (paper A, second half)."""
