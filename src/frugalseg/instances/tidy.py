"""Labels as they leave the house: one piece per cell, no holes, the id of the marker, uint32."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from frugalseg.errors import WrongShape


def tidy_labels(labels: ArrayLike, points: ArrayLike | None = None, min_area: int = 0) -> NDArray[np.uint32]:
    """Remove loose fragments, fill holes, keep the ids.

    Parameters
    ----------
    labels : (Y,X) int
        Label map; with `points`, label i + 1 belongs to point i.
    points : (N,2) float, optional
        Markers (y, x) in px. The piece that holds the marker is kept; where the marker lies in none of its
        pieces, and without points, the largest one.
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
    >>> tidy_labels([[7, 0, 7, 7], [0, 0, 7, 7]]).tolist()
    [[0, 0, 7, 7], [0, 0, 7, 7]]
    """
    given = np.asarray(labels)
    if given.ndim != 2 or (given.size and int(given.min()) < 0):
        raise WrongShape(f"Labels must be (Y,X) with ids of 0 and above, not of shape {given.shape}.")
    markers = None if points is None else np.asarray(points, dtype=np.float64).reshape(-1, 2)
    tidy = np.zeros(given.shape, dtype=np.uint32)
    ids, compact = np.unique(given, return_inverse=True)
    compact = compact.reshape(given.shape)
    shift = 0 if len(ids) and ids[0] == 0 else 1
    for index, area in enumerate(ndimage.find_objects(compact + shift), start=1):
        if area is None:
            continue
        number = int(ids[index - shift])
        piece = compact[area] == index - shift
        marker = markers[number - 1] if markers is not None and number <= len(markers) else None
        piece = _main_piece(piece, area, marker)
        filled = ndimage.binary_fill_holes(piece)
        if filled.sum() < max(1, min_area):
            continue
        free = (given[area] == 0) | (given[area] == number)
        view = tidy[area]
        view[(filled & free) | piece] = number
    return tidy


def _main_piece(
    piece: NDArray[np.bool_], area: tuple[slice, slice], marker: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """The piece that holds the marker, else the largest."""
    pieces, count = ndimage.label(piece)
    if count <= 1:
        return piece
    chosen = 0
    if marker is not None:
        y, x = (round(float(m)) - a.start for m, a in zip(marker, area, strict=True))
        if 0 <= y < piece.shape[0] and 0 <= x < piece.shape[1]:
            chosen = int(pieces[y, x])
    if chosen == 0:
        chosen = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
    main: NDArray[np.bool_] = pieces == chosen
    return main
