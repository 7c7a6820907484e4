"""Clean label maps: one piece per cell, no holes, ids kept, uint32."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import label

from frugalseg.errors import WrongShape
from frugalseg.instances.holes import fill_holes


def clean_labels(labels: ArrayLike, points: ArrayLike | None = None, min_area: int = 0) -> NDArray[np.uint32]:
    """Remove loose fragments, fill holes, keep the ids.

    Parameters
    ----------
    labels : (Y,X) int
        Label map; with `points`, label i + 1 belongs to point i.
    points : (N,2) float, optional
        Markers (y, x) in px. Of each cell the piece that holds its marker is kept; without points, or where the marker
        lies in none of the pieces, the largest piece.
    min_area : int
        Cells below this many px are removed. The others keep their ids.

    Returns
    -------
    (Y,X) uint32
        0 is background. Holes are filled unless another cell lies in them.

    Raises
    ------
    WrongShape
        `labels` is not (Y,X) or has negative ids.

    Examples
    --------
    >>> clean_labels([[7, 0, 7, 7], [0, 0, 7, 7]]).tolist()
    [[0, 0, 7, 7], [0, 0, 7, 7]]
    """
    given = np.asarray(labels)
    if given.ndim != 2 or (given.size and int(given.min()) < 0):
        raise WrongShape(f"`labels` must be (Y,X) with ids of 0 and above, not of shape {given.shape}")
    if given.size == 0:
        return np.zeros(given.shape, dtype=np.uint32)
    ids, compact = np.unique(given, return_inverse=True)
    numbered = (compact.reshape(given.shape) + int(ids[0] != 0)).astype(np.int32)
    ids = np.concatenate([[0], ids[ids > 0]])
    markers = np.zeros((0, 2)) if points is None else np.asarray(points, dtype=np.float64).reshape(-1, 2)
    filled = fill_holes(np.where(_main_pieces(numbered, ids, markers), numbered, 0).astype(np.uint32))
    sizes = np.bincount(filled.ravel(), minlength=len(ids))
    filled[sizes[filled] < min_area] = 0
    return ids.astype(np.uint32)[filled]


def labels_inside(
    mask: NDArray[np.bool_], labels: NDArray[np.uint32], points: ArrayLike
) -> NDArray[np.uint32]:
    """Return what of cells (Y,X) lies in a mask (Y,X): of each the piece with its marker (N,2), or else the largest.

    Examples
    --------
    >>> cells, mask = np.array([[1, 1, 1, 2, 2]], np.uint32), np.array([[True, False, True, True, True]])
    >>> labels_inside(mask, cells, np.array([[0.0, 0.0]])).tolist()
    [[1, 0, 0, 2, 2]]
    """
    pieces = clean_labels(np.where(mask, labels, 0), points)
    return np.where(mask, pieces, 0).astype(np.uint32)  # cleaning fills holes


def _main_pieces(
    compact: NDArray[np.int32], ids: NDArray[np.integer], markers: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the mask of every cell's piece that holds the marker, else the largest (the first of equals)."""
    pieces = label(compact, background=0, connectivity=1)
    sizes = np.bincount(pieces.ravel())
    owner = np.zeros(len(sizes), dtype=np.int64)
    owner[pieces.ravel()] = compact.ravel()
    sizes[0] = 0
    rank = np.lexsort((np.arange(len(sizes)), -sizes))  # largest first
    main = np.zeros(len(ids), dtype=np.int64)
    main[owner[rank[::-1]]] = rank[::-1]  # the last written is the largest
    y, x = np.floor(np.asarray(markers) + 0.5).astype(np.int64).T
    inside = (y >= 0) & (y < compact.shape[0]) & (x >= 0) & (x < compact.shape[1])
    at = np.flatnonzero(inside)
    hit = pieces[y[at], x[at]]
    own = ids[owner[hit]] == at + 1
    main[owner[hit[own]]] = hit[own]
    kept: NDArray[np.bool_] = (pieces > 0) & (main[compact] == pieces)
    return kept
