"""Patches become one label map: held to a plain loop, to a disk's geometry, and to drawn cases of completion."""

import numpy as np
import pytest
from numpy.typing import NDArray

from frugalseg.errors import WrongShape
from frugalseg.instances.merge_patches import MergedPatches, assign_remaining_foreground, merge_patches


def _plain_loop(
    patches: NDArray[np.float32], corners: NDArray[np.int64], shape: tuple[int, int]
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    labels, best = np.zeros(shape, np.uint32), np.zeros(shape, np.float32)
    for y in range(shape[0]):
        for x in range(shape[1]):
            for number, (patch, (top, left)) in enumerate(zip(patches, corners, strict=True), start=1):
                inside = 0 <= y - top < patch.shape[0] and 0 <= x - left < patch.shape[1]
                if inside and patch[y - top, x - left] > best[y, x]:
                    labels[y, x], best[y, x] = number, patch[y - top, x - left]
    return labels, best


@pytest.mark.parametrize("seed", range(4))
def test_each_pixel_goes_to_the_highest_probability(seed: int) -> None:
    random = np.random.default_rng(seed)
    patches = random.random((7, 8, 6)).astype(np.float32)
    corners = random.integers(-7, 20, (7, 2))
    labels, probability = merge_patches(patches, corners, (19, 23))
    expected = _plain_loop(patches, corners, (19, 23))
    assert labels.dtype == np.uint32
    assert labels.tolist() == expected[0].tolist()
    assert probability.tolist() == expected[1].tolist()


def test_patches_off_the_image_change_nothing() -> None:
    patches = np.ones((4, 4, 4), np.float32)
    corners = np.array([[-5, 0], [0, -9], [21, 0], [3, 25]])
    for factor, shape in ((1.0, (20, 24)), (0.5, (40, 48)), (2.0, (10, 12))):
        assert not merge_patches(patches, corners, shape, factor).labels.any()


def test_equal_probabilities_go_to_the_first_and_zero_to_none() -> None:
    patches = np.array([[[0.6, 0.0]], [[0.6, 0.0]]], np.float32)
    assert merge_patches(patches, [[0, 0], [0, 0]], (1, 2)).labels.tolist() == [[1, 0]]


def test_more_patches_than_sixteen_bits_hold() -> None:
    n = 66_000
    corners = np.stack([np.zeros(n, int), np.arange(n)], axis=1)
    labels = merge_patches(np.ones((n, 1, 1), np.float32), corners, (1, n)).labels
    assert labels[0].tolist() == list(range(1, n + 1))


def test_each_axis_has_its_own_factor() -> None:
    """As of an image of 1010 px whose reduced copy has 152 and not 151.5 rows."""
    patch = np.zeros((9, 9), np.float32)
    patch[4, 4] = 1.0
    found = merge_patches(patch[None], [[132, 132]], (1010, 1010), (152 / 1010, 151 / 1010))
    y, x = np.unravel_index(found.probability.argmax(), found.probability.shape)
    assert y == pytest.approx(136.5 * 1010 / 152 - 0.5, abs=0.5)
    assert x == pytest.approx(136.5 * 1010 / 151 - 0.5, abs=0.5)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("place", [(40.0, 52.0), (37.3, 55.8)])
def test_a_disk_keeps_place_and_size_at_any_scale(factor: float, place: tuple[float, float]) -> None:
    radius, shape, side = 12.0, (90, 100), 64
    # The disk as it lies on the patches' scale; outer edges of the images coincide.
    centre = (np.array(place) + 0.5) * factor - 0.5
    corner = np.round(centre).astype(int) - side // 2
    y, x = np.mgrid[:side, :side] + corner[:, None, None]
    depth = radius * factor - np.hypot(y - centre[0], x - centre[1])
    patch = np.clip(0.5 + depth / 4, 0, 1).astype(np.float32)
    found = merge_patches(patch[None], corner[None], shape, factor)
    disk = np.argwhere(found.labels * (found.probability >= 0.5))
    assert np.abs(disk.mean(axis=0) - place).max() < 0.25
    assert np.sqrt(len(disk) / np.pi) == pytest.approx(radius, abs=0.25)
    reach = np.hypot(*(disk - np.array(place)).T).max()
    assert reach == pytest.approx(radius, abs=0.75)


def test_corners_and_patches_must_be_as_many() -> None:
    with pytest.raises(WrongShape, match="2 `corners`"):
        merge_patches(np.zeros((3, 4, 4), np.float32), [[0, 0], [1, 1]], (8, 8))
    with pytest.raises(WrongShape, match="one corner per patch"):
        merge_patches(np.zeros((4, 4), np.float32), [[0, 0]] * 4, (8, 8))


def _integrated(labels: list[list[int]], probability: list[list[float]]) -> MergedPatches:
    return MergedPatches(np.array(labels, np.uint32), np.array(probability, np.float32))


def test_weak_probabilities_count_inside_the_foreground_only() -> None:
    found = _integrated([[1, 1, 2, 2, 2]], [[0.9, 0.3, 0.2, 0.8, 0.7]])
    foreground = np.array([[True, True, True, True, False]])
    assert assign_remaining_foreground(found, foreground, floor=0.1).tolist() == [[1, 1, 2, 2, 0]]


def test_remaining_foreground_goes_to_the_only_cell_beside_it() -> None:
    """A process that leaves its patch: reached by no patch, or claimed with less than the floor."""
    found = _integrated([[1, 1, 0, 2, 0, 0]], [[0.9, 0.3, 0.0, 0.05, 0.0, 0.0]])
    foreground = np.array([[True, True, True, True, True, False]])
    assert assign_remaining_foreground(found, foreground, floor=0.1).tolist() == [[1, 1, 1, 1, 1, 0]]
    assert assign_remaining_foreground(found, foreground, floor=0.1, share=2.0).tolist() == [
        [1, 1, 0, 0, 0, 0]
    ]


def test_disputed_foreground_and_islands_stay_background() -> None:
    found = _integrated([[1, 0, 0, 2, 0, 0, 0]], [[0.9, 0, 0, 0.9, 0, 0, 0]])
    foreground = np.array([[True, True, True, True, False, True, True]])
    assert assign_remaining_foreground(found, foreground).tolist() == [[1, 0, 0, 2, 0, 0, 0]]


def test_the_share_of_the_boundary_decides() -> None:
    """The leftover borders on cell 1 by five pixel sides and on cell 2 by one."""
    labels = [[1, 1, 1, 1, 0], [1, 0, 0, 0, 2], [0, 0, 0, 0, 0]]
    foreground = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
    found = _integrated(labels, np.where(np.array(labels) > 0, 0.9, 0.0).tolist())
    kept = assign_remaining_foreground(found, foreground, share=0.81)
    assert kept.tolist() == labels
    given = assign_remaining_foreground(found, foreground, share=0.8)
    assert given.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 2], [0, 0, 0, 0, 0]]


