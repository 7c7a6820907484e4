"""Flood a map from seeds, highest pixels first, with a queue whose cost hardly depends on the map.

Parts of the map that are not connected are flooded one after the other, which keeps the working memory in the
processor's cache. In a small part the waiting pixels are a heap. In a large one they wait in buckets by height, each
first in, first out, about as many buckets as pixels, and only the current bucket is brought into exact order by the
heap. In the worst case, nearly all heights in one bucket, this is a plain heap.
"""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

#: More buckets than this no longer fit into a processor's cache.
_MOST_BUCKETS = 1 << 20
#: Parts of fewer pixels have one bucket.
_SMALL = 1 << 16
#: Values that are needed together are stored together, because memory, not arithmetic, takes the time.
_PIXEL = np.dtype([("height", "f8"), ("label", "u4"), ("next", "i4")])


def flood(
    padded: NDArray[np.float64], seeds: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Grow seeds over a map to 4 neighbours, the highest pixel next to a seed's cell first.

    Parameters
    ----------
    padded : (Y,X) float64
        The map with a border of one pixel of minus infinity; minus infinity is not part of the map.
    seeds : (Y,X) uint32
        Numbers of seeds, 0 elsewhere; padded like the map.

    Returns
    -------
    labels : (Y,X) uint32
        Number of the seed that reaches each pixel; 0 outside the map and where none does.
    reached : (Y,X) float64
        Height at which the flood reaches each pixel: its own, or the lowest on the path from the seed, if that is lower.
        It is the reconstruction by dilation of the map from the seeds.
    """
    inside = padded > -np.inf
    n = int(np.count_nonzero(inside))
    if n == 0:
        return np.zeros_like(seeds), padded
    top = float(padded.max())
    # halves, because the difference of two numbers may be beyond the largest float
    span = top / 2 - float(padded.min(initial=top, where=inside)) / 2
    with np.errstate(divide="ignore", over="ignore"):
        per_height = float(1 / np.float64(span))
    pixels = np.empty(padded.size, _PIXEL)
    pixels["height"] = padded.ravel()
    pixels["label"] = np.where(inside, seeds, 1).ravel()  # pixels outside count as labelled
    starts, ends, sizes = _seeds_by_part(inside, seeds)
    buckets = np.where(sizes < _SMALL, 1, np.minimum(sizes, _MOST_BUCKETS))
    scales = (buckets - 1) * per_height if np.isfinite(per_height) else np.zeros(len(buckets))
    _flood_parts(pixels, padded.shape[1], top, starts, ends, sizes, buckets, scales)
    labels = np.where(inside, pixels["label"].reshape(padded.shape), np.uint32(0))
    return labels, pixels["height"].reshape(padded.shape)


def _seeds_by_part(
    inside: NDArray[np.bool_], seeds: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the seeds' pixels by part, in reading order in each; where each part ends; and its size in px."""
    at = np.flatnonzero(inside & (seeds > 0))
    _, parts = cv2.connectedComponents(inside.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    seeded, part, counts = np.unique(parts.ravel()[at], return_inverse=True, return_counts=True)
    sizes = np.bincount(parts.ravel())[seeded]
    return at[np.argsort(part, kind="stable")], np.cumsum(counts), sizes


@njit(cache=True, nogil=True)
def _push(heights, ranks, waiting, n, height, rank, pixel):  # type: ignore[no-untyped-def]
    """Add a pixel to a heap of n, highest first, then lowest rank; it is behind its equals."""
    i = n
    while i > 0 and heights[(i - 1) >> 1] < height:
        parent = (i - 1) >> 1
        heights[i], ranks[i], waiting[i] = heights[parent], ranks[parent], waiting[parent]
        i = parent
    heights[i], ranks[i], waiting[i] = height, rank, pixel


@njit(cache=True, nogil=True)
def _pop(heights, ranks, waiting, n):  # type: ignore[no-untyped-def]
    """Remove the first of n pixels from a heap."""
    height, rank, pixel = heights[n - 1], ranks[n - 1], waiting[n - 1]
    i, child = 0, 1
    while child < n - 1:
        right = child + 1
        if right < n - 1 and (
            heights[right] > heights[child]
            or (heights[right] == heights[child] and ranks[right] < ranks[child])
        ):
            child = right
        if height > heights[child] or (height == heights[child] and rank < ranks[child]):
            break
        heights[i], ranks[i], waiting[i] = heights[child], ranks[child], waiting[child]
        i, child = child, 2 * child + 1
    heights[i], ranks[i], waiting[i] = height, rank, pixel


@njit(cache=True, nogil=True)
def _put(pixels, first, last, bucket, pixel):  # type: ignore[no-untyped-def]
    """Add a pixel to the end of a bucket, which is a linked list."""
    pixels[pixel].next = -1
    if first[bucket] < 0:
        first[bucket] = pixel
    else:
        pixels[last[bucket]].next = pixel
    last[bucket] = pixel


@njit(cache=True, nogil=True)
def _flood_parts(pixels, width, top, seeds, ends, sizes, buckets, scales):  # type: ignore[no-untyped-def]
    """Label the pixels in place, one connected part of the map after the other."""
    most, largest = 1, 1
    for k in range(ends.size):
        most, largest = max(most, buckets[k]), max(largest, sizes[k])
    first, last = np.full(most, -1, np.int32), np.full(most, -1, np.int32)
    # room for all pixels in one bucket; memory that is never touched costs nothing
    heap = np.empty(largest, np.float64), np.empty(largest, np.int32), np.empty(largest, np.int32)
    start = 0
    for k in range(ends.size):
        for pixel in seeds[start : ends[k]]:
            bucket = int((top / 2 - pixels[pixel].height / 2) * scales[k])
            _put(pixels, first, last, bucket, pixel)
        _grow(pixels, width, top, scales[k], first[: buckets[k]], last[: buckets[k]], heap)
        start = ends[k]


@njit(cache=True, nogil=True)
def _grow(pixels, width, top, scale, first, last, heap):  # type: ignore[no-untyped-def]
    """Label what the queued pixels reach: each pixel like the first of its 4 neighbours that is processed."""
    heights, ranks, waiting = heap
    rank = 0
    for bucket in range(first.size):
        n = 0
        pixel = first[bucket]
        first[bucket] = -1
        while pixel >= 0:
            _push(heights, ranks, waiting, n, pixels[pixel].height, rank, pixel)
            n, rank, pixel = n + 1, rank + 1, pixels[pixel].next
        while n > 0:
            pixel, level = waiting[0], heights[0]
            _pop(heights, ranks, waiting, n)
            n -= 1
            label = pixels[pixel].label
            for neighbour in (pixel - width, pixel - 1, pixel + 1, pixel + width):
                if pixels[neighbour].label > 0:
                    continue
                pixels[neighbour].label = label
                # a flood that has come down does not climb back: what is higher is next at this level
                height = min(pixels[neighbour].height, level)
                pixels[neighbour].height = height
                goal = int((top / 2 - height / 2) * scale)
                if goal > bucket:
                    _put(pixels, first, last, goal, neighbour)
                else:
                    _push(heights, ranks, waiting, n, height, rank, neighbour)
                    n, rank = n + 1, rank + 1
