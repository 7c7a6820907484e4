"""Runs that learn from labels, on arrays: what is outlined, what is saved, what is scored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.errors import InputError
from frugalseg.evaluation.scores import compare_labels
from frugalseg.models.load import load_model
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.run_specs import LabelRun, RunSpec, StainRun, StudentRun
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs.label_runs import outlined_crops, run_labels
from frugalseg.studies.runs.stain_runs import run_stain
from frugalseg.studies.runs.student_runs import run_student
from frugalseg.studies.runs.work import Work

from ..conftest import design_of


def planned(task: dict[str, Any], data: ArrayData) -> tuple[RunSpec, ...]:
    return plan_runs(design_of(cells=task), {"cells": data})


def test_rows_are_the_scores_of_what_was_written(
    labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    (spec,) = planned({**labels_task, "test": ["b", "c"], "budgets": ["1 crop"], "crop_size": 48}, cells_data)
    assert isinstance(spec, LabelRun)
    rows = run_labels(spec, cells_data, Work(tmp_path))
    assert [(row.field, row.metric) for row in rows] == [
        (field, metric) for field in ("b", "c") for metric in ("mAP", "cell_miou", "mask_iou")
    ]
    model = load_model(tmp_path / "model", "cpu")
    assert model.card.channels == ("phase",)  # so `frugalseg predict` finds it in other images
    for field in ("b", "c"):
        written = tifffile.imread(tmp_path / f"{field}_labels.tif")
        assert np.array_equal(written, model.predict(cells_data.inputs(field, "phase")))  # type: ignore[union-attr]
        scores = compare_labels(cells_data.labels(field, "cells"), written)
        found = {row.metric: row.value for row in rows if row.field == field}
        assert found == {"mAP": scores.mAP, "cell_miou": scores.cell_miou, "mask_iou": scores.foreground_iou}
    part = outlined_crops(cells_data.labels("a", "cells"), 48, 1, (0, 5, 0))
    assert {row.outlined for row in rows} == {len(np.unique(part[part > 0]))}


def test_the_same_run_twice_is_the_same(
    labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    (spec,) = planned(labels_task, cells_data)
    assert isinstance(spec, LabelRun)
    runs = [run_labels(spec, cells_data, Work(tmp_path / name)) for name in ("1", "2")]
    assert runs[0] == runs[1]
    weights = [(tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("1", "2")]
    assert weights[0] == weights[1]


def test_nothing_but_the_crop_is_outlined() -> None:
    labels = np.arange(1, 401).reshape(20, 20)
    part = outlined_crops(labels, 6, 1, [1, 2])
    rows, columns = np.nonzero(part >= 0)
    assert len(rows) == 36
    assert (rows.max() - rows.min(), columns.max() - columns.min()) == (5, 5)
    assert np.array_equal(part[part >= 0], labels[part >= 0])
    assert (part >= 0).sum() <= (
        outlined_crops(labels, 6, 2, [1, 2]) >= 0
    ).sum()  # the first crop is the same
    assert np.all((outlined_crops(labels, 6, 2, [1, 2]) >= 0)[part >= 0])
    assert np.array_equal(outlined_crops(labels, 99, 1, [0]), labels)


def test_a_crop_holds_an_object() -> None:
    labels = np.zeros((200, 200), int)
    labels[190, 190] = 3
    for seed in range(3):
        assert (outlined_crops(labels, 32, 1, [seed]) == 3).any()
    assert np.unique(outlined_crops(np.zeros((64, 64), int), 32, 1, [0])).tolist() == [
        -1,
        0,
    ]  # nothing is there to outline
    far = np.zeros((4000, 4000), int)
    far[0, 0] = 1
    with pytest.raises(InputError, match="no crop of 32 px with an object"):
        outlined_crops(far, 32, 1, [0])


def test_fields_without_the_input_are_no_hindrance(
    labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    channels = {name: list(arrays) for name, arrays in cells_data.channels.items()}
    channels["phase"][3] = None  # field d: only its nuclei were imaged
    data = ArrayData(channels, cells_data.names)
    student = {
        "kind": "student",
        "nuclei": "nuclear",
        "student_settings": {"rounds": 1, "max_steps": 2, "diameter": 20},
    }
    runs = plan_runs(design_of(cells={**labels_task, "starts": {"student": student}}), {"cells": data})
    models: dict[str, Path] = {}
    for run in runs:
        work = Work(tmp_path / run.name, models)
        rows = run_student(run, data, work) if isinstance(run, StudentRun) else run_labels(run, data, work)  # type: ignore[arg-type]
        models[run.name] = work.model
    assert {row.field for row in rows} == {"c"}


def test_a_student_that_starts_from_a_stain_is_scored_with_nothing_outlined(
    labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    student = {"kind": "student", "nuclei": "nuclear", "student_settings": {"rounds": 1, "encoder": "small"}}
    starts = {"stain": {"kind": "stain", "stain": "nuclear", "steps": 1}, "student": student}
    runs = planned({**labels_task, "starts": starts, "budgets": [0, 1]}, cells_data)
    folders: dict[str, Path] = {}
    rows = {}
    for at, spec in enumerate(runs):
        work = Work(tmp_path / str(at), folders)
        if isinstance(spec, StudentRun):
            short = {**spec.settings, "max_steps": 2}
            rows[spec.name] = run_student(spec.model_copy(update={"settings": short}), cells_data, work)
        elif isinstance(spec, StainRun):
            rows[spec.name] = run_stain(spec, cells_data, work)
        elif isinstance(spec, LabelRun):
            rows[spec.name] = run_labels(spec, cells_data, work)
        folders = {**folders, spec.name: work.model}
    untouched = next(spec for spec in runs if isinstance(spec, LabelRun) and not spec.outlined)
    start = load_model(folders[untouched.start], "cpu")
    expected = start.predict(cells_data.inputs("c", "phase"))  # type: ignore[union-attr]
    assert np.array_equal(tifffile.imread(folders[untouched.name].parent / "c_labels.tif"), expected)
    assert {(row.outlined, row.steps, row.budget) for row in rows[untouched.name]} == {(0, 0, "nothing")}
    tuned = {spec.arm: spec for spec in runs if isinstance(spec, LabelRun) and spec.outlined}
    for arm, spec in tuned.items():
        card = load_model(folders[spec.name], "cpu").card
        before = load_model(folders[spec.start], "cpu").card
        assert card.channels == before.channels == ("phase",)
        assert before.sha256[:12] in str(getattr(card, "started_from", "")), arm
    (stain,) = (spec for spec in runs if isinstance(spec, StainRun))
    assert [(row.metric, row.field) for row in rows[stain.name]] == [("pcc", "c"), ("pcc_learned", "c")]
