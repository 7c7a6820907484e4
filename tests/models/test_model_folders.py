"""From a model folder to the model: weights and settings come back, old folders are understood, others are refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import frugalseg as fs
from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.learning.from_markers.marker_training import new_marker_network
from frugalseg.models.object_model import check_start
from frugalseg.models.object_training import begin_network, channel_names
from frugalseg.networks.cards import MarkerCard, ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.object_net import object_network
from frugalseg.networks.old_cards import RENAMED_KEYS, RENAMED_KINDS, RENAMED_SETTINGS
from frugalseg.networks.store import CARD, save_model
from frugalseg.networks.unet import Unet

MARKER_SETTINGS = MarkerSettings(widths=(4, 4), max_steps=2, orientations=1, batch=2)
CLASSES = {
    "markers": fs.MarkerModel,
    "stain": fs.StainModel,
    "nuclei": fs.ObjectModel,
    "cells": fs.ObjectModel,
}
KINDS = tuple(CLASSES)
WHOLE_IMAGE_KINDS = KINDS[1:]


def settings_of(kind: str) -> dict[str, Any]:
    if kind == "markers":
        return MARKER_SETTINGS.model_dump(mode="json")
    return (
        {"encoder": "small"}
        if kind == "stain"
        else LabelSettings(target=kind, slope=2.0).model_dump(mode="json")
    )


def card_of(kind: str) -> MarkerCard | StainCard | ObjectCard:
    training = TrainingSummary(steps=3, stopped_because="s", seconds=1.5, seed=0, fields=("a", "b"))
    common: dict[str, Any] = {
        "channels": ("phase[1]", "phase[3]"),
        "training": training,
        "settings": settings_of(kind),
    }
    if kind == "markers":
        return MarkerCard(**common, modalities=("label-free", "fluorescent"), diameter=30.0, nuclei="dapi")
    if kind == "stain":
        greys = IntensityScale(how="percentile", centre=(101.25,), spread=(2000.5,), channels=("dapi",))
        return StainCard(**common, scale=0.5, target="dapi", target_scale=greys)
    return ObjectCard(**common, kind=kind, scale=0.75, diameter=31.5)


def network_of(kind: str) -> nn.Module:
    torch.manual_seed(1)
    if kind == "markers":
        return new_marker_network(2, MARKER_SETTINGS)
    return Unet("small", 2, 1) if kind == "stain" else object_network(kind, "small", 2, 2.0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        save_model(folder / kind, card_of(kind), network_of(kind))
    return {kind: folder / kind for kind in KINDS}


def changed(model: Path, copy: Path, **values: object) -> Path:
    """Copy a model folder with another card."""
    copy.mkdir()
    (copy / "weights.safetensors").write_bytes((model / "weights.safetensors").read_bytes())
    content = {**yaml.safe_load((model / CARD).read_text(encoding="utf-8")), **values}
    (copy / CARD).write_text(yaml.safe_dump(content), encoding="utf-8")
    return copy


@pytest.mark.parametrize("kind", KINDS)
def test_weights_come_back(folders: dict[str, Path], kind: str) -> None:
    model = fs.load_model(folders[kind], device="cpu")
    assert type(model) is CLASSES[kind]
    assert model.card.kind == kind
    assert model.training is None  # the folder has no training.json
    expected = network_of(kind).state_dict()
    assert set(model.network.state_dict()) == set(expected)
    assert all(torch.equal(value, expected[name]) for name, value in model.network.state_dict().items())
    assert not model.network.training


def test_settings_come_back(folders: dict[str, Path]) -> None:
    nuclei = fs.ObjectModel.load(folders["nuclei"], device="cpu")
    assert nuclei.settings == LabelSettings(target="nuclei", slope=2.0)
    assert nuclei.network.activation.slope == 2.0  # type: ignore[union-attr]
    assert fs.MarkerModel.load(folders["markers"], device="cpu").settings == MARKER_SETTINGS


def test_marker_cards_without_regularization_mean_the_papers_disk(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    settings = {k: v for k, v in settings_of("markers").items() if k not in ("regularization", "margin")}
    old = fs.MarkerModel.load(changed(folders["markers"], tmp_path / "old", settings=settings), device="cpu")
    assert (old.settings.regularization, old.settings.margin) == (None, 0)
    kept = {"regularization": MARKER_SETTINGS.regularization, "margin": MARKER_SETTINGS.margin}
    assert kept != {"regularization": None, "margin": 0}
    assert old.settings.model_copy(update=kept) == MARKER_SETTINGS


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_format_1_gives_the_same_model(
    folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    def renamed(values: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
        before = {today: old for old, today in names.items()}
        return {before.get(name, name): value for name, value in values.items()}

    content = yaml.safe_load((folders[kind] / CARD).read_text(encoding="utf-8"))
    content["format"] = 1
    content["kind"] = {today: old for old, today in RENAMED_KINDS.items()}.get(kind, kind)
    content["settings"] = renamed(content["settings"], RENAMED_SETTINGS)
    old = changed(folders[kind], tmp_path / "old")
    (old / CARD).write_text(yaml.safe_dump(renamed(content, RENAMED_KEYS)), encoding="utf-8")
    model, today = (fs.load_model(folder, device="cpu") for folder in (old, folders[kind]))
    assert model.card == today.card
    if not isinstance(model, fs.StainModel):
        assert model.settings == today.settings  # type: ignore[union-attr]
    weights = today.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in model.network.state_dict().items())


def test_another_kind_of_model_is_refused(folders: dict[str, Path]) -> None:
    for model, needed in (
        (fs.StainModel, "a stain model is needed here"),
        (fs.ObjectModel, "nuclei or cells are needed here"),
        (fs.MarkerModel, "a marker network is needed here"),
    ):
        for kind in KINDS:
            if CLASSES[kind] is not model:
                with pytest.raises(BadModel, match=f"is a model of kind '{kind}'.*{needed}"):
                    model.load(folders[kind])


@pytest.mark.parametrize(("kind", "extra"), [("cells", "momentum"), ("markers", "colour")])
def test_settings_that_do_not_exist_are_named(
    folders: dict[str, Path], tmp_path: Path, kind: str, extra: str
) -> None:
    newer = changed(folders[kind], tmp_path / "m", settings={**settings_of(kind), extra: 0.9})
    with pytest.raises(BadModel, match=rf"of another version of frugalseg \(settings\.{extra}: Extra inputs"):
        fs.load_model(newer)


@pytest.mark.parametrize("kind", WHOLE_IMAGE_KINDS)
def test_a_start_needs_as_many_channels(folders: dict[str, Path], kind: str) -> None:
    start = check_start(folders[kind], fs.ObjectModelSettings())
    assert (type(start), start.card.kind) == (CLASSES[kind], kind)
    assert channel_names(None, 2, start.card) == start.card.channels
    with pytest.raises(
        SettingsError, match=r"trained on 2 channels \(phase\[1\], phase\[3\]\) and the images have 3"
    ):
        channel_names(None, 3, start.card)


@pytest.mark.parametrize("target", ["nuclei", "cells"])
@pytest.mark.parametrize("kind", WHOLE_IMAGE_KINDS)
def test_training_begins_with_the_weights_of_the_start(
    folders: dict[str, Path], kind: str, target: Any
) -> None:
    start = check_start(folders[kind], fs.ObjectModelSettings())
    network, name = begin_network(LabelSettings(target=target, slope=2.0), 2, 0, start.card, start.network)
    assert name == f"{kind} model {start.card.sha256[:12]}"
    assert network.training
    whole = network_of(kind)
    expected = whole if kind == "stain" else whole.unet
    if kind == target:
        network, expected = network, whole  # its further layers, too
    else:
        network = network.unet  # type: ignore[assignment]
    weights = expected.state_dict()
    assert set(network.state_dict()) == set(weights)
    assert all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())
