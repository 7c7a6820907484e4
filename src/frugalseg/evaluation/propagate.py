"""Shortest ways over an image from seeds: the distance behind CellProfiler's propagation."""

from typing import Any

import numpy as np
import numpy.typing as npt

from frugalseg.errors import SettingsError

Floats = npt.NDArray[np.float64]


def propagate(
    image: npt.NDArray[Any], seeds: npt.NDArray[Any], mask: npt.NDArray[np.bool_], regularization: float
) -> tuple[npt.NDArray[np.uint32], Floats]:
    """Labels of the nearest seed, and the distance to it, by Jones, Carpenter and Golland (2005).

    Their metric is (grad I grad I' + lambda) / (1 + lambda) on the image as a surface. It is discretised as
    in CellProfiler's IdentifySecondaryObjects: a step to one of the 8 neighbours costs

        sqrt(D^2 + m * regularization^2),

    D the sum of absolute differences between the 3x3 neighbourhoods of the two pixels (edge pixels
    repeated beyond the image), m = 1 for a straight and 2 for a diagonal step. Ways stay inside the mask.

    Parameters
    ----------
    image
        (Y, X), usually 0..1.
    seeds
        (Y, X) labels; those outside the mask are ignored.
    mask
        (Y, X) bool.
    regularization
        Above 0.

    Returns
    -------
    labels, distance
        (Y, X) uint32, and (Y, X) float64, infinite where no seed can be reached.

    Raises
    ------
    SettingsError
        When the regularization is not above 0.
    """
    if not regularization > 0:
        raise SettingsError(f"regularization is {regularization}; it must be above 0.")
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    mask = np.asarray(mask, dtype=bool)
    labels, distance = np.zeros(mask.shape, dtype=np.uint32), np.full(mask.shape, np.inf)
    starts = np.flatnonzero(np.asarray(seeds)[mask])
    if len(starts) == 0:
        return labels, distance
    n = int(mask.sum())
    node = np.full(mask.shape, -1, dtype=np.int32)
    node[mask] = np.arange(n)
    tails, heads, costs = _steps(np.asarray(image, dtype=np.float64), node, regularization)
    graph = coo_array((costs, (tails, heads)), shape=(n, n)).tocsr()
    way, _, source = dijkstra(graph, directed=False, indices=starts, min_only=True, return_predecessors=True)
    reached = np.isfinite(way)
    labels[mask] = np.where(reached, np.asarray(seeds)[mask][np.where(reached, source, 0)], 0)
    distance[mask] = way
    return labels, distance


def _steps(
    image: Floats, node: npt.NDArray[np.int32], regularization: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]:
    """Every step between two neighbours in the mask, once: from, to, cost."""
    padded = np.pad(image, 1, mode="edge")
    steps = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here, there = _shifted(node, dy, dx)
        before, after = _shifted(padded, dy, dx)
        change = np.abs(before - after)
        rows = change[:-2] + change[1:-1] + change[2:]
        total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
        inside = (here >= 0) & (there >= 0)
        cost = np.sqrt(total[inside] ** 2 + (dy + abs(dx)) * regularization**2)
        steps.append((here[inside], there[inside], cost))
    tails, heads, costs = (np.concatenate(part) for part in zip(*steps, strict=True))
    return tails, heads, costs


def _shifted(array: npt.NDArray[Any], dy: int, dx: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The array where pixel and pixel + (dy, dx) are both in it: at the pixel, and at pixel + (dy, dx)."""
    height, width = array.shape
    first, last = max(-dx, 0), width - max(dx, 0)
    return array[: height - dy, first:last], array[dy:, first + dx : last + dx]
