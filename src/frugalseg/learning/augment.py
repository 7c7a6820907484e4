"""Augmentation: random changes of grey values against overfitting."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def jitter_intensity(patches: Tensor, amount: float, random: np.random.Generator) -> Tensor:
    """Change contrast, brightness and noise of every patch at random.

    Parameters
    ----------
    patches : Tensor
        (N,C,y,x) of unit variance.
    amount : float
        Standard deviation of the logarithm of the contrast, and of the brightness; 0.3 times as much of the noise. With 0
        the patches are returned unchanged.
    random : numpy.random.Generator
        Source of the random numbers.

    Examples
    --------
    >>> x = torch.ones(2, 1, 4, 4)
    >>> bool((jitter_intensity(x, 0.0, np.random.default_rng(0)) == x).all())
    True
    """
    if amount == 0:
        return patches
    one_each = (len(patches), 1, 1, 1)
    contrast = np.exp(random.normal(0, amount, one_each))
    brightness = random.normal(0, amount, one_each)
    noise = random.normal(0, 0.3 * amount, tuple(patches.shape))
    return patches * _tensor(contrast) + _tensor(brightness) + _tensor(noise)


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
