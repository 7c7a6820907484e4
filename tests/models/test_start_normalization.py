"""A model sees grey values as the model that it started from: the logarithm of fluorescence, or z-scored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import frugalseg as fs
from frugalseg.commands.command_settings import LearnLabelsSettings
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.images.normalize import zscore
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models import object_model
from frugalseg.models.model_scale import model_planes, normalization_of, normalized_planes
from frugalseg.models.object_dataset import ObjectDataset, typical_diameter
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.unseeded_objects import unseeded_objects
from frugalseg.networks.cards import Normalization, ObjectCard, TrainingSummary
from frugalseg.networks.object_net import object_network
from frugalseg.networks.store import load_card
from frugalseg.runs.options import RunOptions
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def planes(cells: SyntheticField) -> np.ndarray:
    """Fluorescent cells whose brightness differs by factors, so that the logarithm looks unlike the z-score."""
    bright = np.where(cells.cells % 2 == 0, 1.0, 20.0)
    return (cells.planes(["cytoplasm"]) * bright).astype(np.float32)


@pytest.fixture(scope="module")
def sizes(cells: SyntheticField) -> float:
    return typical_diameter([cells.cells])


def a_student(normalization: Normalization) -> fs.ObjectModel:
    """Return a student that was never trained; its cells are so large that the logarithm is smoothed more."""
    torch.manual_seed(5)
    settings = LabelSettings(target="cells")
    card = ObjectCard(
        kind="cells",
        channels=("cytoplasm",),
        settings=settings.model_dump(),
        training=TrainingSummary(steps=3, stopped_because="s", seconds=1.0, seed=0, fields=("a",)),
        scale=1.0,
        diameter=90,
        normalization=(normalization,),
        self_trained=True,
    )
    return fs.ObjectModel(card, object_network("cells", "small", 1), settings, device="cpu")


def log_planes(planes: np.ndarray, diameter: float) -> np.ndarray:
    return normalized_planes(planes, ["log"], diameter, (), "a")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Planes of all images that were learned from, as they came to the training."""
    found: list[np.ndarray] = []
    train = object_model.train_objects

    def spy(network: Any, dataset: ObjectDataset, *rest: Any) -> Any:
        found.extend(one.planes for one in dataset.images)
        return train(network, dataset, *rest)

    monkeypatch.setattr(object_model, "train_objects", spy)
    return found


@pytest.mark.parametrize("target", ["cells", "nuclei"])
def test_training_prediction_and_card_have_the_logarithm_of_the_start(
    target: Any, planes: np.ndarray, cells: SyntheticField, seen: list[np.ndarray], tmp_path: Path
) -> None:
    truth = cells.cells if target == "cells" else cells.nuclei
    model = fs.ObjectModel.fit(planes, truth, target=target, start=a_student("log"), **QUICK)
    wanted = log_planes(planes, typical_diameter([truth]))
    assert float(np.abs(wanted - zscore(planes)).max()) > 0.5
    np.testing.assert_array_equal(seen[0], wanted)
    assert model.card.normalization == ("log",)
    np.testing.assert_array_equal(model_planes(model.card, planes, "a"), wanted)
    model.save(tmp_path / "model")
    loaded = fs.ObjectModel.load(tmp_path / "model", "cpu")
    assert loaded.card.normalization == ("log",)
    card, settings = loaded.card, loaded.settings
    at = ImageScale(card.scale)
    maps = unseeded_objects(SeenImage(loaded.network, settings, wanted, at, card.diameter)).maps
    found = loaded.find_objects(planes, diameter=card.diameter)
    np.testing.assert_array_equal(found.maps, maps)
    again = fs.ObjectModel.fit(planes, truth, target=target, start=loaded, **QUICK)
    assert again.card.normalization == ("log",)


def test_what_is_scored_has_the_logarithm_too(
    planes: np.ndarray, cells: SyntheticField, sizes: float
) -> None:
    """The start before training, the model after it, and a model that others trained, at the size that it knows."""
    start = a_student("log")
    model = fs.ObjectModel.fit(planes, cells.cells, start=start, hold_out=False, **QUICK)
    wanted = log_planes(planes, sizes)
    for part in (*model.start_evaluation, *model.evaluate(planes, cells.cells)):
        np.testing.assert_array_equal(part.planes, wanted)
    (new,) = start.evaluate(planes, cells.cells)
    np.testing.assert_array_equal(new.planes, log_planes(planes, 90))
    assert float(np.abs(new.planes - wanted).max()) > 0.1


@pytest.mark.parametrize("start", [None, "zscore"])
def test_without_such_a_start_grey_values_are_z_scored(
    start: Normalization | None, planes: np.ndarray, cells: SyntheticField, seen: list[np.ndarray]
) -> None:
    first = None if start is None else a_student(start)
    model = fs.ObjectModel.fit(planes, cells.cells, start=first, **QUICK)
    np.testing.assert_array_equal(seen[0], zscore(planes))
    assert model.card.normalization == (() if start is None else ("zscore",))
    np.testing.assert_array_equal(model_planes(model.card, planes, "a"), zscore(planes))
    (part, *_) = model.evaluate(planes, cells.cells)
    area = model.parts[0].area
    np.testing.assert_array_equal(part.planes, zscore(planes)[:, *area])


def test_images_left_out_do_not_shift_the_others(
    planes: np.ndarray, cells: SyntheticField, seen: list[np.ndarray], sizes: float
) -> None:
    left_out: list[int] = []
    images, labels = [planes * 0, planes, 2 * planes[:, ::-1]], [cells.cells] * 2 + [cells.cells[::-1]]
    fs.ObjectModel.fit(
        images, labels, start=a_student("log"), on_error=lambda index, _: left_out.append(index), **QUICK
    )
    assert left_out == [0]
    for one, image in zip(seen, images[1:], strict=True):
        np.testing.assert_array_equal(one, log_planes(image, sizes))


def test_learn_labels_writes_the_starts_normalisation(
    planes: np.ndarray, cells: SyntheticField, seen: list[np.ndarray], sizes: float, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    tifffile.imwrite(folder / "a_cytoplasm.tif", planes[0])
    tifffile.imwrite(folder / "a_outlines.tif", cells.cells.astype(np.uint16))
    a_student("log").save(tmp_path / "start")
    settings = LearnLabelsSettings(
        labels="outlines", target="cells", start=tmp_path / "start", crop=32, batch=2, max_steps=1
    )
    options = RunOptions(device="cpu", quiet=True, pattern="{field}_{channel}.tif")
    learn_labels([folder], tmp_path / "tuned", settings, options)
    card = load_card(tmp_path / "tuned")
    assert isinstance(card, ObjectCard)
    assert card.normalization == ("log",)
    np.testing.assert_array_equal(seen[0], log_planes(planes, sizes))


def test_what_is_scored_is_what_predict_finds(tmp_path: Path) -> None:
    """Also where cells are of another size, at which the logarithm is smoothed otherwise."""
    small = fs.make_cells((160, 160), n_cells=18, diameter=30, dim_nuclei=0, seed=1)
    student = fs.self_train(
        small.cytoplasm, small.nuclear, rounds=1, max_steps=60, encoder="small", device="cpu"
    )
    assert normalization_of(student.card) == ("log",)
    large = fs.make_cells((256, 256), n_cells=14, diameter=60, dim_nuclei=0, seed=3)
    (part,) = student.evaluate(large.cytoplasm, large.cells)
    np.testing.assert_array_equal(part.labels, student.predict(large.cytoplasm))
