"""Find the h-maxima of a map by the dynamics of its maxima, in time linear in the pixels whatever their shape.

The basins of the maxima are joined in the order of their highest passes (Kruskal). Where two meet, the lower maximum's
dynamics is its height above the pass (Grimaud 1992), and it is an h-maximum when that is h or more. A reconstruction
by dilation gives the same, but needs as many sweeps as a ridge has bends.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from frugalseg.instances.basins import find_basins, find_passes, root


def number_h_maxima(padded: NDArray[np.float64], h: float) -> NDArray[np.uint32]:
    """Number the h-maxima of a map (Y, X) with a border of one pixel; minus infinity is not part of the map."""
    width = padded.shape[1]
    heights = padded.ravel()
    basin, tops = find_basins(heights, width, 8)
    passes, left, right = find_passes(heights, basin, width, 8)
    peaks = heights[tops]
    seed = _join_basins(peaks, left, right, passes, np.argsort(-passes), h)
    numbered: NDArray[np.uint32] = _number_tops(heights, basin, peaks, seed)
    return numbered.reshape(padded.shape)


@njit(cache=True, nogil=True)
def _join_basins(peaks, left, right, passes, order, h):  # type: ignore[no-untyped-def]
    """Return for every basin the basin whose top is its seed: itself, an equally high one, or -1 for no seed."""
    n = peaks.size
    parent = np.arange(n).astype(np.int32)  # towards the basin with the highest top
    seed = np.arange(n).astype(np.int32)
    for k in order:
        a, b = root(parent, left[k]), root(parent, right[k])
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
    """Number the pixels at the top of each seed, from 1, in the order of the seeds' first pixels."""
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
