"""Markers on blobs whose number, place and brightness are known."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit

import frugalseg as fs
from frugalseg.cues.background import estimate_noise, subtract_background
from frugalseg.cues.cell_size import estimate_cell_diameter
from frugalseg.cues.markers import (
    Markers,
    find_markers,
    markers_from_labels,
    markers_from_points,
)
from frugalseg.cues.population import stain_varies
from frugalseg.cues.touching import split_touching
from frugalseg.errors import BadPixels, NoMarkers, SettingsError, WrongShape

METHODS = ["threshold", "log", "doh"]


def draw(
    points: NDArray[np.float64],
    shape: tuple[int, int] = (240, 320),
    diameter: float = 20,
    height: float | NDArray[np.float64] = 500,
    noise: float = 8,
    background: float = 200,
) -> NDArray[np.float32]:
    """Disks with a soft edge of about 2 px on a noisy background."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    plane = np.full(shape, background, np.float32)
    for (cy, cx), h in zip(points, np.broadcast_to(height, len(points)), strict=True):
        plane += h * expit((diameter / 2 - np.hypot(y - cy, x - cx)) / (0.04 * diameter))
    return plane + np.random.default_rng(0).normal(0, noise, shape).astype(np.float32)


def grid(shape: tuple[int, int], step: float, jitter: float, seed: int = 0) -> NDArray[np.float64]:
    """Points about ``step`` apart, none nearer than half of it to the edge."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(
        np.arange(step / 2, shape[0], step), np.arange(step / 2, shape[1], step), indexing="ij"
    )
    return np.stack([y.ravel(), x.ravel()], 1) + rng.uniform(-jitter, jitter, (y.size, 2))


def assert_found(markers: Markers, truth: NDArray[np.float64], within: float) -> None:
    distance = np.linalg.norm(truth[:, None] - markers.points[None], axis=2)
    assert len(markers) == len(truth)
    assert distance.min(axis=1).max() < within
    assert distance.min(axis=0).max() < within


@pytest.mark.parametrize("method", METHODS)
def test_every_nucleus_gets_one_point(method: str) -> None:
    truth = grid((240, 320), 40, 8)
    assert_found(find_markers(draw(truth), method=method), truth, 1.5)


@pytest.mark.parametrize("diameter", [10, 20, 40])
@pytest.mark.parametrize("method", METHODS)
def test_nuclei_in_a_predicted_stain_are_found(method: str, diameter: int) -> None:
    """A network's stain has soft nuclei of uneven height and errors as smooth as they are, and no pixel noise."""
    shape = (12 * diameter, 16 * diameter)
    truth = grid(shape, 3 * diameter, 0.8 * diameter)
    rng = np.random.default_rng(5)
    sharp = draw(truth, shape, diameter, rng.uniform(0.3, 1.0, len(truth)), noise=0, background=0)
    error = gaussian_filter(rng.normal(size=shape), diameter / 6)
    plane = gaussian_filter(sharp, diameter / 10) + 0.015 * error / error.std() - 0.1
    assert_found(find_markers(plane, method=method), truth, 0.15 * diameter)  # type: ignore[arg-type]


@pytest.mark.parametrize("diameter", [7, 14, 30, 60, 100])
def test_diameter_is_estimated_from_7_to_100_px(diameter: float) -> None:
    shape = (int(diameter * 7), int(diameter * 9))
    truth = grid(shape, diameter * 1.8, diameter * 0.2)
    markers = find_markers(draw(truth, shape, diameter))
    assert_found(markers, truth, 0.12 * diameter)
    assert markers.diameter == pytest.approx(diameter, rel=0.12, abs=1.5)


def test_nuclei_100_times_dimmer_than_others_are_found() -> None:
    truth = grid((240, 320), 40, 4)
    height = np.geomspace(150, 15000, len(truth))
    np.random.default_rng(3).shuffle(height)
    plane = draw(truth, height=height, noise=8)
    assert_found(find_markers(plane), truth, 2)
    assert_found(find_markers(plane, log_intensity=True), truth, 2)
    # told that all nuclei are stained alike, those under a twentieth are debris
    assert len(find_markers(plane, log_intensity=False)) < 0.85 * len(truth)


def test_debris_is_left_out_where_all_nuclei_are_stained_alike() -> None:
    truth = grid((240, 320), 40, 4)
    height = np.full(len(truth), 3000.0)
    height[::6] = 60  # a fiftieth
    plane = draw(truth, height=height, noise=4)
    assert_found(find_markers(plane), truth[height > 60], 2)
    assert_found(find_markers(plane, log_intensity=True), truth, 2)


