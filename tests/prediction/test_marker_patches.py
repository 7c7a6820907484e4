"""From a marker network to numbered cells: patches in place, flips averaged, the paper's threshold or the whole foreground."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frugalseg.images.geodesic import cost_image
from frugalseg.networks.marker_channel import MarkerChannels, gaussian_disk
from frugalseg.prediction import marker_patches
from frugalseg.prediction.marker_patches import labels_from_patches, patch_probabilities


class Pixelwise(nn.Module):
    """The logit is the first plane plus ten times the disk."""

    def forward(self, patches: Tensor) -> Tensor:
        return patches[:, 0] + 10 * patches[:, -1]


class FirstRow(nn.Module):
    """Claims the first row of what it is shown: different for each of the eight orientations."""

    def forward(self, patches: Tensor) -> Tensor:
        logits = torch.full_like(patches[:, 0], -40.0)
        logits[:, 0, :3] = 40.0
        return logits


def _disks(shape: tuple[int, int], points: NDArray[np.float64], side: int, sigma: float) -> MarkerChannels:
    """The paper's disk at each point."""
    centres = np.clip(np.round(points).astype(np.int64), 0, np.array(shape) - 1)
    return MarkerChannels(np.zeros(shape, np.float32), centres, side, sigma, None)


def _planes(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)


@pytest.mark.parametrize("orientations", [1, 8])
@pytest.mark.parametrize("shape", [(30, 40), (5, 9)])
def test_patches_hold_the_networks_answer_at_their_corner(shape: tuple[int, int], orientations: int) -> None:
    planes = _planes(shape)
    points = np.array([[0.0, 0.0], [2.4, 3.6], [shape[0] - 0.6, shape[1] - 0.6]])
    found, corners = patch_probabilities(
        Pixelwise(),  # type: ignore[arg-type]
        planes,
        _disks(shape, points, 16, 4.0),
        orientations,
    )
    assert corners.tolist() == [[-8, -8], [-6, -4], [shape[0] - 9, shape[1] - 9]]
    disk = gaussian_disk(16, 4.0).numpy()
    for patch, (top, left) in zip(found, corners, strict=True):
        for y in range(max(0, top), min(shape[0], top + 16)):
            for x in range(max(0, left), min(shape[1], left + 16)):
                logit = planes[0, y, x] + 10 * disk[y - top, x - left]
                assert patch[y - top, x - left] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)


def test_eight_orientations_are_flipped_back_and_averaged() -> None:
    disks = _disks((20, 20), np.array([[10.0, 10.0]]), 16, 4.0)
    one, _ = patch_probabilities(FirstRow(), _planes((20, 20)), disks, 1)  # type: ignore[arg-type]
    eight, _ = patch_probabilities(FirstRow(), _planes((20, 20)), disks, 8)  # type: ignore[arg-type]
    assert one[0, 0, :3].tolist() == [1, 1, 1]
    assert one.sum() == pytest.approx(3)
    flips = [np.rot90(side, k) for side in (one[0], one[0][::-1]) for k in range(4)]
    np.testing.assert_allclose(eight[0], np.mean(flips, axis=0), atol=1e-6)


def test_batches_of_patches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = _planes((30, 30))
    centres = np.random.default_rng(0).integers(0, 30, (7, 2))
    positions = MarkerChannels(cost_image(planes[0]), centres, 16, 4.0, 0.05)
    together = patch_probabilities(Pixelwise(), planes, positions, 1)  # type: ignore[arg-type]
    monkeypatch.setattr(marker_patches, "AT_ONCE", 3)
    apart = patch_probabilities(Pixelwise(), planes, positions, 1)  # type: ignore[arg-type]
    np.testing.assert_allclose(apart[0], together[0], atol=1e-6)
    assert np.array_equal(apart[1], together[1])


def test_no_marker_gives_no_cell() -> None:
    points = np.zeros((0, 2))
    found, corners = patch_probabilities(Pixelwise(), _planes((9, 9)), _disks((9, 9), points, 16, 4.0))  # type: ignore[arg-type]
    assert found.shape == (0, 16, 16)
    labels, _ = labels_from_patches(found, corners, points, np.ones((9, 9), bool))
    assert labels.dtype == np.uint32
    assert not labels.any()


