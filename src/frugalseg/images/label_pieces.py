"""The connected pieces of a label map, and how they lie to each other."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SMALL_PIECE = 1 / 20
"""Part of a label's largest piece below which another piece is a stray bit of it."""

CORE, DEEP = 0.5, 0.8
"""Of a label's largest inner radius: where necks are cut, and how wide an object behind a neck is at least."""
SMALLEST_RADIUS = 4.0
"""px; shapes of smaller objects say nothing."""


@dataclass(frozen=True)
class LabelPieces:
    """Connected pieces of the n labels of an image, diagonal neighbours included.

    Attributes
    ----------
    ids
        (n,) positive labels in ascending order; all other arrays of n go with them.
    areas
        (n,) px.
    owner
        (m,) position in `ids` of each piece.
    large
        (m,) whether a piece is at least `SMALL_PIECE` of its label's largest.
    counts
        (n,) number of large pieces.
    spread, spread_at_all
        (n,) whether a large piece, or any, lies farther from the label's largest than both are wide. Not where both end at the
        image's edge or beside what is not annotated: they can be one object outside.
    surrounds
        (n,) whether a label touches all four edges and covers more than half of the image.
    """

    ids: NDArray[np.int64]
    areas: NDArray[np.int64]
    owner: NDArray[np.int64]
    large: NDArray[np.bool_]
    counts: NDArray[np.int64]
    spread: NDArray[np.bool_]
    spread_at_all: NDArray[np.bool_]
    surrounds: NDArray[np.bool_]


def find_pieces(labels: NDArray[np.integer[Any]]) -> LabelPieces:
    """Find the connected pieces of all positive labels (Y,X).

    Examples
    --------
    >>> pieces = find_pieces(np.pad([[7, 7, 0, 2, 0, 0, 0, 0, 7]], 1))
    >>> pieces.ids.tolist(), pieces.counts.tolist(), pieces.spread.tolist()
    ([2, 7], [1, 2], [False, True])
    """
    from skimage.measure import label

    ids, numbers = _numbered(labels)
    n = len(ids)
    pieces = label(numbers, background=0, connectivity=2)
    ys, xs = np.nonzero(pieces)
    at = pieces[ys, xs] - 1
    m = int(at.max(initial=-1)) + 1
    owner = np.zeros(m, np.int64)
    owner[at] = numbers[ys, xs] - 1
    size = np.bincount(at, minlength=m)
    y, x = np.bincount(at, ys, m) / size, np.bincount(at, xs, m) / size
    largest = np.zeros(n, np.intp)
    order = np.argsort(size, kind="stable")
    largest[owner[order]] = order  # of equal indices the last assignment stays
    main = largest[owner]
    radius = np.sqrt(size / np.pi)
    gap = np.hypot(y - y[main], x - x[main]) - radius - radius[main]
    cut = np.isin(np.arange(1, m + 1), pieces[_beside_unknown(labels)])
    far = (gap > 2 * np.maximum(radius, radius[main])) & ~(cut & cut[main])
    large = size >= SMALL_PIECE * size[main]
    areas = np.bincount(owner, size, n).astype(np.int64)
    edges = (numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1])
    everywhere = [np.isin(np.arange(1, n + 1), edge) for edge in edges]
    return LabelPieces(
        ids=ids,
        areas=areas,
        owner=owner,
        large=large,
        counts=np.bincount(owner[large], minlength=n),
        spread=np.isin(np.arange(n), owner[far & large]),
        spread_at_all=np.isin(np.arange(n), owner[far]),
        surrounds=np.logical_and.reduce(everywhere) & (2 * areas > numbers.size),
    )


def touching_objects(labels: NDArray[np.integer[Any]], pieces: LabelPieces) -> list[int]:
    """Return the labels (Y,X) in one piece that narrow to a neck between wide parts, as objects that touch do.

    Examples
    --------
    >>> y, x = np.indices((40, 60))
    >>> disks = (np.hypot(y - 20, x - 20) < 10) | (np.hypot(y - 20, x - 38) < 10)
    >>> touching_objects(3 * disks, find_pieces(3 * disks)), touching_objects(3 * (disks & (x < 29)), find_pieces(disks))
    ([3], [])
    """
    ids, numbers = _numbered(labels)
    inner = numbers > 0
    for one, other in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        inner[one] &= numbers[one] == numbers[other]
    depth = np.asarray(cv2.distanceTransform(inner.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    radius = _largest(depth, numbers, len(ids) + 1)
    count, cores = cv2.connectedComponents(
        (inner & (depth > np.maximum(1, CORE * radius[numbers]))).astype(np.uint8)
    )
    widest = _largest(depth, cores, count)
    owner = np.zeros(count, np.int64)
    owner[cores[inner]] = numbers[inner]
    wide = (widest >= DEEP * radius[owner]) & (radius[owner] >= SMALLEST_RADIUS)
    wide[0] = False
    several = np.bincount(owner[wide], minlength=len(ids) + 1)[1:] > 1
    return [int(one) for one in ids[several & (pieces.counts == 1)]]


def _beside_unknown(labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return the pixels at the edge of the image or of what is not annotated (negative)."""
    unknown = np.pad((labels < 0).astype(np.uint8), 1, constant_values=1)
    beside = cv2.dilate(unknown, np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    return np.asarray(beside > 0)


def _numbered(labels: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the positive labels, and a map with 1, 2, ... in their place."""
    values, index = np.unique(labels, return_inverse=True)
    positive = values > 0
    place = np.where(positive, np.cumsum(positive), 0).astype(np.int32)
    return values[positive].astype(np.int64), place[index].reshape(labels.shape)


def _largest(values: NDArray[np.float32], groups: NDArray[np.integer[Any]], n: int) -> NDArray[np.float32]:
    """Return the largest value in each of the groups 0 .. n - 1, 0 for an empty one."""
    found = np.zeros(n, np.float32)
    inside = values > 0
    depth, group = values[inside], groups[inside]
    order = np.argsort(depth)
    found[group[order]] = depth[order]
    return found
