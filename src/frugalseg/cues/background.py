"""A nuclear image without its background, and how strong its noise is."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from frugalseg.errors import BadPixels, WrongShape

Plane = NDArray[np.float32]


def check_plane(plane: ArrayLike, what: str = "nuclear") -> Plane:
    """The plane (Y, X) as float32, if nuclei can be looked for in it.

    Raises
    ------
    WrongShape
        Not two-dimensional.
    BadPixels
        Empty, NaN or infinite values, or one value everywhere.
    """
    array = np.asarray(plane)
    if array.ndim != 2:
        raise WrongShape(f"the {what} image has {array.ndim} axes; give one plane (Y, X)")
    if array.size == 0:
        raise BadPixels(f"the {what} image is empty (shape {array.shape})")
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise BadPixels(f"the {what} image holds NaN or infinite values; replace them before")
    if array.min() == array.max():
        raise BadPixels(
            f"the {what} image has the value {array.flat[0]:g} everywhere; is it the right channel?"
        )
    return array


def subtract_background(plane: Plane) -> Plane:
    """Subtract the large-scale background: the 20th percentile of blocks an eighth of the image wide."""
    h, w = plane.shape
    block = max(min(h, w) // 8, 16)
    rows, columns = max(h // block, 1), max(w // block, 1)
    low = np.empty((rows, columns), np.float32)
    ys, xs = np.linspace(0, h, rows + 1).astype(int), np.linspace(0, w, columns + 1).astype(int)
    for i in range(rows):
        for j in range(columns):
            low[i, j] = np.percentile(plane[ys[i] : ys[i + 1], xs[j] : xs[j + 1]], 20)
    # one block full of nuclei does not make a background
    low = cv2.medianBlur(low, 3)
    return plane - cv2.resize(low, (w, h), interpolation=cv2.INTER_LINEAR)


def noise_of(plane: Plane, smoothed: Plane, sigma: float, grey_step: float = 0.0) -> float:
    """Standard deviation of the background in ``smoothed``, which is ``plane`` after a Gaussian of ``sigma`` px.

    The larger of two estimates, since each is blind to something, both from the calmest quarter of the blocks:
    pixel noise, from second differences along both axes, which slopes do not change (blind to noise that is
    correlated), and the spread of the darkest pixels (too large where nuclei leave no background between them, so at
    most a twelfth of the image's range). Never below 0.3 grey steps.

    Source: J. Immerkaer, Fast noise variance estimation, Comput. Vis. Image Underst. 64, 1996.
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    high = np.asarray(cv2.filter2D(plane, cv2.CV_32F, mask, borderType=cv2.BORDER_REFLECT), np.float32)
    h, w = (max(s // 16, 1) for s in plane.shape)
    squares = cv2.resize(high * high, (w, h), interpolation=cv2.INTER_AREA)
    pixel = float(np.sqrt(np.percentile(squares, 25))) / max(2 * np.sqrt(np.pi) * sigma, 1.0)
    spreads = []
    for rows in np.array_split(smoothed, max(plane.shape[0] // 64, 1), axis=0):
        for block in np.array_split(rows, max(plane.shape[1] // 64, 1), axis=1):
            dark = np.percentile(block, [2.5, 20])
            spreads.append((dark[1] - dark[0]) / 1.12)
    low, high_end = np.percentile(smoothed, [0.5, 99.5])
    spread = min(float(np.percentile(spreads, 25)), max((high_end - low) / 12, 3 * pixel))
    return float(max(pixel, spread, 0.3 * grey_step, 1e-6 * np.ptp(plane)))


def grey_step_of(plane: Plane) -> float:
    """Smallest step between grey values: below it nothing can be told from rounding."""
    values = np.unique(plane[:: max(plane.shape[0] // 256, 1), :: max(plane.shape[1] // 256, 1)])
    return float(np.diff(values).min()) if values.size > 1 else 0.0
