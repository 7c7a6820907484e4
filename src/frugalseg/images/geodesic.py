"""Geodesic distances on an image: a change of grey values makes a path longer."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from frugalseg.errors import SettingsError

Floats = NDArray[np.float64]


def unit_range(plane: ArrayLike) -> Floats:
    """Scale (Y,X) so that its 0.1 and 99.9 percentiles are 0 and 1, and clip; all 0 where there is no range.

    Examples
    --------
    >>> unit_range([[3.0, 5.0, 7.0]]).round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    values = np.asarray(plane, dtype=np.float64)
    low, high = np.percentile(values, [0.1, 99.9]) if values.size else (0.0, 0.0)
    return ((values - low) / (high - low)).clip(0, 1) if high > low else np.zeros_like(values)


def cost_image(plane: ArrayLike) -> NDArray[np.float32]:
    """Return the cost image (Y,X), 0..1: the square root of the grey values, whose changes make paths longer.

    The root evens out photon noise, which grows with the signal, and gives dim cells weight beside bright ones.

    Examples
    --------
    >>> cost_image([[0.0, 1.0, 4.0]]).round(1).tolist()
    [[0.0, 0.5, 1.0]]
    """
    return np.sqrt(unit_range(plane)).astype(np.float32)


def step_costs(
    image: NDArray[Any], node: NDArray[np.int32], regularization: float
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """Return the cost of every step between two neighbouring pixels (Jones, Carpenter and Golland, 2005).

    Their metric is (grad I grad I' + lambda) / (1 + lambda) on the image as a surface. It is discretised as
    in CellProfiler's IdentifySecondaryObjects: a step to one of the 8 neighbours costs

        sqrt(D^2 + m * regularization^2),

    D the sum of absolute differences between the 3x3 neighbourhoods of the two pixels (edge pixels
    repeated beyond the image), m = 1 for a straight and 2 for a diagonal step.

    Parameters
    ----------
    image
        (Y, X), usually 0..1.
    node
        (Y, X) number of each pixel, -1 for those that no path may cross.
    regularization
        Cost of one px where nothing changes. Above 0.

    Returns
    -------
    tails, heads, costs
        (S,) number of the pixel a step leaves, of the pixel it reaches, and its cost; each step once.

    Raises
    ------
    SettingsError
        `regularization` is not above 0.
    """
    if not regularization > 0:
        raise SettingsError(f"`regularization` is {regularization}; it must be above 0")
    padded = np.pad(np.asarray(image, dtype=np.float64), 1, mode="edge")
    steps = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        tail, head = _shifted(node, dy, dx)
        before, after = _shifted(padded, dy, dx)
        change = np.abs(before - after)
        rows = change[:-2] + change[1:-1] + change[2:]
        total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
        inside = (tail >= 0) & (head >= 0)
        cost = np.sqrt(total[inside] ** 2 + (dy + abs(dx)) * regularization**2)
        steps.append((tail[inside], head[inside], cost))
    tails, heads, costs = (np.concatenate(part) for part in zip(*steps, strict=True))
    return tails, heads, costs


def geodesic_distances(image: NDArray[Any], start: tuple[int, int], regularization: float) -> Floats:
    """Return the length (Y,X) of the shortest path from one pixel to every other, in px of a flat image.

    Parameters
    ----------
    image
        (Y, X), usually 0..1.
    start
        (y, x) of the pixel where paths begin.
    regularization
        See `step_costs`; the smaller, the more a change of grey values counts.

    Examples
    --------
    Crossing an edge costs a lot; along it, distances are those of a flat image.

    >>> edge = np.repeat([[0.0, 0.0, 0.0, 1.0, 1.0]], 5, axis=0)
    >>> geodesic_distances(edge, (0, 0), 0.05)[[2, 0], [0, 3]].round(1).tolist()
    [2.0, 121.0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    node = np.arange(image.size, dtype=np.int32).reshape(image.shape)
    tails, heads, costs = step_costs(image, node, regularization)
    graph = coo_array((costs / regularization, (tails, heads)), shape=(image.size, image.size)).tocsr()
    distances: Floats = dijkstra(graph, directed=False, indices=int(node[start])).reshape(image.shape)
    return distances


def _shifted(array: NDArray[Any], dy: int, dx: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the array at each pixel p for which p + (dy, dx) is inside too, and at p + (dy, dx)."""
    height, width = array.shape
    first, last = max(-dx, 0), width - max(dx, 0)
    return array[: height - dy, first:last], array[dy:, first + dx : last + dx]