def test_assigning_keeps_large_ids_apart() -> None:
    big = 4_000_000_000
    found = _integrated([[big, 0, 0, 0, big - 1]], [[0.9, 0, 0, 0, 0.9]])
    foreground = np.array([[True, True, False, True, True]])
    assert assign_remaining_foreground(found, foreground).tolist() == [[big, big, 0, big - 1, big - 1]]


def test_no_probability_or_no_foreground_gives_no_cell() -> None:
    empty = _integrated([[0, 0, 0]], [[0, 0, 0]])
    assert assign_remaining_foreground(empty, np.ones((1, 3), bool)).tolist() == [[0, 0, 0]]
    full = _integrated([[1, 1, 2]], [[0.9, 0.9, 0.9]])
    assert assign_remaining_foreground(full, np.zeros((1, 3), bool)).tolist() == [[0, 0, 0]]


def test_a_nucleus_belongs_to_its_own_patch_however_sure_another_is() -> None:
    patches = np.array([[[0.2, 0.9, 0.9, 0.9]], [[0.9, 0.3, 0.8, 0.0]]], np.float32)
    corners = np.zeros((2, 2), np.int64)
    nuclei = np.array([[1, 0, 2, 2]], np.int32)
    merged = merge_patches(patches, corners, (1, 4), nuclei=nuclei)
    assert merged.labels.tolist() == [[1, 1, 2, 2]]
    assert merged.labels.dtype == np.uint32
    assert merged.probability[0].tolist() == pytest.approx([1.0, 0.9, 1.0, 1.0])
    assert merge_patches(patches, corners, (1, 4)).labels.tolist() == [[2, 1, 1, 1]]
    with pytest.raises(WrongShape, match=r"`nuclei` of shape \(1, 4\) do not fit an image of 2 x 4 px"):
        merge_patches(patches, corners, (2, 4), nuclei=nuclei)
