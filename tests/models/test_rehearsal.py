"""Tuning a self-trained model: what it found where nobody outlined anything is learned beside the labels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit

import frugalseg as fs
from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.images.normalize import zscore
from frugalseg.images.resize import resize_planes
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models import object_model, start_sight
from frugalseg.models.looks import image_look
from frugalseg.models.object_dataset import ObjectDataset, build_object_dataset, read_labelled_images
from frugalseg.models.object_training import learning_settings
from frugalseg.models.rehearsal import MOST_IMAGES, _looks_unlike, rehearsal_beside, rehearsal_samples
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.training_options import WARNING
from frugalseg.networks.cards import Look, ObjectCard
from frugalseg.prediction.whole_image import mean_maps, oriented_maps
from frugalseg.synthetic.cells import SyntheticField, make_cells

TUNING = LabelSettings.preset("tuning", target="cells", crop=32, batch=4)
QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 4, "hold_out": False, "device": "cpu"}


@pytest.fixture(scope="module")
def student(fields: list[SyntheticField]) -> fs.ObjectModel:
    """A model that learned cells a little, as if from nuclei, at a scale that its labels do not tell."""
    images, labels = [one.phase for one in fields], [one.cells for one in fields]
    model = fs.ObjectModel.fit(images, labels, scale=0.9, max_steps=40, **QUICK)
    known = {"self_trained": True, "diameter": 2 * model.card.diameter, "usual_confidence": None}
    model.card = model.card.model_copy(update=known)
    return model


@pytest.fixture(scope="module")
def corner(cells: SyntheticField) -> np.ndarray:
    """Labels of one corner; all else is not annotated."""
    labels = np.full(cells.cells.shape, -1, np.int32)
    labels[:48, :52] = cells.cells[:48, :52]
    return labels


@pytest.fixture(scope="module")
def dataset(cells: SyntheticField, corner: np.ndarray, student: fs.ObjectModel) -> ObjectDataset:
    settings = fs.ObjectModelSettings(scale=student.card.scale, hold_out=False)
    return build_object_dataset(read_labelled_images(cells.phase, corner, "cells"), "cells", settings, None)


def test_what_the_start_finds_is_the_target_where_nothing_is_annotated(
    student: fs.ObjectModel, dataset: ObjectDataset, corner: np.ndarray, fields: list[SyntheticField]
) -> None:
    found = rehearsal_samples(student.network, student.card, TUNING, dataset, [fields[1].phase])
    assert [one.name for one in found] == [dataset.images[0].name, "unlabelled[0]"]
    own, other = found
    assert own.valid is not None
    assert other.valid is None
    assert own.valid.shape == (86, 94) == own.shape
    assert own.valid[50, 10]
    assert not own.valid[10, 10]
    assert own.valid.mean() == pytest.approx((corner < 0).mean(), abs=0.01)
    planes = dataset.images[0].planes
    oriented = oriented_maps(student.network, planes, dataset.scale, orientations=4)
    maps = resize_planes(mean_maps(oriented), (planes.shape[1], planes.shape[2]))
    small = own.targets[:, 20:60, 20:60].mean(axis=(1, 2))
    wanted = np.stack([maps[0].clip(0, 1), expit(maps[1])])[:, 22:67, 22:67].mean(axis=(1, 2))
    np.testing.assert_allclose(small, wanted, atol=0.02)
    assert other.targets.std() > 0.1


def test_images_that_look_unlike_all_that_was_learned_are_left_out(
    student: fs.ObjectModel, dataset: ObjectDataset, fields: list[SyntheticField]
) -> None:
    def names(card: Any) -> list[str]:
        return [
            one.name for one in rehearsal_samples(student.network, card, TUNING, dataset, fields[1].phase)
        ]

    n_values = len(image_look(dataset.images[0].planes).values)
    unlike = student.card.model_copy(update={"looks": (Look(values=(9.0,) * n_values, spread=0.01),)})
    like = student.card.model_copy(update={"looks": (Look(values=(0.0,) * n_values, spread=9.0),)})
    assert names(unlike) == []
    assert len(names(like)) == 2


def test_a_fully_outlined_image_is_not_rehearsed_and_few_of_many_others_are(
    student: fs.ObjectModel, dataset: ObjectDataset, cells: SyntheticField
) -> None:
    one = replace(dataset.images[0], labels=np.asarray(cells.cells, np.int32))
    whole = replace(dataset, images=(one,))
    assert rehearsal_samples(student.network, student.card, TUNING, whole) == []
    quick = TUNING.model_copy(update={"orientations": 1})
    many = rehearsal_samples(student.network, student.card, quick, whole, [cells.phase] * 31)
    assert [one.name for one in many] == [f"unlabelled[{2 * index}]" for index in range(MOST_IMAGES)]


def test_unusable_images_are_an_error_or_left_out(
    student: fs.ObjectModel, dataset: ObjectDataset, cells: SyntheticField
) -> None:
    given = [np.full((40, 40), 7.0), cells.phase]
    with pytest.raises(BadPixels, match=r"unlabelled\[0\]"):
        rehearsal_samples(student.network, student.card, TUNING, dataset, given)
    with pytest.raises(WrongShape, match=r"unlabelled\[0\] has 2 channels"):
        rehearsal_samples(student.network, student.card, TUNING, dataset, np.ones((2, 40, 40)))
    lines: list[str] = []
    kept = rehearsal_samples(
        student.network, student.card, TUNING, dataset, given, lines.append, lambda *_: None
    )
    assert [one.name for one in kept][1:] == ["unlabelled[1]"]
    assert lines[0] == "unlabelled[0] is left out"
    said = f"{WARNING}An image without labels is not rehearsed: unlabelled[0]: channel '0' is constant"
    assert [line.startswith(said) for line in lines[1:]] == [True]


def test_half_of_the_crops_of_a_step_are_of_rehearsal(
    student: fs.ObjectModel, dataset: ObjectDataset
) -> None:
    found = rehearsal_samples(student.network, student.card, TUNING, dataset)

    def labelled(step: int, crops: int) -> list[tuple[int, int, int]]:
        return [(0, step, number) for number in range(crops)]

    draw = rehearsal_beside(labelled, 1, found, TUNING, seed=3)
    for step in range(20):
        crops = draw(step, 4)
        assert crops[:2] == [(0, step, 0), (0, step, 1)]
        assert [sample for sample, _, _ in crops[2:]] == [1, 1]
    valid = found[0].valid
    assert valid is not None
    assert all(valid[y : y + 32, x : x + 32].any() for step in range(20) for _, y, x in draw(step, 4)[2:])


def test_rehearsal_keeps_what_the_start_found(
    student: fs.ObjectModel, fields: list[SyntheticField], corner: np.ndarray
) -> None:
    """Labels that say "nothing here" but for one cell make a network forget cells, if nothing reminds it of them."""
    wrong = np.where(corner == corner[corner > 0].min(), corner, np.minimum(corner, 0))
    others = [one.phase for one in fields[1:3]]
    about = {**QUICK, "max_steps": 12, "scale": student.card.scale}

    def tuned(**changed: Any) -> float:
        model = fs.ObjectModel.fit(
            fields[0].phase, wrong, start=student, unlabelled=others, **about, **changed
        )
        now, before = (
            one.find_objects(
                fields[3].phase,
            ).maps
            for one in (model, student)
        )
        return float(np.abs(expit(now[1]) - expit(before[1])).mean())

    # One training of so few steps is chance, which differs between machines already.
    with_it, without = (
        sum(tuned(seed=seed, **changed) for seed in range(4)) for changed in ({}, {"rehearsal": 0.0})
    )
    assert with_it < 0.85 * without


def test_only_a_self_trained_start_of_cells_is_rehearsed_by_default(student: fs.ObjectModel) -> None:
    drawn = student.card.model_copy(update={"self_trained": False})
    settings = fs.ObjectModelSettings()
    found = learning_settings(settings, "cells", student.card)
    assert (found.rehearsal, found.crop, found.zoom, found.orientations) == (0.5, 128, 0.25, 4)
    assert found.max_steps == LabelSettings.preset("tuning", target="cells").max_steps < 600
    usual = LabelSettings(target="cells")
    assert learning_settings(fs.ObjectModelSettings(encoder="small"), "cells", None) == usual
    assert learning_settings(settings, "cells", drawn) == usual
    assert learning_settings(settings, "nuclei", student.card) == LabelSettings(target="nuclei")
    paper = LabelSettings.preset("paper", target="cells", encoder="small", weights="none")
    assert learning_settings(fs.ObjectModelSettings(preset="paper"), "cells", student.card) == paper
    asked = fs.ObjectModelSettings(rehearsal=0.25)
    assert learning_settings(asked, "cells", drawn).rehearsal == 0.25
    for target, start in (("cells", None), ("nuclei", student.card)):
        with pytest.raises(
            SettingsError, match=r"`rehearsal` is 0.25, which needs a model of cells as `start`"
        ):
            learning_settings(asked, target, start)  # type: ignore[arg-type]


def test_a_student_is_tuned_at_the_scale_it_chooses_itself(
    student: fs.ObjectModel, dataset: ObjectDataset, cells: SyntheticField, corner: np.ndarray
) -> None:
    """Its diameter of cells is twice that of the labels, which would double the scale of a start of drawn labels."""
    quick = {**QUICK, "max_steps": 1}
    card = student.card.model_copy(update={"found_diameter": student.card.diameter / 2})
    start = fs.ObjectModel(card, student.network, student.settings, device="cpu")
    own = start.image_scale(dataset.images[0].planes).scale
    assert own < 1.2
    assert fs.ObjectModel.fit(cells.phase, corner, start=start, **quick).card.scale == own
    assert fs.ObjectModel.fit(cells.phase, corner, start=start, scale=0.5, **quick).card.scale == 0.5
    start.card = card.model_copy(update={"self_trained": False})
    assert fs.ObjectModel.fit(cells.phase, corner, start=start, **quick).card.scale > 1.4


@pytest.mark.parametrize("inverted", [False, True])
def test_what_is_rehearsed_looks_like_what_was_learned_as_the_start_saw_it(
    student: fs.ObjectModel, inverted: bool
) -> None:
    learned = zscore(make_cells((256, 256), seed=1).phase[None])
    card = student.card.model_copy(update={"looks": (image_look(-learned if inverted else learned),)})
    unlike = [_looks_unlike(card, sign * learned, 1.0, inverted) for sign in (1, -1)]
    assert unlike == [False, True]


def test_a_start_of_the_other_contrast_begins_like_one_of_this(
    student: fs.ObjectModel, cells: SyntheticField, corner: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With inverted weights, it finds and rehearses in the inverted image what it does in the image."""
    learned = zscore(cells.phase[None])
    looks = (image_look(resize_planes(learned, (86, 94))),)
    card = student.card.model_copy(update={"looks": looks, "found_diameter": student.card.diameter / 2})
    start = fs.ObjectModel(card, student.network, student.settings, device="cpu")

    def best(image: SeenImage) -> SeenImage | None:
        known = float((image.planes * learned).mean()) > 0
        return image if known else image.with_inverted_contrast()

    monkeypatch.setattr(start_sight, "best_contrast", best)
    begun, rehearsed = list[torch.Tensor](), list[np.ndarray]()

    def watched(network: torch.nn.Module, *rest: Any) -> Any:
        found = rehearsal_samples(network, *rest)  # type: ignore[arg-type]
        with torch.inference_mode():
            begun.append(network(torch.from_numpy(sign * learned)[None]))
        rehearsed.extend(one.targets for one in found)
        return found

    monkeypatch.setattr(object_model, "rehearsal_samples", watched)
    cards = list[ObjectCard]()
    for sign in (1.0, -1.0):
        image = sign * cells.phase.astype(np.float32)
        model = fs.ObjectModel.fit(image, corner, start=start, **{**QUICK, "max_steps": 1})
        cards.append(model.card)
    torch.testing.assert_close(begun[0], begun[1])
    assert len(rehearsed) == 2
    np.testing.assert_allclose(rehearsed[0], rehearsed[1], atol=1e-5)
    assert [one.started_from for one in cards] == ["cells model not saved", "cells model not saved, inverted"]
    assert cards[0].scale == cards[1].scale