def test_reporter_and_dna_stain_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    assert stain_varies(np.exp(rng.normal(0, 1.0, 200)))
    assert not stain_varies(np.exp(rng.normal(0, 0.3, 200)))
    # haze: many dim things beside bright nuclei
    assert not stain_varies(np.concatenate([np.exp(rng.normal(0, 0.3, 50)), np.full(100, 0.02)]))


@pytest.mark.parametrize("angle", [0, 30, 90])
def test_touching_pair_is_two(angle: float) -> None:
    away = 9.0 * np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    truth = np.vstack([60 - away, 60 + away, [[130, 60], [130, 130], [60, 130]]])
    markers = find_markers(draw(truth, (190, 190)))
    assert_found(markers, truth, 2.5)
    assert len(np.unique(markers.nuclei)) == 6


def test_long_nucleus_is_one() -> None:
    y, x = np.mgrid[:120, :160]
    plane = np.full((120, 160), 100.0)
    for cx in (45, 115):
        plane[((y - 60) / 10) ** 2 + ((x - cx) / 24) ** 2 < 1] = 600
    plane += np.random.default_rng(0).normal(0, 6, plane.shape)
    assert_found(find_markers(plane), np.array([[60.0, 45.0], [60.0, 115.0]]), 1)


def test_dim_nucleus_beside_a_bright_one_it_touches() -> None:
    truth = np.array([[60.0, 50.0], [60.0, 69.0], [60.0, 120.0], [120.0, 60.0], [120.0, 120.0]])
    height = np.array([4000.0, 500, 2000, 900, 3000])
    markers = find_markers(draw(truth, (180, 180), height=height), log_intensity=True)
    assert_found(markers, truth, 4)


