"""Flooding a map from seeds: its order, the heights it reaches, and that buckets change neither."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction

from frugalseg.instances import flooding
from frugalseg.instances.flooding import flood

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


def by_definition(heights: NDArray[np.float64], seeds: NDArray[np.uint32]) -> Padded:
    """Labels and heights reached, by looking through all waiting pixels for the highest, then the earliest."""
    inside = heights > -np.inf
    labels, reached = np.where(inside, seeds, 0), heights.copy()
    waiting = [(-reached[y, x], n, y, x) for n, (y, x) in enumerate(np.argwhere(labels))]
    order = len(waiting)
    while waiting:
        waiting.remove(pixel := min(waiting))
        height, _, y, x = pixel
        for v, u in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            if inside[v, u] and labels[v, u] == 0:
                labels[v, u], reached[v, u] = labels[y, x], min(reached[v, u], -height)
                waiting.append((-reached[v, u], order, v, u))
                order += 1
    return reached, labels.astype(np.uint32)


@pytest.mark.parametrize("small", [1, 1 << 16])
@pytest.mark.parametrize("kind", range(4))
def test_order_and_heights_are_those_of_the_definition(
    kind: int, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a bucket per pixel, and with one for all."""
    monkeypatch.setattr(flooding, "_SMALL", small)
    rng = np.random.default_rng(kind)
    grown = lowered = 0
    for _ in range(60):
        heights, seeds = small_map(rng, kind)
        reached, expected = by_definition(heights, seeds)
        labels, heights_reached = flood(heights.copy(), seeds)
        np.testing.assert_array_equal(labels, expected)
        np.testing.assert_array_equal(heights_reached, reached)
        grown += np.count_nonzero(labels) - np.count_nonzero(seeds[1:-1, 1:-1])
        lowered += np.count_nonzero(reached < heights)
    assert grown > 2_000
    assert lowered > 500


def test_the_heights_reached_are_a_reconstruction_by_dilation() -> None:
    rng = np.random.default_rng(8)
    heights = ndimage.gaussian_filter(rng.standard_normal((300, 320)), 3)
    seeds = np.zeros(heights.shape, np.uint32)
    seeds[30::60, 30::60] = 1
    marker = np.where(seeds > 0, heights, heights.min())
    cross = ndimage.generate_binary_structure(2, 1)
    expected = reconstruction(marker, heights, method="dilation", footprint=cross)
    _, reached = flood(*padded(heights, seeds))
    np.testing.assert_array_equal(reached[1:-1, 1:-1], expected)


def test_a_plateau_is_shared_in_the_order_its_border_was_reached() -> None:
    # The right seed is higher, so its path to the plateau is flooded first, though the left one is shorter.
    heights = np.array([[8.0, 5.0, 3.0, 3.0, 3.0, 3.0, 5.0, 6.0, 9.0]])
    seeds = np.array([[1, 0, 0, 0, 0, 0, 0, 0, 2]], np.uint32)
    assert flood(*padded(heights, seeds))[0][1, 1:-1].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]
    heights[0, 3] = 3.5  # now the left half is flooded before the rest begins
    assert flood(*padded(heights, seeds))[0][1, 1:-1].tolist() == [1, 1, 1, 1, 2, 2, 2, 2, 2]


def test_the_first_seed_in_reading_order_wins_where_two_paths_are_equal() -> None:
    heights = np.full((3, 9), 5.0)  # two paths, equally high and long, that meet at a gap in the middle
    heights[1] = -np.inf
    heights[:, 4] = [4.0, 1.0, 4.0]
    seeds = np.zeros(heights.shape, np.uint32)
    seeds[0, 0], seeds[2, 0] = 1, 2
    labels = flood(*padded(heights, seeds))[0][1:-1, 1:-1]
    assert labels.tolist() == [[1] * 9, [0] * 4 + [1] + [0] * 4, [2] * 9]


def test_a_seed_below_a_top_floods_it_at_its_own_height() -> None:
    heights = np.array([[2.0, 9.0, 4.0, 1.0, 7.0]])
    seeds = np.array([[0, 0, 6, 0, 0]], np.uint32)
    labels, reached = flood(*padded(heights, seeds))
    assert labels[1, 1:-1].tolist() == [6] * 5
    assert reached[1, 1:-1].tolist() == [2.0, 4.0, 4.0, 1.0, 1.0]
