"""Pixels of any type stretched to what a screen shows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import WrongShape

# Additive colours of a composite, told apart with the common colour vision deficiencies.
_COMPOSITE = ((0.35, 1.0, 0.45), (1.0, 0.25, 0.85), (0.25, 0.65, 1.0), (1.0, 0.8, 0.2))


def preview(
    planes: NDArray[Any], *, low: float = 0.5, high: float = 99.8, gamma: float = 1.0
) -> NDArray[np.uint8]:
    """Stretch planes to 8 bits for display.

    Parameters
    ----------
    planes
        (C, Y, X) or (Y, X), any number type. NaN and infinite pixels are shown black.
    low, high
        Percentiles that become black and full brightness, per channel.
    gamma
        Below 1 lifts dim structures, e.g. 0.6 for nuclei of very different brightness.

    Returns
    -------
    numpy.ndarray
        (Y, X) uint8 for one channel; (Y, X, 3) uint8 for more, each channel in its own colour and added up.

    Raises
    ------
    WrongShape
        When `planes` has not two or three axes, or no pixel.

    Examples
    --------
    >>> import numpy as np
    >>> preview(np.array([[0, 50, 100]]), low=0, high=100).tolist()
    [[0, 128, 255]]
    """
    stack = np.asarray(planes)
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.ndim != 3 or stack.size == 0:
        raise WrongShape(f"A preview needs planes (C, Y, X) or (Y, X) with pixels, not {np.shape(planes)}.")
    stretched = [_stretch(plane.astype(np.float32), low, high) ** gamma for plane in stack]
    if len(stretched) == 1:
        return _to_bytes(stretched[0])
    colours = np.array([_COMPOSITE[i % len(_COMPOSITE)] for i in range(len(stretched))], np.float32)
    mixed = np.einsum("cyx,ck->yxk", np.stack(stretched), colours)
    return _to_bytes(mixed)


def _to_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    bright: NDArray[np.uint8] = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return bright


def _stretch(plane: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    finite = np.isfinite(plane)
    if not finite.any():
        return np.zeros_like(plane)
    bottom, top = np.percentile(plane[finite], (low, high))
    if top <= bottom:  # a constant plane, or one with a few bright pixels only
        bottom, top = plane[finite].min(), plane[finite].max()
    span = top - bottom if top > bottom else 1.0
    scaled = np.where(finite, (plane - bottom) / span, 0)
    return np.clip(scaled, 0, 1).astype(np.float32)