def test_scale_invariance() -> None:
    truth = grid((160, 200), 40, 6)
    plane = draw(truth, (160, 200), noise=0.5)
    twice = np.kron(plane, np.ones((2, 2), np.float32))
    small, large = find_markers(plane), find_markers(twice)
    assert_found(large, 2 * small.points + 0.5, 1)
    assert large.diameter == pytest.approx(2 * small.diameter, rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_brightness_and_offset_do_not_matter(method: str) -> None:
    plane = draw(grid((160, 200), 40, 6), (160, 200))
    before = find_markers(plane, method=method).points
    np.testing.assert_allclose(find_markers(0.01 * plane - 5, method=method).points, before, atol=0.05)


def test_nuclei_cut_by_the_border_count() -> None:
    truth = np.array([[0.0, 60.0], [60.0, 0.0], [60.0, 60.0], [119.0, 30.0], [119.0, 119.0], [60.0, 119.0]])
    assert_found(find_markers(draw(truth, (120, 120))), truth, 7)


def test_vignette_is_no_nucleus() -> None:
    truth = grid((240, 320), 40, 6)
    y, x = np.mgrid[:240, :320]
    dark = 1 - 0.6 * (((y - 120) / 120) ** 2 + ((x - 160) / 160) ** 2) / 2
    assert_found(find_markers(draw(truth) * dark), truth, 2)


def test_one_nucleus() -> None:
    markers = find_markers(draw(np.array([[33.0, 44.0]]), (90, 100)))
    np.testing.assert_allclose(markers.points, [[33, 44]], atol=0.5)
    assert estimate_cell_diameter(markers, (90, 100)) == pytest.approx(40, abs=4)


@pytest.mark.parametrize("method", METHODS)
def test_noise_gives_few_or_none(method: str) -> None:
    noise = np.random.default_rng(0).normal(100, 10, (512, 512))
    assert len(find_markers(noise, method=method)) <= 3
    assert len(find_markers(np.random.default_rng(1).poisson(0.5, (512, 512)), method=method)) <= 3


def test_no_nucleus_gives_empty_markers() -> None:
    flat = np.random.default_rng(0).normal(100, 1, (64, 64))
    markers = find_markers(flat)
    assert markers.points.shape == (0, 2)
    assert markers.method == "threshold"
    assert markers.nuclei is not None
    assert markers.nuclei.shape == (64, 64)
    with pytest.raises(NoMarkers, match="no marker"):
        estimate_cell_diameter(markers, (64, 64))


def test_label_of_a_nucleus_is_its_points_number() -> None:
    markers = find_markers(draw(grid((160, 200), 40, 6), (160, 200)))
    assert markers.nuclei is not None
    y, x = np.rint(markers.points).astype(int).T
    np.testing.assert_array_equal(markers.nuclei[y, x], np.arange(1, len(markers) + 1))


@pytest.mark.parametrize(
    ("plane", "error", "says"),
    [
        (np.zeros((20, 20)), BadPixels, "value 0 everywhere"),
        (np.zeros((0, 20)), BadPixels, "empty"),
        (np.where(np.eye(20) > 0, np.nan, 1), BadPixels, "NaN"),
        (np.zeros((2, 20, 20)), WrongShape, "3 axes"),
    ],
)
def test_bad_images_are_refused(plane: NDArray[np.float64], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        find_markers(plane)


def test_bad_settings_are_refused() -> None:
    plane = draw(np.array([[30.0, 30.0]]), (60, 60))
    with pytest.raises(SettingsError, match="`method` is 'blob'; choose one of auto, threshold, log, doh"):
        find_markers(plane, method="blob")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="above 2"):
        find_markers(plane, diameter=0)


def test_tiny_image() -> None:
    assert len(find_markers(np.arange(12.0).reshape(3, 4))) <= 1


def test_points_and_labels_of_the_user() -> None:
    assert markers_from_points([]).points.shape == (0, 2)
    with pytest.raises(WrongShape, match="y and x"):
        markers_from_points([[1, 2, 3]])
    labels = np.zeros((20, 30), np.uint16)
    labels[2:5, 3:6] = 700
    labels[10:14, 20:24] = 4
    markers = markers_from_labels(labels)
    np.testing.assert_allclose(markers.points, [[11.5, 21.5], [3, 4]])
    assert markers.nuclei is not None
    assert markers.nuclei[3, 4] == 2
    assert markers.diameter == pytest.approx(np.sqrt(4 / np.pi * 12.5), rel=0.02)


def test_cell_diameter_follows_spacing_only_where_cells_lie_together() -> None:
    close, apart = grid((400, 400), 30, 0), grid((2000, 2000), 200, 0)
    assert estimate_cell_diameter(markers_from_points(close, 20), (400, 400)) == pytest.approx(30)
    assert estimate_cell_diameter(markers_from_points(close, 10), (400, 400)) == pytest.approx(24)
    assert estimate_cell_diameter(markers_from_points(apart, 20), (2000, 2000)) == pytest.approx(40)
    assert estimate_cell_diameter(markers_from_points(close), (400, 400)) == pytest.approx(30)
    with pytest.raises(SettingsError, match="2 points"):
        estimate_cell_diameter(markers_from_points(close[:2]), (400, 400))


def test_noise_is_measured_despite_nuclei_and_vignette() -> None:
    plane = draw(grid((512, 512), 40, 6), (512, 512), noise=8) + np.linspace(0, 300, 512)[None]
    flat = subtract_background(plane.astype(np.float32))
    assert estimate_noise(flat, flat, 0.0) == pytest.approx(8, rel=0.5)


def test_bent_nucleus_is_one() -> None:
    y, x = np.mgrid[:120, :160]
    plane = np.full((120, 160), 100.0)
    for cx in (45, 115):
        ring = np.hypot(y - 70, x - cx)
        plane[(ring > 6) & (ring < 22) & (y < 70)] = 600
    plane += np.random.default_rng(0).normal(0, 6, plane.shape)
    assert len(find_markers(plane)) == 2


def test_bright_spots_inside_a_nucleus_are_no_nuclei() -> None:
    truth = grid((240, 320), 60, 6)
    rng = np.random.default_rng(1)
    spots = np.repeat(truth, 4, axis=0) + rng.uniform(-8, 8, (4 * len(truth), 2))
    plane = draw(truth, diameter=30) + draw(spots, diameter=5, noise=0, background=0, height=250)
    assert_found(find_markers(plane), truth, 3)


def test_a_notch_does_not_split_what_is_no_two_ellipses() -> None:
    rod = np.zeros((40, 80), bool)
    rod[14:26, 10:70] = True
    rod[[14, 25], 39:41] = False
    assert split_touching(rod, 20).max() == 1
    # the same notch between two round halves does
    y, x = np.mgrid[:40, :80]
    pair = np.minimum(np.hypot(y - 20, x - 30), np.hypot(y - 20, x - 48)) < 10.5
    assert split_touching(pair, 20).max() == 2


@pytest.mark.parametrize(("diameter", "step"), [(20, 23), (7, 9), (40, 46)])
def test_nuclei_that_leave_little_background(diameter: float, step: float) -> None:
    side = int(step * (20 if diameter < 40 else 10))
    shape = (side, side)
    truth = grid(shape, step, 0.5)
    assert_found(find_markers(draw(truth, shape, diameter)), truth, 0.2 * diameter)


@pytest.mark.parametrize("method", METHODS)
def test_smooth_noise_gives_few_or_none(method: str) -> None:
    noise = gaussian_filter(np.random.default_rng(0).normal(0, 1, (512, 512)), 3)
    assert len(find_markers(noise, method=method)) <= 5  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["log", "doh"])
