"""Classical methods from markers to cells, as baselines for the marker network from the same cues.

Each takes an image (Y, X), markers (N, 2) in px (y, x) and a foreground mask (Y, X), and returns labels (Y, X)
uint32 inside the mask, where id i + 1 is the cell of marker i. Markers outside the mask, and all but the first
of several on one pixel, get no cell (with `voronoi` they still get the foreground nearest to them).
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from frugalseg.errors import BadPixels, InputError, WrongShape
from frugalseg.evaluation.propagate import propagate
from frugalseg.images.geodesic import unit_range

Image = npt.NDArray[Any]  # (Y, X) numbers
Points = npt.NDArray[Any]  # (N, 2) y, x in px
Mask = npt.NDArray[np.bool_]  # (Y, X)
Labels = npt.NDArray[np.uint32]  # (Y, X)
Floats = npt.NDArray[np.float64]


def voronoi(image: Image, points: Points, mask: Mask) -> Labels:
    """Assign every foreground pixel to the nearest marker; the image does not matter.

    Raises
    ------
    WrongShape
        When image and mask are not the same (Y, X). All baselines raise the same errors.
    BadPixels
        When the image has NaN or infinite pixels.
    InputError
        When a marker lies outside the image.

    Examples
    --------
    >>> voronoi(np.zeros((1, 6)), np.array([[0, 0], [0, 4]]), np.array([[1, 1, 1, 1, 1, 0]], bool))
    array([[1, 1, 1, 2, 2, 0]], dtype=uint32)
    """
    image, points, mask = _checked(image, points, mask)
    from scipy.spatial import cKDTree

    labels = np.zeros(mask.shape, dtype=np.uint32)
    if len(points) and mask.any():
        labels[mask] = cKDTree(points).query(np.argwhere(mask))[1] + 1
    return labels


def watershed_gradient(image: Image, points: Points, mask: Mask, sigma: float = 1.0) -> Labels:
    """Flood the gradient magnitude from the markers: borders lie where the brightness changes most.

    Parameters
    ----------
    image, points, mask
        See the module.
    sigma
        Standard deviation of the Gaussian derivative, px.
    """
    image, points, mask = _checked(image, points, mask)
    return _watershed(ndimage.gaussian_gradient_magnitude(image, sigma), points, mask)


def watershed_intensity(image: Image, points: Points, mask: Mask, sigma: float = 1.0) -> Labels:
    """Flood the smoothed brightness from the markers, bright pixels first.

    Neighbours meet on the darkest line between them, as suits a stain that fills the cells. CellProfiler calls
    this "Watershed - Image".

    Parameters
    ----------
    image, points, mask
        See the module.
    sigma
        Standard deviation of the Gaussian smoothing, px.
    """
    image, points, mask = _checked(image, points, mask)
    return _watershed(-ndimage.gaussian_filter(image, sigma), points, mask)


def propagation(image: Image, points: Points, mask: Mask, regularization: float = 0.05) -> Labels:
    """Assign every pixel to the nearest marker, where changes of brightness add to the distance.

    This is CellProfiler's propagation. The image is first scaled so that its 0.1 and 99.9 percentiles are 0 and
    1, because the regularization is relative to the brightness. See `propagate` for the distance.

    Parameters
    ----------
    image, points, mask
        See the module.
    regularization
        Weight of the path's length in px; 0.05 is CellProfiler's default. Towards infinity the result becomes
        that of `voronoi` on paths inside the mask.

    Examples
    --------
    >>> step = np.repeat([[0, 0, 0, 0, 0, 9, 9, 9]], 5, axis=0)  # pixel 4 is nearer to the second marker
    >>> propagation(step, np.array([[2, 0], [2, 7]]), np.ones((5, 8), bool))[2]
    array([1, 1, 1, 1, 1, 2, 2, 2], dtype=uint32)
    """
    image, points, mask = _checked(image, points, mask)
    return propagate(unit_range(image), _seeds(points, mask), mask, regularization)[0]


BASELINES: MappingProxyType[str, Callable[[Image, Points, Mask], Labels]] = MappingProxyType(
    {
        "voronoi": voronoi,
        "watershed_gradient": watershed_gradient,
        "watershed_intensity": watershed_intensity,
        "propagation": propagation,
    }
)
"""All baselines by name."""


def _watershed(cost_image: Floats, points: Floats, mask: Mask) -> Labels:
    from skimage.segmentation import watershed

    seeds = _seeds(points, mask)
    if not seeds.any():
        return np.zeros(mask.shape, dtype=np.uint32)
    return watershed(cost_image, seeds.astype(np.int32), mask=mask).astype(np.uint32)  # type: ignore[no-any-return]


def _seeds(points: Floats, mask: Mask) -> Labels:
    """Return labels of one pixel per marker inside the mask."""
    labels = np.zeros(mask.shape, dtype=np.uint32)
    pixels = np.floor(points + 0.5).astype(np.intp)[::-1]  # reversed: on one pixel the first marker wins
    labels[tuple(pixels.T)] = np.arange(len(points), 0, -1)
    return np.where(mask, labels, 0).astype(np.uint32)


def _checked(image: Image, points: Points, mask: Mask) -> tuple[Floats, Floats, Mask]:
    image, mask = np.asarray(image, dtype=np.float64), np.asarray(mask, dtype=bool)
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if image.ndim != 2 or image.shape != mask.shape:
        raise WrongShape(f"`image` is {image.shape} and `mask` {mask.shape}; give both of the same (Y, X).")
    if not np.isfinite(image).all():
        raise BadPixels("`image` has NaN or infinite pixels; replace or crop them.")
    pixels = np.floor(points + 0.5)
    if not ((pixels >= 0) & (pixels < mask.shape)).all():
        raise InputError(
            f"A marker in `points` lies outside the image of {mask.shape} px; give (y, x) in px."
        )
    return image, points, mask
