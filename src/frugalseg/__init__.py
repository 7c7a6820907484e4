"""frugalseg: cell and nucleus segmentation models with few or no hand-drawn labels."""

__version__ = "0.1.0"
