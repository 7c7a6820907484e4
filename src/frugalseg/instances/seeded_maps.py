"""Cells in a network's maps where nuclei are known: nuclei mend what the maps split or merge."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from frugalseg.instances.clean import clean_labels
from frugalseg.instances.maps import PEAK
from frugalseg.instances.watershed import h_maxima, watershed

#: Height by which a peak without a nucleus must stand out to be a cell, per cent of a cell's depth.
LONE_HEIGHT = 35.0
#: Least area of such a cell, as a share of the median area of cells with a nucleus.
LONE_AREA = 0.1
#: Between nuclei where the distance falls by less than this (per cent), the map draws no border.
LEAST_DIP = 2.0
#: A cell of less than so many times its nucleus's area is hardly more than the nucleus.
HARDLY_MORE = 1.25
#: Cells without a nucleus of less than this share of a typical cell's area are removed.
LEAST_AREA = 0.03


def labels_from_seeded_maps(
    maps: NDArray[np.float32], nuclei: NDArray[np.unsignedinteger], diameter: float
) -> NDArray[np.uint32]:
    """Return the numbered cells of a network's maps, each nucleus inside a cell of its own.

    Nuclei are the seeds of a watershed on the distance map, so two cells that the map merges are told apart, and one that
    it splits is kept whole. Where the map draws no border between nuclei, it lies where both are equally far: there is hardly a dip
    of the distance, or one cell surrounds the other's nucleus. A pronounced peak of the distance without a nucleus stays a cell:
    its nucleus may show no stain.

    Parameters
    ----------
    maps : (2,Y,X)
        Distance 0..1 and the mask's logit.
    nuclei : (Y,X) integers
        Label map of the nuclei, 0 elsewhere.
    diameter
        Of a typical cell, px.

    Returns
    -------
    (Y,X) uint32
        A cell has the number of its nucleus; cells without a nucleus have larger numbers.

    Examples
    --------
    One blob of the map that holds two nuclei becomes two cells.

    >>> maps = np.full((2, 9, 24), -1.0, np.float32)
    >>> x = np.arange(20)
    >>> maps[0, 2:7, 2:22], maps[1, 2:7, 2:22] = 0.5 + 0.3 * np.abs(x - 9.5) / 9.5, 1.0
    >>> nuclei = np.zeros((9, 24), np.uint32)
    >>> nuclei[4, 4], nuclei[4, 19] = 1, 2
    >>> labels_from_seeded_maps(maps, nuclei, 8.0)[4, [0, 4, 10, 13, 19]].tolist()
    [0, 1, 1, 2, 2]
    """
    distance = (maps[0] * PEAK).astype(np.float64)
    inside = (maps[1] > 0) | (nuclei > 0)
    peaks = _lone_peaks(distance, nuclei, inside)
    groups = np.where(peaks > 0, peaks, _groups(distance, nuclei, inside))
    cells = _shared_out(watershed(distance, groups, inside), nuclei, groups)
    number = _with_surrounding_cells(cells, nuclei)
    labels = clean_labels(_shared_out(number[cells], nuclei, number[np.maximum(nuclei, peaks)]))
    least = math.ceil(LEAST_AREA * math.pi / 4 * diameter**2)
    small = np.bincount(labels.ravel()) < least
    small[: int(nuclei.max(initial=0)) + 1] = False
    labels[small[labels]] = 0
    return labels


def _lone_peaks(
    distance: NDArray[np.float64], nuclei: NDArray[np.unsignedinteger], inside: NDArray[np.bool_]
) -> NDArray[np.uint32]:
    """Return the peaks (Y,X) of cells without a nucleus, with larger numbers than the nuclei."""
    peaks = h_maxima(distance, LONE_HEIGHT, inside)
    peaks[distance < LONE_HEIGHT] = 0
    basins = watershed(distance, peaks, inside)
    size = int(max(basins.max(initial=0), peaks.max(initial=0))) + 1
    has_nucleus = np.zeros(size, bool)
    has_nucleus[np.unique(basins[nuclei > 0])] = True
    areas = np.bincount(basins.ravel(), minlength=size)
    typical = float(np.median(areas[1:][has_nucleus[1:]])) if has_nucleus[1:].any() else 0.0
    lone = (peaks > 0) & ~has_nucleus[peaks] & (areas[peaks] >= LONE_AREA * typical)
    return np.where(lone & (nuclei == 0), peaks + np.uint32(nuclei.max(initial=0)), 0).astype(np.uint32)


def _groups(
    distance: NDArray[np.float64], nuclei: NDArray[np.unsignedinteger], inside: NDArray[np.bool_]
) -> NDArray[np.uint32]:
    """Return the nuclei, those with hardly a dip of the distance between them under one number, the smallest."""
    basins = watershed(distance, h_maxima(distance, LEAST_DIP, inside), inside)
    there = nuclei > 0
    size = int(basins.max(initial=0)) + 1
    keys, counts = np.unique(nuclei[there].astype(np.int64) * size + basins[there], return_counts=True)
    pairs = np.stack(np.divmod(keys, size))
    order = np.lexsort((pairs[0], -counts))
    number = np.arange(int(nuclei.max(initial=0)) + 1)
    home: dict[int, int] = {}
    for nucleus, basin in pairs[:, order].T.tolist():
        home.setdefault(nucleus, basin)  # the basin that holds most of the nucleus
    first: dict[int, int] = {}
    for nucleus in sorted(home):
        if home[nucleus]:
            number[nucleus] = first.setdefault(home[nucleus], nucleus)
    found: NDArray[np.uint32] = number[nuclei].astype(np.uint32)
    return found


def _with_surrounding_cells(
    cells: NDArray[np.uint32], nuclei: NDArray[np.unsignedinteger]
) -> NDArray[np.uint32]:
    """Return the number of each cell (n,), a common one where a cell is hardly more than its nucleus and another surrounds it.

    Another cell surrounds it if at least half of its outline lies along that cell. The common number is the smallest.
    """
    size = int(max(cells.max(initial=0), nuclei.max(initial=0))) + 1
    areas, own = (np.bincount(one.ravel(), minlength=size) for one in (cells, nuclei))
    small = (own > 0) & (areas < HARDLY_MORE * own)
    small[0] = False
    inner, outer, length = _outlines(cells, small)
    most = (outer > 0) & (2 * length >= np.bincount(inner, length, minlength=size)[inner])
    same = coo_array((np.ones(np.count_nonzero(most)), (inner[most], outer[most])), shape=(size, size))
    _, part = connected_components(same, directed=False)
    first = np.full(size, size)
    np.minimum.at(first, part, np.arange(size))
    found: NDArray[np.uint32] = first[part].astype(np.uint32)
    return found


def _outlines(
    cells: NDArray[np.uint32], which: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the outlines of some cells, those that are true in `which` (n,).

    One entry for each pair of neighbours: number of the cell, number of what lies next to it (0: background), and along
    how many sides of pixels.
    """
    size, sides = len(which), list[NDArray[np.int64]]()
    for one, other in ((cells[1:], cells[:-1]), (cells[:, 1:], cells[:, :-1])):
        for inner, outer in ((one, other), (other, one)):
            there = which[inner] & (inner != outer)
            sides.append(inner[there].astype(np.int64) * size + outer[there])
    pair, length = np.unique(np.concatenate(sides), return_counts=True)
    return pair // size, pair % size, length


def _shared_out(
    cells: NDArray[np.uint32], nuclei: NDArray[np.unsignedinteger], groups: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return cells (Y,X), those of several nuclei shared out among them: each pixel to the nearest, on a way inside.

    Parameters
    ----------
    cells
        Numbered like the groups.
    nuclei, groups
        (Y,X), number of the nucleus, and of the group of nuclei that is one cell.
    """
    shared, places = cells.copy(), find_objects(cells.astype(np.int32))
    for group in np.unique(groups[(nuclei > 0) & (groups != nuclei)]).tolist():
        part = places[group - 1]
        own = cells[part] == group
        near = watershed(np.zeros(own.shape), np.where(own, nuclei[part], 0), own)
        shared[part][own] = near[own]
    return shared
