"""The h-maxima of a map by the dynamics of its maxima, in time linear in the pixels whatever their shape.

Every pixel points to its highest neighbour, so the map falls into one basin per maximum; the basins are joined in
the order of their highest passes (Kruskal). Where two meet, the lower maximum's dynamics is its height above the
pass (Grimaud 1992), and it is an h-maximum when that is h or more. A reconstruction by dilation gives the same, but
needs as many sweeps as a ridge has bends.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


def number_h_maxima(padded: NDArray[np.float64], h: float) -> NDArray[np.uint32]:
    """Number the h-maxima of a map (Y, X) with a rim of one pixel; minus infinity is not part of the map."""
    width = padded.shape[1]
    heights = padded.ravel()
    basin, tops = _find_basins(heights, width)
    passes, left, right = _find_passes(heights, basin, width)
    peaks = heights[tops]
    seed = _join_basins(peaks, left, right, passes, np.argsort(-passes), h)
    numbered: NDArray[np.uint32] = _number_tops(heights, basin, peaks, seed)
    return numbered.reshape(padded.shape)


@njit(cache=True, nogil=True)
def _find_basins(heights, width):  # type: ignore[no-untyped-def]
    """Basin of each pixel, -1 outside the map, and the pixel at each basin's top.

    Of equal neighbours the first counts as the higher one. So a plateau may fall into several basins; their passes
    are as high as their tops, and joining them makes them one again.
    """
    n = heights.size
    up = np.full(n, -1, np.int32)
    steps = (-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1)
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
    found = 0
    for i in range(n):
        if up[i] == i:
            tops[found] = i
            basin[i] = found
            found += 1
    for i in range(n):
        if up[i] < 0:
            continue
        j = i
        while basin[j] < 0:
            j = up[j]
        number = basin[j]
        j = i
        while basin[j] < 0:  # everything on the way is known from now on
            basin[j] = number
            j = up[j]
    return basin, tops


@njit(cache=True, nogil=True)
def _find_passes(heights, basin, width):  # type: ignore[no-untyped-def]
    """Height of, and basins at, every step between neighbours in different basins."""
    steps = (1, width - 1, width, width + 1)
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
            there = basin[i + step]
            if there >= 0 and there != basin[i]:
                passes[count] = min(heights[i], heights[i + step])
                left[count], right[count] = basin[i], there
                count += 1
    return passes, left, right


@njit(cache=True, nogil=True)
def _root(parent, i):  # type: ignore[no-untyped-def]
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def _join_basins(peaks, left, right, passes, order, h):  # type: ignore[no-untyped-def]
    """Of every basin the basin whose top it shares as a seed: itself, an equally high one, or -1 for no seed."""
    n = peaks.size
    parent = np.arange(n).astype(np.int32)  # towards the basin with the highest top
    seed = np.arange(n).astype(np.int32)
    for k in order:
        a, b = _root(parent, left[k]), _root(parent, right[k])
        if a == b:
            continue
        if peaks[a] < peaks[b]:
            a, b = b, a
        parent[b] = a
        if peaks[b] - passes[k] < h:
            seed[b] = a if peaks[b] == peaks[a] else -1
    for i in range(n):
        top = i
        while seed[top] >= 0 and seed[top] != top:
            top = seed[top]
        final = seed[top]
        top = i
        while seed[top] >= 0 and seed[top] != top:
            seed[top], top = final, seed[top]
    return seed


@njit(cache=True, nogil=True)
def _number_tops(heights, basin, peaks, seed):  # type: ignore[no-untyped-def]
    """Numbers from 1, in the order of the first pixel, of the pixels at the top of a seed."""
    numbered = np.zeros(basin.size, np.uint32)
    number = np.zeros(peaks.size, np.uint32)
    n = 0
    for i in range(basin.size):
        k = basin[i]
        if k >= 0 and seed[k] >= 0 and heights[i] == peaks[k]:
            if number[seed[k]] == 0:
                n += 1
                number[seed[k]] = n
            numbered[i] = number[seed[k]]
    return numbered
