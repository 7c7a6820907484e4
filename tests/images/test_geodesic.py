"""Geodesic distances against those of a plain Bellman-Ford search, and the cost image."""

import numpy as np
import pytest
from numpy.typing import NDArray

from frugalseg.errors import SettingsError
from frugalseg.images.geodesic import cost_image, geodesic_distances, step_costs, unit_range


def _bellman_ford(
    image: NDArray[np.float64], start: tuple[int, int], regularization: float
) -> NDArray[np.float64]:
    """Shorten every path by every step until no path gets shorter."""
    height, width = image.shape
    padded = np.pad(image, 1, mode="edge")
    distances = np.full(image.shape, np.inf)
    distances[start] = 0.0
    for _ in range(image.size):
        before = distances.copy()
        for y in range(height):
            for x in range(width):
                for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1)):
                    v, u = y + dy, x + dx
                    if 0 <= v < height and 0 <= u < width:
                        change = np.abs(padded[y : y + 3, x : x + 3] - padded[v : v + 3, u : u + 3]).sum()
                        cost = np.sqrt(change**2 + (abs(dy) + abs(dx)) * regularization**2) / regularization
                        distances[y, x] = min(distances[y, x], before[v, u] + cost)
        if np.array_equal(before, distances):
            break
    return distances


@pytest.mark.parametrize("regularization", [0.05, 1.0])
@pytest.mark.parametrize("start", [(0, 0), (4, 3)])
def test_distances_are_the_shortest(start: tuple[int, int], regularization: float) -> None:
    image = np.random.default_rng(1).random((7, 6))
    np.testing.assert_allclose(
        geodesic_distances(image, start, regularization),
        _bellman_ford(image, start, regularization),
        rtol=1e-9,
    )


def test_a_flat_image_is_crossed_straight_and_diagonally() -> None:
    distances = geodesic_distances(np.zeros((9, 9)), (4, 4), 0.05)
    assert distances[4].tolist() == pytest.approx([4, 3, 2, 1, 0, 1, 2, 3, 4])
    assert distances[0, 0] == pytest.approx(4 * np.sqrt(2))


def test_only_numbered_pixels_are_stepped_on() -> None:
    node = np.array([[0, -1, 1], [2, -1, 3]], np.int32)
    tails, heads, costs = step_costs(np.zeros((2, 3)), node, 0.5)
    assert sorted(zip(tails.tolist(), heads.tolist(), strict=True)) == [(0, 2), (1, 3)]
    assert costs.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("regularization", [0.0, -1.0, float("nan")])
def test_a_step_must_cost_something(regularization: float) -> None:
    with pytest.raises(SettingsError, match="must be above 0"):
        step_costs(np.zeros((2, 2)), np.zeros((2, 2), np.int32), regularization)


def test_cost_image_is_the_root_of_the_range() -> None:
    ramp = np.linspace(200.0, 4200.0, 5001).reshape(1, -1)
    low, high = np.percentile(ramp, [0.1, 99.9])
    assert unit_range(ramp)[0, [0, -1]].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(
        cost_image(ramp)[0], np.sqrt(np.clip((ramp[0] - low) / (high - low), 0, 1)), rtol=1e-6
    )
    assert not cost_image(np.full((3, 4), 9.0)).any()
    assert cost_image(np.zeros((0, 4))).shape == (0, 4)
