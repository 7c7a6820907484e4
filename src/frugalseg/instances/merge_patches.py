"""Merge one probability patch per marker into one label map."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from frugalseg.errors import WrongShape

#: Least highest probability at which foreground is assigned to a patch.
FLOOR = 0.1
#: Remaining foreground is assigned to a cell that holds at least this share of its boundary with cells.
SHARE = 0.9


class MergedPatches(NamedTuple):
    """Label of the patch with the highest probability at each pixel (Y,X), and that probability (Y,X)."""

    labels: NDArray[np.uint32]
    probability: NDArray[np.float32]


def merge_patches(
    probabilities: NDArray[np.float32],
    corners: ArrayLike,
    shape: tuple[int, int],
    factor: float | tuple[float, float] = 1.0,
    nuclei: NDArray[np.integer] | None = None,
) -> MergedPatches:
    """Assign each pixel to the patch with the highest probability there (paper B, "Model training").

    Parameters
    ----------
    probabilities : (N,y,x) float32
        One patch per marker, 0..1.
    corners : (N,2) int
        Upper left corner (y, x) of each patch in px of the patches' scale; it may lie outside the image.
    shape : (Y, X)
        Shape of the image.
    factor : float or (float, float)
        Patch pixels per image pixel, in y and x; the patches are interpolated linearly to the image's scale. As a
        resized image has whole pixels, these are the ratios of the two shapes, not the factor that was requested.
    nuclei : (Y,X) int, optional
        Label i + 1 where a pixel surely belongs to patch i, as the nucleus of its marker does; its probability is 1.

    Returns
    -------
    MergedPatches
        Labels (Y,X) uint32, i + 1 for patch i, 0 where no patch has a probability above 0; and the highest
        probability (Y,X). The paper's result is ``labels * (probability >= 0.5)``.

    Raises
    ------
    WrongShape
        There are not as many corners as patches, or `nuclei` is not of the image's shape.

    Examples
    --------
    >>> two = np.array([[[0.9, 0.6]], [[0.7, 0.8]]], dtype=np.float32)
    >>> merge_patches(two, [[0, 0], [0, 1]], (1, 3)).labels.tolist()
    [[1, 2, 2]]
    """
    corners = np.asarray(corners, dtype=np.int64).reshape(-1, 2)
    if probabilities.ndim != 3 or len(corners) != len(probabilities):
        raise WrongShape(
            f"{len(corners)} `corners` do not fit patches of shape {probabilities.shape}; give one corner per patch"
        )
    if nuclei is not None and nuclei.shape != shape:
        raise WrongShape(
            f"`nuclei` of shape {nuclei.shape} do not fit an image of {shape[0]} x {shape[1]} px"
        )
    labels = np.zeros(shape, dtype=np.uint32)
    best = np.zeros(shape, dtype=np.float32)
    factors = np.broadcast_to(np.asarray(factor, np.float64), 2)
    for number, (patch, corner) in enumerate(zip(probabilities, corners, strict=True), start=1):
        area, values = _on_image(patch, corner, shape, factors)
        higher = values > best[area]
        best[area][higher] = values[higher]
        labels[area][higher] = number
    if nuclei is not None:
        labels = np.where(nuclei > 0, nuclei, labels).astype(np.uint32)
        best[nuclei > 0] = 1.0
    return MergedPatches(labels, best)


def _on_image(
    patch: NDArray[np.float32],
    corner: NDArray[np.int64],
    shape: tuple[int, int],
    factors: NDArray[np.float64],
) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Return the area of the image that a patch covers, and the patch interpolated there."""
    start = np.maximum(np.floor((corner + 0.5) / factors - 0.5).astype(int), 0)
    stop = np.minimum(np.ceil((corner + patch.shape) / factors).astype(int), shape)
    area = (slice(start[0], max(start[0], stop[0])), slice(start[1], max(start[1], stop[1])))
    if (factors == 1.0).all():
        inside = tuple(slice(a.start - c, a.stop - c) for a, c in zip(area, corner, strict=True))
        return area, patch[inside]
    # pixel centres: image pixel p lies at (p + 0.5) * factor - 0.5 on the patches' scale.
    rows, columns = (
        ((np.arange(a.start, a.stop) + 0.5) * factor - 0.5 - c).astype(np.float32)
        for a, c, factor in zip(area, corner, factors, strict=True)
    )
    if rows.size == 0 or columns.size == 0:
        return area, np.zeros((rows.size, columns.size), dtype=np.float32)
    grid = np.broadcast_arrays(columns[None, :], rows[:, None])
    values = cv2.remap(patch, np.ascontiguousarray(grid[0]), np.ascontiguousarray(grid[1]), cv2.INTER_LINEAR)
    return area, np.asarray(values, dtype=np.float32)


