"""Flooding from seeds, highest pixels first: by descent where heights differ, else with a queue for any map.

The queue costs little for any size and shape of map. Parts of the map that are not connected are flooded one after the other, which keeps what is worked on in the
processor's cache. In a small part the pixels that wait are a heap. In a large one they lie on shelves by height, each
first in, first out, about as many shelves as pixels, and only the shelf in work is brought into exact order by
the heap. The worst a map can do, with nearly all heights on one shelf, is a plain heap.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from frugalseg.instances.descent import flood_by_descent

#: More shelves than this no longer fit into a processor's cache.
_MOST_SHELVES = 1 << 20
#: Parts of fewer pixels do without shelves.
_SMALL = 1 << 16
#: What is asked of a pixel together lies together: memory, not arithmetic, takes the time.
_PIXEL = np.dtype([("height", "f8"), ("label", "u4"), ("next", "i4")])


def flood(
    padded: NDArray[np.float64], seeds: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Grow seeds (Y, X) over a map with a rim of one pixel; minus infinity is not part of the map.

    Returns the labels, and the height at which each pixel was reached: its own, or where the way to it from
    the seed leads lower, the lowest on the way. It is the reconstruction by dilation of the map from the seeds.
    """
    return flood_by_descent(padded, seeds) or flood_by_queue(padded, seeds)


def flood_by_queue(
    padded: NDArray[np.float64], seeds: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """As `flood`, for maps of any heights."""
    inside = padded > -np.inf
    n = int(np.count_nonzero(inside))
    if n == 0:
        return np.zeros_like(seeds), padded
    top = float(padded.max())
    # halves, because the difference of two numbers may be beyond the largest one
    span = top / 2 - float(padded.min(initial=top, where=inside)) / 2
    with np.errstate(divide="ignore", over="ignore"):
        per_height = float(1 / np.float64(span))
    pixels = np.empty(padded.size, _PIXEL)
    pixels["height"] = padded.ravel()
    pixels["label"] = np.where(inside, seeds, 1).ravel()  # nothing outside is left to be labelled
    starts, ends, sizes = _seeds_by_part(inside, seeds)
    shelves = np.where(sizes < _SMALL, 1, np.minimum(sizes, _MOST_SHELVES))
    scales = (shelves - 1) * per_height if np.isfinite(per_height) else np.zeros(len(shelves))
    _flood_parts(pixels, padded.shape[1], top, starts, ends, sizes, shelves, scales)
    labels = np.where(inside, pixels["label"].reshape(padded.shape), np.uint32(0))
    return labels, pixels["height"].reshape(padded.shape)


def _seeds_by_part(
    inside: NDArray[np.bool_], seeds: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pixels of seeds, part by part and in reading order in each; where each part ends; its size in px."""
    at = np.flatnonzero(inside & (seeds > 0))
    _, parts = cv2.connectedComponents(inside.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    found, part, counts = np.unique(parts.ravel()[at], return_inverse=True, return_counts=True)
    sizes = np.bincount(parts.ravel())[found]
    return at[np.argsort(part, kind="stable")], np.cumsum(counts), sizes


@njit(cache=True, nogil=True)
def _push(heights, flips, waiting, n, height, turn, pixel):  # type: ignore[no-untyped-def]
    """Add a pixel to a heap of n, highest first, then in turn; it is behind its equals."""
    i = n
    while i > 0 and heights[(i - 1) >> 1] < height:
        parent = (i - 1) >> 1
        heights[i], flips[i], waiting[i] = heights[parent], flips[parent], waiting[parent]
        i = parent
    heights[i], flips[i], waiting[i] = height, turn, pixel


@njit(cache=True, nogil=True)
def _pop(heights, flips, waiting, n):  # type: ignore[no-untyped-def]
    """Remove the first of n pixels from a heap."""
    height, turn, pixel = heights[n - 1], flips[n - 1], waiting[n - 1]
    i, child = 0, 1
    while child < n - 1:
        right = child + 1
        if right < n - 1 and (
            heights[right] > heights[child]
            or (heights[right] == heights[child] and flips[right] < flips[child])
        ):
            child = right
        if height > heights[child] or (height == heights[child] and turn < flips[child]):
            break
        heights[i], flips[i], waiting[i] = heights[child], flips[child], waiting[child]
        i, child = child, 2 * child + 1
    heights[i], flips[i], waiting[i] = height, turn, pixel


@njit(cache=True, nogil=True)
def _put(pixels, first, last, shelf, pixel):  # type: ignore[no-untyped-def]
    pixels[pixel].next = -1
    if first[shelf] < 0:
        first[shelf] = pixel
    else:
        pixels[last[shelf]].next = pixel
    last[shelf] = pixel


@njit(cache=True, nogil=True)
def _flood_parts(pixels, width, top, seeds, ends, sizes, shelves, scales):  # type: ignore[no-untyped-def]
    """Label the pixels in place, one connected part of the map after the other."""
    most, largest = 1, 1
    for k in range(ends.size):
        most, largest = max(most, shelves[k]), max(largest, sizes[k])
    first, last = np.full(most, -1, np.int32), np.full(most, -1, np.int32)
    # room for all pixels on one shelf; memory that is never touched costs nothing
    heap = np.empty(largest, np.float64), np.empty(largest, np.int32), np.empty(largest, np.int32)
    start = 0
    for k in range(ends.size):
        for pixel in seeds[start : ends[k]]:
            shelf = int((top / 2 - pixels[pixel].height / 2) * scales[k])
            _put(pixels, first, last, shelf, pixel)
        _grow(pixels, width, top, scales[k], first[: shelves[k]], last[: shelves[k]], heap)
        start = ends[k]


@njit(cache=True, nogil=True)
def _grow(pixels, width, top, scale, first, last, heap):  # type: ignore[no-untyped-def]
    """Label what the queued pixels reach: each pixel as the first of its 4 neighbours that is processed."""
    heights, flips, waiting = heap
    turn = 0
    for shelf in range(first.size):
        n = 0
        pixel = first[shelf]
        first[shelf] = -1
        while pixel >= 0:
            _push(heights, flips, waiting, n, pixels[pixel].height, turn, pixel)
            n, turn, pixel = n + 1, turn + 1, pixels[pixel].next
        while n > 0:
            pixel, level = waiting[0], heights[0]
            _pop(heights, flips, waiting, n)
            n -= 1
            label = pixels[pixel].label
            for there in (pixel - width, pixel - 1, pixel + 1, pixel + width):
                if pixels[there].label > 0:
                    continue
                pixels[there].label = label
                # a flood that has come down does not climb back: what is higher is next at this level
                height = min(pixels[there].height, level)
                pixels[there].height = height
                goal = int((top / 2 - height / 2) * scale)
                if goal > shelf:
                    _put(pixels, first, last, goal, there)
                else:
                    _push(heights, flips, waiting, n, height, turn, there)
                    n, turn = n + 1, turn + 1
