"""A student sees each channel by its own modality: phase z-scored, and a nuclear stain beside it on its logarithm."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import BadPixels
from frugalseg.images.light import even_light
from frugalseg.images.normalize import normalize_plane, zscore
from frugalseg.models import seen_image, self_training
from frugalseg.models.model_scale import model_planes, normalization_of
from frugalseg.models.object_dataset import read_labelled_images
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seen_image import see_image
from frugalseg.models.student_start import CELL_DIAMETER
from frugalseg.synthetic.cells import SyntheticField

ONCE: dict[str, Any] = {
    "encoder": "small",
    "max_steps": 1,
    "rounds": 1,
    "device": "cpu",
    "diameter": CELL_DIAMETER,
}
CHANNELS = ["phase", "dapi"]


@pytest.fixture(scope="module")
def images(cells: SyntheticField) -> np.ndarray:
    """Phase, and nuclei whose brightness differs by factors."""
    bright = np.where(cells.cells % 2 == 0, 1.0, 20.0)
    return np.stack([cells.phase, cells.nuclear * bright]).astype(np.float32)


@pytest.fixture(scope="module")
def student(images: np.ndarray, cells: SyntheticField) -> fs.ObjectModel:
    return fs.self_train(images, cells.nuclear, channels=CHANNELS, **ONCE)


def wanted(images: np.ndarray, *how: str, diameter: float = CELL_DIAMETER) -> np.ndarray:
    """Planes normalised one by one."""
    return np.stack(
        [
            normalize_plane(one, "fluorescent", diameter)
            if way == "log"
            else zscore(even_light(one, diameter)[None] if way == "even" else one[None])[0]
            for one, way in zip(images, how, strict=True)
        ]
    )


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_training_sees_each_channel_by_its_own_modality(
    order: list[int], images: np.ndarray, cells: SyntheticField, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    learn = self_training.learn_from_labels

    def watched(network: Any, samples: list[Any], *rest: Any, **more: Any) -> Any:
        seen.extend(samples)
        return learn(network, samples, *rest, **more)

    monkeypatch.setattr(self_training, "learn_from_labels", watched)
    model = fs.self_train(images[order], cells.nuclear, **ONCE)
    how = [("even", "log")[channel] for channel in order]
    assert model.card.normalization == tuple(how)
    assert model.card.scale == 1
    np.testing.assert_array_equal(seen[0].planes, wanted(images[order], *how))


def test_the_saved_model_sees_them_so_too(
    student: fs.ObjectModel, images: np.ndarray, tmp_path: Path
) -> None:
    planes = wanted(images, "even", "log")
    assert float(np.abs(planes - zscore(images))[1].max()) > 0.5
    student.save(tmp_path / "model")
    loaded = fs.ObjectModel.load(tmp_path / "model", "cpu")
    assert loaded.card.normalization == ("even", "log")
    np.testing.assert_array_equal(model_planes(loaded.card, images, "a"), planes)
    np.testing.assert_array_equal(loaded.predict(images), student.predict(images))


def test_labels_are_learned_and_scored_with_each_channel_as_in_the_start(
    student: fs.ObjectModel, images: np.ndarray, cells: SyntheticField
) -> None:
    tuned = fs.ObjectModel.fit(
        images, cells.cells, start=student, crop=32, batch=2, max_steps=1, hold_out=False, device="cpu"
    )
    planes = wanted(images, "even", "log", diameter=tuned.card.diameter)
    assert tuned.card.normalization == ("even", "log")
    for part in (*tuned.start_evaluation, *tuned.evaluate(images, cells.cells)):
        np.testing.assert_array_equal(part.planes, planes)
    plain = read_labelled_images(images, cells.cells, "cells")
    np.testing.assert_array_equal(plain[0].planes, zscore(images))


def test_an_old_student_sees_all_channels_in_its_one_way(student: fs.ObjectModel, images: np.ndarray) -> None:
    old = student.card.model_copy(update={"normalization": ("log", "log")})
    assert normalization_of(old) == ("log", "log")
    np.testing.assert_array_equal(model_planes(old, images, "a"), wanted(images, "log", "log"))
    before = student.card.model_copy(update={"normalization": ()})
    np.testing.assert_array_equal(model_planes(before, images, "a"), zscore(images))


@pytest.mark.parametrize("channel", [0, 1])
def test_a_constant_channel_is_named(
    channel: int, student: fs.ObjectModel, images: np.ndarray, cells: SyntheticField
) -> None:
    constant = images.copy()
    constant[channel] = 7
    says = f"^field 'b': channel '{CHANNELS[channel]}' is constant"
    with pytest.raises(BadPixels, match=says):
        student.predict([images, constant], names=["a", "b"])
    with pytest.raises(BadPixels, match=says):
        fs.self_train([images, constant], [cells.nuclear] * 2, channels=CHANNELS, names=["a", "b"], **ONCE)


def test_the_logarithm_is_smoothed_in_proportion_to_the_cells_of_the_image(
    student: fs.ObjectModel, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to those of training, in px: the same cells, imaged four times as large, else look sharper than any learned from."""
    large = np.kron(images, np.ones((1, 4, 4), np.float32))
    model = student.card, student.network, student.settings
    seen = see_image(*model, large, "a", diameter=4 * student.card.diameter)
    np.testing.assert_array_equal(
        seen.planes, wanted(large, "even", "log", diameter=4 * student.card.diameter)
    )
    sized = student.card.model_copy(update={"pixel_size": (0.4, 0.4), "self_trained": False})
    seen = see_image(sized, *model[1:], large, "a", (0.1, 0.1))
    np.testing.assert_array_equal(
        seen.planes, wanted(large, "even", "log", diameter=4 * student.card.diameter)
    )
    told: list[np.ndarray] = []

    def found(*given: Any) -> ImageScale:
        told.append(given[3])
        return ImageScale(student.card.scale / 4, np.zeros((2, 5, 5), np.float32))

    monkeypatch.setattr(seen_image, "image_scale", found)
    seen = see_image(*model, large, "a")
    np.testing.assert_array_equal(told[0], wanted(large, "even", "log"))
    np.testing.assert_array_equal(
        seen.planes, wanted(large, "even", "log", diameter=4 * student.card.diameter)
    )
    assert seen.at == ImageScale(
        student.card.scale / 4
    )  # what was found in the planes of before does not count
