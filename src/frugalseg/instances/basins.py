"""Find the basins of a map's maxima, and the passes between them, in time linear in the pixels.

Every pixel points to its highest neighbour, so the map falls into one basin per maximum. Maps are raveled and have a
border of one pixel of minus infinity; minus infinity is not part of the map.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


def find_basins(
    heights: NDArray[np.float64], width: int, connectivity: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the basin of each pixel, -1 outside the map, and the pixel at each basin's top, in reading order.

    Of equal neighbours the first counts as the higher one. So a plateau may fall into several basins; the passes between
    them are as high as their tops, so that joining basins unites them.
    """
    before = (-width - 1, -width, -width + 1, -1) if connectivity == 8 else (-width, -1)
    steps = (*before, 0, *(-step for step in reversed(before)))
    basins: tuple[NDArray[np.int32], NDArray[np.int32]] = _find_basins(heights, width, steps)
    return basins


def find_passes(
    heights: NDArray[np.float64], basin: NDArray[np.int32], width: int, connectivity: int
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]:
    """Return the height of every step between neighbours in different basins, and the two basins."""
    steps = (1, width - 1, width, width + 1) if connectivity == 8 else (1, width)
    passes: tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]
    passes = _find_passes(heights, basin, width, steps)
    return passes


@njit(cache=True, nogil=True)
def _find_basins(heights, width, steps):  # type: ignore[no-untyped-def]
    n = heights.size
    up = np.full(n, -1, np.int32)
    n_basins = 0
    for i in range(width + 1, n - width - 1):
        if heights[i] == -np.inf:
            continue
        best, highest = i, -np.inf
        for step in steps:
            if heights[i + step] > highest:
                best, highest = i + step, heights[i + step]
        up[i] = best
        n_basins += best == i
    tops = np.empty(n_basins, np.int32)
    basin = np.full(n, -1, np.int32)
    number = 0
    for i in range(n):
        if up[i] == i:
            tops[number] = i
            basin[i] = number
            number += 1
    for i in range(n):
        if up[i] < 0:
            continue
        j = i
        while basin[j] < 0:
            j = up[j]
        number = basin[j]
        j = i
        while basin[j] < 0:  # every pixel on the path gets the basin
            basin[j] = number
            j = up[j]
    return basin, tops


@njit(cache=True, nogil=True)
def _find_passes(heights, basin, width, steps):  # type: ignore[no-untyped-def]
    count = 0
    for i in range(basin.size - width - 1):
        if basin[i] >= 0:
            for step in steps:
                count += basin[i + step] >= 0 and basin[i + step] != basin[i]
    passes = np.empty(count, np.float64)
    left, right = np.empty(count, np.int32), np.empty(count, np.int32)
    count = 0
    for i in range(basin.size - width - 1):
        if basin[i] < 0:
            continue
        for step in steps:
            other = basin[i + step]
            if other >= 0 and other != basin[i]:
                passes[count] = min(heights[i], heights[i + step])
                left[count], right[count] = basin[i], other
                count += 1
    return passes, left, right


@njit(cache=True, nogil=True)
def root(parent, i):  # type: ignore[no-untyped-def]
    """Return the root of `i`'s tree, and shorten the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
