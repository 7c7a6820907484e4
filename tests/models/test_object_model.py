"""A model of nuclei or cells, from labelled arrays to labels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import frugalseg as fs
from frugalseg.errors import BadModel, BadPixels, FrugalsegError, InputError, SettingsError, WrongShape
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.models import object_training
from frugalseg.models.object_dataset import typical_diameter
from frugalseg.models.object_model import check_start
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def images(fields: list[SyntheticField]) -> list[np.ndarray]:
    return [one.planes(["phase", "brightfield"]) for one in fields]


@pytest.fixture(scope="module")
def labels(fields: list[SyntheticField]) -> list[np.ndarray]:
    return [one.cells for one in fields]


@pytest.fixture(scope="module")
def model(images: list[np.ndarray], labels: list[np.ndarray]) -> fs.ObjectModel:
    return fs.ObjectModel.fit(images, labels, channels=["phase", "dic"], **QUICK)


@pytest.fixture(scope="module")
def stain(images: list[np.ndarray], fields: list[SyntheticField]) -> fs.StainModel:
    return fs.StainModel.fit(images, [one.nuclear for one in fields], channels=["phase", "dic"], **QUICK)


def test_labels_and_maps(model: fs.ObjectModel, images: list[np.ndarray]) -> None:
    alone = model.find_objects(images[0])
    found, maps = alone.labels, alone.maps
    assert (found.dtype, found.shape) == (np.uint32, (96, 104))
    assert (maps.dtype, maps.shape) == (np.float32, (2, 96, 104))
    np.testing.assert_array_equal(model.predict(images[0]), found)
    np.testing.assert_array_equal(model.find_objects(images[0]).maps, maps)
    expected = labels_from_maps(maps, "cells", model.settings.h, model.card.diameter)
    np.testing.assert_array_equal(found, expected)


def test_a_model_begins_with_the_imagenet_weights_that_are_installed(
    images: list[np.ndarray], labels: list[np.ndarray], fields: list[SyntheticField]
) -> None:
    usual = {name: value for name, value in QUICK.items() if name != "encoder"}
    cells = fs.ObjectModel.fit(images, labels, **usual)
    stain = fs.StainModel.fit(images, [one.nuclear for one in fields], **usual)
    assert cells.card.started_from.startswith("efficientnet-lite0-57934424.pth")
    for settings in (cells.card.settings, stain.card.settings):
        assert (settings["encoder"], settings["weights"]) == ("efficientnet_lite0", "imagenet")


def test_orientations_are_averaged_where_that_is_asked_for(
    images: list[np.ndarray], labels: list[np.ndarray]
) -> None:
    model = fs.ObjectModel.fit(images, labels, target="nuclei", orientations=4, **QUICK)
    assert model.card.settings["orientations"] == 4
    passes: list[int] = []
    model.network.register_forward_pre_hook(lambda *_: passes.append(1))
    found = model.find_objects(images[0])
    assert len(passes) == 4
    flipped = model.find_objects(np.flip(images[0], axis=(1, 2)))
    assert np.abs(flipped.maps[:, ::-1, ::-1] - found.maps).max() < 1e-3
    one = model.settings.model_copy(update={"orientations": 1})
    model.settings = one
    alone = model.find_objects(np.flip(images[0], axis=(1, 2)))
    assert np.abs(alone.maps[:, ::-1, ::-1] - model.find_objects(images[0]).maps).max() > 1e-2


@pytest.fixture(scope="module")
def bright() -> tuple[np.ndarray, np.ndarray]:
    """Image and cells that are simply bright, far apart: one image is enough."""
    truth = np.zeros((96, 96), np.int32)
    rows, columns = np.ogrid[:96, :96]
    for number, (y, x) in enumerate([(20, 20), (20, 70), (48, 45), (75, 20), (75, 75)], start=1):
        truth[(rows - y) ** 2 + (columns - x) ** 2 < 12**2] = number
    return np.where(truth > 0, 900.0, 100.0) + np.random.default_rng(0).normal(0, 20, truth.shape), truth


LEARNS = {"crop": 64, "batch": 4, "max_steps": 60, "hold_out": False, "device": "cpu"}


def test_a_model_learns_its_cells(bright: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = bright
    nuclei = fs.ObjectModel.fit(image, truth, target="nuclei", **LEARNS)  # type: ignore[arg-type]
    scores = fs.score_labels(truth, nuclei.predict(image))
    assert (scores.n_predicted, scores.cell_miou > 0.8) == (5, True)
    (part,) = nuclei.evaluate(image, truth)
    assert part.role == "learned from"
    assert part.scores == scores
    assert part.mask_iou > 0.8
    np.testing.assert_array_equal(part.labels, nuclei.predict(image))


def test_what_is_scored_is_what_predict_finds(bright: tuple[np.ndarray, np.ndarray]) -> None:
    """At the scale that a self-trained model finds, and with borders of a finer scale only where it copes with one."""
    image, truth = bright
    model = fs.ObjectModel.fit(image, truth, **LEARNS)  # type: ignore[arg-type]
    size = model.card.diameter
    larger, cells = np.kron(image, np.ones((2, 2))), np.kron(truth, np.ones((2, 2), int))
    found = []
    for copes in (True, False):
        known = {"self_trained": True, "found_diameter": size, "copes_with_finer": copes}
        card = model.card.model_copy(update=known)
        student = fs.ObjectModel(card, model.network, model.settings, device="cpu")
        (part,) = student.evaluate(larger, cells)
        found.append(student.predict(larger))
        np.testing.assert_array_equal(part.labels, found[-1])
        assert part.scores.cell_miou > 0.8
    assert (found[0] != found[1]).any()


def test_images_that_were_not_learned_from_are_scored_as_new(
    model: fs.ObjectModel, images: list[np.ndarray], labels: list[np.ndarray]
) -> None:
    known = [(part.name, part.role) for part in model.evaluate(images, labels)]
    assert known == [(part.name, part.role) for part in model.parts]
    (other,) = model.evaluate(images[1], labels[1])  # one of them, but not all of them
    assert (other.name, other.role, other.truth.shape) == ("image 1", "new", labels[1].shape)
    exposed = [
        images[0] * 1.5 + np.arange(images[0].shape[-1]),
        *images[1:],
    ]  # another image with these very labels
    assert {part.role for part in model.evaluate(exposed, labels)} == {"new"}
    turned = [(part.role, part.truth.shape) for part in model.evaluate(images[::-1], labels[::-1])]
    assert turned == [("new", one.shape) for one in labels[::-1]]
    with pytest.raises(BadPixels, match="constant"):
        list(model.evaluate([images[0] * 0, images[1]], labels[:2]))


@pytest.mark.parametrize("change", [{"seed": 9}, {"learning_rate": 0.01}, {"labels": True}])
def test_a_checkpoint_of_other_labels_or_settings_is_not_continued(
    images: list[np.ndarray], labels: list[np.ndarray], tmp_path: Path, change: dict[str, Any]
) -> None:
    how: dict[str, Any] = {**QUICK, "hold_out": False, "checkpoint": tmp_path}
    first = fs.ObjectModel.fit(images[0], labels[0], **how)
    again = fs.ObjectModel.fit(images[0], labels[0], **how, resume=True)
    for name, tensor in first.network.state_dict().items():
        assert (tensor == again.network.state_dict()[name]).all()
    corrected = labels[0].copy()
    corrected[labels[0] == labels[0].max()] = 0
    given = corrected if change.pop("labels", False) else labels[0]
    with pytest.raises(BadModel, match="other images, settings, seed or start"):
        fs.ObjectModel.fit(images[0], given, **how, **change, resume=True)


def test_training_leaves_random_numbers_of_others_alone(
    images: list[np.ndarray], labels: list[np.ndarray], fields: list[SyntheticField]
) -> None:
    torch.manual_seed(123)
    wanted = torch.rand(1)
    torch.manual_seed(123)
    fs.ObjectModel.fit(images[0], labels[0], **QUICK)
    fs.StainModel.fit(images[0], fields[0].nuclear, **QUICK)
    assert torch.rand(1) == wanted


def test_the_card_says_what_was_learned(model: fs.ObjectModel, labels: list[np.ndarray]) -> None:
    card = model.card
    assert (card.kind, card.channels, card.started_from) == ("cells", ("phase", "dic"), "nothing")
    areas = np.concatenate([np.unique(one[one > 0], return_counts=True)[1] for one in labels])
    assert card.diameter == pytest.approx(np.sqrt(4 * np.median(areas) / np.pi))
    assert card.scale == 1.0
    assert card.training.held_out == ("image 1",)
    assert model.start_evaluation == ()


def test_the_card_says_how_sure_the_network_is_of_what_it_learned_from(
    bright: tuple[np.ndarray, np.ndarray],
) -> None:
    image, labels = bright
    settings = {**QUICK, "hold_out": False, "max_steps": 40}
    model = fs.ObjectModel.fit(image, labels, scale=1.0, **settings)
    confidence = model.find_objects(image).confidence
    assert confidence
    assert model.card.usual_confidence == round(float(np.quantile(list(confidence.values()), 0.1)), 3)
    once = fs.ObjectModel.fit(image, labels, scale=1.0, orientations=1, **settings)
    assert once.card.usual_confidence is None


def test_sizes_leave_out_cells_that_the_annotation_cuts() -> None:
    one = np.zeros((20, 20), int)
    one[2:12, 2:12] = 1
    one[2:4, 16:18] = 2
    one[:, 18:] = -1
    assert typical_diameter([one]) == pytest.approx(np.sqrt(4 * 100 / np.pi))


def test_a_list_gives_a_list_and_round_trips(
    model: fs.ObjectModel, images: list[np.ndarray], labels: list[np.ndarray], tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    loaded = fs.load_model(str(tmp_path / "model"), device="cpu")
    assert isinstance(loaded, fs.ObjectModel)
    assert (loaded.card, loaded.settings, loaded.training) == (model.card, model.settings, model.training)
    found = loaded.predict(images[:2])
    assert isinstance(found, list)
    for one, image in zip(found, images, strict=False):
        np.testing.assert_array_equal(one, model.predict(image))
    assert [part.role for part in loaded.evaluate(images[:2], labels[:2])] == ["new", "new"]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_the_type_of_labels_does_not_matter(
    images: list[np.ndarray], labels: list[np.ndarray], kind: type
) -> None:
    model = fs.ObjectModel.fit(images[0], labels[0].astype(kind), hold_out=False, **QUICK)
    expected = fs.ObjectModel.fit(images[0].astype(float), labels[0], hold_out=False, **QUICK)
    for name, value in expected.network.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], value), name


def test_a_stain_model_or_an_object_model_can_be_the_start(
    stain: fs.StainModel, images: list[np.ndarray], labels: list[np.ndarray], tmp_path: Path
) -> None:
    stain.save(tmp_path / "stain")
    before = {name: value.clone() for name, value in stain.network.state_dict().items()}
    one, two = (
        fs.ObjectModel.fit(images, labels, start=start, **QUICK) for start in (stain, tmp_path / "stain")
    )
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, two.network.state_dict()[name]), name
    for name, value in stain.network.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} of the start changed"
    assert one.card.channels == ("phase", "dic")
    assert one.card.started_from == f"stain model {stain.card.sha256[:12]}"
    assert one.card.scale == stain.card.scale
    assert [part.role for part in one.start_evaluation] == ["held out"] + ["learned from"] * 3
    more = fs.ObjectModel.fit(images, labels, start=one, seed=1, **QUICK)
    assert more.card.started_from == "cells model not saved"
    assert {part.name: part.mask_iou for part in more.start_evaluation} == pytest.approx(
        {part.name: part.mask_iou for part in one.evaluate(images, labels)}
    )


def test_starts_that_do_not_fit(
    stain: fs.StainModel,
    images: list[np.ndarray],
    labels: list[np.ndarray],
    cells: SyntheticField,
    tmp_path: Path,
) -> None:
    fit = fs.ObjectModel.fit
    with pytest.raises(
        SettingsError, match=r"`start` was trained on 2 channels \(phase, dic\) and the images have 1"
    ):
        fit(images[0][0], labels[0], start=stain, **QUICK)
    with pytest.raises(SettingsError, match="`start` has the encoder 'small', so `encoder` 'densenet121'"):
        fit(images[0], labels[0], start=stain, **{**QUICK, "encoder": "densenet121"})
    with pytest.raises(SettingsError, match="`weights` and `start` both say"):
        fit(images[0], labels[0], start=stain, weights="imagenet", **QUICK)
    with pytest.raises(BadModel, match="no model folder"):
        fit(images[0], labels[0], start=tmp_path / "none", **QUICK)
    with pytest.raises(BadModel, match="`start` is a int; training starts from a StainModel"):
        check_start(3, fs.ObjectModelSettings())
    markers = fs.MarkerModel.fit(cells.phase, nuclei=cells.nuclear, max_steps=1, device="cpu")
    markers.save(tmp_path / "markers")
    for start in (markers, tmp_path / "markers"):
        with pytest.raises(BadModel, match="`start` is a MarkerModel; training starts from a StainModel"):
            fit(images[0], labels[0], start=start, **QUICK)  # type: ignore[arg-type]


def test_objects_of_another_size_are_resized(model: fs.ObjectModel) -> None:
    card = model.card
    assert model.scale_for(diameter=2 * card.diameter) == pytest.approx(card.scale / 2)
    assert model.scale_for(diameter=2.5) == 4.0
    assert model.scale_for((9.0, 9.0)) == card.scale
    with pytest.raises(SettingsError, match="`diameter` is 1; give a number of px above 2"):
        model.predict(np.eye(40), diameter=1)


def test_labels_that_cannot_be_learned_from(images: list[np.ndarray], labels: list[np.ndarray]) -> None:
    def message(wrong: np.ndarray, kind: type[FrugalsegError]) -> str:
        with pytest.raises(kind) as raised:
            fs.ObjectModel.fit(images[:2], [labels[0], wrong], **QUICK)
        return str(raised.value)

    assert message((labels[1] > 0) * 255, BadPixels).startswith("images[1]: `labels` has one label in ")
    assert "looks like a grey image" in message(images[1][0].astype(int), BadPixels)
    assert "are not whole numbers" in message(labels[1] / 2, BadPixels)
    assert "nothing is annotated" in message(np.full_like(labels[1], -1, dtype=int), BadPixels)
    assert "`labels` has the shape (96, 50)" in message(labels[1][:, :50], WrongShape)
    with pytest.raises(InputError, match="there is no object in `labels`; outline some cells first"):
        fs.ObjectModel.fit(images[:1], [labels[0] * 0], **QUICK)
    with pytest.raises(InputError, match="there are 2 `images` and 1 `labels`"):
        fs.ObjectModel.fit(images[:2], labels[:1], **QUICK)
    with pytest.raises(SettingsError, match="`target` is 'organoids'; allowed are 'cells' and 'nuclei'"):
        fs.ObjectModel.fit(images[0], labels[0], target="organoids", **QUICK)  # type: ignore[arg-type]


def test_fields_outlined_in_full_without_an_object_are_examples_of_background(
    bright: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, truth = bright
    noise, partly = np.random.default_rng(1).normal(100, 20, (2, 96, 96)), np.zeros((96, 96), int)
    partly[0] = -1
    learn, counts = object_training.learn_from_labels, []

    def learn_and_count(*args: Any, **options: Any) -> Any:
        drawn = [args[3](step, 4) for step in range(30)]
        counts.append(np.bincount([field for crops in drawn for field, _, _ in crops], minlength=4).tolist())
        return learn(*args, **options)

    monkeypatch.setattr(object_training, "learn_from_labels", learn_and_count)
    said: list[str] = []
    how: dict[str, Any] = QUICK | {"hold_out": False, "max_steps": 1, "log": said.append}
    for labels in ([truth, truth * 0, truth, partly], [truth, truth * 0, partly, truth * 0]):
        fs.ObjectModel.fit([image, noise[0], image + 1, noise[1]], labels, **how)
    fs.ObjectModel.fit([image, noise[0]], [truth, partly], **how)
    assert counts[0] == [40, 40, 40, 0]
    objects, first, unknown, second = counts[1]
    assert unknown == 0
    assert abs(objects - 60) <= 6  # those without an object are not drawn more often, together
    assert abs(first - second) <= 6
    assert counts[2] == [120, 0, 0, 0]
    assert "24 px (1 without any, learned as background), held out: nothing" in said[0]
    assert "(2 without any, learned as background)" in said[1]
    assert "without any" not in said[2]


def test_images_without_use_are_left_out(images: list[np.ndarray], labels: list[np.ndarray]) -> None:
    left_out: list[int] = []
    wrong = [labels[0], (labels[1] > 0) * 1, labels[2], labels[3]]
    model = fs.ObjectModel.fit(images, wrong, on_error=lambda index, _error: left_out.append(index), **QUICK)
    assert left_out == [1]
    assert sorted(part.index for part in model.parts) == [0, 2, 3]
    assert len(list(model.evaluate(images, wrong))) == 3


def test_other_numbers_of_channels_do_not_fit_the_model(
    model: fs.ObjectModel, images: list[np.ndarray]
) -> None:
    with pytest.raises(
        WrongShape, match=r"the image has 1 channels and the model was trained on 2 \(phase, dic\)"
    ):
        model.predict(images[0][0])
    with pytest.raises(BadPixels, match=r"^field 'b': channel 'dic' is constant"):
        model.predict([images[0], images[0] * [[[1]], [[0]]]], names=["a", "b"])


def test_objects_of_a_few_pixels_are_learned_from() -> None:
    labels = np.zeros((128, 128), np.int32)
    corners = np.arange(1, 401, dtype=np.int32).reshape(20, 20)
    for y, x in np.ndindex(2, 2):
        labels[2 + y : 120 : 6, 2 + x : 120 : 6] = corners
    image = np.where(labels > 0, 900.0, 100.0) + np.random.default_rng(0).normal(0, 20, labels.shape)
    settings: dict[str, Any] = QUICK | {"crop": 160, "scale": 1.0, "hold_out": False, "max_steps": 1}
    assert fs.ObjectModel.fit(image, labels, **settings).card.training.steps == 1


def test_a_single_crop_that_a_network_cannot_learn_from(cells: SyntheticField) -> None:
    small: dict[str, Any] = QUICK | {"batch": 1, "max_steps": 1}
    large = small | {"encoder": "efficientnet_lite0", "weights": "none"}
    message = r"`crop` is 32 px and `batch` is 1, from which a network of stride 32 px can't learn; give a `crop` above 32"
    with pytest.raises(SettingsError, match=message):
        fs.ObjectModel.fit(cells.phase, cells.cells, **large)
    with pytest.raises(SettingsError, match=message):
        fs.StainModel.fit(cells.phase, cells.nuclear, **large)
    for enough in (small, large | {"crop": 33}, large | {"batch": 2}):
        assert fs.ObjectModel.fit(cells.phase, cells.cells, **enough).card.training.steps == 1
