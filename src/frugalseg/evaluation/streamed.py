"""Scores and measurements of images that do not fit into memory, window by window."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.measurements import Row, measure_cells
from frugalseg.images.tiles import Tile, Window, plan_tiles

CONSTANT = 1e-12
"""Standard deviation, as a share of the largest value, below which all differences are rounding."""


class StreamedCorrelation:
    """Pearson's correlation of two images that are added part by part.

    Means and products of the parts are merged (Chan, Golub, LeVeque 1979), so that no digits are lost. The value is
    that of `frugalseg.evaluation.pixel_scores.pearson_correlation` on all parts together.

    Examples
    --------
    >>> streamed = StreamedCorrelation()
    >>> streamed.add(np.array([[1, 2]]), np.array([[10, 30]]))
    >>> streamed.add(np.array([[3]]), np.array([[20]]))
    >>> round(streamed.value(), 6)
    0.5
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = np.zeros(2)
        self._products = np.zeros((2, 2))
        self._largest = np.zeros(2)

    def add(self, predicted: NDArray[Any], target: NDArray[Any]) -> None:
        """Add a part of both images: finite numbers of one shape."""
        pair = np.stack([np.asarray(part, dtype=np.float64).ravel() for part in (predicted, target)])
        if pair.size == 0:
            return
        self._largest = np.maximum(self._largest, np.abs(pair).max(axis=1))
        own = pair.mean(axis=1)
        pair -= own[:, None]
        added, step = pair.shape[1], own - self._mean
        total = self._count + added
        self._products += pair @ pair.T + np.outer(step, step) * (self._count * added / total)
        self._mean += step * added / total
        self._count = total

    def value(self) -> float:
        """Return the correlation of all parts, -1 to 1; NaN when an image is constant or nothing was added."""
        spread = np.sqrt(np.diag(self._products) / max(1, self._count))
        if not (spread > CONSTANT * self._largest).all():
            return float("nan")
        value = self._products[0, 1] / np.sqrt(self._products[0, 0] * self._products[1, 1])
        return float(np.clip(value, -1, 1))