def assign_remaining_foreground(
    merged: MergedPatches,
    foreground: NDArray[np.bool_],
    floor: float = FLOOR,
    share: float = SHARE,
) -> NDArray[np.uint32]:
    """Assign the remaining foreground to cells, by the network's own probabilities.

    Below one half, the highest probability still says which cell a pixel most likely belongs to. Connected foreground with
    no probability of at least `floor` is assigned to a neighbouring cell only if hardly another cell borders on it, as
    with a long process that leaves the patch. Otherwise it stays background: mostly it is a gap between cells that the
    mask filled, or a cell without a marker.

    Parameters
    ----------
    merged : MergedPatches
        From `merge_patches`.
    foreground : (Y,X) bool
        Where there are cells.
    floor : float
        Least probability, 0..1.
    share : float
        Share of such foreground's boundary with cells that the cell must hold, 0..1; above 1, it all stays background.

    Returns
    -------
    (Y,X) uint32
        Labels, 0 outside the foreground.

    Examples
    --------
    >>> weak = MergedPatches(np.array([[1, 1, 0, 2]], np.uint32), np.array([[0.9, 0.3, 0.0, 0.8]], np.float32))
    >>> assign_remaining_foreground(weak, np.array([[True, True, False, True]])).tolist()
    [[1, 1, 0, 2]]
    """
    labels: NDArray[np.uint32] = np.where(
        foreground & (merged.probability >= floor), merged.labels, 0
    ).astype(np.uint32)
    remaining, count = ndimage.label(foreground & (labels == 0))
    if count == 0 or share > 1:
        return labels
    pairs = [_touching(remaining, labels, axis) for axis in (0, 1)]
    region, cell = (np.concatenate(side) for side in zip(*pairs, strict=True))
    if region.size == 0:
        return labels
    (regions, cells), lengths = _count_pairs(region, cell)
    total = np.bincount(regions, weights=lengths, minlength=count + 1)
    owner = np.zeros(count + 1, dtype=np.uint32)
    sure = lengths >= share * total[regions]
    owner[regions[sure]] = cells[sure]
    owner[0] = 0
    return np.where(remaining > 0, owner[remaining], labels).astype(np.uint32)


def _touching(
    remaining: NDArray[np.int32], labels: NDArray[np.uint32], axis: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return region and cell of every pixel pair along `axis` of a remaining region and a cell."""
    first = tuple(slice(0, -1) if a == axis else slice(None) for a in (0, 1))
    second = tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))
    pairs = []
    for one, other in ((first, second), (second, first)):
        both = (remaining[one] > 0) & (labels[other] > 0)
        pairs.append((remaining[one][both].astype(np.int64), labels[other][both].astype(np.int64)))
    return np.concatenate([pairs[0][0], pairs[1][0]]), np.concatenate([pairs[0][1], pairs[1][1]])


def _count_pairs(
    region: NDArray[np.int64], cell: NDArray[np.int64]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]:
    """Return the different pairs of a region and a cell, and how often each occurs."""
    base = int(cell.max()) + 1
    codes, lengths = np.unique(region * base + cell, return_counts=True)
    return (codes // base, codes % base), lengths
