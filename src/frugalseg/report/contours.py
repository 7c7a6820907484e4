"""Outlines of cells as SVG paths, coloured so that neighbours differ."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from frugalseg.evaluation.matching import compact_labels

PALETTE = ("#2fd6c8", "#ffd24a", "#ff8fc8", "#8fb4ff", "#ffa15c", "#b8ec6a")
"""Colours of outlines, all bright enough for dark and grey images."""

_SMOOTH = 0.7  # px by which a drawn outline may leave the true one
_NEIGHBOURHOOD = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 3), (3, 0), (2, 2), (2, -2))


@dataclass(frozen=True)
class Outline:
    """One cell's outline: its label, its area in px, its colour's index, its path in pixel coordinates."""

    label: int
    area: int
    colour: int
    path: str


def outlines(labels: NDArray[Any]) -> list[Outline]:
    """Trace every cell along the centres of its border pixels, so that touching cells keep two lines.

    Parameters
    ----------
    labels
        (Y, X) label map, 0 = background.

    Returns
    -------
    list of Outline
        One per label; a cell in several parts, or with holes, has several closed loops in its path.

    Examples
    --------
    >>> import numpy as np
    >>> [found] = outlines(np.pad(np.full((3, 4), 8), 2))
    >>> found.label, found.area, found.path
    (8, 12, 'M2.5 2.5v2h3v-2z')
    """
    ids, index = compact_labels(labels)
    areas = np.bincount(index.ravel())
    colours = neighbour_colours(index)
    found = []
    for i, box in enumerate(ndimage.find_objects(index), start=1):
        mask = np.ascontiguousarray(index[box] == i, dtype=np.uint8)
        path = _path(mask, box[0].start, box[1].start)
        found.append(Outline(int(ids[i - 1]), int(areas[i]), colours[i], path))
    return found


def outline_path(labels: NDArray[Any]) -> str:
    """Give all outlines as one path, for a layer in a single colour."""
    return "".join(outline.path for outline in outlines(labels))


def neighbour_colours(index: NDArray[np.intp]) -> dict[int, int]:
    """Give each label a colour 0..5 that no cell within 3 px has.

    The graph of touching regions is planar, and six colours are enough for one when cells with the fewest
    neighbours are coloured last.

    Parameters
    ----------
    index
        (Y, X) label map with labels 1..n.

    Returns
    -------
    dict
        Label -> index into `PALETTE`.
    """
    beside: dict[int, set[int]] = defaultdict(set)
    for first, second in _pairs(index):
        beside[first].add(second)
        beside[second].add(first)
    used: Counter[int] = Counter()
    colours: dict[int, int] = {}
    for label in reversed(_fewest_neighbours_first(beside, int(index.max(initial=0)))):
        taken = Counter(colours[other] for other in beside[label] if other in colours)
        # Where more than five neighbours disagree, the colour the fewest of them have; else the rarest one.
        colours[label] = min(range(len(PALETTE)), key=lambda c: (taken[c], used[c]))
        used[colours[label]] += 1
    return colours


def _pairs(index: NDArray[np.intp]) -> list[tuple[int, int]]:
    height, width = index.shape
    seen = []
    for dy, dx in _NEIGHBOURHOOD:
        first = index[: height - dy, max(0, -dx) : width - max(0, dx)]
        second = index[dy:, max(0, dx) : width + min(0, dx)]
        differ = (first != second) & (first > 0) & (second > 0)
        seen.append(np.stack([first[differ], second[differ]], axis=1))
    pairs = np.sort(np.concatenate(seen), axis=1)
    codes = np.unique(pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1])
    return [(code >> 32, code & 0xFFFFFFFF) for code in codes.tolist()]


def _fewest_neighbours_first(beside: dict[int, set[int]], n: int) -> list[int]:
    """Labels 1..n, each taken out when it has the fewest neighbours left."""
    left = {label: len(beside[label]) for label in range(1, n + 1)}
    buckets: dict[int, set[int]] = defaultdict(set)
    for label, degree in left.items():
        buckets[degree].add(label)
    order: list[int] = []
    lowest = 0
    while left:
        while not buckets[lowest]:
            lowest += 1
        label = buckets[lowest].pop()
        order.append(label)
        del left[label]
        for other in beside[label]:
            if other in left:
                buckets[left[other]].discard(other)
                left[other] -= 1
                buckets[left[other]].add(other)
        lowest = max(0, lowest - 1)
    return order


def _path(mask: NDArray[np.uint8], top: int, left: int) -> str:
    loops, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    drawn = []
    for loop in loops:
        simple = cv2.approxPolyDP(loop, _SMOOTH, True)[:, 0, :]
        (x, y), steps = simple[0].tolist(), np.diff(simple, axis=0).tolist()
        drawn.append(f"M{x + left + 0.5:g} {y + top + 0.5:g}{''.join(map(_step, steps)) or 'h0'}z")
    return "".join(drawn)


def _step(step: list[int]) -> str:
    dx, dy = step
    if dy == 0:
        return f"h{dx}"
    return f"v{dy}" if dx == 0 else f"l{dx} {dy}"
