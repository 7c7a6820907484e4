"""Scales of grey values."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.images.normalize import IntensityScale

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