def test_blobs_need_no_nucleus_at_all(method: str) -> None:
    markers = find_markers(np.random.default_rng(0).normal(100, 1, (64, 64)), method=method)  # type: ignore[arg-type]
    assert (markers.points.shape, markers.method, markers.nuclei) == ((0, 2), method, None)


def test_marker_of_a_bent_label_lies_inside_it() -> None:
    labels = np.zeros((40, 40), int)
    labels[5:35, 5:10] = labels[5:35, 30:35] = labels[30:35, 5:35] = 3
    (point,) = markers_from_labels(labels).points
    assert labels[tuple(point.astype(int))] == 3


def test_many_bent_labels_take_no_longer_than_the_image() -> None:
    ring = np.zeros((20, 20), int)
    ring[2:18, 2:18] = 1
    ring[6:14, 6:14] = 0  # (5, 9) is nearest to the middle, (9.5, 9.5), and the first of several
    labels = np.kron(np.arange(1, 2501).reshape(50, 50), ring)
    start = time.perf_counter()
    points = markers_from_labels(labels).points.reshape(50, 50, 2)
    assert time.perf_counter() - start < 5
    corners = np.stack(np.mgrid[:50, :50], axis=-1) * 20
    np.testing.assert_array_equal(points - corners, np.broadcast_to([5, 9], (50, 50, 2)))


def test_labels_that_are_no_label_map_are_refused() -> None:
    nuclei = np.zeros((40, 40))
    nuclei[5:12, 5:12], nuclei[20:28, 20:28] = 1, 2
    assert len(markers_from_labels(nuclei)) == 2
    for bad, message in (
        (np.nan, "NaN or infinite"),
        (2.5, "not whole numbers"),
        (2.0**60, "different ids may have become one"),
    ):
        with pytest.raises(BadPixels, match=message):
            markers_from_labels(np.where(nuclei == 2, bad, nuclei))
    with pytest.raises(
        WrongShape, match=r"`labels` have the shape \(0, 4\); give one label map \(Y, X\) with"
    ):
        markers_from_labels(np.zeros((0, 4), int))


@pytest.mark.parametrize("factor", [1.0, 1e16, 1e30])
def test_very_bright_stains_have_the_same_nuclei(factor: float) -> None:
    plane = fs.make_cells((128, 128), n_cells=12, dim_nuclei=0, seed=3).nuclear.astype(np.float32)
    found, expected = find_markers(plane * np.float32(factor)), find_markers(plane)
    assert len(found) == len(expected) > 5
    assert max(np.hypot(*(found.points - one).T).min() for one in expected.points) < 0.5


@pytest.mark.parametrize("levels", [1, 2, 3, 7])
def test_a_stain_of_a_few_grey_values_has_nuclei(levels: int) -> None:
    """A mask has two; its smallest step between grey values is all of its range."""
    field = fs.make_cells((96, 96), n_cells=8, dim_nuclei=0, seed=1)
    share = np.clip((field.nuclear - 100.0) / np.quantile(field.nuclear[field.nuclei > 0], 0.5), 0, 1)
    few = np.round(share * levels) / levels
    found = find_markers(few)
    assert len(np.unique(few)) == levels + 1
    assert (len(found), sorted(field.nuclei[tuple(np.rint(found.points).astype(int).T)])) == (
        8,
        list(range(1, 9)),
    )


def test_points_are_copied_and_complex_numbers_refused() -> None:
    given = np.array([[10.0, 20.0]])
    found = markers_from_points(given)
    given[:] = 0
    assert found.points.tolist() == [[10.0, 20.0]]
    with pytest.raises(BadPixels, match="complex128, which is not of real numbers; give its magnitude"):
        find_markers(np.eye(32) + 1j)
