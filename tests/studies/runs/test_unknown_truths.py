"""Where nothing is known of a test field, nothing is scored: neither as right nor as wrong."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs.label_runs import run_labels
from frugalseg.studies.runs.marker_runs import score_cells
from frugalseg.studies.runs.run_folder import read_record
from frugalseg.studies.runs.stain_runs import run_stain
from frugalseg.studies.runs.work import Work

from ..conftest import design_of


def test_a_test_field_without_annotations_has_no_score(
    labels_task: dict[str, Any], cells_data: ArrayData, tmp_path: Path
) -> None:
    cells = [*cells_data.channels["cells"][:2], np.full((96, 96), -1), None]
    data = ArrayData({**cells_data.channels, "cells": cells}, cells_data.names)
    (spec,) = plan_runs(design_of(cells={**labels_task, "test": ["b", "c"]}), {"cells": data})
    rows = run_labels(spec, data, Work(tmp_path))  # type: ignore[arg-type]
    assert {row.field for row in rows if math.isnan(row.value)} == {"c"}
    assert {row.field for row in rows if not math.isnan(row.value)} == {"b"}


def test_methods_on_markers_have_no_score_of_it_either(cells_data: ArrayData) -> None:
    cues = fs.find_cues(cells_data.plane("a", "phase"), cells_data.plane("a", "nuclear"), diameter=20)
    labels = np.ones((96, 96), np.uint32)
    found = score_cells(np.full((96, 96), -1), labels, cues)
    assert {name for name, value in found.items() if not math.isnan(value)} == {"nuclei_inside"}
    assert not math.isnan(score_cells(labels, labels, cues)["mAP"])


def test_a_truth_without_annotations_is_refused() -> None:
    with pytest.raises(fs.InputError, match="negative everywhere, which means not annotated"):
        fs.score_labels(np.full((4, 4), -1), np.ones((4, 4), int))


def test_a_constant_stain_has_no_correlation(cells_data: ArrayData, tmp_path: Path) -> None:
    stains = [*cells_data.channels["nuclear"][:3], np.full((96, 96), 7, np.float32)]
    data = ArrayData({**cells_data.channels, "nuclear": stains}, cells_data.names)
    arm = {"encoder": "small", "crop": 32, "batch": 2, "scale": 1.0, "hold_out": False}
    task = {"kind": "stains", "data": ["x"], "inputs": "phase", "stain": "nuclear", "arms": {"linear": arm}}
    (spec,) = plan_runs(design_of(s={**task, "steps": [2], "seeds": [0], "test": ["c", "d"]}), {"s": data})
    rows = run_stain(spec, data, Work(tmp_path))  # type: ignore[arg-type]
    assert {row.field: math.isnan(row.value) for row in rows} == {"c": False, "d": True}


def test_a_run_whose_weights_are_gone_is_not_finished(tmp_path: Path, fakes: Any) -> None:
    fakes.study(tmp_path / "out")
    (folder, *_) = (path.parent for path in sorted((tmp_path / "out").glob("runs/*/*/run.json")))
    assert read_record(folder) is not None
    (folder / "model" / "weights.safetensors").unlink()
    assert read_record(folder) is None
