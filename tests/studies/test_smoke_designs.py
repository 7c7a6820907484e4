"""The smoke designs that come with frugalseg run whole, in processes, to a report; run again they have nothing to do."""

import json
import math
from pathlib import Path

import pytest

import frugalseg as fs
from frugalseg.studies.design.shipped_designs import find_design
from frugalseg.studies.scores.score_rows import read_rows
from frugalseg.studies.study_plan import plan_study


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("smoke", {"curves_cells.svg", "examples_cells.svg", "examples_stains.svg", "bars_markers.svg"}),
        ("smoke_paper_b", {"bars_table_1.svg", "nuclei_gain.svg", "learning_over_training.svg"}),
    ],
)
def test_a_smoke_design_runs_whole(tmp_path: Path, name: str, figures: set[str]) -> None:
    design = find_design(name)
    result = fs.run_study(design, None, tmp_path, device="cpu", workers=2)
    plan = plan_study(design, None, tmp_path, device="cpu")
    assert not result.failed
    assert set(result.made) == {spec.name for spec in plan.specs}
    assert plan.missing == ()
    rows = read_rows(tmp_path / "scores.csv")
    scored = {
        spec.name for spec in plan.specs if "/start-student" not in spec.name
    }  # its cells are scored by other runs
    assert {row.run for row in rows} == scored
    assert all(math.isfinite(row.value) for row in rows)
    classical = [row.value for row in rows if row.arm == "propagation" and row.metric == "cell_miou"]
    assert min(classical) > 0.6  # nothing is learned there, and synthetic cells are easy
    assert json.loads((tmp_path / "study.json").read_text())["state"] == "done"
    assert figures <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "report.html").stat().st_size > 10_000
    before = (tmp_path / "scores.csv").read_bytes()
    assert fs.run_study(design, None, tmp_path, device="cpu", workers=2).made == ()
    assert (tmp_path / "scores.csv").read_bytes() == before
