"""Learning from stains: label-free channels in, a fluorescent stain out (paper A, first half)."""
