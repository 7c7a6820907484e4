"""Arguments that a stain model and a model of cells take and check alike: names, channels to score, pixel sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import InputError, WrongShape
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 1, "device": "cpu"}
KINDS = ["stain", "cells"]


@pytest.fixture(scope="module")
def models(fields: Sequence[SyntheticField]) -> dict[str, Any]:
    """Models of one channel, whose pixels were 0.5 um wide; their networks see half of the image's scale."""
    about: dict[str, Any] = {**QUICK, "pixel_size": 0.5, "scale": 0.5}
    images, cells = [one.phase for one in fields[:2]], [one.cells for one in fields[:2]]
    return {
        "stain": fs.StainModel.fit(images, [one.nuclear for one in fields[:2]], **about),
        "cells": fs.ObjectModel.fit(images, cells, **about),
    }


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], [], "ab"])
@pytest.mark.parametrize("kind", KINDS)
def test_predict_asks_for_one_name_for_each_image(
    models: dict[str, Any], fields: Sequence[SyntheticField], kind: str, names: Any
) -> None:
    with pytest.raises(InputError, match=r"^`names` must be a list of 2 names, one for each image, not "):
        models[kind].predict([fields[0].phase, fields[1].phase], names=names)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_that_of_the_image_in_its_place(
    models: dict[str, Any], fields: Sequence[SyntheticField], kind: str
) -> None:
    images = [fields[0].phase, np.stack([fields[1].phase] * 3)]
    with pytest.raises(WrongShape, match=r"^field 'b' has 3 channels and the model was trained on 1 "):
        models[kind].predict(images, names=["a", "b"])


@pytest.mark.parametrize("channels", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fitted", [True, False], ids=["fitted", "loaded"])
def test_evaluate_refuses_another_number_of_channels(
    models: dict[str, Any],
    fields: Sequence[SyntheticField],
    kind: str,
    channels: int,
    fitted: bool,
    tmp_path: Any,
) -> None:
    model = models[kind]
    if not fitted:
        model.save(tmp_path / "model")
        model = fs.load_model(tmp_path / "model", "cpu")
    images = [np.stack([one.phase, one.brightfield, one.cytoplasm][:channels]) for one in fields[:2]]
    truth = [one.nuclear if kind == "stain" else one.cells for one in fields[:2]]
    said = rf"image 1( \(x 75% to 100%\))? has {channels} channels and the model was trained on 1 \(0\); give as many, in the same order"
    with pytest.raises(WrongShape, match=said):
        list(model.evaluate(images, truth))


@pytest.mark.parametrize("kind", KINDS)
def test_one_number_is_a_pixel_as_high_as_it_is_wide(models: dict[str, Any], kind: str) -> None:
    model = models[kind]
    assert model.card.pixel_size == (0.5, 0.5)
    assert model.scale_for(0.5) == model.scale_for((0.5, 0.5)) == model.scale_for() == 0.5
    assert model.scale_for(0.25) == model.scale_for((0.25, 0.25)) == 0.25


def test_segment_takes_one_number_too(models: dict[str, Any], cells: SyntheticField) -> None:
    cues = fs.find_cues(cells.phase, cells.nuclear)
    usual, half = (models["cells"].segment(cues, pixel_size=(size, size)).labels for size in (0.5, 0.25))
    assert usual.any()
    assert not np.array_equal(usual, half)
    np.testing.assert_array_equal(models["cells"].segment(cues, pixel_size=0.5).labels, usual)
    np.testing.assert_array_equal(models["cells"].segment(cues, pixel_size=0.25).labels, half)
