"""Runs that learn a stain: scored on fields that were not learned from, after several numbers of steps of one training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.images.read import read_image
from frugalseg.learning.snapshots import Snapshots
from frugalseg.models.load import load_model
from frugalseg.models.stain_model import StainModel
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.run_specs import StainRun
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs.stain_runs import run_stain
from frugalseg.studies.runs.work import Work

from ..conftest import design_of

SETTINGS = {
    "encoder": "small",
    "crop": 32,
    "batch": 2,
    "scale": 1.0,
    "hold_out": False,
    "target_scale": "log",
}


def planned(data: ArrayData, steps: list[int]) -> StainRun:
    task = {"kind": "stains", "data": ["x"], "inputs": "phase", "stain": "nuclear", "arms": {"log": SETTINGS}}
    (run,) = plan_runs(design_of(s={**task, "steps": steps, "seeds": [0], "test": ["c", "d"]}), {"s": data})
    assert isinstance(run, StainRun)
    return run


def test_scores_of_one_training_after_several_steps(cells_data: ArrayData, tmp_path: Path) -> None:
    rows = run_stain(planned(cells_data, [1, 2, 6]), cells_data, Work(tmp_path))
    assert [(row.steps, row.field, row.metric) for row in rows] == [
        (step, field, metric) for step in (1, 2, 6) for field in "cd" for metric in ("pcc", "pcc_learned")
    ]
    values = {(row.steps, row.field, row.metric): row.value for row in rows}
    assert values[1, "c", "pcc"] != values[6, "c", "pcc"]
    model = load_model(tmp_path / "model", "cpu")
    predicted = model.predict(cells_data.inputs("c", "phase"))  # type: ignore[union-attr]
    real = cells_data.plane("c", "nuclear").astype(np.float64)
    assert values[6, "c", "pcc"] == pytest.approx(pearson_correlation(predicted, real), abs=1e-4)
    logarithms = [model.card.target_scale.apply(np.float32(one)[None])[0] for one in (predicted, real)]  # type: ignore[union-attr]
    assert values[6, "c", "pcc_learned"] == pytest.approx(pearson_correlation(*logarithms), abs=1e-3)
    assert values[6, "c", "pcc_learned"] != values[6, "c", "pcc"]
    kept = read_image(tmp_path / "c_stain.tif").pixels[0, 0]
    assert (
        np.abs(np.asarray(kept, float) - predicted).max() <= 0.5
    )  # whole grey values, as `predict` writes them
    assert (tmp_path / "d_stain.tif").is_file()


def test_a_training_that_ended_early_stood_still_from_there_on(
    cells_data: ArrayData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = StainModel.fit

    def ends_after_two(*args: Any, snapshots: Snapshots, max_steps: int, **options: Any) -> StainModel:
        reached = Snapshots([step for step in snapshots.steps if step <= 2], snapshots.take)
        return fit(*args, snapshots=reached, max_steps=2, **options)

    monkeypatch.setattr(StainModel, "fit", ends_after_two)
    rows = run_stain(planned(cells_data, [1, 2, 4, 6]), cells_data, Work(tmp_path))
    values = {(row.steps, row.field): row.value for row in rows if row.metric == "pcc"}
    assert list(values) == [(step, field) for step in (1, 2, 4, 6) for field in "cd"]
    for field in "cd":
        assert values[4, field] == values[6, field] == pytest.approx(values[2, field])
        assert values[1, field] != values[6, field]


def test_the_stain_of_test_fields_is_not_learned(cells_data: ArrayData, tmp_path: Path) -> None:
    other = {name: list(arrays) for name, arrays in cells_data.channels.items()}
    other["nuclear"][2] = other["nuclear"][2][::-1].copy()  # that of field c
    rows = []
    for name, data in (("as_it_is", cells_data), ("changed", ArrayData(other, cells_data.names))):
        rows.append(run_stain(planned(data, [2]), data, Work(tmp_path / name)))
    weights = [
        (tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("as_it_is", "changed")
    ]
    assert weights[0] == weights[1]
    assert rows[0][0].value != rows[1][0].value
    assert rows[0][2].value == rows[1][2].value


def test_the_score_is_that_of_the_stain_that_is_written(cells_data: ArrayData, tmp_path: Path) -> None:
    """Also where test fields have pixels of another size than the fields learned from."""
    sizes = [(0.5, 0.5), (0.5, 0.5), (0.25, 0.25), (0.5, 0.5)]
    data = ArrayData(cells_data.channels, cells_data.names, sizes)
    rows = run_stain(planned(data, [6]), data, Work(tmp_path))
    for field in "cd":
        (own,) = (row.value for row in rows if (row.field, row.metric) == (field, "pcc"))
        written = np.asarray(read_image(tmp_path / f"{field}_stain.tif").pixels[0, 0], np.float64)
        assert own == pytest.approx(pearson_correlation(written, data.plane(field, "nuclear")), abs=2e-3)
