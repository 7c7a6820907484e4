"""Turn cells into the distance map and the mask that a network learns, and such maps into cells.

Unit of the distance map: per cent of the cell's own largest distance from its outermost pixels. So a cell has 100 at
its deepest point and 0 along its boundary, whether it is 5 px or 400 px wide, and a height h (paper A, step 4) means the
same for both: with 20, two peaks are two cells when the path between them loses a fifth of a cell's depth. Touching cells
both end at 0, so that watersheds meet exactly there; counted from the pixels outside, the smaller cell would take the
larger cell's last pixel.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.images.masked import refuse_masked
from frugalseg.instances.watershed import h_maxima, watershed

#: Height of the distance map at every cell's deepest point.
PEAK = 100.0


class CellMaps(NamedTuple):
    """Targets of a network, from a label map; all (Y, X)."""

    distance: NDArray[np.float32]  # 0..100, see `distance_target`
    mask: NDArray[np.bool_]  # in any cell
    annotated: NDArray[np.bool_]  # False where the label is negative: no loss and no score


def cell_maps(labels: ArrayLike) -> CellMaps:
    """Return the maps of paper A, step 3, and where they are known.

    Parameters
    ----------
    labels
        (Y, X) integers: 0 background, positive a cell, negative not annotated.

    Returns
    -------
    CellMaps
        Distance and mask are 0 and False where nothing was annotated.

    Raises
    ------
    WrongShape
        The labels are not (Y, X) integers.

    Examples
    --------
    >>> maps = cell_maps([[0, 3, 3, 3, 3, 3, 0, -1]])
    >>> maps.distance.tolist(), maps.annotated.tolist()
    ([[0.0, 0.0, 50.0, 100.0, 50.0, 0.0, 0.0, 0.0]], [[True, True, True, True, True, True, True, False]])
    """
    given = _checked_labels(labels)
    return CellMaps(distance_target(given), given > 0, given >= 0)


def distance_target(labels: ArrayLike, *, single_peak: bool = True) -> NDArray[np.float32]:
    """Return the distance map of cells, in per cent of each cell's own largest distance.

    Parameters
    ----------
    labels
        (Y, X) integers; 0 background, negative not annotated.
    single_peak
        Lower every further peak of a cell to the height of the pass that leads to its deepest point, so that a
        bent or waisted cell is not learned as two. False: the plain distance.

    Returns
    -------
    (Y, X) float32
        0 outside cells. In a cell 100 * (d - 1) / (the largest d in the cell - 1), where d is the Euclidean distance
        in px between the centres of the pixel and of the nearest one that is known not to be of the same label:
        background or a touching neighbour. Neither the image's edge nor that of the annotated area is a boundary, because
        the cell may go on behind it; beyond what is not annotated, a boundary counts up to the cell's height plus width
        away. A cell of boundary pixels only (d = 1), or without any boundary, is 100 throughout. A label in several pieces
        is one cell.

    Raises
    ------
    WrongShape
        The labels are not (Y, X) integers.

    Examples
    --------
    >>> distance_target([[0, 1, 1, 1, 2, 2, 2]]).tolist()
    [[0.0, 0.0, 100.0, 0.0, 0.0, 50.0, 100.0]]
    """
    given = _checked_labels(labels)
    if given.size == 0:
        return np.zeros(given.shape, dtype=np.float32)
    from frugalseg.instances.boundary_distance import deepest_pixels, squared_boundary_distance

    cells = np.maximum(given, 0)
    distance = np.sqrt(squared_boundary_distance(given)) - 1
    distance[np.isinf(distance)] = 0.0
    inside = cells > 0
    deepest, owner = deepest_pixels(cells[inside], distance[inside])
    of_cell = distance[inside][deepest][owner]  # (pixels in cells,) largest distance in the pixel's cell
    scaled = np.zeros(given.shape)
    scaled[inside] = PEAK * np.divide(distance[inside], of_cell, out=np.ones(owner.size), where=of_cell > 0)
    if single_peak:
        seeds = np.zeros(given.shape, dtype=np.uint32)
        seeds.ravel()[np.flatnonzero(inside)[deepest]] = 1
        scaled = _reached(scaled, seeds, inside)
    return scaled.astype(np.float32)


def _reached(
    heights: NDArray[np.float64], seeds: NDArray[np.uint32], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the height at which a flood from the seeds reaches each pixel; the map's own where none does.

    A flood enters another cell at height 0 only, that of the boundary pixels, so cells are independent.
    """
    from frugalseg.instances.flooding import flood

    padded = np.pad(np.where(inside, heights, -np.inf), 1, constant_values=-np.inf)
    _, reached = flood(padded, np.pad(seeds, 1))
    return np.where(inside, reached[1:-1, 1:-1], 0.0)


