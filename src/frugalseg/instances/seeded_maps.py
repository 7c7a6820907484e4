"""Cells in a network's maps where nuclei are known: nuclei mend what the maps split or merge."""

import math

import numpy as np
from numpy.typing import NDArray

from frugalseg.instances.clean import clean_labels
from frugalseg.instances.maps import PEAK
from frugalseg.instances.watershed import h_maxima, watershed

#: Height by which a peak without a nucleus must stand out to be a cell, per cent of a cell's depth.
LONE_HEIGHT = 35.0
#: Least area of such a cell, as a share of the median area of cells with a nucleus.
LONE_AREA = 0.1
#: Cells without a nucleus of less than this share of a typical cell's area are removed.
LEAST_AREA = 0.03


def labels_from_seeded_maps(
    maps: NDArray[np.float32], nuclei: NDArray[np.unsignedinteger], diameter: float
) -> NDArray[np.uint32]:
    """Return the numbered cells of a network's maps, each nucleus inside a cell of its own.

    Nuclei are the seeds of a watershed on the distance map, so two cells that the map merges are told apart, and one that
    it splits is kept whole. A pronounced peak of the distance without a nucleus stays a cell: its nucleus may show no stain.

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
    seeds = _with_lone_peaks(distance, nuclei, inside)
    labels = clean_labels(watershed(distance, seeds, inside))
    least = math.ceil(LEAST_AREA * math.pi / 4 * diameter**2)
    small = np.bincount(labels.ravel()) < least
    small[: int(nuclei.max(initial=0)) + 1] = False
    labels[small[labels]] = 0
    return labels


def _with_lone_peaks(
    distance: NDArray[np.float64], nuclei: NDArray[np.unsignedinteger], inside: NDArray[np.bool_]
) -> NDArray[np.uint32]:
    """Return the nuclei and, with larger numbers, the peaks of cells without a nucleus."""
    peaks = h_maxima(distance, LONE_HEIGHT, inside)
    peaks[distance < LONE_HEIGHT] = 0
    basins = watershed(distance, peaks, inside)
    size = int(max(basins.max(initial=0), peaks.max(initial=0))) + 1
    has_nucleus = np.zeros(size, bool)
    has_nucleus[np.unique(basins[nuclei > 0])] = True
    areas = np.bincount(basins.ravel(), minlength=size)
    typical = float(np.median(areas[1:][has_nucleus[1:]])) if has_nucleus[1:].any() else 0.0
    lone = (peaks > 0) & ~has_nucleus[peaks] & (areas[peaks] >= LONE_AREA * typical)
    return np.where(lone, peaks + np.uint32(nuclei.max(initial=0)), nuclei).astype(np.uint32)
