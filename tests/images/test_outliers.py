"""Hot, dead and damaged pixels: grey values of all others are scaled as if these were not there."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frugalseg.images.normalize import IntensityScale, normalize_plane, zscore
from frugalseg.images.outliers import constant_but_for_outliers, find_outliers, without_outliers
from frugalseg.images.read import read_image
from frugalseg.images.streamed_greys import measure_greys, read_without_outliers

SHAPE = (200, 220)


def noise(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(1).normal(1000, 200, shape).astype(np.float32)


def nuclei(shape: tuple[int, int] = SHAPE, count: int = 30) -> np.ndarray:
    """Blurred discs 12 px wide and of varying brightness on a dark background."""
    rng = np.random.default_rng(2)
    plane = np.zeros(shape, np.float32)
    for y, x in rng.integers(10, min(shape) - 10, (count, 2)).tolist():
        cv2.circle(plane, (x, y), 6, float(rng.uniform(500, 3000)), -1)
    return cv2.GaussianBlur(plane, (0, 0), 1.5) + rng.normal(100, 10, shape).astype(np.float32)


def scattered(plane: np.ndarray, value: float, count: int = 20) -> np.ndarray:
    plane.flat[np.random.default_rng(3).choice(plane.size, count, replace=False)] = value
    return plane


def block(plane: np.ndarray, value: float) -> np.ndarray:
    plane[50:54, 60:65] = value
    return plane


def first_row(plane: np.ndarray, value: float) -> np.ndarray:
    plane[0, :20] = value
    return plane


def column(plane: np.ndarray, value: float) -> np.ndarray:
    plane[40:120, 33] = value
    return plane


def pair_at_corner(plane: np.ndarray, value: float) -> np.ndarray:
    plane[-2:, -2:] = value
    return plane


Spoil = Callable[[np.ndarray, float], np.ndarray]


@pytest.mark.parametrize("spoil", [scattered, block, first_row, column, pair_at_corner])
@pytest.mark.parametrize("value", [65535.0, 1e30, 3e38, -40000.0, -1e30])
@pytest.mark.parametrize("make", [noise, nuclei])
def test_all_other_pixels_are_scaled_as_without_outliers(
    make: Callable[[], np.ndarray], value: float, spoil: Spoil
) -> None:
    clean, spoilt = make(), spoil(make(), value)
    same = spoilt != value
    wanted, scaled = zscore(clean[None])[0], zscore(spoilt[None])[0]
    assert np.abs(scaled - wanted)[same].max() < 0.03
    assert np.abs(scaled).max() <= np.abs(wanted).max() * 1.01
    assert (find_outliers(spoilt) == ~same).all()


@pytest.mark.parametrize("modality", ["fluorescent", "label-free"])
def test_normalised_planes_hold_no_outlier_either(modality: str) -> None:
    clean, spoilt = nuclei(), scattered(nuclei(), 1e30)
    wanted, scaled = normalize_plane(clean, modality, 20), normalize_plane(spoilt, modality, 20)
    assert np.corrcoef(wanted.ravel(), scaled.ravel())[0, 1] > 0.99


def test_the_scale_of_several_images_ignores_outliers() -> None:
    stack = np.stack([nuclei(), noise()])
    spoilt = np.stack([scattered(nuclei(), 65535), scattered(noise(), 1e30)])
    wanted, found = IntensityScale.fit([stack, stack]), IntensityScale.fit([spoilt, stack])
    np.testing.assert_allclose(found.centre, wanted.centre, rtol=2e-3)
    np.testing.assert_allclose(found.spread, wanted.spread, rtol=2e-3)


def test_dead_pixels() -> None:
    plane = np.random.default_rng(1).normal(30000, 300, SHAPE).astype(np.float32)
    spoilt = scattered(plane.copy(), 0)
    repaired = without_outliers(spoilt)
    assert repaired.min() > 28000
    np.testing.assert_array_equal(repaired[spoilt > 0], plane[spoilt > 0])


@pytest.mark.parametrize("shape", [(200, 220), (1030, 1090)])
@pytest.mark.parametrize("count", [1, 3, 30])
def test_few_bright_nuclei_are_ordinary(shape: tuple[int, int], count: int) -> None:
    plane = nuclei(shape, count)
    assert without_outliers(plane) is plane
    cut = plane[: shape[0] // 2]  # some touch the edge
    assert without_outliers(cut) is cut


@given(st.integers(0, 2**32 - 1), st.sampled_from(["uniform", "normal", "poisson", "lognormal"]))
def test_noise_is_ordinary(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    plane = {
        "uniform": lambda: rng.uniform(0, 1, (50, 60)),
        "normal": lambda: rng.normal(0, 1, (50, 60)),
        "poisson": lambda: rng.poisson(2, (50, 60)),
        "lognormal": lambda: rng.lognormal(0, 0.5, (50, 60)),
    }[kind]().astype(np.float32)
    assert without_outliers(plane) is plane


def test_replacing_twice_changes_nothing() -> None:
    once = without_outliers(scattered(nuclei(), 65535))
    assert without_outliers(once) is once


def test_an_image_of_nothing_but_outliers_keeps_them() -> None:
    points = scattered(np.full(SHAPE, 5, np.float32), 700)
    assert constant_but_for_outliers(points)
    assert without_outliers(points) is points
    assert not constant_but_for_outliers(nuclei())
    assert not constant_but_for_outliers(np.full(SHAPE, 5, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_left_to_be_refused(value: float) -> None:
    plane = noise()
    plane[3, 4] = value
    assert without_outliers(plane) is plane


@pytest.mark.parametrize("shape", [(1, 900), (900, 1), (2, 700), (0, 5), (1, 1), (3, 3)])
def test_thin_and_small_planes(shape: tuple[int, int]) -> None:
    plane = noise(shape)
    assert without_outliers(plane) is plane


@pytest.mark.parametrize("core", [32, 50, 1024])
@pytest.mark.parametrize("spoil", [scattered, block, first_row, column, pair_at_corner])
def test_tiles_equal_the_whole_image(spoil: Spoil, core: int) -> None:
    image = np.stack([spoil(nuclei(), 65535), noise(), spoil(noise(), -1e30), np.zeros(SHAPE, np.float32)])
    read = lambda window: image[:, *window]  # noqa: E731
    whole = np.stack([without_outliers(plane) for plane in image])
    greys = measure_greys(read, SHAPE, core)
    np.testing.assert_allclose(greys.mean, whole.mean(axis=(1, 2), dtype=float), rtol=1e-9)
    np.testing.assert_allclose(greys.sd, whole.std(axis=(1, 2), dtype=float), rtol=1e-9)
    for rows in (slice(0, 70), slice(49, 60), slice(150, 200)):
        window = (rows, slice(31, 220))
        np.testing.assert_array_equal(
            read_without_outliers(read, window, SHAPE, greys.limits), whole[:, *window]
        )


def test_tiles_sample_the_same_pixels_as_the_whole_image() -> None:
    """Above a million pixels quantiles are those of a grid."""
    plane = scattered(np.random.default_rng(1).normal(1000, 200, (1100, 1500)).astype(np.float32), 1e30, 900)
    greys = measure_greys(lambda window: plane[None][:, *window], (1100, 1500), 333)
    assert greys.sd[0] == pytest.approx(without_outliers(plane).std(dtype=float), rel=1e-9)
    assert greys.sd[0] == pytest.approx(200, rel=0.01)


def test_without_outliers_the_image_is_read_once() -> None:
    calls = []
    image = nuclei()[None]
    greys = measure_greys(lambda window: calls.append(window) or image[:, *window], SHAPE, 100)
    assert len(calls) == 6
    assert np.isinf(greys.limits).all()


@pytest.mark.real
def test_real_fields_are_left_as_they_are(real_data) -> None:
    paths = [
        path for path in sorted(real_data.rglob("*_*.tif")) if "nuclear" in path.name or "phase" in path.name
    ]
    planes = [read_image(path).plane(0) for path in paths[:40]]
    assert len(planes) > 20
    assert all(without_outliers(plane) is plane for plane in planes)


@pytest.mark.parametrize("share", [0.001, 0.003, 0.004, 0.006])
def test_many_hot_pixels_of_all_values_are_all_found(share: float) -> None:
    """The worst hide others, so that one look is not enough; tiles look as often as the whole image."""
    rng = np.random.default_rng(0)
    plane = rng.normal(100, 5, (300, 300)).astype(np.float32)
    hot = rng.choice(plane.size, int(share * plane.size), replace=False)
    plane.flat[hot] += np.exp(rng.uniform(np.log(50), np.log(60000), len(hot))).astype(np.float32)
    found = without_outliers(plane)
    np.testing.assert_array_equal(without_outliers(found), found)
    assert np.delete(zscore(plane[None])[0].ravel(), hot).std() > 0.8
    read = lambda window: plane[None][:, *window]  # noqa: E731
    greys = measure_greys(read, (300, 300), 128)
    window = (slice(40, 170), slice(0, 130))
    np.testing.assert_array_equal(
        read_without_outliers(read, window, (300, 300), greys.limits)[0], found[window]
    )
    assert (greys.mean[0], greys.sd[0]) == pytest.approx(
        (found.mean(dtype=float), found.std(dtype=float)), rel=1e-9
    )
