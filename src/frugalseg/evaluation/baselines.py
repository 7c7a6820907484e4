"""Classical ways from markers to cells, from the same markers and foreground as ours, to be compared with.

All take an image (Y, X), markers (N, 2) in px (y, x) and a foreground mask (Y, X), and return labels (Y, X)
uint32 inside the mask, where id i + 1 is the cell of marker i. Markers outside the mask, and the later ones
of several on one pixel, own nothing (for `voronoi` they still claim the foreground nearest to them).
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from frugalseg.errors import BadPixels, InputError, SettingsError, WrongShape
from frugalseg.evaluation.propagate import propagate
from frugalseg.images.geodesic import unit_range

Image = npt.NDArray[Any]  # (Y, X) numbers
Points = npt.NDArray[Any]  # (N, 2) y, x in px
Mask = npt.NDArray[np.bool_]  # (Y, X)
Labels = npt.NDArray[np.uint32]  # (Y, X)
Floats = npt.NDArray[np.float64]


def voronoi(image: Image, points: Points, mask: Mask) -> Labels:
    """Give every foreground pixel to the nearest marker; the image is not looked at.

    Raises
    ------
    WrongShape, BadPixels, InputError
        When the inputs don't fit each other; so do all baselines.

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


def watershed_gradient(
    image: Image, points: Points, mask: Mask, sigma: float = 1.0, *, seeds: npt.NDArray[Any] | None = None
) -> Labels:
    """Seeded watershed on the gradient magnitude: borders are where the brightness changes most.

    Parameters
    ----------
    image, points, mask
        See the module.
    sigma
        Gaussian derivative's standard deviation in px.
    seeds
        (Y, X) labels to start from instead of the points, such as nuclei.
    """
    image, points, mask = _checked(image, points, mask)
    cost_image = ndimage.gaussian_gradient_magnitude(image, sigma)
    return _watershed(cost_image, _seeds(points, mask, seeds), mask)


def watershed_intensity(
    image: Image,
    points: Points,
    mask: Mask,
    sigma: float = 1.0,
    *,
    borders: Literal["dark", "bright"] = "dark",
    seeds: npt.NDArray[Any] | None = None,
) -> Labels:
    """Seeded watershed on the smoothed brightness itself.

    By default bright pixels are flooded first and neighbours meet on the darkest line between them, as suits
    a stain that fills the cells; it is what CellProfiler calls "Watershed - Image". With
    ``borders="bright"`` dark pixels are flooded first, as suits a membrane stain.

    Parameters
    ----------
    image, points, mask
        See the module.
    sigma
        Gaussian smoothing in px.
    borders
        What lies between two cells.
    seeds
        (Y, X) labels to start from instead of the points.

    Raises
    ------
    SettingsError
        When `borders` is neither dark nor bright.
    """
    if borders not in ("dark", "bright"):
        raise SettingsError(f"borders is {borders!r}; choose 'dark' or 'bright'.")
    image, points, mask = _checked(image, points, mask)
    smooth = ndimage.gaussian_filter(image, sigma)
    return _watershed(-smooth if borders == "dark" else smooth, _seeds(points, mask, seeds), mask)


def propagation(
    image: Image,
    points: Points,
    mask: Mask,
    regularization: float = 0.05,
    *,
    seeds: npt.NDArray[Any] | None = None,
) -> Labels:
    """CellProfiler's propagation: the nearest marker where a change of brightness makes the way longer.

    The image is first scaled so that its 0.1 and 99.9 percentiles are 0 and 1, because the regularization
    is relative to the brightness. See `propagate` for the distance.

    Parameters
    ----------
    image, points, mask
        See the module.
    regularization
        Weight of the way in px; 0.05 is CellProfiler's default. Towards infinity it becomes `voronoi` on ways
        that stay inside the mask.
    seeds
        (Y, X) labels to start from instead of the points, such as nuclei.

    Examples
    --------
    >>> step = np.repeat([[0, 0, 0, 0, 0, 9, 9, 9]], 5, axis=0)  # pixel 4 is nearer to the second marker
    >>> propagation(step, np.array([[2, 0], [2, 7]]), np.ones((5, 8), bool))[2]
    array([1, 1, 1, 1, 1, 2, 2, 2], dtype=uint32)
    """
    image, points, mask = _checked(image, points, mask)
    return propagate(unit_range(image), _seeds(points, mask, seeds), mask, regularization)[0]


BASELINES: MappingProxyType[str, Callable[[Image, Points, Mask], Labels]] = MappingProxyType(
    {
        "voronoi": voronoi,
        "watershed_gradient": watershed_gradient,
        "watershed_intensity": watershed_intensity,
        "propagation": propagation,
    }
)
"""All baselines by name."""


def _watershed(cost_image: Floats, seeds: Labels, mask: Mask) -> Labels:
    from skimage.segmentation import watershed

    if not seeds.any():
        return np.zeros(mask.shape, dtype=np.uint32)
    return watershed(cost_image, seeds.astype(np.int32), mask=mask).astype(np.uint32)  # type: ignore[no-any-return]


def _seeds(points: Floats, mask: Mask, seeds: npt.NDArray[Any] | None) -> Labels:
    """One pixel per marker, or the seeds given, inside the mask."""
    if seeds is not None:
        if np.shape(seeds) != mask.shape:
            raise WrongShape(f"The seeds are {np.shape(seeds)} px and the mask {mask.shape}.")
        return np.where(mask, seeds, 0).astype(np.uint32)
    labels = np.zeros(mask.shape, dtype=np.uint32)
    pixels = np.floor(points + 0.5).astype(np.intp)[::-1]  # reversed: on one pixel the first marker wins
    labels[tuple(pixels.T)] = np.arange(len(points), 0, -1)
    return np.where(mask, labels, 0).astype(np.uint32)


def _checked(image: Image, points: Points, mask: Mask) -> tuple[Floats, Floats, Mask]:
    image, mask = np.asarray(image, dtype=np.float64), np.asarray(mask, dtype=bool)
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if image.ndim != 2 or image.shape != mask.shape:
        raise WrongShape(
            f"The image is {image.shape} and the mask {mask.shape}; both must be the same (Y, X)."
        )
    if not np.isfinite(image).all():
        raise BadPixels("The image has NaN or infinite pixels; replace or crop them.")
    pixels = np.floor(points + 0.5)
    if not ((pixels >= 0) & (pixels < mask.shape)).all():
        raise InputError(f"A marker lies outside the field of {mask.shape} px; markers are (y, x) in px.")
    return image, points, mask
