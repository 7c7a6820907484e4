"""Shortest paths over an image from seeds: the distance behind CellProfiler's propagation."""

from typing import Any

import numpy as np
import numpy.typing as npt

from frugalseg.images.geodesic import step_costs

Floats = npt.NDArray[np.float64]


def propagate(
    image: npt.NDArray[Any], seeds: npt.NDArray[Any], mask: npt.NDArray[np.bool_], regularization: float
) -> tuple[npt.NDArray[np.uint32], Floats]:
    """Return the label of the nearest seed, and the distance to it, for every pixel.

    The distance is that of Jones, Carpenter and Golland (2005); `frugalseg.images.geodesic.step_costs` defines
    the cost of a step. Paths stay inside the mask.

    Parameters
    ----------
    image
        (Y, X), usually 0..1.
    seeds
        (Y, X) labels; those outside the mask are ignored.
    mask
        (Y, X) bool.
    regularization
        Weight of the path's length; above 0.

    Returns
    -------
    labels, distance
        (Y, X) uint32, and (Y, X) float64, infinite where no path leads to a seed.

    Raises
    ------
    SettingsError
        When the regularization is not above 0.

    Examples
    --------
    >>> labels, distance = propagate(np.zeros((1, 4)), np.array([[1, 0, 0, 2]]), np.ones((1, 4), bool), 1.0)
    >>> labels.tolist(), distance.tolist()
    ([[1, 1, 2, 2]], [[0.0, 1.0, 1.0, 0.0]])
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    mask = np.asarray(mask, dtype=bool)
    labels, distance = np.zeros(mask.shape, dtype=np.uint32), np.full(mask.shape, np.inf)
    n = int(mask.sum())
    node = np.full(mask.shape, -1, dtype=np.int32)
    node[mask] = np.arange(n)
    tails, heads, costs = step_costs(image, node, regularization)
    starts = np.flatnonzero(np.asarray(seeds)[mask])
    if len(starts) == 0:
        return labels, distance
    graph = coo_array((costs, (tails, heads)), shape=(n, n)).tocsr()
    shortest, _, source = dijkstra(
        graph, directed=False, indices=starts, min_only=True, return_predecessors=True
    )
    reached = np.isfinite(shortest)
    labels[mask] = np.where(reached, np.asarray(seeds)[mask][np.where(reached, source, 0)], 0)
    distance[mask] = shortest
    return labels, distance
