"""A marker network that is scored while it learns: the same as several trainings, of which each ends sooner."""

from pathlib import Path
from typing import Any, Literal

import pytest

import frugalseg as fs
from frugalseg.models.marker_model import MarkerModel
from frugalseg.studies.design.marker_design import MarkerArm
from frugalseg.studies.plan.run_specs import MarkerRun
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs import marker_methods
from frugalseg.studies.runs.marker_runs import LABEL_SCORES, run_markers
from frugalseg.studies.runs.work import Work

PAPER = {"preset": "paper", "diameter": 30}


@pytest.fixture(scope="module")
def data() -> ArrayData:
    fields = [fs.make_cells((64, 64), n_cells=3, dim_nuclei=0, seed=seed) for seed in (1, 2)]
    shown = {"cyto": [one.cytoplasm for one in fields], "dapi": [one.nuclear for one in fields]}
    return ArrayData({**shown, "cells": [one.cells for one in fields]}, ["a", "b"])


def _run(
    data: ArrayData,
    folder: Path,
    at_steps: tuple[int, ...] | None,
    learn: Literal["together", "alone"] = "together",
    **settings: Any,
) -> dict[tuple[int, str, str], float]:
    method = MarkerArm(inputs="cyto", nuclei="dapi", method="network", settings={**PAPER, **settings})
    names: dict[str, Any] = {
        "task": "t",
        "arm": "a",
        "name": "t/a",
        "fold": "all",
        "labels": "cells",
        "seed": 0,
    }
    spec = MarkerRun(
        **names, learn_from=("a", "b"), test=("a", "b"), method=method, learn=learn, at_steps=at_steps
    )
    rows = run_markers(spec, data, Work(folder))
    assert len({(row.steps, row.field, row.metric) for row in rows}) == len(rows)
    return {(row.steps, row.field, row.metric): row.value for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("learn", ["together", "alone"])
def test_each_score_is_that_of_a_training_that_ends_there(
    data: ArrayData, tmp_path: Path, learn: Literal["together", "alone"]
) -> None:
    found = _run(data, tmp_path / "curve", (1, 2), learn)
    ended = _run(data, tmp_path / "ended", None, learn, max_steps=1)
    assert {key for key in found if key[0] == 1} == {
        (1, field, one) for field in "ab" for one in LABEL_SCORES
    }
    for field in "ab":
        for one in LABEL_SCORES:
            assert found[1, field, one] == ended[1, field, one]
        assert found[2, field, "roundness_gain"] == ended[1, field, "roundness_gain"]
    assert any(found[1, field, "two_class_miou"] != found[2, field, "two_class_miou"] for field in "ab")


def test_a_training_that_ends_early_keeps_its_score(
    data: ArrayData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def early(cues: Any, *, settings: Any, **about: Any) -> MarkerModel:
        return MarkerModel.fit_to_cues(cues, settings=settings.model_copy(update={"max_steps": 2}), **about)

    class Early:
        fit_to_cues = staticmethod(early)

    monkeypatch.setattr(marker_methods, "MarkerModel", Early)
    found = _run(data, tmp_path, (1, 2, 4))
    for metric in LABEL_SCORES:
        assert found[2, "a", metric] == found[4, "a", metric]
