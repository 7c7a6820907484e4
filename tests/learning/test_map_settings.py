"""The presets `paper` of stains and labels have the paper's numbers, and settings that can't work are refused."""

import pytest
from pydantic import ValidationError

from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_stains.stain_settings import StainSettings

NETWORK = {"encoder": "densenet121", "weights": "imagenet", "crop": 512}
NOT_AUGMENTED = {"flips": False, "intensity_jitter": 0.0}
STAIN = NETWORK | NOT_AUGMENTED | {"learning_rate": 0.1, "schedule": "constant"}
LABEL = NETWORK | NOT_AUGMENTED | {"zoom": 0.0, "learning_rate": 0.01, "schedule": "constant"}
LABEL |= {"slope": 1.0, "alpha": None, "h": 10.0, "orientations": 1}


def test_stains_have_the_papers_numbers() -> None:
    settings = StainSettings.preset("paper")
    values = settings.model_dump()
    assert {key: values[key] for key in STAIN} == STAIN
    assert settings.max_steps * settings.batch == 192_000
    # The paper gives no batch, and keeps grey values; the scale is a decision of ours.
    added = set(values) - {*STAIN, "batch", "max_steps", "percentiles"}
    assert not added, f"say what the paper does about {added}, here and in the preset"


@pytest.mark.parametrize("target", ["nuclei", "cells"])
def test_labels_have_the_papers_numbers(target: str) -> None:
    settings = LabelSettings.preset("paper", target=target)
    values = settings.model_dump()
    assert {key: values[key] for key in LABEL} == LABEL
    assert settings.max_steps * settings.batch == 20_000
    assert settings.target == target
    added = set(values) - {*LABEL, "batch", "max_steps", "target"}
    assert not added, f"say what the paper does about {added}, here and in the preset"


def test_defaults_need_no_download_and_augment() -> None:
    for settings in (StainSettings.preset("default"), LabelSettings.preset("default", target="cells")):
        assert (settings.encoder, settings.weights, settings.flips) == ("small", "none", True)
        assert settings.intensity_jitter > 0
    assert StainSettings.preset("default") == StainSettings()
    assert LabelSettings.preset("default", target="nuclei") == LabelSettings(target="nuclei")


@pytest.mark.parametrize("name", ["default", "paper"])
def test_what_is_changed_changes_nothing_else(name: str) -> None:
    for make in (StainSettings.preset, lambda n, **c: LabelSettings.preset(n, target="cells", **c)):
        usual, short = make(name), make(name, max_steps=7, batch=None)
        assert short.max_steps == 7
        assert short.model_dump(exclude={"max_steps"}) == usual.model_dump(exclude={"max_steps"})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"crop": 31}, "greater than or equal to 32"),
        ({"crop": 4097}, "less than or equal to 4096"),
        ({"batch": 0}, "greater than or equal to 1"),
        ({"encoder": "resnet50"}, "'densenet121'"),
        ({"intensity_jitter": -0.1}, "greater than or equal to 0"),
        ({"learning_rate": 0}, "greater than 0"),
        ({"schedule": "cosine"}, "'constant'"),
        ({"max_steps": 0}, "greater than or equal to 1"),
        ({"flip": True}, "not permitted"),
    ],
    ids=str,
)
def test_settings_that_can_not_work_are_refused(values: dict[str, object], says: str) -> None:
    for kind, more in ((StainSettings, {}), (LabelSettings, {"target": "cells"})):
        with pytest.raises(ValidationError, match=says):
            kind.model_validate({**more, **values})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"slope": 0}, "greater than 0"),
        ({"alpha": -1}, "greater than or equal to 0"),
        ({"alpha": float("inf")}, "finite"),
        ({"h": 100}, "less than 100"),
        ({"zoom": 0.6}, "less than or equal to 0.5"),
        ({"target": "mitochondria"}, "'nuclei' or 'cells'"),
    ],
    ids=str,
)
def test_settings_of_labels_that_can_not_work_are_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        LabelSettings.model_validate({"target": "nuclei", **values})
