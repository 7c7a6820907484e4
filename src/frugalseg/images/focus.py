"""The sharpest focal plane of a stack."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.outliers import without_outliers

#: Scale of the detail that is measured, px. Finer detail is noise, and coarser detail also shows out of focus.
SIGMA = 1.5
#: Variance below which a plane counts as empty, as a share of that of the plane that varies most.
LEAST_VARIANCE = 0.05


def best_focus(planes: Iterable[NDArray[Any]]) -> int:
    """Return the index of the sharpest of several planes (Y, X), the first of equals.

    Notes
    -----
    The measure is the variance of the Laplacian (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield
    microscopy: a comparative study") of the slightly smoothed plane, less the contribution of noise, divided by the
    variance of the plane. Gain, offset and noise, which differ between planes of a stack, thus do not matter. A constant
    in the denominator keeps nearly empty planes from winning.

    Examples
    --------
    >>> from frugalseg.images.normalize import blur
    >>> sharp = np.kron(np.indices((6, 6)).sum(axis=0) % 2, np.ones((8, 8)))
    >>> best_focus([blur(sharp, 2), sharp + 7, 5 * blur(sharp, 3)])
    1
    """
    measured = np.array([_detail_and_variance(plane) for plane in planes])
    detail, variance = measured.T
    return int(np.argmax(detail / np.maximum(variance + LEAST_VARIANCE * variance.max(), 1e-30)))


def _detail_and_variance(plane: NDArray[Any]) -> tuple[float, float]:
    """Return the variance of the smoothed plane's Laplacian and of the smoothed plane, both without noise."""
    import cv2

    grey = without_outliers(np.asarray(plane, np.float32))
    grey = grey - grey.mean()
    smooth = cv2.GaussianBlur(grey, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT)
    laplacian = cv2.Laplacian(smooth, cv2.CV_32F, borderType=cv2.BORDER_REFLECT)
    # Immerkaer 1996: this mask responds to noise but not to slopes or curvature. The median ignores cells.
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    noise = float(np.median(np.abs(cv2.filter2D(grey, cv2.CV_32F, mask)))) * 1.4826
    in_laplacian, in_smooth = _noise_gains()
    detail = float(laplacian.var(dtype=np.float64)) - in_laplacian * noise**2
    return max(detail, 0.0), max(float(smooth.var(dtype=np.float64)) - in_smooth * noise**2, 0.0)


@cache
def _noise_gains() -> tuple[float, float]:
    """Return the variance of white noise of variance 1 in the Laplacian and in the smoothed plane."""
    import cv2

    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    smooth = cv2.GaussianBlur(point, (0, 0), SIGMA)
    laplacian = cv2.Laplacian(smooth, cv2.CV_32F)
    return float((laplacian**2).sum()), float((smooth**2).sum())
