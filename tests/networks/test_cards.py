"""Every kind of model says on its card what it is, and reads back as that and nothing else."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from pydantic import ValidationError
from torch import nn

from frugalseg.errors import BadModel
from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.networks.cards import ANY_CARD, Look, MarkerCard, ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.object_net import object_network
from frugalseg.networks.store import CARD, load_card, save_model
from frugalseg.networks.unet import Unet

TRAINING = TrainingSummary(
    steps=3, stopped_because="s", seconds=1.5, seed=0, fields=("a", "b (x 0% to 75%)"), held_out=("c",)
)
COMMON: dict[str, Any] = {
    "channels": ("phase[1]", "phase[3]"),
    "training": TRAINING,
    "pixel_size": (0.5, 0.25),
}
STAIN = StainCard(
    **COMMON,
    settings={"encoder": "small"},
    scale=0.5,
    target="dapi",
    project="focus",
    target_scale=IntensityScale(how="percentile", centre=(101.25,), spread=(2000.5,), channels=("dapi",)),
)


def objects(kind: str) -> ObjectCard:
    settings = LabelSettings(target=kind, slope=2.0).model_dump(mode="json")
    return ObjectCard(
        **COMMON, kind=kind, settings=settings, scale=0.75, diameter=31.5, started_from="imagenet"
    )


MARKERS = MarkerCard(
    **COMMON, settings={"patch": 64}, modalities=("label-free", "fluorescent"), diameter=30.0, nuclei="dapi"
)
CARDS = {"markers": MARKERS, "stain": STAIN, "nuclei": objects("nuclei"), "cells": objects("cells")}


def network_of(kind: str) -> nn.Module:
    torch.manual_seed(1)
    if kind == "markers":
        return MarkerNetwork(3, (4, 8))
    return Unet("small", 2, 1) if kind == "stain" else object_network(kind, "small", 2, 2.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    for kind, card in CARDS.items():
        save_model(folder / kind, card, network_of(kind))
    return {kind: folder / kind for kind in CARDS}


@pytest.mark.parametrize("kind", CARDS)
def test_what_is_on_a_card_comes_back(models: dict[str, Path], kind: str) -> None:
    card = load_card(models[kind])
    assert type(card) is type(CARDS[kind])
    assert card.model_copy(update={"sha256": ""}) == CARDS[kind]
    assert (card.kind, len(card.sha256)) == (kind, 64)
    written = yaml.safe_load((models[kind] / CARD).read_text())
    assert ANY_CARD.validate_python(written) == card


def test_a_marker_card_of_format_1_is_read(models: dict[str, Path], tmp_path: Path) -> None:
    """Kind, modalities and some settings had other names, and there was no key for a predicted stain."""
    values = {
        "format": 1,
        "kind": "cutter",
        "settings": {
            "patch": 64,
            "vary": 0.3,
            "border": 1.0,
            "complete": True,
            "outside": 9.0,
            "shift": 3.0,
            "trim": False,
        },
        "nuclei_from": "left out",
    }
    old = changed(models["markers"], tmp_path / "old", **values)
    content = yaml.safe_load((old / CARD).read_text())
    content["appearances"] = content.pop("modalities")
    (old / CARD).write_text(yaml.safe_dump(content))
    card = load_card(old)
    settings = {
        "patch": 64,
        "intensity_jitter": 0.3,
        "boundary": 1.0,
        "assign_remaining": True,
        "background": 9.0,
    }
    settings |= {"center_jitter": 3.0, "trim_halo": False}
    expected = MARKERS.model_copy(update={"settings": settings})
    assert card.model_copy(update={"sha256": ""}) == expected
    assert card.nuclei_from is None


@pytest.mark.parametrize("kind", ["stain", "nuclei", "cells"])
def test_other_cards_of_format_1_are_read(models: dict[str, Path], tmp_path: Path, kind: str) -> None:
    settings = {**CARDS[kind].settings, "vary": 0.2, "turn": False}
    settings.pop("intensity_jitter", None)
    settings.pop("flips", None)
    card = load_card(changed(models[kind], tmp_path / "old", format=1, settings=settings))
    assert card.format == 2
    assert card.settings == {**CARDS[kind].settings, "intensity_jitter": 0.2, "flips": False}


def test_a_card_of_today_has_no_old_names(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="'cutter'"):
        load_card(changed(models["markers"], tmp_path / "m", kind="cutter"))


def changed(model: Path, copy: Path, **values: object) -> Path:
    copy.mkdir()
    (copy / "weights.safetensors").write_bytes((model / "weights.safetensors").read_bytes())
    content = {**yaml.safe_load((model / CARD).read_text()), **values}
    (copy / CARD).write_text(yaml.safe_dump({k: v for k, v in content.items() if v != "left out"}))
    return copy


@pytest.mark.parametrize("kind", CARDS)
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"kind": "nucleus"}, "'nucleus'"),
        ({"kind": "left out"}, "kind"),
        ({"channels": []}, "channels: "),
        ({"training": {"steps": 3}}, "training."),
        ({"format": 3}, "format: "),
    ],
    ids=str,
)
def test_a_card_that_is_not_understood_is_one_sentence(
    models: dict[str, Path], tmp_path: Path, kind: str, values: dict[str, object], says: str
) -> None:
    with pytest.raises(BadModel, match="damaged or of another version") as error:
        load_card(changed(models[kind], tmp_path / "m", **values))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_card_of_one_kind_is_none_of_another(models: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="damaged"):
        load_card(changed(models["stain"], tmp_path / "m", kind="cells"))
    for values in ({"scale": 0}, {"scale": 5}, {"project": "min"}, {"target_scale": {"centre": [1.0]}}):
        with pytest.raises(ValidationError):
            StainCard.model_validate({**STAIN.model_dump(), **values})
    for values in ({"diameter": 0}, {"diameter": float("inf")}, {"scale": -1}):
        with pytest.raises(ValidationError):
            ObjectCard.model_validate({**objects("cells").model_dump(), **values})


@pytest.mark.parametrize("how", ["log", "zscore"])
def test_a_card_with_one_normalisation_for_all_channels_is_read(
    models: dict[str, Path], tmp_path: Path, how: str
) -> None:
    card = load_card(changed(models["cells"], tmp_path / "old", normalization=how))
    assert isinstance(card, ObjectCard)
    assert card.normalization == (how, how)
    for kind, channels in (("cells", 7), ("cells", "left out"), ("stain", ["a"])):
        with pytest.raises(BadModel, match="damaged"):
            load_card(
                changed(models[kind], tmp_path / f"{kind}{channels}", normalization=how, channels=channels)
            )


def test_there_is_one_normalisation_for_each_channel(models: dict[str, Path], tmp_path: Path) -> None:
    known = objects("cells").model_copy(update={"normalization": ("zscore", "log")})
    save_model(tmp_path / "new", known, network_of("cells"))
    card = load_card(tmp_path / "new")
    assert card.model_copy(update={"sha256": ""}) == known
    for number, wrong in enumerate((["log"], ["log"] * 3, ["log", "sqrt"], "sqrt")):
        with pytest.raises(BadModel, match="damaged"):
            load_card(changed(models["cells"], tmp_path / f"{number}", normalization=wrong))


def test_looks_are_kept_and_a_card_from_before_there_were_any_is_read(
    models: dict[str, Path], tmp_path: Path
) -> None:
    look = Look(values=(0.25, -0.5), spread=0.125)
    known = objects("cells").model_copy(
        update={"looks": (look, look), "usual_confidence": 0.875, "copes_with_finer": False}
    )
    save_model(tmp_path / "new", known, network_of("cells"))
    card = load_card(tmp_path / "new")
    assert card.model_copy(update={"sha256": ""}) == known
    old = shutil.copytree(models["cells"], tmp_path / "old")
    content = yaml.safe_load((old / CARD).read_text())
    del content["looks"], content["usual_confidence"], content["copes_with_finer"]
    (old / CARD).write_text(yaml.safe_dump(content))
    before = load_card(old)
    assert isinstance(before, ObjectCard)
    assert (before.looks, before.usual_confidence, before.copes_with_finer) == ((), None, True)
    (old / CARD).write_text(yaml.safe_dump({**content, "looks": [{"values": [0.1], "spread": -1.0}]}))
    with pytest.raises(BadModel, match="spread"):
        load_card(old)
