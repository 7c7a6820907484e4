"""Classical methods from nuclei to cells: baselines for the networks from the same cues, and their cheap teachers.

Each takes an image (Y, X), seeds (Y, X) and a foreground mask (Y, X), and returns labels (Y, X) uint32, where the cell
has the id of its seed. Seeds are whole nuclei, or single pixels where only points are known. They belong to the
foreground and to their own cell, whatever image and mask say; nothing else lies outside the mask.
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
Seeds = npt.NDArray[Any]  # (Y, X) integers, 0 where there is no seed
Mask = npt.NDArray[np.bool_]  # (Y, X)
Labels = npt.NDArray[np.uint32]  # (Y, X)
Floats = npt.NDArray[np.float64]


def voronoi(image: Image, seeds: Seeds, mask: Mask) -> Labels:
    """Assign every foreground pixel to the nearest seed, by the distance to its outline; the image does not matter.

    Raises
    ------
    WrongShape
        When image, seeds and mask are not the same (Y, X). All baselines raise the same errors.
    BadPixels
        When the image has NaN or infinite pixels.
    InputError
        When the seeds are not integers of 0 and above.

    Examples
    --------
    >>> voronoi(np.zeros((1, 6)), np.array([[1, 0, 0, 0, 2, 0]]), np.array([[1, 1, 1, 1, 1, 0]], bool))[0, [1, 3, 5]]
    array([1, 2, 0], dtype=uint32)
    """
    image, seeds, mask = _checked(image, seeds, mask)
    if not seeds.any():
        return seeds
    nearest = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    return np.where(mask, seeds[tuple(nearest)], 0).astype(np.uint32)


def watershed_gradient(image: Image, seeds: Seeds, mask: Mask, sigma: float = 1.0) -> Labels:
    """Flood the gradient magnitude from the seeds: borders lie where the brightness changes most.

    Parameters
    ----------
    image, seeds, mask
        See the module.
    sigma
        Standard deviation of the Gaussian derivative, px.
    """
    image, seeds, mask = _checked(image, seeds, mask)
    return _watershed(ndimage.gaussian_gradient_magnitude(image, sigma), seeds, mask)


def watershed_intensity(image: Image, seeds: Seeds, mask: Mask, sigma: float = 1.0) -> Labels:
    """Flood the smoothed brightness from the seeds, bright pixels first.

    Neighbours meet on the darkest line between them, as suits a stain that fills the cells. CellProfiler calls
    this "Watershed - Image".

    Parameters
    ----------
    image, seeds, mask
        See the module.
    sigma
        Standard deviation of the Gaussian smoothing, px.
    """
    image, seeds, mask = _checked(image, seeds, mask)
    return _watershed(-ndimage.gaussian_filter(image, sigma), seeds, mask)


def propagation(image: Image, seeds: Seeds, mask: Mask, regularization: float = 0.05) -> Labels:
    """Assign every pixel to the nearest seed, where changes of brightness add to the distance.

    This is CellProfiler's propagation. The image is first scaled so that its 0.1 and 99.9 percentiles are 0 and
    1, because the regularization is relative to the brightness. See `propagate` for the distance. Foreground that no
    path inside the mask connects to a seed stays background.

    Parameters
    ----------
    image, seeds, mask
        See the module.
    regularization
        Weight of the path's length in px; 0.05 is CellProfiler's default. Towards infinity the result becomes
        that of `voronoi` on paths inside the mask.

    Examples
    --------
    >>> step = np.repeat([[0, 0, 0, 0, 0, 9, 9, 9]], 3, axis=0)  # pixel 4 is nearer to the second seed
    >>> seeds = np.repeat([[1, 0, 0, 0, 0, 0, 0, 2]], 3, axis=0)
    >>> propagation(step, seeds, np.ones((3, 8), bool))[1]
    array([1, 1, 1, 1, 1, 2, 2, 2], dtype=uint32)
    """
    image, seeds, mask = _checked(image, seeds, mask)
    return propagate(unit_range(image), seeds, mask, regularization)[0]


BASELINES: MappingProxyType[str, Callable[[Image, Seeds, Mask], Labels]] = MappingProxyType(
    {
        "voronoi": voronoi,
        "watershed_gradient": watershed_gradient,
        "watershed_intensity": watershed_intensity,
        "propagation": propagation,
    }
)
"""All baselines by name."""


def _watershed(heights: Floats, seeds: Labels, mask: Mask) -> Labels:
    from skimage.segmentation import watershed

    if not seeds.any():
        return seeds
    return watershed(heights, seeds.astype(np.int32), mask=mask).astype(np.uint32)  # type: ignore[no-any-return]


def _checked(image: Image, seeds: Seeds, mask: Mask) -> tuple[Floats, Labels, Mask]:
    """Return image, seeds, and the mask with the seeds, once they fit together."""
    image, seeds = np.asarray(image, dtype=np.float64), np.asarray(seeds)
    mask = np.asarray(mask, dtype=bool)
    if image.ndim != 2 or image.shape != mask.shape or image.shape != seeds.shape:
        raise WrongShape(
            f"`image` is {image.shape}, `seeds` {seeds.shape} and `mask` {mask.shape}; give all of the same (Y, X)."
        )
    if not np.isfinite(image).all():
        raise BadPixels("`image` has NaN or infinite pixels; replace or crop them.")
    if seeds.dtype.kind not in "iu" or (seeds.size and int(seeds.min()) < 0):
        raise InputError("`seeds` is no label map; give integers, 0 where there is no seed.")
    return image, seeds.astype(np.uint32), mask | (seeds > 0)
