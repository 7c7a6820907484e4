"""Flooding from seeds without a queue: each pixel follows a neighbour, up to a seed.

In a flood that takes the highest pixel first, a pixel joins the neighbour that the flood reached at the greatest
height. That height is known beforehand: a pixel's own, or the height at which its basin is joined to one with a
seed, if that is less. So cells are found by following neighbours, in time linear in the pixels and nearly in the
order in which they lie in memory, where a queue jumps all over the map.

Among pixels reached at the same height the first come is the first served. Who came first is told from the pixels that
they were reached from, and a plateau is filled from its rim in that order. Where this takes long, because
most heights are equal, nothing is returned, and the queue of `frugalseg.instances.flooding` has to do it.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from frugalseg.instances.basins import basins_of, passes_of, root

#: With more pixels than this share that could follow two neighbours, a map is left to the queue.
_MOST_TIES = 0.01
#: So many pixels back it is looked which of two came first, and so many are put in order by it.
_FURTHEST, _MOST_EQUAL = 100, 16
#: What a pixel follows, if no neighbour: it is not reached, is a seed, lies on a plateau, or on one that is filled now.
_NOT_REACHED, _SEED, _FLAT, _WAITS = -1, -2, -3, -4
_NO_NUMBER = -1


def flood_by_descent(
    padded: NDArray[np.float64], seeds: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]] | None:
    """As `frugalseg.instances.flooding.flood`; None where too many equal heights are to be told apart."""
    width = padded.shape[1]
    heights = padded.ravel()
    basin, tops = basins_of(heights, width, 4)
    passes, left, right = passes_of(heights, basin, width, 4)
    labels = np.where(basin >= 0, seeds.ravel(), np.uint32(0))
    at = np.flatnonzero(labels)
    # a seed is a pass, at its height, between its basin and where the flood comes from
    passes = np.concatenate([passes, heights[at]])
    left = np.concatenate([left, basin[at]])
    right = np.concatenate([right, np.full(at.size, tops.size, np.int32)])
    level = _levels(tops.size, left, right, passes, np.argsort(-passes))
    reached, follows = heights.copy(), np.empty(heights.size, np.int32)
    _lower(basin, level, labels, reached)
    ties = np.empty(int(_MOST_TIES * heights.size) + 100, np.int32)
    n_ties = _follow_highest(basin, level, labels, reached, follows, width, ties)
    if n_ties == _NO_NUMBER:
        return None
    ties = ties[:n_ties]
    flat = np.flatnonzero(follows == _FLAT).astype(np.int32)
    if not _settle(
        ties[np.argsort(-reached[ties])], flat[np.argsort(-reached[flat])], reached, follows, width
    ):
        return None
    _label(follows, labels)
    return labels.reshape(padded.shape), reached.reshape(padded.shape)


@njit(cache=True, nogil=True)
def _levels(n, left, right, passes, order):  # type: ignore[no-untyped-def]
    """Height at which the flood enters each of n basins from outside, which is basin n; minus infinity if never."""
    level = np.full(n + 1, -np.inf)
    parent = np.arange(n + 1).astype(np.int32)
    following = np.full(n + 1, -1, np.int32)  # the basins joined to a root, as a chain
    last = np.arange(n + 1).astype(np.int32)
    for k in order:
        a, b = root(parent, left[k]), root(parent, right[k])
        if a == b:
            continue
        outside = root(parent, n)
        if b != outside:
            a, b = b, a
        if b == outside:
            i = a
            while i >= 0:
                level[i] = passes[k]
                i = following[i]
        else:
            following[last[b]], last[b] = a, last[a]
        parent[a] = b
    return level


@njit(cache=True, nogil=True)
def _lower(basin, level, labels, reached):  # type: ignore[no-untyped-def]
    """Lower heights to those at which the flood reaches pixels."""
    for i in range(basin.size):
        if basin[i] >= 0 and labels[i] == 0 and level[basin[i]] > -np.inf:
            reached[i] = min(reached[i], level[basin[i]])


@njit(cache=True, nogil=True)
def _follow_highest(basin, level, labels, reached, follows, width, ties):  # type: ignore[no-untyped-def]
    """Which neighbour each pixel follows, where one was reached higher than itself; the number of ties, or -1."""
    follows[:] = _NOT_REACHED
    n_ties = 0
    for i in range(width + 1, basin.size - width - 1):
        if basin[i] < 0:
            continue
        if labels[i] > 0:
            follows[i] = _SEED
            continue
        if level[basin[i]] == -np.inf:
            continue
        highest, at, tied = -np.inf, i, False
        for there in (i - width, i - 1, i + 1, i + width):
            if reached[there] > highest:
                highest, at, tied = reached[there], there, False
            elif reached[there] == highest:
                tied = True
        if highest == reached[i]:
            follows[i] = _FLAT
            continue
        follows[i] = at
        if tied:
            if n_ties == ties.size:
                return _NO_NUMBER
            ties[n_ties] = i
            n_ties += 1
    return n_ties


@njit(cache=True, nogil=True)
def _first(a, b, reached, follows):  # type: ignore[no-untyped-def]
    """Which of two pixels reached at the same height came first; -1 where that is far to seek."""
    one, other = a, b
    for _ in range(_FURTHEST):
        if follows[one] == _SEED or follows[other] == _SEED:
            if follows[one] == follows[other]:
                return a if one < other else b
            return a if follows[one] == _SEED else b
        one_from, other_from = follows[one], follows[other]
        if one_from == other_from:
            return a if one < other else b
        if reached[one_from] != reached[other_from]:
            return a if reached[one_from] > reached[other_from] else b
        one, other = one_from, other_from
    return _NO_NUMBER


@njit(cache=True, nogil=True)
def _settle(ties, flat, reached, follows, width):  # type: ignore[no-untyped-def]
    """Let tied pixels, then plateaus, of each height follow who came first, the highest first."""
    settled = True
    done = 0
    for i in flat:
        while settled and done < ties.size and reached[ties[done]] >= reached[i]:
            settled = _settle_tie(ties[done], reached, follows, width)
            done += 1
        if settled and follows[i] == _FLAT:
            settled = _fill_plateau(i, reached, follows, width)
    while settled and done < ties.size:
        settled = _settle_tie(ties[done], reached, follows, width)
        done += 1
    return settled


@njit(cache=True, nogil=True)
def _settle_tie(i, reached, follows, width):  # type: ignore[no-untyped-def]
    best = follows[i]
    for there in (i - width, i - 1, i + 1, i + width):
        if there != best and reached[there] == reached[best]:
            best = _first(best, there, reached, follows)
            if best == _NO_NUMBER:
                return False
    follows[i] = best
    return True


@njit(cache=True, nogil=True)
def _fill_plateau(start, reached, follows, width):  # type: ignore[no-untyped-def]
    """Fill the plateau of a pixel from the pixels on its rim that were reached from above, in their order."""
    plateau = [start]
    rim = [np.int32(0) for _ in range(0)]
    follows[start] = _WAITS
    k = 0
    while k < len(plateau):
        i = plateau[k]
        k += 1
        for there in (i - width, i - 1, i + 1, i + width):
            if reached[there] != reached[start]:
                continue
            if follows[there] == _FLAT:
                follows[there] = _WAITS
                plateau.append(there)
            elif follows[there] != _WAITS:
                rim.append(there)
    queue = np.empty(len(plateau) + len(rim), np.int32)
    n = _in_order(np.unique(np.array(rim)), reached, follows, queue)
    if n == _NO_NUMBER:
        return False
    k = 0
    while k < n:
        i = queue[k]
        k += 1
        for there in (i - width, i - 1, i + 1, i + width):
            if follows[there] == _WAITS:
                follows[there] = i
                queue[n] = there
                n += 1
    return True


@njit(cache=True, nogil=True)
def _in_order(rim, reached, follows, queue):  # type: ignore[no-untyped-def]
    """Write different pixels of one height to a queue, the first come first; how many, or -1 where that takes long."""
    came = np.empty(rim.size)
    for k in range(rim.size):
        came[k] = -np.inf if follows[rim[k]] == _SEED else -reached[follows[rim[k]]]
    order = np.argsort(came, kind="mergesort")
    begin = 0
    for n in range(rim.size):
        pixel = rim[order[n]]
        if came[order[n]] != came[order[begin]]:
            begin = n
        if n - begin > _MOST_EQUAL:
            return _NO_NUMBER
        at = n
        while at > begin:
            first = _first(queue[at - 1], pixel, reached, follows)
            if first == _NO_NUMBER:
                return _NO_NUMBER
            if first != pixel:
                break
            queue[at] = queue[at - 1]
            at -= 1
        queue[at] = pixel
    return rim.size


@njit(cache=True, nogil=True)
def _label(follows, labels):  # type: ignore[no-untyped-def]
    """Give every pixel that follows another one the label of the seed at the end."""
    for i in range(follows.size):
        j = i
        while labels[j] == 0 and follows[j] >= 0:
            j = follows[j]
        label = labels[j]
        j = i
        while labels[j] == 0 and follows[j] >= 0:  # everything on the way is known from now on
            labels[j] = label
            j = follows[j]