def measure_tiles(
    read_labels: Callable[[Window], NDArray[Any]],
    read_planes: Callable[[Window], NDArray[Any]],
    shape: tuple[int, int],
    channels: Sequence[str],
    largest: int,
    core: int,
    pixel_size: tuple[float, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Measure the cells of an image of any size, as `measure_cells` does in memory.

    Parameters
    ----------
    read_labels, read_planes
        Return (y, x) labels and (C, y, x) channels of a window.
    shape
        (Y, X) of the image.
    channels
        Names of the channels.
    largest
        Height and width of a large cell, px; windows reach so far beyond a tile. Still larger ones are read once more,
        each by itself.
    core
        Side of the tiles, px.
    pixel_size
        (y, x) in um.
    progress
        Called with (finished tiles, all tiles) after each tile.

    Returns
    -------
    list of dict
        Rows of `measure_cells` on the whole image, in the order of the labels.

    Notes
    -----
    Every cell is measured once, in the tile whose core holds its first pixel in reading order.
    """
    found: dict[int, Row] = {}
    boxes = _Boxes()
    tiles = plan_tiles(shape, core, margin=largest)
    measure = partial(
        _measure, read_planes=read_planes, shape=shape, channels=channels, pixel_size=pixel_size
    )
    for done, tile in enumerate(tiles, start=1):
        labels = np.asarray(read_labels(tile.window))
        boxes.add(labels[tile.inner], [part.start for part in tile.core])
        own = _own_cells(labels, tile)
        found |= measure(own, [part.start for part in tile.window])
        if progress is not None:
            progress(done, len(tiles))
    for label in boxes.larger_than(found):
        window = boxes.window(label)
        alone = np.where(np.asarray(read_labels(window)) == label, label, 0)
        found |= measure(alone, [part.start for part in window])
    return [found[label] for label in sorted(found)]


class _Boxes:
    """Area and bounding box of every label, from parts of a label map that cover it exactly once."""

    def __init__(self) -> None:
        self._areas: dict[int, int] = {}
        self._boxes: dict[int, tuple[int, int, int, int]] = {}

    def add(self, labels: NDArray[Any], start: Sequence[int]) -> None:
        """Add a part (y, x) whose first pixel lies at `start` of the image."""
        ys, xs = np.nonzero(labels)
        ids, at, counts = np.unique(labels[ys, xs], return_inverse=True, return_counts=True)
        edges = np.full((4, len(ids)), np.iinfo(np.int64).max)
        ys, xs = ys + start[0], xs + start[1]
        for edge, values in zip(edges, (ys, xs, -ys - 1, -xs - 1), strict=True):
            np.minimum.at(edge, at, values)
        for label, count, (top, left, bottom, right) in zip(
            ids.tolist(), counts.tolist(), edges.T.tolist(), strict=True
        ):
            before = self._boxes.get(label, (top, left, bottom, right))
            pairs = zip(before, (top, left, bottom, right), strict=True)
            self._boxes[label] = tuple(min(pair) for pair in pairs)
            self._areas[label] = self._areas.get(label, 0) + count

    def larger_than(self, rows: Mapping[int, Row]) -> list[int]:
        """Return the labels of which the rows saw only a part."""
        return [label for label, area in self._areas.items() if rows[label]["area"] != area]

    def window(self, label: int) -> Window:
        """Return the bounding box of a label."""
        top, left, bottom, right = self._boxes[label]
        return slice(top, -bottom), slice(left, -right)


def _measure(
    labels: NDArray[Any],
    start: Sequence[int],
    *,
    read_planes: Callable[[Window], NDArray[Any]],
    shape: tuple[int, int],
    channels: Sequence[str],
    pixel_size: tuple[float, float] | None,
) -> dict[int, Row]:
    """Return the rows of all cells of a part (y, x) whose first pixel lies at `start` of the image, by label."""
    pixels = np.nonzero(labels)
    if not pixels[0].size:
        return {}
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in pixels)
    y, x = (corner + part.start for corner, part in zip(start, box, strict=True))
    inside = labels[box]
    planes = read_planes((slice(y, y + inside.shape[0]), slice(x, x + inside.shape[1])))
    rows = [
        _moved(row, (y, x))
        for row in measure_cells(inside, dict(zip(channels, planes, strict=True)), pixel_size)
    ]
    _mark_border(rows, inside, (y, x), shape)
    return {int(row["label"] or 0): row for row in rows}


def _own_cells(labels: NDArray[Any], tile: Tile) -> NDArray[Any]:
    """Return the labels of a window without cells whose first pixel is not in the tile's core."""
    first = np.full(int(labels.max(initial=0)) + 1, -1, np.int64)
    # Of repeated indices the last assignment stays, so the first pixel of every label comes last.
    first[labels.ravel()[::-1]] = np.arange(labels.size - 1, -1, -1)
    y, x = np.divmod(first, labels.shape[1])
    rows, columns = tile.inner
    own = (y >= rows.start) & (y < rows.stop) & (x >= columns.start) & (x < columns.stop) & (first >= 0)
    own[0] = False
    kept: NDArray[Any] = np.where(own[labels], labels, 0)
    return kept


def _moved(row: Row, start: Sequence[int]) -> Row:
    """Return a cell's row with its centre in the whole image."""
    y, x = (float(row[name] or 0.0) for name in ("centroid_y", "centroid_x"))
    return {**row, "centroid_y": y + start[0], "centroid_x": x + start[1]}


def _mark_border(rows: list[Row], labels: NDArray[Any], start: Sequence[int], shape: tuple[int, int]) -> None:
    """Mark the cells that touch the border of the image, not only of the box in which they were measured."""
    touching: set[int] = set()
    for side, at_border in (
        (labels[0], start[0] == 0),
        (labels[-1], start[0] + labels.shape[0] == shape[0]),
        (labels[:, 0], start[1] == 0),
        (labels[:, -1], start[1] + labels.shape[1] == shape[1]),
    ):
        if at_border:
            touching.update(np.unique(side).tolist())
    for row in rows:
        row["touches_border"] = row["label"] in touching
