"""Self-training on arrays: a student without labels, better than its teacher where the teacher errs at random."""

import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

import frugalseg as fs
from frugalseg.errors import BadModel, InputError, Interrupted, NoMarkers, SettingsError, WrongShape
from frugalseg.models import object_scale, own_sample, self_training, trained_student
from frugalseg.models.cell_prediction import _with_lone_cells
from frugalseg.models.field_choice import choose_images
from frugalseg.models.model_scale import normalized_planes
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seeded_cells import SeededCells
from frugalseg.models.student_start import CELL_DIAMETER, first_round, later_round
from frugalseg.models.teacher_cells import teacher_cells
from frugalseg.models.unseeded_objects import FINER_ORIENTATIONS

FAST: dict[str, Any] = {"encoder": "small", "max_steps": 2, "rounds": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    return [fs.make_cells((128, 128), n_cells=12, dim_nuclei=0, seed=seed) for seed in (1, 2)]


def test_a_student_learns_from_nuclei_and_needs_none(cells: list[Any], tmp_path: Path) -> None:
    images, nuclei = [one.cytoplasm for one in cells], [one.nuclear for one in cells]
    model = fs.self_train(images, nuclei, **{**FAST, "max_steps": 60, "rounds": 2})
    found = model.predict(images)
    scores = [fs.score_labels(one.cells, labels).cell_miou for one, labels in zip(cells, found, strict=True)]
    assert np.mean(scores) > 0.6
    assert model.card.found_diameter == pytest.approx(model.card.diameter, rel=0.3)
    twice = model.predict(np.kron(images[0], np.ones((2, 2), images[0].dtype)))
    assert (
        fs.score_labels(np.kron(cells[0].cells, np.ones((2, 2), np.uint32)), twice).cell_miou
        > scores[0] - 0.1
    )
    with_nuclei = model.predict(images[0], nuclei=nuclei[0])
    cues = fs.find_cues(images[0], nuclei[0])
    predicted, own = model.segment(cues), cues.markers.nuclei
    assert predicted.agreement.nuclei_inside == 1
    assert own is not None
    assert np.mean(predicted.labels[own > 0] == own[own > 0]) >= 0.98
    assert fs.score_labels(cells[0].cells, with_nuclei).n_predicted == 12
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(fs.load_model(tmp_path / "model").predict(images[0]), found[0])
    assert model.training is not None
    assert (model.training.steps, len(model.training.terms["mask"])) == (90, 90)
    sure = model.card.usual_confidence
    assert sure is not None
    assert 0.2 < sure < 1
    model.card = model.card.model_copy(update={"usual_confidence": 1.0})
    alone, seeded = model.find_objects(images[0]), model.segment(fs.find_cues(images[0], nuclei[0]))
    for doubts in (alone.doubts, seeded.doubts):
        assert [one[:22] for one in doubts] == ["The model is less sure"]


@pytest.mark.parametrize(("larger", "copes"), [((1.0, 1.0), True), ((0.9, 1.02), False), ((0.95, 1.3), True)])
def test_the_images_learned_from_tell_together_whether_any_is_seen_enlarged(
    larger: tuple[float, float], copes: bool, cells: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = iter(larger)

    def seen(*given: Any) -> tuple[SeededCells, SeededCells]:
        mask = np.full((2, 1, 1000), -1.0, np.float32)
        usual, enlarged = mask.copy(), mask.copy()
        usual[:, :, :500] = 1
        enlarged[:, :, : round(500 * next(said))] = 1
        labels = np.zeros((100, 100), np.uint32)
        return SeededCells(labels, [usual], {}), SeededCells(labels, [enlarged], {})

    monkeypatch.setattr(trained_student, "at_both_scales", seen)
    images, nuclei = [one.cytoplasm for one in cells], [one.nuclear for one in cells]
    model = fs.self_train(images, nuclei, **{**FAST, "max_steps": 60})
    assert model.card.copes_with_finer is copes
    passes: list[int] = []
    model.network.register_forward_pre_hook(lambda *_: passes.append(1))
    model.predict(images[0], diameter=model.card.diameter)
    model.segment(fs.find_cues(images[0], nuclei[0]), diameter=model.card.diameter)
    assert len(passes) == 2 * 4 + ((FINER_ORIENTATIONS + 4) if copes else 0)


def test_what_told_the_scale_is_not_computed_again(cells: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    image, cues = cells[0].cytoplasm, fs.find_cues(cells[0].cytoplasm, cells[0].nuclear)
    model = fs.self_train(image, cells[0].nuclear, **FAST)
    model.card = model.card.model_copy(
        update={"usual_confidence": None}
    )  # so it is content with its first sight
    monkeypatch.setattr(object_scale, "FEWEST", -1)
    monkeypatch.setattr(object_scale, "typical_diameter", lambda _: model.card.found_diameter)
    passes: list[int] = []
    model.network.register_forward_pre_hook(lambda *_: passes.append(1))
    again = model.predict(image, diameter=model.card.diameter)
    assert len(passes) == model.settings.orientations == 4
    for labels in (model.predict(image), model.find_objects(image).labels):
        np.testing.assert_array_equal(labels, again)
    seeded = model.segment(cues, diameter=model.card.diameter)
    np.testing.assert_array_equal(model.segment(cues).labels, seeded.labels)
    assert len(passes) == 3 * 4 + 2 * (8 if model.card.copes_with_finer else 4)
    seen = ImageScale(model.card.scale, np.zeros((2, 1, 1), np.float32))
    with pytest.raises(ValueError, match="shape"):  # what is handed over is used
        model.find_objects(image, seen=seen)


def test_later_rounds_learn_from_the_networks_own_cells(
    cells: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Any]] = []
    learn = self_training.learn_from_labels

    def watched(network: Any, samples: list[Any], *rest: Any, **more: Any) -> Any:
        seen.append(samples)
        return learn(network, samples, *rest, **more)

    own = np.zeros((128, 128), np.uint32)
    own[:64] = 5
    monkeypatch.setattr(self_training, "learn_from_labels", watched)
    found = SeededCells(own, [np.zeros((2, 128, 128), np.float32)], {})
    monkeypatch.setattr(own_sample, "at_both_scales", lambda *_: (found, None))
    cues = fs.find_cues(cells[0].cytoplasm, cells[0].nuclear, diameter=CELL_DIAMETER)
    self_training.self_train_on_cues([cues], **{**FAST, "rounds": 2})
    (first,), (second,) = seen
    np.testing.assert_array_equal(first.targets[1] > 0, teacher_cells(cues) > 0)
    np.testing.assert_array_equal(second.targets[1] > 0, own > 0)


def test_another_teacher_is_learned_from(cells: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class Stop(Exception):
        pass

    def watched(network: Any, samples: list[Any], *_: Any, **__: Any) -> Any:
        seen.extend(samples)
        raise Stop

    halves = np.zeros((128, 128), np.uint32)
    halves[40:100, 20:60], halves[40:100, 60:110] = 1, 2
    monkeypatch.setattr(self_training, "learn_from_labels", watched)
    cues = fs.find_cues(cells[0].cytoplasm, cells[0].nuclear, diameter=CELL_DIAMETER)
    with pytest.raises(Stop):
        self_training.self_train_on_cues([cues], teacher=lambda _: halves, **FAST)
    np.testing.assert_array_equal(seen[0].targets[1] > 0, halves > 0)


def test_a_later_round_takes_half_the_steps_at_half_the_rate() -> None:
    assert first_round(fs.SelfTrainingSettings()).max_steps == 300
    first = first_round(fs.SelfTrainingSettings(max_steps=40))
    later = later_round(first)
    assert (first.max_steps, first.learning_rate, first.weights) == (40, 2e-3, "imagenet")
    assert (later.max_steps, later.learning_rate) == (20, 1e-3)
    small = fs.SelfTrainingSettings(encoder="small")
    assert first_round(small).weights == "none"


def test_a_stopped_training_says_in_which_round(cells: list[Any], tmp_path: Path) -> None:
    taken = []

    def interrupt(progress: Any) -> None:
        taken.append(progress.step)
        if taken == [1, 2, 3, 4, 1]:
            signal.raise_signal(signal.SIGINT)

    learned = [cells[0].phase], [cells[0].nuclear]
    changed: dict[str, Any] = {**FAST, "max_steps": 4, "diameter": 22.0, "progress": interrupt}
    with pytest.raises(
        Interrupted, match=r"^round 2 of 3 stopped after 1 of at most 2 steps; give `resume` .*round_2.last"
    ):
        fs.self_train(*learned, **{**changed, "rounds": 3}, checkpoint=tmp_path)
    taken[:] = [1, 2, 3, 4]
    with pytest.raises(Interrupted, match=r"^stopped after 1 of at most 4 steps$"):
        fs.self_train(*learned, **changed)


def test_rounds_of_an_earlier_training_are_not_taken_for_this_ones(cells: list[Any], tmp_path: Path) -> None:
    first, second = ((one.phase, one.nuclear) for one in cells)
    how: dict[str, Any] = {**FAST, "rounds": 2, "diameter": 22.0, "seed": 5}
    fs.self_train(*first, **how, checkpoint=tmp_path / "ck")
    wanted = fs.self_train(*second, **how).network.state_dict()

    def interrupt(_: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        fs.self_train(*second, **how, checkpoint=tmp_path / "ck", progress=interrupt)
    with pytest.raises(BadModel, match="other images, settings, seed or start"):
        fs.self_train(*first, **how, checkpoint=tmp_path / "ck", resume=True)
    resumed = fs.self_train(*second, **how, checkpoint=tmp_path / "ck", resume=True).network.state_dict()
    assert all((resumed[name] == tensor).all() for name, tensor in wanted.items())


def test_a_finished_training_goes_on_with_more_rounds(cells: list[Any], tmp_path: Path) -> None:
    learned = cells[0].phase, cells[0].nuclear
    how: dict[str, Any] = {**FAST, "diameter": 22.0, "seed": 5}
    wanted = fs.self_train(*learned, **how | {"rounds": 2})
    fs.self_train(*learned, **how | {"rounds": 1}, checkpoint=tmp_path)
    steps = list[int]()
    more = fs.self_train(
        *learned,
        **how | {"rounds": 2},
        checkpoint=tmp_path,
        resume=True,
        progress=lambda now: steps.append(now.step),
    )
    assert steps == [1]  # of the second round, which takes half the steps
    found = more.network.state_dict()
    assert all((found[name] == tensor).all() for name, tensor in wanted.network.state_dict().items())


def test_fluorescence_is_learned_and_used_as_its_logarithm(cells: list[Any]) -> None:
    """Other gain and black level, which a z-score bears too; and a gamma, which only the logarithm nearly bears."""
    model = fs.self_train(cells[0].cytoplasm, cells[0].nuclear, **FAST)
    assert model.card.normalization == ("log",)
    assert fs.self_train(cells[0].phase, cells[0].nuclear, **FAST).card.normalization == ("even",)
    image = cells[0].cytoplasm.astype(np.float64)
    seen = [
        normalized_planes(one[None].astype(np.float32), ["log"], 30, (), "a")
        for one in (image, 3 * image + 50)
    ]
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-3)
    assert not np.allclose(seen[0], (image - image.mean()) / image.std(), atol=0.1)


def test_an_image_with_dark_cells_is_named_and_those_learned_from_are_not() -> None:
    cells = fs.make_cells((256, 256), n_cells=40, dim_nuclei=0, seed=1)
    image = cells.phase.astype(np.float32)
    model = fs.self_train(image, cells.nuclear, **FAST, diameter=30)
    model.card = model.card.model_copy(
        update={"usual_confidence": None}
    )  # one step of training is sure of nothing
    for seen, named in ((image, False), (-image, True)):
        alone = model.find_objects(seen, diameter=30)
        seeded = model.segment(fs.find_cues(seen, cells.nuclear, diameter=30), diameter=30)
        assert seeded.look_distance == alone.look_distance
        assert alone.look_distance is not None
        assert (alone.look_distance > 2, alone.look_distance == 0) == (named, not named)
        assert [one[:23] for one in alone.doubts] == ["This field looks unlike"] * named
        assert seeded.doubts == alone.doubts


def test_of_many_images_a_few_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_training, "choose_images", partial(choose_images, most=2))
    cells = fs.make_cells((256, 256), n_cells=40, dim_nuclei=0, seed=1)
    images = [cells.phase, cells.phase, -cells.phase.astype(float)]
    drawn: list[Any] = []
    sampler = self_training.CropSampler
    monkeypatch.setattr(
        self_training,
        "CropSampler",
        lambda *args, weights: drawn.append(weights) or sampler(*args, weights=weights),
    )
    lines: list[str] = []
    model = fs.self_train(
        images, [cells.nuclear] * 3, **FAST, names=["a", "b", "c"], log=lines.append, diameter=30
    )
    assert model.card.training.fields == ("a", "c")
    assert lines[:2] == [
        "learning from 2 of 3 images, those that look most different",
        "images that look like few others are drawn up to 1.4 times as often: 1 of 2",
    ]
    np.testing.assert_allclose(drawn[0], [2**0.5, 1])


def test_a_bad_image_is_named_or_left_out(cells: list[Any]) -> None:
    blank = np.random.default_rng(0).normal(100, 3, (128, 128))
    images, nuclei = [one.cytoplasm for one in cells], [cells[0].nuclear, blank]
    with pytest.raises(NoMarkers, match=r"images\[1\]"):
        fs.self_train(images, nuclei, **FAST)
    failed: list[int] = []
    model = fs.self_train(images, nuclei, **FAST, on_error=lambda index, _: failed.append(index))
    assert failed == [1]
    assert model.card.training.fields == ("image 1",)
    failed.clear()
    with pytest.raises(NoMarkers, match=r"images\[0\].*no nucleus was found"):  # why none can be used
        fs.self_train(images, [blank, blank], **FAST, on_error=lambda index, _: failed.append(index))
    assert failed == [0, 1]
    with pytest.raises(InputError, match="at least one image"):
        self_training.self_train_on_cues([], **FAST)
    with pytest.raises(SettingsError, match="`rounds`"):
        fs.self_train(images[0], nuclei[0], **{**FAST, "rounds": 0})


def test_the_teachers_cells_are_kept_where_the_stain_draws_the_borders(
    cells: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    learn = self_training.learn_from_labels

    def watched(network: Any, samples: list[Any], *rest: Any, **more: Any) -> Any:
        seen.append(samples[0])
        return learn(network, samples, *rest, **more)

    monkeypatch.setattr(self_training, "learn_from_labels", watched)
    one = cells[0]
    depth = distance_transform_edt(one.cells)
    cues = fs.find_cues(np.exp(depth / 4) * (one.cells > 0) + 0.1, one.nuclear, mask=one.cells, diameter=30)
    model = self_training.self_train_on_cues([cues], **{**FAST, "rounds": 2})
    assert seen[1] is seen[0]
    teacher, segmented = teacher_cells(cues), model.segment(cues)
    found = segmented.labels
    assert segmented.doubts[0].startswith("The stain itself draws the borders between cells")
    assert model.card.self_trained
    np.testing.assert_array_equal(found[teacher > 0], teacher[teacher > 0])
    usual = model.segment(fs.find_cues(cues.planes, cues.nuclei))
    assert usual.doubts[0] == segmented.doubts[0]
    predicted = model.predict(cues.planes, nuclei=cues.nuclei)
    np.testing.assert_array_equal(predicted, usual.labels)
    with pytest.raises(WrongShape, match=r"^the image has 2 channels"):
        model.predict(np.concatenate([cues.planes, cues.planes]), nuclei=cues.nuclei)
    nothing = np.zeros_like(cues.planes[0])
    nothing[0, 0] = 1  # no nucleus, and not constant either
    alone = model.predict(cues.planes, nuclei=nothing)
    assert (alone == 0).any()
    assert not np.array_equal(alone, predicted)
    assert not np.isin(found[teacher == 0], np.unique(teacher[teacher > 0])).any()
    model.card = model.card.model_copy(update={"self_trained": False})
    assert not np.array_equal(model.segment(cues).labels, found)


def test_only_cells_without_a_nucleus_and_outside_of_others_are_added() -> None:
    kept, found = np.zeros((2, 20, 40), np.uint32)
    kept[5:15, 2:12] = 1
    found[4:16, 1:13] = 1  # has a nucleus
    found[5:15, 11:21] = 3  # mostly outside
    found[13:16, 2:12] = 4  # mostly inside cell 1
    found[5:15, 25:35] = 2  # of another nucleus
    added = _with_lone_cells(kept, found, 2)
    expected = np.where((found == 3) & (kept == 0), 3, kept)
    np.testing.assert_array_equal(added, expected)


def test_cues_of_one_image_may_stand_alone_and_need_a_marker(cells: list[Any]) -> None:
    cues = fs.find_cues(cells[0].phase, cells[0].nuclear, diameter=22)
    one, several = (fs.self_train_on_cues(given, **FAST).network.state_dict() for given in (cues, [cues]))
    assert all(torch.equal(one[name], several[name]) for name in several)
    with pytest.raises(NoMarkers, match=r"^image has no marker, so nothing says where its cells are"):
        fs.self_train_on_cues([replace(cues, markers=fs.markers_from_points([]))], **FAST)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells[:, ::2], "`teacher`"),
        (lambda cells: cells + 0.5, "`teacher`"),
        (lambda cells: cells.astype(int) - 1, "`teacher` gave labels below 0"),
    ],
)
def test_what_a_teacher_returns_is_looked_at(change: Any, said: str) -> None:
    """A smaller map was stretched to the image without a word."""
    cells = fs.make_cells((96, 160), n_cells=9, seed=2)
    cues = fs.find_cues(cells.phase, cells.nuclear, diameter=24)
    how: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu"}
    with pytest.raises(InputError, match=said):
        fs.self_train_on_cues([cues], teacher=lambda _: change(cells.cells), **how)


def test_images_of_one_name_are_told_apart() -> None:
    fields = [fs.make_cells((96, 96), n_cells=7, dim_nuclei=0, seed=seed) for seed in (0, 1)]
    cues = [fs.find_cues(one.phase, one.nuclear, diameter=24) for one in fields]
    model = fs.self_train_on_cues(cues, encoder="small", rounds=2, max_steps=20, device="cpu")
    assert model.training is not None
    assert set(model.training.cells_agree) == {"image", "image (2)"}


def test_two_markers_on_one_pixel_leave_their_numbers_to_nobody_else() -> None:
    cells = fs.make_cells((96, 96), n_cells=7, dim_nuclei=0, seed=3)
    points = np.argwhere(cells.nuclei == 1)[[4, 4]].astype(float)
    model = fs.self_train(
        cells.phase, cells.nuclear, diameter=24, encoder="small", rounds=1, max_steps=60, device="cpu"
    )
    found = model.segment(fs.find_cues(cells.phase, markers=points, diameter=24))
    numbers = set(np.unique(found.labels).tolist()) - {0}
    assert len(numbers) > 1
    assert 1 in numbers
    assert 2 not in numbers  # the second marker has no pixel of its own
    assert set(found.confidence) <= numbers
