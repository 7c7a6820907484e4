"""The position channel: the paper's disk, or ways over the image, which end at borders and start at the marker."""

import weakref

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from frugalseg.images.geodesic import cost_image, geodesic_distances
from frugalseg.networks.marker_channel import MarkerChannels, gaussian_disk

SIDE, SIGMA, PRICE = 32, 8.0, 0.05


def test_the_disk_is_a_gaussian_on_the_centre_pixel() -> None:
    disk = gaussian_disk(64, 15.0)
    assert disk.shape == (64, 64)
    assert divmod(int(disk.argmax()), 64) == (32, 32)
    assert disk[32, 32] == 1
    assert disk[32, 47].item() == pytest.approx(np.exp(-0.5))
    assert disk[20, 41].item() == pytest.approx(np.exp(-(12**2 + 9**2) / (2 * 15**2)))


def _two_cells() -> NDArray[np.float32]:
    """Two bright cells of 30 x 30 px with a dark px between them, noise everywhere."""
    plane = np.random.default_rng(0).normal(1.0, 0.02, (40, 70)).astype(np.float32)
    plane[5:35, 4:34] += 10
    plane[5:35, 35:65] += 10
    return plane


def test_the_papers_disk_stays_in_the_middle_wherever_the_patch_goes() -> None:
    one = MarkerChannels(
        cost_image(_two_cells()), np.array([[20, 19], [20, 50]]), SIDE, SIGMA, None, max_shift=4
    )
    moved = one([0, 1], np.array([[3, -4], [0, 2]]))
    assert moved.shape == (2, 1, SIDE, SIDE)
    assert all(torch.equal(patch[0], gaussian_disk(SIDE, SIGMA)) for patch in moved)


def test_ways_are_those_of_the_image_on_the_scale_of_a_cell() -> None:
    ground, centres = cost_image(_two_cells()), np.array([[20, 19], [20, 50]])
    made = MarkerChannels(ground, centres, SIDE, SIGMA, PRICE)
    found = made([1, 0])
    around = np.pad(ground, SIDE // 2, mode="symmetric")
    for patch, (y, x) in zip(found[:, 0].numpy(), centres[::-1], strict=True):
        ways = geodesic_distances(around[y : y + SIDE, x : x + SIDE], (SIDE // 2, SIDE // 2), PRICE)
        np.testing.assert_allclose(
            patch, np.exp(-((ways / made.scale) ** 2) / (2 * SIGMA**2)), rtol=1e-5, atol=1e-6
        )
        assert patch[SIDE // 2, SIDE // 2] == 1.0
    # Seven px away: inside the same cell nearly the disk, behind the border nothing.
    assert found[1, 0, 16, 9] == pytest.approx(np.exp(-(7**2) / (2 * SIGMA**2)), abs=0.06)
    edge = MarkerChannels(ground, np.array([[20, 29]]), SIDE, SIGMA, PRICE)([0])[0, 0]
    assert edge[16, 16 - 7] > 0.6
    assert edge[16, 16 + 7] < 0.01


def test_ways_move_with_the_image_when_a_patch_is_moved() -> None:
    centres = np.array([[20, 19], [20, 50]])
    made = MarkerChannels(cost_image(_two_cells()), centres, SIDE, SIGMA, PRICE, max_shift=4)
    still = made([0, 1], np.zeros((2, 2), np.int64))[:, 0]
    moved = made([0, 1], np.array([[3, -4], [0, 2]]))[:, 0]
    assert torch.equal(moved[0, :-3, 4:], still[0, 3:, :-4])
    assert torch.equal(moved[1, :, :-2], still[1, :, 2:])
    assert divmod(int(moved[0].argmax()), SIDE) == (16 - 3, 16 + 4)


def test_brightness_and_contrast_do_not_matter() -> None:
    plane, centres = _two_cells(), np.array([[20, 19]])
    one = MarkerChannels(cost_image(plane), centres, SIDE, SIGMA, PRICE)([0])
    other = MarkerChannels(cost_image(300.0 * plane + 70.0), centres, SIDE, SIGMA, PRICE)([0])
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("shape", [(20, 31), (3, 5), (1, 1)])
def test_constant_images_give_the_octagon_that_ways_over_pixels_draw(shape: tuple[int, int]) -> None:
    """Images smaller than a patch too: along rows and diagonals it is the disk, nowhere far from it."""
    centres = np.argwhere(np.ones(shape))[:: shape[1] + 1]
    found = MarkerChannels(cost_image(np.full(shape, 7.0)), centres, SIDE, SIGMA, PRICE)(range(len(centres)))
    disk = gaussian_disk(SIDE, SIGMA)
    assert found.shape == (len(centres), 1, SIDE, SIDE)
    assert float((found - disk).abs().max()) < 0.06


def test_no_marker_has_no_position() -> None:
    made = MarkerChannels(cost_image(_two_cells()), np.zeros((0, 2), np.int64), SIDE, SIGMA, PRICE)
    assert made([]).shape == (0, 1, SIDE, SIDE)


def test_the_memory_is_bounded_and_what_is_forgotten_is_made_again() -> None:
    centres = np.argwhere(np.ones((40, 70)))[::130]
    expected = MarkerChannels(cost_image(_two_cells()), centres, SIDE, SIGMA, PRICE)(range(len(centres)))
    made = MarkerChannels(cost_image(_two_cells()), centres, SIDE, SIGMA, PRICE, kept=3)
    for number in (0, 5, 9, 0, 12, 5):
        assert torch.equal(made([number])[0], expected[number])
    assert sorted(made._maps) == [0, 5, 9]


def test_maps_are_freed_with_their_image() -> None:
    """Without waiting for Python to look for circles: each image holds megabytes."""
    made = MarkerChannels(cost_image(_two_cells()), np.array([[20, 30]]), SIDE, SIGMA, PRICE)
    made([0])
    left = weakref.ref(made)
    del made
    assert left() is None
