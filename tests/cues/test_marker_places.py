"""Markers lie in the middle of nuclei, however wide these are: large images are looked at smaller, and enlarged again."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from frugalseg.cues.foreground import find_foreground
from frugalseg.cues.markers import find_markers
from frugalseg.errors import WrongShape


def disks(points: NDArray[np.float64], diameter: float, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draw blurred disks around points (N,2) on a noisy background."""
    y, x = np.indices(shape)
    near = np.min([np.hypot(y - p[0], x - p[1]) for p in points], axis=0)
    noise = np.random.default_rng(0).normal(100, 10, shape)
    return np.asarray(gaussian_filter((near < diameter / 2) * 1000.0, 1.5) + noise)


@pytest.mark.parametrize("diameter", [20, 36, 60, 90])
def test_no_nucleus_is_shifted(diameter: int) -> None:
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(3), np.arange(4), indexing="ij"), axis=-1).reshape(-1, 2)
    points = (grid + 0.75) * 1.7 * diameter + rng.uniform(-3, 3, (12, 2))
    shape = int(3.5 * 1.7 * diameter), int(4.5 * 1.7 * diameter)
    found = find_markers(disks(points, diameter, shape), diameter)
    assert len(found) == 12
    nearest = found.points[
        np.argmin(np.hypot(*(points[:, None] - found.points[None]).transpose(2, 0, 1)), axis=1)
    ]
    assert np.abs((nearest - points).mean(axis=0)).max() < 0.15


def test_points_with_y_and_x_swapped_are_refused() -> None:
    points = np.array([[40.0, 300.0], [100.0, 60.0]])
    image = disks(points, 24, (160, 360))
    assert 0 < find_foreground(image, points, 28).mask.mean() < 0.5
    with pytest.raises(
        WrongShape,
        match=r"^1 of 2 `markers` lie outside of the image of 160 x 360 px; points are \(y, x\) in px$",
    ):
        find_foreground(image, points[:, ::-1], 28)


@pytest.mark.parametrize(("side", "diameter"), [(80, 50), (80, 60), (120, 60), (60, 40)])
@pytest.mark.parametrize("known", [True, False])
def test_a_crop_around_one_nucleus_shows_it(side: int, diameter: int, known: bool) -> None:
    middle = np.array([[side / 2, side / 2]])
    found = find_markers(disks(middle, diameter, (side, side)), diameter if known else None)
    np.testing.assert_allclose(found.points, middle, atol=1)


def test_nuclei_in_a_narrow_strip() -> None:
    points = np.array([[32.0, x] for x in range(40, 1480, 66)])
    found = find_markers(disks(points, 40, (64, 1500)))
    np.testing.assert_allclose(found.points[np.argsort(found.points[:, 1])], points, atol=1)


@pytest.mark.parametrize("rows", [2, 3])
def test_flat_nuclei_that_touch_all_around_are_told_apart(rows: int) -> None:
    """Saturated nuclei leave gaps between them that look like dark spots inside one; a lone nucleus with such a spot stays one."""
    alone = np.array([[40.0 + 50 * y, 200.0 + 50 * x] for y in range(4) for x in range(2)])
    clump = np.array([[100.0 + 19 * y, 50.0 + 19 * x] for y in range(rows) for x in range(rows)])
    image = disks(np.concatenate([alone, clump]), 20, (240, 320))
    spot = gaussian_filter((np.hypot(*(np.indices(image.shape) - alone[0][:, None, None])) < 4) * 1000.0, 1.5)
    found = find_markers(np.maximum(image - spot, 0))
    assert len(found) == 8 + rows**2
    distance = np.hypot(*(clump[:, None] - found.points[None]).transpose(2, 0, 1))
    assert distance.min(axis=1).max() < 2
