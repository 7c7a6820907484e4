"""Subtract the background of a nuclear image, and estimate its noise."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from frugalseg.errors import BadPixels, WrongShape
from frugalseg.images.image import as_float32
from frugalseg.images.masked import refuse_masked
from frugalseg.images.outliers import without_outliers

Plane = NDArray[np.float32]


#: Of two, of grey values whose squares still are finite numbers.
LARGEST_EXPONENT = 60


def check_plane(plane: ArrayLike, parameter: str = "nuclei") -> Plane:
    """Return a plane (Y, X) as float32 without outliers, if nuclei can be looked for in it.

    Grey values whose squares would be infinite are divided by a power of two.

    Parameters
    ----------
    plane
        (Y, X).
    parameter
        Name of the plane in messages.

    Raises
    ------
    WrongShape
        Not two-dimensional.
    BadPixels
        Empty, NaN or infinite values, or one value everywhere.
    """
    refuse_masked(plane, f"`{parameter}`")
    array = np.asarray(plane)
    if array.ndim != 2:
        raise WrongShape(f"`{parameter}` has {array.ndim} axes; give one plane (Y, X)")
    if array.dtype.kind == "c":
        raise BadPixels(
            f"`{parameter}` is of type {array.dtype}, which is not of real numbers; give its magnitude"
        )
    if array.size == 0:
        raise BadPixels(f"`{parameter}` is empty (shape {array.shape}); give a plane with pixels")
    array = as_float32(array)
    if not np.isfinite(array).all():
        raise BadPixels(f"`{parameter}` holds NaN or infinite values; replace them first")
    if array.min() == array.max():
        raise BadPixels(f"`{parameter}` has the value {array.flat[0]:g} everywhere; is it the right channel?")
    array = without_outliers(array)
    exponent = int(np.frexp(np.abs(array).max())[1])
    return np.ldexp(array, -exponent) if exponent > LARGEST_EXPONENT else array


def subtract_background(plane: Plane) -> Plane:
    """Subtract the large-scale background of a plane (Y, X).

    The background is the 20th percentile of blocks an eighth of the image wide, median-filtered and interpolated.
    """
    h, w = plane.shape
    block = max(min(h, w) // 8, 16)
    rows, columns = max(h // block, 1), max(w // block, 1)
    low = np.empty((rows, columns), np.float32)
    ys, xs = np.linspace(0, h, rows + 1).astype(int), np.linspace(0, w, columns + 1).astype(int)
    for i in range(rows):
        for j in range(columns):
            low[i, j] = np.percentile(plane[ys[i] : ys[i + 1], xs[j] : xs[j + 1]], 20)
    # one block full of nuclei is no background
    low = cv2.medianBlur(low, 3)
    return plane - cv2.resize(low, (w, h), interpolation=cv2.INTER_LINEAR)


def estimate_noise(plane: Plane, smoothed: Plane, sigma: float, grey_step: float = 0.0) -> float:
    """Return the standard deviation of the background in a smoothed plane.

    Parameters
    ----------
    plane
        (Y, X).
    smoothed
        (Y, X), the plane after a Gaussian of `sigma`.
    sigma
        Standard deviation of the Gaussian, px; 0 for none.
    grey_step
        Smallest step between grey values; the noise is at least 0.3 of it, but of a plane with hardly any grey values, such as
        a mask, a sixteenth of its range: what is above background in it could not stand out from more.

    Notes
    -----
    The larger of two estimates is returned, both from the calmest quarter of the blocks. Pixel noise from second
    differences along both axes ignores slopes, but misses correlated noise. The spread of the darkest pixels includes
    it, but is too large where nuclei leave no background between them, and so is limited to a twelfth of the
    image's range.

    References
    ----------
    Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64, 1996.
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
    reach = float(np.ptp(plane))
    return float(max(pixel, spread, min(0.3 * grey_step, reach / 16), 1e-6 * reach))


def smallest_grey_step(plane: Plane) -> float:
    """Return the smallest step between grey values of a plane (Y, X): finer structure is lost to rounding."""
    values = np.unique(plane[:: max(plane.shape[0] // 256, 1), :: max(plane.shape[1] // 256, 1)])
    return float(np.diff(values).min()) if values.size > 1 else 0.0
