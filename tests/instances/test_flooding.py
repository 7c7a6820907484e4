"""Two ways to flood a map, which must agree to the pixel: by descent, and with a queue."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from frugalseg.instances import descent
from frugalseg.instances.descent import flood_by_descent
from frugalseg.instances.flooding import flood, flood_by_queue

Padded = tuple[NDArray[np.float64], NDArray[np.uint32]]


def padded(heights: NDArray[np.float64], seeds: NDArray[np.uint32]) -> Padded:
    return np.pad(heights, 1, constant_values=-np.inf), np.pad(seeds, 1)


def small_map(rng: np.random.Generator, kind: int) -> Padded:
    """Noise or smooth, of steps or of floats, with holes and with seeds anywhere."""
    shape = tuple(rng.integers(1, 22, 2))
    top = int(rng.integers(2, 60))
    if kind == 0:
        heights = rng.integers(-top, top, shape).astype(float)
    elif kind == 1:
        heights = np.round(ndimage.gaussian_filter(rng.integers(-top, top, shape) * 4.0, rng.uniform(0.5, 2)))
    elif kind == 2:
        heights = rng.standard_normal(shape)
    else:
        heights = np.round(ndimage.gaussian_filter(rng.standard_normal(shape), 1) * top) / 7
    inside = rng.random(shape) < rng.choice([0.6, 0.8, 1.0])
    seeded = rng.random(shape) < rng.choice([0.01, 0.05, 0.2])
    seeds = np.where(seeded, rng.integers(1, 9, shape), 0).astype(np.uint32)
    return padded(np.where(inside, heights, -np.inf), seeds)


@pytest.mark.parametrize("kind", range(4))
def test_both_ways_agree(kind: int) -> None:
    rng = np.random.default_rng(kind)
    grown = flat = 0
    for _ in range(1000):
        heights, seeds = small_map(rng, kind)
        labels, reached = flood_by_queue(heights.copy(), seeds)
        found = flood_by_descent(heights.copy(), seeds)
        assert found is not None
        np.testing.assert_array_equal(found[0], labels)
        np.testing.assert_array_equal(found[1], reached)
        grown += np.count_nonzero(labels) - np.count_nonzero(seeds[1:-1, 1:-1])
        flat += np.count_nonzero(reached < heights)
    assert grown > 40_000
    assert flat > 10_000


def test_a_plateau_is_shared_in_the_order_its_rim_was_reached() -> None:
    # the right seed is higher, so its way to the plateau is walked first, though the plateau's left end is nearer
    heights = np.array([[8.0, 5.0, 3.0, 3.0, 3.0, 3.0, 5.0, 6.0, 9.0]])
    seeds = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 2]], np.uint32)
    labels = [way(*padded(heights, seeds)) for way in (flood, flood_by_queue, flood_by_descent)]
    assert [found[0][1, 1:-1].tolist() for found in labels if found] == 3 * [[1, 1, 1, 1, 2, 2, 2, 2, 2]]
    heights[0, 3] = 3.5  # now the left half of it is over before the rest begins
    assert flood_by_descent(*padded(heights, seeds))[0][1, 1:-1].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]  # type: ignore[index]


def test_a_map_of_steps_is_left_to_the_queue() -> None:
    rng = np.random.default_rng(0)
    heights = rng.integers(0, 3, (200, 200)).astype(float)
    seeds = np.zeros((200, 200), np.uint32)
    seeds[::20, ::20] = np.arange(1, 101).reshape(10, 10)
    given = padded(heights, seeds)
    assert flood_by_descent(*given) is None
    for one, other in zip(flood(*given), flood_by_queue(*given), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_long_look_back_is_left_to_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    far = descent._FURTHEST + 20
    heights = np.full(
        (3, 2 * far + 1), 5.0
    )  # two ways, equally high and long, that meet over a gap in the middle
    heights[1] = -np.inf
    heights[1, far] = 1.0
    heights[:, far] = [4.0, 1.0, 4.0]
    seeds = np.zeros(heights.shape, np.uint32)
    seeds[0, 0], seeds[2, 0] = 1, 2
    given = padded(heights, seeds)
    assert flood_by_descent(*given) is None
    labels = flood(*given)[0]
    np.testing.assert_array_equal(labels, flood_by_queue(*given)[0])
    assert labels[2, far + 1] == 1  # the upper seed comes first in reading order


def test_a_seed_below_a_top_floods_it_at_its_own_height() -> None:
    heights = np.array([[2.0, 9.0, 4.0, 1.0, 7.0]])
    seeds = np.array([[0, 0, 6, 0, 0]], np.uint32)
    found = flood_by_descent(*padded(heights, seeds))
    assert found is not None
    assert found[0][1, 1:-1].tolist() == [6] * 5
    assert found[1][1, 1:-1].tolist() == [2.0, 4.0, 4.0, 1.0, 1.0]