def instances_from_maps(
    distance: ArrayLike,
    mask: ArrayLike,
    h: float = 20.0,
    *,
    threshold: float = 0.5,
    min_peak: float | None = None,
    min_area: int = 0,
    sigma: float = 0.0,
) -> NDArray[np.uint32]:
    """Divide a mask into cells: h-maxima of the distance map, grown over the mask by watershed (paper A, step 4).

    Parameters
    ----------
    distance
        (Y, X), in the unit of `distance_target`; a prediction may leave 0..100.
    mask
        (Y, X) bool, or probabilities 0..1 (not logits), compared with `threshold`.
    h
        Height by which a peak must stand out to be a cell, in the unit of `distance`. The paper has 10 on a map of
        another unit; here 10 would split round nuclei of 8 px, whose depth is a few steps of the pixel grid.
    threshold
        Pixels of this probability and above are inside.
    min_peak
        Lowest height of a peak that is a cell; by default `h`, as a cell that is less deep than what separates two
        cells is noise. So a piece of the mask becomes at least one cell when its highest pixel reaches this, and none
        otherwise.
    min_area
        Cells of fewer px are removed; by default none.
    sigma
        Standard deviation in px of a Gaussian that smooths the distance map first; by default none.

    Returns
    -------
    (Y, X) uint32
        0, or the number 1..n of the cell.

    Raises
    ------
    WrongShape
        The maps are not (Y, X) of one shape.
    BadPixels
        The distance is NaN or infinite, or the mask is not of probabilities.
    SettingsError
        A setting is out of its range.

    Notes
    -----
    Peaks are looked for inside the mask only (8 neighbours) and cells grow to 4 neighbours, as by default in
    scikit-image. A piece of the mask that touches a seeded piece only at a corner, and so has no seed itself, is one
    cell. For ties see `h_maxima` and `watershed`.

    Examples
    --------
    >>> distance = [[0, 60, 100, 40, 90, 100, 0, 5]]
    >>> instances_from_maps(distance, [[False, True, True, True, True, True, False, True]])
    array([[0, 1, 1, 1, 2, 2, 0, 0]], dtype=uint32)
    """
    heights = np.asarray(distance)
    inside = _checked_mask(mask, threshold)
    if heights.ndim != 2 or heights.shape != inside.shape:
        raise WrongShape(
            f"`distance` has shape {heights.shape} and `mask` {inside.shape}; give the same (Y, X)"
        )
    if heights.dtype.kind not in "iubf" or not np.isfinite(heights).all():
        raise BadPixels("`distance` has NaN, infinite or complex pixels; give finite real numbers")
    if min_peak is not None and not np.isfinite(min_peak):
        raise SettingsError(f"`min_peak` is {min_peak}; give a finite number")
    if not (np.isfinite(sigma) and sigma >= 0 and min_area >= 0):
        raise SettingsError(f"`sigma` is {sigma} and `min_area` {min_area}; give numbers of 0 and above")
    if sigma > 0:
        from scipy.ndimage import gaussian_filter

        heights = gaussian_filter(heights.astype(np.float64), sigma)
    lowest = h if min_peak is None else min_peak
    seeds = h_maxima(heights, h, inside)
    seeds[heights < lowest] = 0
    labels = _fill_seedless_pieces(watershed(heights, seeds, inside), heights, inside, lowest)
    return _renumbered(labels, min_area)


def _fill_seedless_pieces(
    labels: NDArray[np.uint32], heights: NDArray[Any], inside: NDArray[np.bool_], lowest: float
) -> NDArray[np.uint32]:
    """Make one cell of every piece that no seed reached, if it is high enough."""
    left = inside & (labels == 0)
    if not left.any():
        return labels
    n, pieces = cv2.connectedComponents(left.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    high = np.zeros(n, dtype=bool)
    high[pieces[left & (heights >= lowest)]] = True
    number = np.where(high, int(labels.max()) + np.cumsum(high), 0).astype(np.uint32)
    return np.where(left, number[pieces], labels)


def _renumbered(labels: NDArray[np.uint32], min_area: int) -> NDArray[np.uint32]:
    """Return labels numbered 1..n without gaps, those of fewer px removed."""
    sizes = np.bincount(labels.ravel(), minlength=1)
    kept = sizes >= max(min_area, 1)
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.uint32)[labels]


def _checked_mask(mask: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    given = np.asarray(mask)
    if given.dtype == bool:
        return given
    if not 0 < threshold <= 1:
        raise SettingsError(f"`threshold` is {threshold}; give a probability above 0 and up to 1")
    fits = given.dtype.kind == "f" and (given.size == 0 or bool(((given >= 0) & (given <= 1)).all()))
    if not fits:
        todo = (
            "apply a sigmoid to logits first"
            if given.dtype.kind == "f"
            else "give `mask > 0` for whole numbers"
        )
        raise BadPixels(f"`mask` must be True and False, or probabilities of 0 to 1; {todo}")
    return np.asarray(given >= threshold)


def _checked_labels(labels: ArrayLike) -> NDArray[np.int64]:
    given = np.asarray(labels)
    if given.ndim != 2 or given.dtype.kind not in "iub":
        raise WrongShape(f"`labels` are {given.dtype} of shape {given.shape}; give a (Y, X) map of integers")
    refuse_masked(labels, "`labels`")
    if given.dtype.kind == "u" and int(given.max(initial=0)) > np.iinfo(np.int64).max:
        raise BadPixels(f"`labels` go up to {given.max()}; number cells below 2**63")
    return given.astype(np.int64)
