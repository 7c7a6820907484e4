"""Fluorescence is told from label-free images, and grey values become what networks and thresholds work on."""

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.cues.modality import brighter_near, detect_modality
from frugalseg.images.normalize import blur, flatten, log_level, normalize_plane
from frugalseg.synthetic.cells import make_cells

VALIDATIONS = {
    "nuclear": "fluorescent",
    "cytoplasm": "fluorescent",
    "membrane": "fluorescent",
    "phase": "label-free",
    "brightfield": "label-free",
}


@pytest.mark.parametrize("density", [0.05, 0.3, 0.6, 0.85])
@pytest.mark.parametrize("channel", VALIDATIONS)
def test_fluorescence_is_told_from_label_free(channel: str, density: float) -> None:
    for seed in (0, 1):
        plane = make_cells((192, 192), density=density, seed=seed).planes([channel])[0]
        assert detect_modality(plane, 30) == VALIDATIONS[channel]
        # Neither gain nor offset of the camera matters.
        assert detect_modality(plane * 0.01 + 5, 30) == VALIDATIONS[channel]


def test_an_empty_plane_is_no_reason_to_fail() -> None:
    assert detect_modality(np.full((40, 50), 7, np.float32), 30) == "label-free"


def test_blur_is_a_gaussian_with_mirrored_borders() -> None:
    plane = np.zeros((41, 41), np.uint16)
    plane[20, 20] = 1000
    smooth = blur(plane, 3.0)
    assert smooth.dtype == np.float32
    assert smooth.sum() == pytest.approx(1000, rel=1e-4)
    assert smooth[20, 23] / smooth[20, 20] == pytest.approx(np.exp(-0.5), rel=1e-3)
    assert smooth[23, 20] == pytest.approx(smooth[20, 23])
    np.testing.assert_allclose(blur(np.full((5, 9), 3.0), 20.0), 3.0, rtol=1e-5)
    ramp = blur(np.tile(np.arange(30.0), (30, 1)), 2.0)
    mirrored = blur(
        np.tile(np.r_[np.arange(30.0)[::-1], np.arange(30.0), np.arange(30.0)[::-1]], (90, 1)), 2.0
    )
    np.testing.assert_allclose(ramp[15], mirrored[45, 30:60], rtol=1e-4, atol=1e-4)


def test_flatten_takes_the_illumination_away() -> None:
    field = make_cells((256, 256), density=0.3, seed=4, vignette=0.0).planes(["phase"])[0]
    y, x = np.mgrid[:256, :256] / 255.0
    lamp = (field.mean() * (x + 2 * y)).astype(np.float32)
    plain, lit = flatten(field, 30), flatten(field + lamp, 30)
    assert plain.std() == pytest.approx(1.0, abs=1e-3)
    inner = (slice(60, -60), slice(60, -60))  # a slope bends at the mirrored border
    assert np.corrcoef(plain[inner].ravel(), lit[inner].ravel())[0, 1] > 0.98
    assert abs(np.corrcoef(lit[inner].ravel(), lamp[inner].ravel())[0, 1]) < 0.2


def test_log_level_turns_factors_into_differences() -> None:
    plane = np.full((120, 200), 100.0, np.float32)  # the camera's black
    plane[20:100, 20:50] = 100 + 4000
    plane[20:100, 80:110] = 100 + 2000
    plane[20:100, 140:170] = 100 + 1000
    level = log_level(plane, 30)
    bright, medium, dim = level[60, 35], level[60, 95], level[60, 155]
    assert level[60, 5] < dim < medium < bright
    # ln 2 each, but for the small floor that keeps black finite.
    assert bright - medium == pytest.approx(np.log(2), rel=0.1)
    assert medium - dim == pytest.approx(np.log(2), rel=0.15)
    assert np.isfinite(log_level(np.full((9, 9), 5.0, np.float32), 30)).all()


@pytest.mark.parametrize("modality", ["fluorescent", "label-free"])
def test_normalised_planes_have_zero_mean_and_unit_variance(modality: str) -> None:
    plane = make_cells((128, 128), seed=2).planes(["cytoplasm"])[0]
    values = normalize_plane(plane, modality, 30)  # type: ignore[arg-type]
    assert values.dtype == np.float32
    assert values.mean() == pytest.approx(0, abs=1e-4)
    assert values.std() == pytest.approx(1, abs=1e-4)
    # Gain and offset of the camera are gone.
    np.testing.assert_allclose(normalize_plane(plane * 3 + 700, modality, 30), values, atol=2e-2)  # type: ignore[arg-type]
    source = log_level(plane, 30) if modality == "fluorescent" else flatten(plane, 30)
    assert np.corrcoef(values.ravel(), source.ravel())[0, 1] == pytest.approx(1.0, abs=1e-5)


def test_a_constant_plane_stays_finite() -> None:
    for modality in ("fluorescent", "label-free"):
        assert np.isfinite(normalize_plane(np.full((20, 20), 9.0, np.float32), modality, 30)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", ["phase", "brightfield"])
@pytest.mark.parametrize("density", [0.9, 0.97, 1.0])
def test_label_free_fields_full_of_cells_are_label_free(channel: str, density: float) -> None:
    for seed in range(4):
        plane = make_cells((160, 192), density=density, seed=seed).planes([channel])[0]
        assert detect_modality(plane, 30) == "label-free"


@pytest.mark.parametrize("value", [7.3, 9.0, 1234.56])
@pytest.mark.parametrize("modality", ["fluorescent", "label-free"])
def test_rounding_of_a_constant_plane_is_not_blown_up(value: float, modality: str) -> None:
    plane = np.full((64, 64), value, np.float32)
    assert np.abs(normalize_plane(plane, modality, 30)).max() == 0


def test_brightness_around_nuclei_tells_fluorescence_where_contrast_does_not() -> None:
    field = make_cells((192, 192), density=0.3, seed=0)
    stain, phase = field.planes(["cytoplasm", "phase"])
    noisy = stain + np.random.default_rng(0).normal(0, 1.6 * stain.std(), stain.shape).astype(np.float32)
    assert detect_modality(noisy, 30) == "label-free"  # the noise is as strong everywhere
    assert detect_modality(noisy, 30, field.nuclei) == "fluorescent"
    points = np.zeros(field.nuclei.shape, np.uint32)
    points[tuple(np.round(field.markers).astype(int).T)] = 1
    assert detect_modality(noisy, 30, points) == "fluorescent"
    for plane in (phase, phase.max() - phase):
        assert detect_modality(plane, 30, field.nuclei) == "label-free"
    assert fs.find_cues(np.stack([noisy, phase]), field.nuclear).modalities == ("fluorescent", "label-free")


def test_how_often_places_near_nuclei_are_brighter() -> None:
    nuclei = np.zeros((40, 80), np.int32)
    nuclei[18:22, 18:22] = 1
    steps = np.where(np.arange(80) < 40, 2.0, 1.0)[None].repeat(40, 0).astype(np.float32)
    assert brighter_near(steps, nuclei, 16) == 1.0
    assert brighter_near(-steps, nuclei, 16) == 0.0
    assert brighter_near(np.ones((40, 80), np.float32), nuclei, 16) == 0.5
    assert brighter_near(steps, np.zeros_like(nuclei), 16) == 0.5
    assert brighter_near(steps, np.ones_like(nuclei), 16) == 0.5  # nothing is far
