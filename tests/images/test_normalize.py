"""Scales of grey values."""

import json

import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.images.normalize import IntensityScale, blur, normalize_plane
from frugalseg.synthetic.cells import make_cells

PLANES = np.random.default_rng(6).gamma(2.0, 1000.0, (2, 40, 50)).astype(np.float32) * np.array(
    [[[1]], [[7]]], np.float32
)


def test_zscore() -> None:
    scaled = IntensityScale.fit(PLANES).apply(PLANES)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(1, 2)), 1, atol=1e-5)


def test_percentile() -> None:
    scale = IntensityScale.fit(PLANES, "percentile", (5, 95))
    scaled = scale.apply(PLANES)
    np.testing.assert_allclose((scaled < 0).mean(axis=(1, 2)), 0.05, atol=1e-3)
    np.testing.assert_allclose((scaled > 1).mean(axis=(1, 2)), 0.05, atol=1e-3)
    np.testing.assert_allclose(scale.undo(scaled), PLANES, rtol=1e-4, atol=0.1)


def test_several_stacks_are_pooled() -> None:
    parts = [PLANES[:, :13], PLANES[:, 13:]]
    together, apart = IntensityScale.fit(PLANES), IntensityScale.fit(parts)
    assert apart.centre == pytest.approx(together.centre)
    assert apart.spread == pytest.approx(together.spread)


def test_large_offsets_lose_no_digits() -> None:
    planes = np.full((1, 1000, 1000), 60000, np.uint16)
    planes[0, ::2] += 2
    scale = IntensityScale.fit(planes)
    assert scale.centre == (60001.0,)
    assert scale.spread == (1.0,)
    assert set(np.unique(scale.apply(planes))) == {-1.0, 1.0}


def test_mostly_empty_channels_have_a_percentile_scale() -> None:
    planes = np.zeros((1, 50, 50))
    planes[0, 0, 0] = 8
    scale = IntensityScale.fit(planes, "percentile")
    assert (scale.centre, scale.spread) == ((0.0,), (8.0,))


def test_survives_json_and_refuses_unknown_keys() -> None:
    scale = IntensityScale.fit(PLANES, "percentile", channels=["phase", "dapi"])
    text = scale.model_dump_json()
    assert IntensityScale.model_validate_json(text) == scale
    with pytest.raises(ValidationError):
        IntensityScale.model_validate({**json.loads(text), "centers": [1, 2]})
    with pytest.raises(ValidationError):
        IntensityScale(centre=(0.0,), spread=(0.0,))
    with pytest.raises(ValidationError):
        scale.how = "zscore"  # type: ignore[misc]


@pytest.mark.parametrize("how", ["zscore", "percentile"])
def test_pixels_without_a_scale(how: str) -> None:
    constant = PLANES.copy()
    constant[1] = 3
    with pytest.raises(BadPixels, match="channel 'dapi' is constant"):
        IntensityScale.fit(constant, how, channels=["phase", "dapi"])  # type: ignore[arg-type]
    constant[1, 0, 0] = np.nan
    with pytest.raises(BadPixels, match="channel 1 holds NaN"):
        IntensityScale.fit(constant, how)  # type: ignore[arg-type]
    with pytest.raises(BadPixels, match="no pixels"):
        IntensityScale.fit(constant[:, :0], how)  # type: ignore[arg-type]


def test_wrong_settings_and_shapes_are_refused() -> None:
    with pytest.raises(SettingsError, match="not 'minmax'"):
        IntensityScale.fit(PLANES, "minmax")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="rising"):
        IntensityScale.fit(PLANES, "percentile", (50, 50))
    with pytest.raises(WrongShape):
        IntensityScale.fit(PLANES[0])
    with pytest.raises(WrongShape):
        IntensityScale.fit([PLANES, PLANES[:1]])
    with pytest.raises(WrongShape, match="for 2 channels"):
        IntensityScale.fit(PLANES).apply(PLANES[:1])


LOG = IntensityScale(
    how="log", centre=(float(np.log(20)),), spread=(float(np.log(50)),), black=(100.0,), floor=(20.0,)
)


def test_the_logarithm_begins_at_black() -> None:
    greys = np.array([[[0.0, 100.0, 180.0, 1080.0]]])
    expected = [0.0, 0.0, np.log(5) / np.log(50), 1.0]
    np.testing.assert_allclose(LOG.apply(greys)[0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(LOG.undo(LOG.apply(greys))[0, 0], [100, 100, 180, 1080], rtol=1e-5)
    assert LOG.range[0] == pytest.approx(1000 - 20)


def test_a_wild_prediction_of_a_logarithm_stays_finite() -> None:
    greys = LOG.undo(np.array([[[-1e6, 2.0, 1e6]]]))[0, 0]
    brightest = 20 * 50**2 - 20 + 100
    np.testing.assert_allclose(greys, [20 / 50 - 20 + 100, brightest, brightest], rtol=1e-4)


def test_a_mask_is_what_is_brighter_than_its_threshold() -> None:
    scale = IntensityScale(how="mask", centre=(7.0,), spread=(1.0,))
    assert scale.apply(np.array([[[6.9, 7.0, 7.1]]])).tolist() == [[[0.0, 0.0, 1.0]]]
    probability = np.array([[[0.25, 0.75]]], np.float32)
    np.testing.assert_array_equal(scale.undo(probability), probability)
    assert scale.range == (1.0,)


@pytest.mark.parametrize(
    "wrong", [{"how": "log"}, {"how": "log", "black": (1,), "floor": (0,)}, {"black": (1,), "floor": (1,)}]
)
def test_only_a_logarithm_has_a_black_and_a_floor(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"black|floor"):
        IntensityScale.model_validate({"centre": (1.0,), "spread": (1.0,), **wrong})


def test_a_scale_of_an_older_version_is_read() -> None:
    old = {
        "how": "percentile",
        "centre": [100.0],
        "spread": [900.0],
        "channels": ["dapi"],
        "percentiles": [1.0, 99.8],
    }
    scale = IntensityScale.model_validate(old)
    assert scale.apply(np.array([[[100.0, 550.0, 1000.0]]])).tolist() == [[[0.0, 0.5, 1.0]]]
    assert scale.undo(np.array([[[0.5]]])).tolist() == [[[550.0]]]


@pytest.mark.parametrize("shape", [(40, 700), (601, 257), (300, 300)])
@pytest.mark.parametrize("sigma", [29.9, 30.0, 71.3, 150.0])
def test_a_wide_gaussian_in_strips_is_the_same_gaussian(shape: tuple[int, int], sigma: float) -> None:
    plane = np.random.default_rng(0).normal(100, 20, shape).astype(np.float32)
    expected = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    assert np.array_equal(blur(plane, sigma), expected)
    assert np.array_equal(
        blur(plane.T, sigma), cv2.GaussianBlur(plane.T, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    )


@pytest.mark.parametrize("unit", [1e-3, 1e-9, 1e-15])
def test_the_logarithm_of_fluorescence_does_not_depend_on_its_unit(unit: float) -> None:
    plane = make_cells((96, 96), n_cells=8, seed=1).cytoplasm.astype(np.float64)
    usual, small = (normalize_plane((plane * k).astype(np.float32), "fluorescent", 30) for k in (1, unit))
    np.testing.assert_allclose(small, usual, atol=2e-3)
