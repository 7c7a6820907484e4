"""The cut through a grid is that of scipy's maximum flow, pixel for pixel, on problems of every kind."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from frugalseg.cues.grid_flow import DIRECTIONS, source_side

Ints = NDArray[np.int32]


def reference(terminal: Ints, capacities: Ints) -> NDArray[np.bool_]:
    """The same by a graph that knows nothing of grids."""
    (height, width), size = terminal.shape, terminal.size
    edges: dict[tuple[int, int], int] = {}
    for (down, right), capacity in zip(DIRECTIONS[::2], capacities, strict=True):
        for y, x in np.argwhere(capacity > 0).tolist():
            one, other = y * width + x, (y + down) * width + x + right
            edges[one, other] = edges[other, one] = int(capacity[y, x])
    for pixel, value in enumerate(terminal.ravel().tolist()):
        if value:
            edges[(size, pixel) if value > 0 else (pixel, size + 1)] = abs(value)
    rows, columns = np.array(list(edges), np.int32).T
    graph = csr_array((np.array(list(edges.values()), np.int32), (rows, columns)), shape=(size + 2, size + 2))
    left = graph - maximum_flow(graph, size, size + 1).flow
    left.eliminate_zeros()
    found = np.zeros(size + 2, bool)
    found[breadth_first_order(left, size, return_predecessors=False)] = True
    return found[:size].reshape(height, width)


def inside_only(capacities: Ints) -> Ints:
    """Take away what would lead out of the image."""
    for (down, right), capacity in zip(DIRECTIONS[::2], capacities, strict=True):
        if down:
            capacity[-1] = 0
        if right > 0:
            capacity[:, -1] = 0
        if right < 0:
            capacity[:, 0] = 0
    return capacities


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2), (37, 53)])
@pytest.mark.parametrize("seed", range(4))
def test_random_problems(seed: int, shape: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    terminal = random.integers(-30, 31, shape).astype(np.int32)
    terminal[0, 0] = 7 if seed % 2 else -7
    capacities = inside_only(random.integers(0, 13, (4, *shape)).astype(np.int32))
    assert np.array_equal(source_side(terminal, capacities), reference(terminal, capacities))


@pytest.mark.parametrize("strength", [20, 200, 2000])
def test_far_terminals_and_noise_that_is_smoothed(strength: int) -> None:
    """Few terminals make long paths, noise makes many orphans."""
    random = np.random.default_rng(strength)
    smooth = gaussian_filter(random.normal(size=(70, 80)), 5)
    terminal = np.round(strength * (12 * smooth + random.normal(size=smooth.shape))).astype(np.int32)
    capacities = inside_only(np.full((4, 70, 80), 141, np.int32))
    assert np.array_equal(source_side(terminal, capacities), reference(terminal, capacities))
    terminal[:, 9:-9] = 0
    found = source_side(terminal, capacities)
    assert np.array_equal(found, reference(terminal, capacities))


def test_of_several_least_cuts_the_smallest_set_is_taken() -> None:
    capacities = np.zeros((4, 1, 5), np.int32)
    capacities[0] = [[3, 3, 3, 3, 0]]
    terminal = np.array([[9, 0, 0, 0, -9]], np.int32)
    assert source_side(terminal, capacities).tolist() == [[True, False, False, False, False]]
    assert not source_side(np.zeros((3, 3), np.int32), np.zeros((4, 3, 3), np.int32)).any()
