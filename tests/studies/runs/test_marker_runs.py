"""Runs of a markers task: what is scored, what is learned from, and that labels only score."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import frugalseg as fs
from frugalseg.errors import NoMarkers
from frugalseg.models.baseline_scores import score_baselines
from frugalseg.models.teacher_cells import teacher_cells
from frugalseg.studies.design.marker_design import MarkerArm
from frugalseg.studies.plan.run_specs import MarkerRun
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs import marker_cues, marker_methods
from frugalseg.studies.runs.marker_runs import run_markers
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow

STUDENT: dict[str, Any] = {"encoder": "small", "max_steps": 2, "rounds": 1, "diameter": 30}
NETWORK: dict[str, Any] = {"max_steps": 2, "diameter": 30}


@pytest.fixture(scope="module")
def fields() -> list[Any]:
    return [fs.make_cells((72, 80), n_cells=5, dim_nuclei=0, seed=seed) for seed in (1, 2, 3)]


def _data(fields: Sequence[Any], **other: Any) -> ArrayData:
    channels = {
        "cyto": [one.cytoplasm for one in fields],
        "phase": [one.phase for one in fields],
        "dapi": [one.nuclear for one in fields],
        "cells": [one.cells for one in fields],
    }
    return ArrayData({**channels, **other}, ["a", "b", "c"])


def _spec(
    learn: str = "together",
    test: Sequence[str] = ("a", "b"),
    learned: Sequence[str] = ("a", "b", "c"),
    nuclei_from: str | None = None,
    **method: Any,
) -> MarkerRun:
    values: dict[str, Any] = {"inputs": "cyto", "nuclei": "dapi", "settings": {"diameter": 30}, **method}
    return MarkerRun(
        task="t",
        arm="arm",
        name="t/arm",
        fold="all",
        seed=3,
        learn_from=tuple(learned),
        test=tuple(test),
        method=MarkerArm(**values),
        labels="cells",
        learn=learn,  # type: ignore[arg-type]
        nuclei_from=nuclei_from,
    )


def _values(rows: Sequence[ScoreRow], field: str = "a") -> dict[str, float]:
    return {row.metric: row.value for row in rows if row.field == field}


def _labels(folder: Path, field: str) -> Any:
    return tifffile.imread(folder / f"{field}_labels.tif")


@pytest.mark.parametrize("method", ["voronoi", "propagation", "propagation_trimmed"])
@pytest.mark.parametrize("inputs", ["cyto", "phase"])
def test_a_classical_method_is_scored_as_every_report_does(
    fields: list[Any], tmp_path: Path, method: str, inputs: str
) -> None:
    rows = run_markers(_spec(inputs=inputs, method=method), _data(fields), Work(tmp_path))
    cues = fs.find_cues(
        getattr(fields[0], {"cyto": "cytoplasm"}.get(inputs, inputs)), fields[0].nuclear, diameter=30
    )
    scores = score_baselines(fields[0].cells, cues)
    same = "propagation" if inputs == "cyto" and method == "propagation_trimmed" else method
    assert _values(rows) == {
        "mAP": scores[same].mAP,
        "cell_miou": scores[same].cell_miou,
        "two_class_miou": scores[same].two_class_miou,
        "mask_iou": scores[same].foreground_iou,
        "nuclei_inside": 1.0,
        "roundness_gain": scores["voronoi"].cell_miou - scores["propagation"].cell_miou,
    }
    assert {row.field for row in rows} == {"a", "b"}
    assert {(row.task, row.arm, row.run, row.budget, row.outlined, row.steps, row.seed) for row in rows} == {
        ("t", "arm", "t/arm", "", 0, 0, 3)
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a_labels.tif", "b_labels.tif"]


def test_the_teacher_is_what_a_student_learns_first(
    fields: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = _spec(method="teacher", inputs="phase")
    run_markers(spec, _data(fields), Work(tmp_path / "own"))
    cues = fs.find_cues(fields[1].phase, fields[1].nuclear, diameter=30)
    np.testing.assert_array_equal(_labels(tmp_path / "own", "b"), teacher_cells(cues))
    monkeypatch.setattr(marker_methods, "teacher_cells", lambda cues: 7 * (cues.markers.nuclei > 0))
    run_markers(spec, _data(fields), Work(tmp_path / "other"))
    assert _labels(tmp_path / "other", "b").max() == 7


def test_a_method_that_learns_gives_what_its_model_gives(fields: list[Any], tmp_path: Path) -> None:
    spec = _spec(inputs="cyto,dapi", method="network", settings=NETWORK)
    rows = run_markers(spec, _data(fields), Work(tmp_path, device="cpu"))
    images = [np.stack([one.cytoplasm, one.nuclear]) for one in fields]
    own = fs.MarkerModel.fit(images, [one.nuclear for one in fields], seed=3, device="cpu", **NETWORK)
    expected = own.predict(images[1], fields[1].nuclear, diameter=30)
    np.testing.assert_array_equal(_labels(tmp_path, "b"), expected)
    assert _values(rows, "b")["mAP"] == fs.score_labels(fields[1].cells, expected).mAP
    assert {row.steps for row in rows} == {2}
    model = fs.load_model(tmp_path / "model")
    assert (model.card.channels, model.card.training.fields) == (("cyto", "dapi"), ("a", "b", "c"))
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert len(record["losses"]) == 2
    assert record["losses"] == own.training.losses  # type: ignore[union-attr]


def test_nuclei_as_an_input_leave_the_foreground_alone(fields: list[Any], tmp_path: Path) -> None:
    without, with_nuclei = (
        _values(
            run_markers(_spec(inputs=inputs, method="propagation"), _data(fields), Work(tmp_path / inputs))
        )
        for inputs in ("cyto", "cyto,dapi")
    )
    assert without == with_nuclei


@pytest.mark.parametrize("learn", ["together", "alone", "others"])
def test_labels_change_scores_and_never_cells(fields: list[Any], tmp_path: Path, learn: str) -> None:
    learned = ("b", "c") if learn == "others" else ("a", "b", "c")
    spec = _spec(learn, ("a",), learned, method="network", settings=NETWORK)
    found = []
    for name, cells in (("true", [one.cells for one in fields]), ("false", [one.nuclei for one in fields])):
        rows = run_markers(spec, _data(fields, cells=cells), Work(tmp_path / name, device="cpu"))
        found.append((_labels(tmp_path / name, "a"), _values(rows)["cell_miou"]))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] != found[1][1]


@pytest.mark.parametrize("learn", ["others", "alone"])
def test_others_never_see_the_test_field_and_alone_sees_nothing_else(
    fields: list[Any], tmp_path: Path, learn: str
) -> None:
    """Other pixels of the test field leave the model of the others alone; other pixels of the rest, its own model."""
    learned = ("b", "c") if learn == "others" else ("a", "b", "c")
    spec = _spec(learn, ("a",), learned, method="network", settings=NETWORK)
    place, other = ("model", 0) if learn == "others" else ("a_model", 2)
    weights = []
    for number, changed in enumerate((None, other, 1)):
        now = list(fields)
        if changed is not None:
            now[changed] = fs.make_cells((72, 80), n_cells=5, dim_nuclei=0, seed=9)
        run_markers(spec, _data(now), Work(tmp_path / str(number), device="cpu"))
        weights.append((tmp_path / str(number) / place / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert (weights[0] == weights[2]) == (learn == "alone")  # field b is one of the others


def test_each_field_alone_has_a_model_of_its_own(fields: list[Any], tmp_path: Path) -> None:
    spec = _spec("alone", method="network", settings=NETWORK)
    run_markers(spec, _data(fields), Work(tmp_path, device="cpu", checkpoint=tmp_path / "checkpoint"))
    names = [fs.load_model(tmp_path / f"{one}_model").card.training.fields for one in "ab"]
    assert names == [("a",), ("b",)]
    assert not (tmp_path / "model").exists()
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == ["a", "b"]


def test_a_student_without_nuclei_is_given_none(
    fields: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = _spec(method="student", settings=STUDENT)
    run_markers(spec, _data(fields), Work(tmp_path / "with", device="cpu"))
    model = fs.load_model(tmp_path / "with" / "model", "cpu")
    assert isinstance(model, fs.ObjectModel)
    assert (model.card.training.fields, model.card.training.seed) == (("a", "b", "c"), 3)
    monkeypatch.setattr(marker_methods, "self_train_on_cues", lambda *_, **__: model)
    without = _spec(method="student", settings=STUDENT, with_nuclei=False)
    run_markers(without, _data(fields), Work(tmp_path / "without", device="cpu"))
    cues = fs.find_cues(fields[0].cytoplasm, fields[0].nuclear, diameter=30)
    np.testing.assert_array_equal(_labels(tmp_path / "with", "a"), model.segment(cues).labels)
    np.testing.assert_array_equal(_labels(tmp_path / "without", "a"), model.predict(fields[0].cytoplasm))


def test_a_marker_network_teaches_a_student(
    fields: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[Any] = []

    class Stop(Exception):
        pass

    def watched(cues: Any, **more: Any) -> Any:
        taught.extend(more["teacher"](one) for one in cues)
        raise Stop

    monkeypatch.setattr(marker_methods, "self_train_on_cues", watched)
    teacher = {"teacher": "network", "teacher_settings": {"max_steps": 2}}
    spec = _spec(method="student", settings=STUDENT, **teacher)
    with pytest.raises(Stop):
        run_markers(spec, _data(fields), Work(tmp_path, device="cpu"))
    images, nuclei = [one.cytoplasm for one in fields], [one.nuclear for one in fields]
    own = fs.MarkerModel.fit(images, nuclei, seed=3, device="cpu", **NETWORK)
    np.testing.assert_array_equal(taught[2], own.predict(images[2], nuclei[2], diameter=30))


class _FakeStain:
    """Predicts what it was given, in place of a trained model."""

    def __init__(self, predicted: Any) -> None:
        self.predicted = predicted

    def predict(self, planes: Any, pixel_size: Any) -> Any:
        assert planes.shape == (1, 72, 80)
        return self.predicted


def _predicted_run(
    fields: list[Any], folder: Path, predicted: Any, monkeypatch: pytest.MonkeyPatch, learn: str = "alone"
) -> list[ScoreRow]:
    class Loader:
        @staticmethod
        def load(path: Path, device: str) -> _FakeStain:
            assert path == Path("stain model")
            return _FakeStain(predicted)

    monkeypatch.setattr(marker_cues, "StainModel", Loader)
    stain = {"kind": "stain", "stain": "dapi", "inputs": "phase"}
    spec = _spec(learn, ("a",), ("b", "c"), "t/stain", method="propagation", predicted_nuclei=stain)
    return run_markers(spec, _data(fields), Work(folder, {"t/stain": Path("stain model")}))


def test_missed_and_invented_markers_are_counted(
    fields: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fields[0]
    predicted = one.nuclear.astype(np.float32)
    floor = np.median(predicted[one.nuclei == 0])
    predicted[one.nuclei == 1] = floor  # one of five is missed
    free = np.argwhere(_far_from(one.nuclei))[0]
    y, x = np.ogrid[:72, :80]
    predicted[(y - free[0]) ** 2 + (x - free[1]) ** 2 <= 36] = np.median(
        predicted[one.nuclei > 1]
    )  # one is invented
    rows = _predicted_run(fields, tmp_path, predicted, monkeypatch)
    values = _values(rows)
    assert values["markers_missed"] == pytest.approx(1 / 5)
    assert values["markers_invented"] == pytest.approx(1 / 5)
    labels = _labels(tmp_path, "a")
    assert len(np.unique(labels[labels > 0])) == 5
    real = _values(run_markers(_spec(method="propagation"), _data(fields), Work(tmp_path / "real")))
    assert values["mAP"] < real["mAP"]
    assert "markers_missed" not in real


def test_a_stain_without_nuclei_is_scored_as_missing_all(
    fields: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).normal(0, 1, (72, 80)).astype(np.float32)
    monkeypatch.setattr(marker_cues, "find_cues", _no_markers)
    values = _values(_predicted_run(fields, tmp_path, noise, monkeypatch))
    assert values == {
        "mAP": 0,
        "cell_miou": 0,
        "two_class_miou": values["two_class_miou"],
        "mask_iou": 0,
        "markers_missed": 1,
        "markers_invented": 0,
    }
    assert not _labels(tmp_path, "a").any()
    with pytest.raises(NoMarkers):  # where the stain is real, the field can't be used
        run_markers(_spec(method="propagation"), _data(fields), Work(tmp_path / "real"))


def test_a_field_without_nuclei_is_a_field_without_cells(fields: list[Any], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(100, 1, (72, 80)).astype(np.float32)
    stains = [fields[0].nuclear, noise, fields[2].nuclear]
    data = _data(fields, dapi=stains)
    for name, method in (("cut", {"method": "propagation"}), ("own", {"settings": STUDENT})):
        rows = run_markers(_spec(test=("a", "b", "c"), **method), data, Work(tmp_path / name))
        assert _values(rows, "a")["cell_miou"] > 0
        assert (_values(rows, "b")["cell_miou"], _values(rows, "b")["mask_iou"]) == (0, 0)
    with pytest.raises(NoMarkers, match="no nucleus was found in any of b; check that channel 'dapi'"):
        run_markers(_spec(test=("a",), learned=("b",), settings=STUDENT), data, Work(tmp_path / "none"))


def _no_markers(*_: Any, **__: Any) -> Any:
    raise NoMarkers("no nucleus")


def _far_from(nuclei: Any) -> Any:
    from scipy.ndimage import distance_transform_edt

    inner = np.pad(np.ones((52, 60), bool), 10)
    return inner & (distance_transform_edt(nuclei == 0) > 12)
