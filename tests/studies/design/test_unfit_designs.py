"""Designs whose runs could never end well are refused, or planned without them, before anything is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frugalseg.errors import InputError, SettingsError
from frugalseg.images.normalize import IntensityScale
from frugalseg.networks.cards import StainCard, TrainingSummary
from frugalseg.networks.store import save_model
from frugalseg.networks.unet import Unet
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.run_specs import LabelRun, MarkerRun, RunSpec
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.study_plan import plan_study

from ..conftest import design_of

STAIN = {"kind": "stain", "stain": "nuclear"}
STUDENT = {"kind": "student", "nuclei": "nuclear"}
FRESH = {"kind": "nothing"}


def parsed(task: dict[str, Any], **changed: Any) -> StudyDesign:
    return design_of(cells={**task, **changed})


@pytest.mark.parametrize(
    ("target", "start", "settings", "message"),
    [
        ("nuclei", STAIN, {"alpha": 1.0}, "start 's': `alpha` is of networks that learn cells"),
        ("cells", FRESH, {"slope": 2.0}, "start 's': `slope` is of networks that learn nuclei"),
        ("nuclei", FRESH, {"slope": "fitted"}, "start 's': `slope` is 'fitted', which needs a whole model"),
        (
            "nuclei",
            STAIN,
            {"slope": "fitted", "start_parts": "encoder"},
            "start 's': `slope` is 'fitted', which needs a whole model",
        ),
        ("cells", FRESH, {"rehearsal": 0.5}, "start 's': `rehearsal` is 0.5, which needs a model of cells"),
        ("cells", STAIN, {"rehearsal": 0.5}, "start 's': `rehearsal` is 0.5, which needs a model of cells"),
        (
            "nuclei",
            STUDENT,
            {"rehearsal": 0.5},
            "start 's': `rehearsal` is 0.5, which needs a model of cells as `start` to",
        ),
        ("cells", FRESH, {"start_parts": "encoder"}, "start 's': `start_parts` is 'encoder' and there is no"),
        ("cells", STAIN, {"weights": "none"}, "start 's': `weights` and `start` both say where to start"),
    ],
)
def test_settings_must_suit_the_start(
    labels_task: dict[str, Any], target: str, start: dict[str, Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        parsed(labels_task, target=target, starts={"s": {**start, "settings": settings}})
    with pytest.raises(SettingsError, match=message):  # the same where they are those of all starts
        parsed(
            labels_task, target=target, starts={"s": start}, settings={**labels_task["settings"], **settings}
        )


@pytest.mark.parametrize(
    ("target", "start", "settings"),
    [
        ("cells", STUDENT, {"rehearsal": 0.5}),
        ("cells", FRESH, {"rehearsal": 0.0}),
        ("nuclei", STAIN, {"slope": "fitted"}),
        ("cells", STAIN, {"weights": "none", "start_parts": "decoder"}),
    ],
)
def test_settings_that_suit_it(
    labels_task: dict[str, Any], target: str, start: dict[str, Any], settings: dict[str, Any]
) -> None:
    found = parsed(labels_task, target=target, starts={"s": {**start, "settings": settings}}).tasks["cells"]
    assert found.starts["s"].settings == settings  # type: ignore[union-attr]


def test_a_student_finds_cells_only(labels_task: dict[str, Any], cells_data: ArrayData) -> None:
    """With nothing outlined it has no score for nuclei, as a stain model has none."""

    def budgets(target: str) -> list[str]:
        design = parsed(labels_task, target=target, starts={"s": STUDENT, "t": STAIN}, budgets=[0, 1])
        runs = plan_runs(design, {"cells": cells_data})
        return [f"{run.arm}: {run.budget}" for run in runs if isinstance(run, LabelRun)]

    assert budgets("cells") == ["s: nothing", "s: 1 field", "t: 1 field"]
    assert budgets("nuclei") == ["s: 1 field", "t: 1 field"]
    with pytest.raises(SettingsError, match="start 's' finds no nuclei before it has learned from labels"):
        parsed(labels_task, target="nuclei", starts={"s": STUDENT}, budgets=[0])


def a_stain_model(folder: Path) -> Path:
    training = TrainingSummary(steps=1, stopped_because="s", seconds=1.0, seed=0, fields=())
    about: dict[str, Any] = {"scale": 1.0, "target": "nuclear", "training": training}
    target = IntensityScale(centre=(0.0,), spread=(1.0,))
    save_model(
        folder,
        StainCard(channels=("phase",), settings={"encoder": "small"}, target_scale=target, **about),
        Unet("small", 1, 1),
    )
    return folder


def test_a_model_that_is_there_is_asked_what_it_finds(
    labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    path = a_stain_model(tmp_path / "stain").name

    def planned(**changed: Any) -> tuple[RunSpec, ...]:
        design = parsed(labels_task, starts={"m": {"kind": "model", "path": path}}, **changed)
        return plan_study(design, cells_data, tmp_path / "out", data_root=tmp_path, device="cpu").specs

    assert [str(run.budget) for run in planned(budgets=[0, 1]) if isinstance(run, LabelRun)] == ["1 field"]
    with pytest.raises(SettingsError, match=r"start 'm': .* of kind 'stain' and finds no cells before"):
        planned(budgets=[0])
    with pytest.raises(SettingsError, match=r"task 'cells', start 'm': `rehearsal` is 0.5, which needs a"):
        planned(settings={"rehearsal": 0.5})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"test": [1]}, r"tasks.cells.test: 1 is no name of a field; give names, those that are numbers in"),
        ({"test": "a"}, r"tasks.cells.test: 'a' was given; give leave-one-out, a list of fields"),
        ({"test": [["a"], "b"]}, r"tasks.cells.test: \['a'\] is no name of a field"),
        ({"data": 3}, r"tasks.cells.data: 3 was given; give a text, or a list of texts"),
        ({"data": [3]}, r"tasks.cells.data.0: Input should be a valid string \('3' was given\)"),
        ({"data": {"n_fields": 1}}, r"tasks.cells.data.n_fields: Input should be greater than or equal to 2"),
        ({"where": None}, r"tasks.cells.where: None was given; give a text, or a list of texts"),
    ],
)
def test_a_message_is_about_what_was_meant(
    labels_task: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        parsed(labels_task, **changed)


def test_one_folder_and_one_condition_need_no_list(labels_task: dict[str, Any]) -> None:
    design = parsed(labels_task, data="images/", where="line=HeLa")
    task = design.tasks["cells"]
    assert (task.data, task.where) == (("images/",), ("line=HeLa",))
    assert StudyDesign.model_validate_json(design.model_dump_json()) == design


@pytest.mark.parametrize("kind", ["labels", "stains", "markers"])
def test_arrays_have_no_focal_planes(kind: str, labels_task: dict[str, Any], cells_data: ArrayData) -> None:
    asked = "phase[1,3]"
    tasks: dict[str, dict[str, Any]] = {
        "labels": {**labels_task, "inputs": asked},
        "stains": {"kind": "stains", "data": "x", "inputs": asked, "stain": "nuclear", "arms": {"a": {}}},
        "markers": {
            "kind": "markers",
            "data": "x",
            "labels": "cells",
            "arms": {"a": {"inputs": asked, "nuclei": "nuclear"}},
        },
    }
    with pytest.raises(InputError, match=r"task 't': 'phase\[1,3\]' names focal planes, and arrays are one"):
        plan_runs(design_of(t=tasks[kind]), {"t": cells_data})


def test_where_nuclei_are_predicted_a_field_of_its_own_needs_no_stain(cells_data: ArrayData) -> None:
    blank = np.zeros((8, 8), np.int32)
    data = ArrayData({"phase": [blank] * 3, "nuclear": [None, blank, blank], "cells": [blank] * 3})
    arm = {"inputs": "phase", "nuclei": "nuclear", "predicted_nuclei": STAIN}
    task = {"kind": "markers", "data": "x", "labels": "cells", "learn": "alone", "arms": {"a": arm}}
    before, run = plan_runs(design_of(t={**task, "test": ["1"], "seeds": [0]}), {"t": data})
    assert isinstance(run, MarkerRun)
    assert (before.learn_from, run.learn_from, run.test) == (("2", "3"), ("1",), ("1",))
    del arm["predicted_nuclei"]
    with pytest.raises(InputError, match="field '1' is tested or outlined, and has no channel 'nuclear'"):
        plan_runs(design_of(t={**task, "test": ["1"], "seeds": [0]}), {"t": data})
