"""Models that were there before a study: read at planning, and named where they know test fields."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import frugalseg as fs
from frugalseg.errors import SettingsError
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.report.study_report import write_results
from frugalseg.studies.study_plan import plan_study

from ..conftest import design_of


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, cells_data: ArrayData) -> Path:
    """A model that was learned from fields b and c."""
    small = {"encoder": "small", "crop": 32, "batch": 2, "scale": 0.5, "max_steps": 1, "hold_out": False}
    images, labels = ([cells_data.plane(one, channel) for one in "bc"] for channel in ("phase", "cells"))
    folder = tmp_path_factory.mktemp("ready") / "model"
    fs.ObjectModel.fit(images, labels, names=["b", "c"], device="cpu", **small).save(folder)
    return folder


def starts(path: str) -> dict[str, Any]:
    return {"nothing": {"kind": "nothing"}, "own": {"kind": "model", "path": path}}


def test_a_model_that_knows_test_fields_is_named(
    model: Path, labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    def warnings(*tested: str) -> tuple[str, ...]:
        task = {**labels_task, "starts": starts(model.name), "test": list(tested)}
        return plan_study(
            design_of(cells=task), cells_data, tmp_path, data_root=model.parent, device="cpu"
        ).warnings

    assert warnings("a") == ()
    (found,) = warnings("a", "c")
    assert found.startswith(
        "Task 'cells': the model of start 'own' learned from fields of the same names as the test fields c; if they"
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "task 'cells', start 'own': .*nowhere is no model folder; give"),
        ("empty", "task 'cells', start 'own': .*empty has no card.yaml, so it is no complete model"),
    ],
)
def test_a_start_that_is_no_model_is_refused_before_any_run(
    path: str, message: str, labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    design = design_of(cells={**labels_task, "starts": starts(path)})
    with pytest.raises(SettingsError, match=message):
        plan_study(design, cells_data, tmp_path / "out", data_root=tmp_path, device="cpu")


def test_the_report_of_a_study_has_the_warning(tmp_path: Path, fakes: ModuleType, model: Path) -> None:
    small = fakes.task(starts=starts(str(model)), test=["b"], budgets=[1], seeds=[0])
    result = fakes.study(tmp_path / "out", small)
    said = "the model of start &#39;own&#39; learned from fields of the same names as the test fields b;"
    assert "test fields b;" in json.loads((tmp_path / "out" / "study.json").read_text())["warnings"][0]
    write_results(fakes.plan(tmp_path / "out", small).design, result.rows, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert said in page
    assert (
        "starts from a model that was there before the study, which may have learned from any field" in page
    )
