"""Compute the Euclidean distance of every labelled pixel to the nearest pixel that is not of its own label.

One separable pass over the whole image for any number of labels (Felzenszwalb and Huttenlocher 2012): first along
the rows, then along each run of one label in a column, by the lower envelope of parabolas. The nearest foreign pixel
of a column's run is never beyond the two pixels that end the run, so runs are independent. Only cells beside pixels
that were not annotated need a separate transform.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage


def squared_boundary_distance(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the squared distance (Y, X) in px: 0 on background, infinite for a label without a known boundary.

    Negative pixels are not annotated. Like those past the image's edge they have no label and are no boundary.
    """
    cells = np.maximum(labels, 0)
    squared: NDArray[np.float64] = _along_rows(cells)
    _along_columns(cells, squared)
    open_cells = labels_beside_unknown(labels)
    if open_cells.size:
        _ignore_unknown(labels, open_cells, squared)
    return squared


def labels_beside_unknown(labels: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """Return the labels (n,), sorted, of the cells that touch a negative pixel, also at a corner."""
    unknown = labels < 0
    if not unknown.any():
        return np.empty(0, labels.dtype)
    beside = ndimage.binary_dilation(unknown, np.ones((3, 3), bool))
    return np.unique(labels[beside & (labels > 0)])


def _ignore_unknown(
    labels: NDArray[np.int64], open_cells: NDArray[np.integer[Any]], squared: NDArray[np.float64]
) -> None:
    """Recompute some cells' distances, to the nearest known pixel of another label."""
    numbers, compact = np.unique(np.maximum(labels, 0), return_inverse=True)
    first = int(numbers[0] == 0)
    boxes = ndimage.find_objects(compact.reshape(labels.shape) + 1 - first)
    for label in open_cells:
        box = boxes[int(np.searchsorted(numbers, label)) - first]
        reach = sum(side.stop - side.start for side in box)  # a boundary farther away says little of the cell
        window = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in box)
        around = labels[window]
        own, other = around == label, (around >= 0) & (around != label)
        away = ndimage.distance_transform_edt(~other) if other.any() else np.full(around.shape, np.inf)
        squared[window][own] = away[own] ** 2


def deepest_pixels(
    cells: NDArray[np.int64], distance: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the deepest pixel of each cell (N,), the first of equals, and each pixel's cell (n,)."""
    ids, owner = np.unique(cells, return_inverse=True)
    largest = np.zeros(len(ids))
    np.maximum.at(largest, owner, distance)
    at = np.flatnonzero(distance == largest[owner])[::-1]
    deepest = np.zeros(len(ids), dtype=np.int64)
    deepest[owner[at]] = at  # the last written is the first
    return deepest, owner


@njit(cache=True, nogil=True)
def _along_rows(labels):  # type: ignore[no-untyped-def]
    rows, columns = labels.shape
    squared = np.empty(labels.shape, np.float64)
    for y in range(rows):
        away = np.inf  # past the image's edge nothing is known, so it is no boundary
        for x in range(columns):
            if x > 0 and labels[y, x] != labels[y, x - 1]:
                away = 0.0
            away += 1
            squared[y, x] = away
        away = np.inf
        for x in range(columns - 1, -1, -1):
            if x < columns - 1 and labels[y, x] != labels[y, x + 1]:
                away = 0.0
            away += 1
            squared[y, x] = min(squared[y, x], away) ** 2 if labels[y, x] else 0.0
    return squared


@njit(cache=True, nogil=True)
def _along_columns(labels, squared):  # type: ignore[no-untyped-def]
    rows, columns = labels.shape
    values = np.empty(rows + 2, np.float64)  # of one run and the foreign pixels at its ends
    places, starts = np.empty(rows + 2, np.int64), np.empty(rows + 3, np.float64)
    for x in range(columns):
        y = 0
        while y < rows:
            end = y + 1
            while end < rows and labels[end, x] == labels[y, x]:
                end += 1
            if labels[y, x]:
                values[0] = 0.0 if y > 0 else np.inf
                for i in range(y, end):
                    values[i - y + 1] = squared[i, x]
                values[end - y + 1] = 0.0 if end < rows else np.inf
                _lower_envelope(values, end - y + 2, places, starts, squared[y:end, x])
            y = end


@njit(cache=True, nogil=True)
def _lower_envelope(values, n, places, starts, out):  # type: ignore[no-untyped-def]
    """Write the smallest values[j] + (i - j)^2 over j, for i = 1 .. n - 2."""
    k = -1
    for j in range(n):
        if values[j] == np.inf:
            continue
        start = -np.inf
        while k >= 0:
            p = places[k]
            start = (values[j] - values[p] + j * j - p * p) / (2.0 * (j - p))
            if start > starts[k]:
                break
            k -= 1
            start = -np.inf
        k += 1
        places[k], starts[k] = j, start
    if k < 0:
        return  # no boundary on this column nor on the rows that cross it: infinite already
    starts[k + 1] = np.inf
    k = 0
    for i in range(1, n - 1):
        while starts[k + 1] < i:
            k += 1
        out[i - 1] = values[places[k]] + (i - places[k]) ** 2