def _two_cells() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Two markers on a line, a weak border between their cells, and a fragment of the first behind the second."""
    first = [0.9, 0.9, 0.4, 0.2, 0.1, 0.2, 0.1, 0.6]
    second = [0.0, 0.1, 0.2, 0.3, 0.9, 0.9, 0.9, 0.1]
    foreground = np.array([[1, 1, 1, 1, 1, 1, 0, 1]], bool)
    patches = np.array([[first], [second]], np.float32)
    return patches, np.zeros((2, 2), np.int64), np.array([[0.0, 0.0], [0.0, 5.0]]), foreground


def test_the_papers_threshold_ignores_the_foreground() -> None:
    labels, merged = labels_from_patches(*_two_cells(), assign_remaining=False)
    assert labels.tolist() == [[1, 1, 0, 0, 2, 2, 2, 0]]  # the fragment has no marker
    assert merged.labels.tolist() == [[1, 1, 1, 2, 2, 2, 2, 1]]
    assert merged.probability[0].tolist() == pytest.approx([0.9, 0.9, 0.4, 0.3, 0.9, 0.9, 0.9, 0.6])


def test_completion_fills_the_foreground_and_only_that() -> None:
    labels, _ = labels_from_patches(*_two_cells())
    assert labels.tolist() == [[1, 1, 1, 2, 2, 2, 0, 0]]


@pytest.mark.parametrize("assign_remaining", [True, False])
def test_ids_are_the_markers_whatever_is_lost(assign_remaining: bool) -> None:
    """The second marker's cell is nowhere the best; the third keeps its number."""
    patches = np.array([[[0.9, 0.9, 0.0]], [[0.6, 0.6, 0.0]], [[0.0, 0.0, 0.9]]], np.float32)
    points = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    labels, _ = labels_from_patches(
        patches, np.zeros((3, 2), np.int64), points, np.ones((1, 3), bool), assign_remaining=assign_remaining
    )
    assert labels.tolist() == [[1, 1, 3]]


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.6])
def test_border_cells_and_scale(factor: float) -> None:
    """A cell in the image's corner, cut at the working scale and laid down at the image's own."""
    shape, radius = (60, 80), 14.0
    points = np.array([[0.0, 0.0], [59.0, 40.0]])
    small = (round(shape[0] * factor), round(shape[1] * factor))
    centres = (points + 0.5) * np.array(small) / np.array(shape) - 0.5
    sigma = radius * factor

    class Disk(nn.Module):
        def forward(self, patches: Tensor) -> Tensor:
            # One half where the disk has fallen to exp(-1/2), at one sigma.
            return 40 * (patches[:, -1] - float(np.exp(-0.5)))

    planes = np.zeros((1, *small), np.float32)
    found, corners = patch_probabilities(Disk(), planes, _disks(small, centres, 64, sigma))  # type: ignore[arg-type]
    labels, _ = labels_from_patches(
        found, corners, points, np.ones(shape, bool), factor, assign_remaining=False
    )
    y, x = np.mgrid[: shape[0], : shape[1]]
    for number, (row, column) in enumerate(points, start=1):
        away = np.hypot(y - row, x - column)
        assert (labels[away < radius - 1.5] == number).all()
        assert (labels[away > radius + 1.5] != number).all()


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_the_halo_of_label_free_images_is_left_out(factor: float) -> None:
    """A cell of 15 px at the working scale whose two outermost px are dark; at the image's scale it is larger."""
    side = 80
    y, x = np.mgrid[:side, :side]
    away = np.hypot(y - 40, x - 40)
    plane = np.random.default_rng(0).normal(0.0, 0.1, (side, side)).astype(np.float32)
    plane[(away <= 15) & (away > 13)] = -4.0
    patch = np.where(away <= 15, 0.9, 0.0).astype(np.float32)
    size = round(side / factor)
    point = np.array([[(40.5 / factor) - 0.5] * 2])
    grid = np.mgrid[:size, :size] - point[0][:, None, None]
    radius = np.hypot(*grid) * factor
    settings = (patch[None], np.zeros((1, 2), np.int64), point, radius <= 16, factor)
    whole, _ = labels_from_patches(*settings)
    trimmed, _ = labels_from_patches(*settings, label_free=plane)
    assert (whole[radius < 14.5] == 1).all()
    assert (trimmed[radius < 12.5] == 1).all()
    assert 0.04 < 1 - trimmed.sum() / whole.sum() < 0.27
    assert not trimmed[whole == 0].any()


@pytest.mark.parametrize("assign_remaining", [True, False])
def test_a_nucleus_is_whole_outside_the_foreground_and_against_other_patches(assign_remaining: bool) -> None:
    nuclei = np.array([[0, 1, 1, 0, 0, 2, 2, 2]], np.int32)
    patches, corners, points, foreground = _two_cells()
    patches[1, 0, 2] = 0.99
    labels, _ = labels_from_patches(
        patches, corners, points, foreground, assign_remaining=assign_remaining, nuclei=nuclei
    )
    expected = [[1, 1, 1, 2, 2, 2, 2, 2]] if assign_remaining else [[1, 1, 1, 0, 2, 2, 2, 2]]
    assert labels.tolist() == expected


def test_the_halo_leaves_nuclei_whole() -> None:
    """A dark halo along the boundary of the cell, and a nucleus that reaches into it."""
    y, x = np.mgrid[:80, :80]
    away = np.hypot(y - 40, x - 40)
    plane = np.random.default_rng(0).normal(0.0, 0.1, (80, 80)).astype(np.float32)
    plane[(away <= 15) & (away > 13)] = -4.0
    patch = np.where(away <= 15, 0.9, 0.0).astype(np.float32)[None]
    nuclei = (np.hypot(y - 40, x - 50) <= 5).astype(np.int32)
    given = (patch, np.zeros((1, 2), np.int64), np.array([[40.0, 40.0]]), away <= 16)
    trimmed, _ = labels_from_patches(*given, label_free=plane)
    whole, _ = labels_from_patches(*given, label_free=plane, nuclei=nuclei)
    assert (trimmed[nuclei > 0] == 0).any()
    assert np.array_equal(whole > 0, (trimmed > 0) | (nuclei > 0))
