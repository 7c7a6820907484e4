"""Crops lie where the target shows signal, and are the same however a run was cut."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from frugalseg.errors import BadPixels, SettingsError
from frugalseg.images.fields import open_fields
from frugalseg.learning.crops import SHARE, CropSampler
from frugalseg.learning.signal_level import signal_threshold
from frugalseg.synthetic.cells import make_cells

SIZE = 64


def half_empty(seed: int) -> np.ndarray:
    """A nuclear stain whose right half shows nothing but the camera's noise."""
    nuclear = make_cells((200, 300), density=0.3, seed=seed).nuclear.astype(np.float32)
    noise = np.random.default_rng(seed).normal(100, 3, nuclear.shape)
    return np.where(np.arange(300) < 150, nuclear - nuclear.min() + noise, noise).astype(np.float32)


@pytest.fixture(scope="module")
def fields() -> list[np.ndarray]:
    noise = np.random.default_rng(9).normal(100, 3, (130, 170)).astype(np.float32)
    return [half_empty(1), noise, half_empty(2)]


def test_every_crop_has_signal_and_empty_fields_give_none(fields: list[np.ndarray]) -> None:
    sampler = CropSampler(iter(fields), SIZE, seed=3)
    assert sampler.empty == (1,)
    assert 0.2 < sampler.skipped < 0.8
    assert sampler.block == 2
    bright = [
        np.kron(
            plane.reshape(plane.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3)) > sampler.threshold,
            np.ones((2, 2)),
        )
        for plane in fields
    ]
    for step in range(100):
        for field, y, x in sampler(step, 2):
            crop = fields[field][y : y + SIZE, x : x + SIZE]
            assert crop.shape == (SIZE, SIZE)
            assert bright[field][y : y + SIZE, x : x + SIZE].mean() >= SHARE
            assert x < 150


def test_all_corners_with_signal_are_found(fields: list[np.ndarray]) -> None:
    """Blocks of 1 px: the corners are exactly those that summing each crop gives."""
    plane = fields[0][:60, 100:170]
    threshold, share, size = 400.0, 0.05, 31
    sampler = CropSampler([plane], size, seed=0, share=share, threshold=threshold)
    windows = np.lib.stride_tricks.sliding_window_view(plane > threshold, (size, size))
    truly = windows.mean(axis=(2, 3)) >= share
    assert 0 < truly.mean() < 1
    assert sampler.skipped == pytest.approx(1 - truly.mean())
    drawn = np.zeros_like(truly, int)
    for step in range(truly.sum() * 5):
        _, y, x = sampler(step, 1)[0]
        drawn[y, x] += 1
    assert not drawn[~truly].any()
    assert (drawn[truly] > 0).mean() > 0.98  # exp(-5) are missed by chance
    assert drawn[truly].max() < 20  # each is equally likely: 5 on average


