"""Score and loss of marker networks over their training: what is compared, what is drawn, and in which files."""

import csv
import json
import re

import pytest

from frugalseg.learning.training_record import TrainingRecord
from frugalseg.studies.answers.findings import learning_rows, task_rows
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.figures import study_figures
from frugalseg.studies.figures.losses import find_losses
from frugalseg.studies.figures.plots import draw_step_curves
from frugalseg.studies.report import study_report
from frugalseg.studies.report.study_report import evaluate_task, write_results
from frugalseg.studies.scores.curves import find_curves

SHOWN = {"inputs": "phase", "nuclei": "nuclear"}
ARMS = {
    "cut": {**SHOWN, "method": "propagation"},
    "net": {**SHOWN, "method": "network"},
    "net_nucleus": {**SHOWN, "inputs": "phase,nuclear", "method": "network"},
}
DESIGN = StudyDesign.parse(
    {
        "title": "networks",
        "tasks": {
            "cells": {"kind": "markers", "data": ["a"], "labels": "cells", "arms": ARMS, "steps": [10, 40]}
        },
    }
)
TASK = DESIGN.tasks["cells"]


@pytest.fixture
def rows(make_rows):
    def scored(steps, **scores):
        fields = {(arm, "", 0): {"a": [one], "b": [one + 0.2]} for arm, one in scores.items()}
        return make_rows(fields, metric="cell_miou", steps=steps)

    return [*scored(0, cut=0.4), *scored(10, net=0.1, net_nucleus=0.3), *scored(40, net=0.5, net_nucleus=0.6)]


def test_networks_are_compared_at_their_end(rows):
    compared = task_rows("cells", TASK, rows)
    assert [(row.arm, row.steps, row.value) for row in compared if row.field == "a"] == [
        ("cut", 0, 0.4),
        ("net", 0, 0.5),
        ("net_nucleus", 0, 0.6),
    ]
    assert {(row.arm, row.steps) for row in learning_rows("cells", TASK, rows)} == {
        ("net", 10),
        ("net", 40),
        ("net_nucleus", 10),
        ("net_nucleus", 40),
    }
    results = evaluate_task("cells", TASK, rows)
    means = {(one.arm, one.steps): round(one.mean, 6) for one in results.learning["cell_miou"]}
    assert means == {("net", 10): 0.2, ("net", 40): 0.6, ("net_nucleus", 10): 0.4, ("net_nucleus", 40): 0.7}
    assert [round(one.mean, 6) for one in results.points["cell_miou"]] == [0.5, 0.6, 0.7]


def test_the_loss_is_that_of_all_trainings_of_an_arm(rows, tmp_path):
    def write(folder, losses):
        folder.mkdir(parents=True)
        (folder / "training.json").write_text(json.dumps(TrainingRecord(losses=losses).to_dict()))

    net, other = (next(row.run for row in rows if row.arm == arm) for arm in ("net", "net_nucleus"))
    write(tmp_path / "runs" / net / "a_model", [3.0, 1.0])
    write(tmp_path / "runs" / net / "b_model", [5.0, 4.0, 4.0])
    (tmp_path / "runs" / other / "model").mkdir(parents=True)
    (tmp_path / "runs" / other / "model" / "training.json").write_text("{")
    assert find_losses(rows, tmp_path) == {"net": [4.0, 2.5, 2.5]}


def test_losses_are_drawn_below_the_scores(rows):
    points = find_curves(learning_rows("cells", TASK, rows), "cells", "cell_miou")
    plain = draw_step_curves("learning_cells", points, {})
    plot = draw_step_curves("learning_cells", points, {}, {"net": [4.0, 2.5, 2.5]})
    said = re.findall(r"<text[^>]*>([^<]*)</text>", plot.svg.decode())
    assert {"loss", "mean cell IoU", "training steps", "net", "net_nucleus", "10", "40"} <= set(said)
    assert said.count("training steps") == 1
    assert "Below: the loss, mean of the last fifth of the steps so far" in plot.caption
    assert b">loss<" not in plain.svg
    assert "Below" not in plain.caption


def test_the_curve_is_among_the_results(rows, tmp_path, monkeypatch):
    for name in ("draw_bars", "draw_fields"):
        monkeypatch.setattr(study_figures, name, lambda *_: None)
    drawn = study_figures.draw_task
    monkeypatch.setattr(study_report, "draw_task", lambda *about: filter(None, drawn(*about)))
    write_results(DESIGN, rows, tmp_path)
    assert {path.name for path in tmp_path.glob("*.??g")} == {"learning_cells.png", "learning_cells.svg"}
    with (tmp_path / "curves.csv").open(newline="") as file:
        curves = [(one["arm"], one["steps"], one["mean"]) for one in csv.DictReader(file)]
    assert ("net_nucleus", "10", "0.400000") in curves
    assert curves.count(("cut", "0", "0.500000")) == 1
    page = (tmp_path / "report.html").read_text()
    assert "<h3>cells: mean cell IoU against training steps</h3>" in page
