"""Fill holes in cells: background that a single cell encloses."""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray


def fill_holes(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Fill holes with the label around them; background at the image's edge, or between cells, is no hole.

    Parameters
    ----------
    labels
        (Y, X) uint32, 0 background. Background is connected over 4 neighbours.

    Returns
    -------
    (Y, X) uint32
        A copy.

    Examples
    --------
    >>> fill_holes(np.array([[5, 5, 5], [5, 0, 5], [5, 5, 5]], np.uint32))[1, 1]
    np.uint32(5)
    """
    filled = labels.copy()
    if labels.size:
        n, holes = cv2.connectedComponents((labels == 0).view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        _fill(filled, holes, np.zeros(n, np.uint32), np.zeros(n, np.bool_))
    return filled


@njit(cache=True, nogil=True)
def _fill(labels, holes, owner, shared):  # type: ignore[no-untyped-def]
    """Fill in place: hole number k belongs to `owner[k]`, unless it is shared."""
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            hole = holes[y, x]
            if hole == 0:
                continue
            if y in (0, height - 1) or x in (0, width - 1):
                shared[hole] = True
                continue
            for around in (labels[y - 1, x], labels[y, x - 1], labels[y, x + 1], labels[y + 1, x]):
                if around > 0 and owner[hole] == 0:
                    owner[hole] = around
                elif around > 0 and owner[hole] != around:
                    shared[hole] = True
    for y in range(height):
        for x in range(width):
            hole = holes[y, x]
            if hole > 0 and not shared[hole]:
                labels[y, x] = owner[hole]