def test_a_run_that_was_cut_goes_on_with_the_same_crops(fields: list[np.ndarray]) -> None:
    whole = CropSampler(fields, SIZE, seed=3)
    again, other = CropSampler(fields, SIZE, seed=3), CropSampler(fields, SIZE, seed=4)
    assert [again(step, 3) for step in (7, 2)] == [whole(step, 3) for step in (7, 2)]
    assert [other(step, 3) for step in range(9)] != [whole(step, 3) for step in range(9)]
    # crops are numbered through, so the batch only groups them
    pairs, fours = ([one for step in range(12 // n) for one in whole(step, n)] for n in (2, 4))
    assert pairs == fours


def test_every_field_with_signal_gives_one_crop_per_round(fields: list[np.ndarray]) -> None:
    sampler = CropSampler([*fields, half_empty(5)], SIZE, seed=0)
    rounds = [[field for field, _, _ in sampler(lap, 3)] for lap in range(12)]
    assert all(sorted(one) == [0, 2, 3] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 2


def test_signal_everywhere_skips_nothing() -> None:
    dense = make_cells((150, 180), density=1.0, seed=2, dim_nuclei=0.0).nuclear
    sampler = CropSampler([dense], SIZE, seed=0)
    assert (sampler.skipped, sampler.empty) == (0, ())
    corners = np.array([sampler(step, 1)[0][1:] for step in range(800)])
    assert (corners.min(axis=0) <= 3).all()
    assert (corners.max(axis=0) >= np.array([150, 180]) - SIZE - 3).all()


def test_share_0_takes_empty_crops_too(fields: list[np.ndarray]) -> None:
    sampler = CropSampler(fields, SIZE, seed=0, share=0)
    assert (sampler.skipped, sampler.empty) == (0, ())
    assert {field for step in range(5) for field, _, _ in sampler(step, 3)} == {0, 1, 2}


def test_no_signal_anywhere_is_an_error(fields: list[np.ndarray]) -> None:
    for empty in ([fields[1]], [np.full((100, 100), 7)], [np.zeros((90, 90)), np.zeros((80, 80))]):
        with pytest.raises(BadPixels, match="no crop of 64 px has signal"):
            CropSampler(empty, SIZE, seed=0)
    with pytest.raises(BadPixels, match="no field"):
        CropSampler([], SIZE, seed=0)
    with pytest.raises(SettingsError):
        CropSampler(fields, 0, seed=0)


def confluent_sheet(spread: float, membrane: float, texture: float, seed: int = 0) -> np.ndarray:
    """A stain (260, 300) of cells without a gap: brightness per cell, brighter membranes, texture, noise."""
    random = np.random.default_rng(seed)
    centres = random.uniform((0, 0), (260, 300), (135, 2))
    away, nearest = KDTree(centres).query(np.indices((260, 300)).reshape(2, -1).T, k=2)
    stain = np.exp(random.normal(0, spread, 135))[nearest[:, 0]]
    stain = (stain * np.where(away[:, 1] - away[:, 0] < 2.5, membrane, 1)).reshape(260, 300)
    grain = gaussian_filter(random.normal(size=stain.shape), 2)
    stain = gaussian_filter(stain * (1 + texture * grain / grain.std()), 0.8)
    return (1000 * stain + random.normal(0, 50, stain.shape)).astype(np.float32)


@pytest.mark.parametrize("texture", [0.1, 0.2])
@pytest.mark.parametrize("membrane", [1.3, 2.0])
@pytest.mark.parametrize("spread", [0.1, 0.2, 0.3])
def test_cells_without_a_gap_are_signal_everywhere(spread: float, membrane: float, texture: float) -> None:
    sheets = [confluent_sheet(spread, membrane, texture, seed) for seed in (0, 1)]
    sampler = CropSampler(sheets, 128, seed=0)
    assert sampler.skipped < 0.25
    assert sampler.empty == ()


def test_an_empty_field_between_cells_without_a_gap_is_left_out() -> None:
    noise = np.random.default_rng(3).normal(1000, 50, (260, 300)).astype(np.float32)
    sampler = CropSampler([noise, confluent_sheet(0.2, 2.0, 0.1)], SIZE, seed=0)
    assert sampler.empty == (0,)
    assert sampler.skipped == pytest.approx(0.5)


@pytest.mark.parametrize("smoothed", [0.0, 0.7, 1.0])
def test_noise_and_uneven_light_are_no_cells(smoothed: float) -> None:
    y, x = np.indices((260, 300))
    light = 30 * np.exp(-((y - 130) ** 2 + (x - 150) ** 2) / (2 * 150**2))
    noise = np.random.default_rng(0).normal(100, 2, light.shape)
    for plane in (noise, noise + light):
        empty = (gaussian_filter(plane, smoothed) if smoothed else plane).astype(np.float32)
        with pytest.raises(BadPixels, match="no crop"):
            CropSampler([empty], 128, seed=0)


def test_nuclei_on_smooth_noise_still_skip_what_is_empty() -> None:
    plane = gaussian_filter(np.random.default_rng(0).normal(100, 4, (260, 400)), 2)
    y, x = np.indices(plane.shape)
    for cy, cx in ((40, 30), (120, 50), (200, 20)):
        plane += 200 * (np.hypot(y - cy, x - cx) < 9)
    sampler = CropSampler([plane.astype(np.float32)], SIZE, seed=0)
    assert 0.5 < sampler.skipped < 0.9
    assert all(x < 60 for step in range(60) for _, _, x in sampler(step, 1))


def test_what_to_do_is_said_by_whoever_asks(fields: list[np.ndarray]) -> None:
    with pytest.raises(BadPixels, match="nothing to learn; check the stain, or take larger crops"):
        CropSampler([fields[1]], SIZE, seed=0)
    with pytest.raises(BadPixels, match=r"nothing to learn; label more objects$"):
        CropSampler([np.zeros((90, 90))], SIZE, seed=0, threshold=0.5, advice="label more objects")


def test_small_fields_are_taken_whole() -> None:
    small = half_empty(1)[:40, :50]
    sampler = CropSampler([small, half_empty(2)], SIZE, seed=0)
    assert {(y, x) for step in range(20) for field, y, x in sampler(step, 2) if field == 0} == {(0, 0)}


@pytest.mark.parametrize("factor", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize("bright", [1.0, 100.0])
def test_the_threshold_follows_the_camera_and_not_one_bright_cell(factor: float, bright: float) -> None:
    """Signal is 20 to 100 grey values above a background of 100 +- 2, wherever the scale begins."""
    random = np.random.default_rng(0)
    plane = random.normal(100, 2, (200, 200))
    plane[20:60, 20:60] += np.linspace(20, 100, 40)
    plane[100:110, 100:110] += 100 * bright
    threshold = signal_threshold(plane * factor) / factor
    assert 107 < threshold < 120


def test_labels_are_signal_too() -> None:
    labels = np.zeros((200, 200))
    labels[10:20, 10:20] = 1
    sampler = CropSampler([labels], SIZE, seed=0)
    assert 0 < sampler.threshold < 1
    assert all(y <= 20 and x <= 20 for step in range(50) for _, y, x in sampler(step, 1))


@pytest.mark.parametrize("size", [96, 160])
def test_objects_of_a_few_pixels_are_signal_in_a_mask(size: int) -> None:
    small = np.zeros((300, 300), np.float32)
    small[2:120:6, 2:120:6] = small[3:120:6, 2:120:6] = 1
    small[2:120:6, 3:120:6] = small[3:120:6, 3:120:6] = 1  # 400 objects of 2 x 2 px in one corner
    assert small.sum() == 1600
    with pytest.raises(BadPixels, match="no crop"):
        CropSampler([small], size, seed=0, threshold=0.5)
    large = np.zeros((300, 300), np.float32)
    large[100:120, 200:230] = 1
    sampler = CropSampler([small, large, np.zeros((99, 99))], size, seed=0, threshold=0.5, masks=True)
    assert sampler.empty == (2,)
    assert 0.2 < sampler.skipped < 0.8
    drawn = [sampler(step, 1)[0] for step in range(60)]
    assert {field for field, _, _ in drawn} == {0, 1}
    for field, y, x in drawn:
        assert (small, large)[field][y : y + size, x : x + size].mean() >= SHARE
    # objects of usual size give the crops that they gave
    usual, counted = (CropSampler([large], size, 1, threshold=0.5, masks=one) for one in (False, True))
    assert [counted(step, 4) for step in range(9)] == [usual(step, 4) for step in range(9)]


@pytest.mark.real
def test_sparse_real_fields(real_data: Path) -> None:
    """Suspension nuclei cover less than 1 % of these fields; the threshold separates them, and half of the crops go."""
    table = open_fields([real_data / "brightfield_nuclear"], where=["experiment=181024TK20"])
    stains = [field.plane("nuclear") for field in table]
    sampler = CropSampler(stains, 128, seed=0)
    assert sampler.empty == ()
    assert 0.2 < sampler.skipped < 0.8
    for field, stain in zip(table, stains, strict=True):
        truth = field.labels("nuclei")
        assert truth is not None
        signal, nuclei = (
            plane.reshape(256, 4, 256, 4).mean(axis=(1, 3))
            for plane in (stain[:1024, :1024], truth[:1024, :1024] > 0)
        )
        assert (signal[nuclei > 0.5] > sampler.threshold).mean() > 0.99
        assert (signal[nuclei == 0] > sampler.threshold).mean() < 0.03


def test_equal_weights_change_no_draw() -> None:
    """What was measured before there were weights holds: the numbers are of the version without them."""
    targets = [np.ones((64, 80)), np.ones((40, 40)), np.ones((90, 64))]
    expected = [
        [(0, 28, 35), (2, 3, 22), (1, 6, 1), (0, 19, 31)],
        [(2, 50, 32), (1, 1, 2), (2, 12, 4), (0, 10, 33)],
        [(1, 6, 2), (2, 54, 1), (1, 5, 8), (0, 26, 31)],
    ]
    for weights in (None, [1.0, 1.0, 1.0], [0.4472, 0.4472, 0.4472]):
        sampler = CropSampler(targets, 32, 7, share=0.0, threshold=0.5, weights=weights)
        assert [sampler(step, 4) for step in range(3)] == expected


def test_fields_are_drawn_by_their_weights() -> None:
    targets = [np.ones((40, 40))] * 5
    sampler = CropSampler(targets, 32, seed=3, share=0.0, threshold=0.5, weights=[1, 1, 1, 1, 4])
    drawn = [[field for field, _, _ in sampler(lap, 5)] for lap in range(400)]
    counts = np.bincount(np.ravel(drawn), minlength=5)
    np.testing.assert_allclose(counts / 2000, [0.125] * 4 + [0.5], atol=0.015)
    for lap in drawn:  # 0.625 times, or 2.5 times
        assert max(lap.count(field) for field in range(4)) <= 1
        assert lap.count(4) in (2, 3)
    assert [[field for field, _, _ in sampler(lap, 5)] for lap in (399, 7)] == [drawn[399], drawn[7]]


def test_weights_of_fields_without_signal_do_not_count() -> None:
    full, empty = np.ones((40, 40)), np.zeros((40, 40))
    sampler = CropSampler([full, empty, full], 32, seed=3, threshold=0.5, weights=[1, 5, 3])
    counts = np.bincount([field for step in range(100) for field, _, _ in sampler(step, 4)], minlength=3)
    assert counts[1] == 0
    assert abs(counts[2] - 300) <= 5


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, float("nan")]])
def test_weights_that_make_no_shares_are_refused(weights: list[float]) -> None:
    with pytest.raises(SettingsError, match="one number above 0 for each of the 2 fields"):
        CropSampler([np.ones((40, 40))] * 2, 32, seed=0, threshold=0.5, weights=weights)
