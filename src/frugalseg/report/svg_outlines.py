"""Outlines of cells as SVG paths, coloured so that neighbours differ."""

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
    """Outline of one cell: its label, area in px, colour as an index of `PALETTE`, and path in pixel coordinates."""

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
        One per label; a cell with several parts or with holes has several closed loops in its path.

    Examples
    --------
    >>> import numpy as np
    >>> [outline] = outlines(np.pad(np.full((3, 4), 8), 2))
    >>> outline.label, outline.area, outline.path
    (8, 12, 'M2.5 2.5v2h3v-2z')
    """
    ids, index = compact_labels(labels)
    areas, colours = np.bincount(index.ravel()), neighbour_colours(index)
    traced = []
    for i, box in enumerate(ndimage.find_objects(index), start=1):
        mask = np.ascontiguousarray(index[box] == i, dtype=np.uint8)
        path = _path(mask, box[0].start, box[1].start)
        traced.append(Outline(int(ids[i - 1]), int(areas[i]), int(colours[i]), path))
    return traced


def outline_path(labels: NDArray[Any]) -> str:
    """Return all outlines as one path, for a layer in a single colour."""
    return "".join(outline.path for outline in outlines(labels))


def neighbour_colours(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a colour for each label that no label within 3 px has.

    The graph of touching regions is planar. Coloured in the order smallest-last (Matula and Beck 1983), such a
    graph needs at most six colours, and mostly four.

    Parameters
    ----------
    index
        (Y, X) label map with labels 1..n, 0 = background.

    Returns
    -------
    numpy.ndarray
        (n + 1,) index of `PALETTE` for every label; that of the background is 0.

    Examples
    --------
    >>> neighbour_colours(np.array([[1, 1, 2, 2, 0, 0, 0, 0, 3]])).tolist()
    [0, 1, 0, 0]
    """
    import networkx

    n = int(index.max(initial=0))
    graph = networkx.Graph()
    graph.add_nodes_from(range(1, n + 1))
    graph.add_edges_from(_neighbours(index))
    colours = networkx.greedy_color(graph, "smallest_last")
    # Labels within 3 px need not be a planar graph, so a seventh colour is possible: it repeats the first.
    return np.array([0, *(colours[label] % len(PALETTE) for label in range(1, n + 1))])


def _neighbours(index: NDArray[np.intp]) -> list[list[int]]:
    """Return the pairs of labels that are within 3 px of each other."""
    height, width = index.shape
    beyond = int(index.max(initial=0)) + 1
    pairs = []
    for dy, dx in _NEIGHBOURHOOD:
        first = index[: height - dy, max(0, -dx) : width - max(0, dx)]
        second = index[dy:, max(0, dx) : width + min(0, dx)]
        differ = (first != second) & (first > 0) & (second > 0)
        # one whole number per pair: unique rows take ten times as long
        pairs.append(np.unique(first[differ].astype(np.int64) * beyond + second[differ]))
    touching: list[list[int]] = np.stack(np.divmod(np.unique(np.concatenate(pairs)), beyond), axis=1).tolist()
    return touching


def _path(mask: NDArray[np.uint8], top: int, left: int) -> str:
    loops, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    drawn = []
    for loop in loops:
        corners = cv2.approxPolyDP(loop, _SMOOTH, True)[:, 0, :]
        (x, y), steps = corners[0].tolist(), np.diff(corners, axis=0).tolist()
        drawn.append(f"M{x + left + 0.5:g} {y + top + 0.5:g}{''.join(map(_step, steps)) or 'h0'}z")
    return "".join(drawn)


def _step(step: list[int]) -> str:
    dx, dy = step
    if dy == 0:
        return f"h{dx}"
    return f"v{dy}" if dx == 0 else f"l{dx} {dy}"