def test_images_without_labels_change_nothing_for_other_starts(
    student: fs.ObjectModel, cells: SyntheticField, corner: np.ndarray, fields: list[SyntheticField]
) -> None:
    def weights(start: fs.ObjectModel | None, unlabelled: Any) -> torch.Tensor:
        settings: dict[str, Any] = {**QUICK, "max_steps": 2}
        model = fs.ObjectModel.fit(cells.phase, corner, start=start, unlabelled=unlabelled, **settings)
        return torch.cat([one.flatten() for one in model.network.parameters()])

    drawn = fs.ObjectModel(
        student.card.model_copy(update={"self_trained": False}), student.network, student.settings
    )
    for start, changes in ((None, False), (drawn, False), (student, True)):
        assert torch.equal(weights(start, None), weights(start, fields[1].phase)) != changes


def test_a_few_pixels_that_nobody_annotated_are_nothing_to_rehearse(
    cells: SyntheticField, student: fs.ObjectModel
) -> None:
    labels = cells.cells.astype(np.int32)
    labels[60, 60:63] = -1
    settings = fs.ObjectModelSettings(scale=student.card.scale, hold_out=False)
    nearly = build_object_dataset(read_labelled_images(cells.phase, labels, "cells"), "cells", settings, None)
    usual = TUNING.model_copy(update={"crop": 128})
    assert rehearsal_samples(student.network, student.card, usual, nearly) == []
    tuned = fs.ObjectModel.fit(cells.phase, labels, start=student, max_steps=1, hold_out=False, device="cpu")
    assert tuned.card.training.steps == 1
