"""Settings: declared once, described in words, checked with a sentence, and cheap to import."""

import subprocess
import sys
from typing import get_args

import pytest
from pydantic import BaseModel

from frugalseg.errors import SettingsError
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.model_settings import (
    EncoderChoice,
    MarkerModelSettings,
    NucleiSettings,
    ObjectModelSettings,
    StainModelSettings,
    network_settings,
    resolve_settings,
)
from frugalseg.networks.encoders import ENCODERS

ALL = [CueSettings, MarkerModelSettings, StainModelSettings, ObjectModelSettings, NucleiSettings]


@pytest.mark.parametrize("kind", ALL)
def test_every_setting_is_described(kind: type[BaseModel]) -> None:
    for name, field in kind.model_fields.items():
        assert len(field.description or "") > 20, name
        assert field.description.endswith("."), name  # type: ignore[union-attr]


def test_settings_import_nothing_heavy() -> None:
    after = "import sys, frugalseg.models.model_settings; print([n for n in ('torch', 'numpy', 'cv2') if n in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", after], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_encoders_are_those_that_there_are() -> None:
    assert set(get_args(EncoderChoice)) == set(ENCODERS)


def test_settings_come_from_an_object_from_keywords_or_from_both() -> None:
    one = MarkerModelSettings(diameter=20, seed=3)
    assert resolve_settings(MarkerModelSettings, one, {}) is one
    assert resolve_settings(MarkerModelSettings, None, {"diameter": 20, "seed": 3}) == one
    assert resolve_settings(MarkerModelSettings, one, {"seed": 4}).model_dump() == {
        **one.model_dump(),
        "seed": 4,
    }


def test_settings_of_a_derived_class_stay_what_they_are() -> None:
    class More(StainModelSettings):
        to: str = "dapi"

    changed = resolve_settings(StainModelSettings, More(to="gfp"), {"crop": 64})
    assert isinstance(changed, More)
    assert (changed.to, changed.crop) == ("gfp", 64)
    assert set(network_settings(changed, StainModelSettings)) == {
        "target_scale",
        "encoder",
        "weights",
        "crop",
        "batch",
        "max_steps",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_steps": 0}, r"`max_steps`: Input should be greater than or equal to 1 \(0 was given\)"),
        ({"steps": 3}, "there is no setting `steps`; allowed are `diameter`, `nuclei_diameter`"),
        ({"nuclei_method": "dog"}, "`nuclei_method`: Input should be 'threshold', 'log' or 'doh'"),
        ({"diameter": float("nan")}, "`diameter`"),
    ],
)
def test_wrong_settings_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        resolve_settings(MarkerModelSettings, None, changes)


def test_settings_of_another_model_are_refused() -> None:
    with pytest.raises(SettingsError, match="`settings` is a NucleiSettings; give MarkerModelSettings"):
        resolve_settings(MarkerModelSettings, NucleiSettings(), {})  # type: ignore[type-var]
