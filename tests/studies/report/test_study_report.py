"""The results of a study as files and as a page: complete or as they were."""

import csv
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from frugalseg.errors import InputError, OutputFailed
from frugalseg.images.write import write_labels
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.figures.plot_style import Plot
from frugalseg.studies.report import study_report
from frugalseg.studies.report.arm_agreement import find_agreements, label_agreement
from frugalseg.studies.report.study_report import evaluate_task, write_results
from frugalseg.studies.report.study_tables import difference_table, metric_table
from frugalseg.studies.scores.score_rows import read_rows

LABELS = {
    "kind": "labels",
    "data": ["a"],
    "target": "cells",
    "inputs": "phase",
    "labels": "cells",
    "starts": {"imagenet": {"kind": "imagenet"}, "stain": {"kind": "stain", "stain": "nuclear"}},
    "budgets": ["1 crop"],
    "settings": {"encoder": "efficientnet_lite0"},
}
MARKERS = {
    "kind": "markers",
    "data": ["a"],
    "labels": "cells",
    "arms": {
        "cut": {"inputs": "phase", "method": "propagation", "nuclei": "nuclear"},
        "own": {"inputs": "phase", "nuclei": "nuclear"},
    },
}


def study(**tasks: Any) -> StudyDesign:
    return StudyDesign.parse({"title": "Cells <of> mine", "description": "Why.", "tasks": tasks})


@pytest.fixture
def label_rows(make_rows):
    scores = {
        "imagenet": {"a": [0.3, 0.32], "b": [0.4, 0.42]},
        "stain": {"a": [0.35, 0.37], "b": [0.47, 0.49]},
    }
    return make_rows({(arm, "1 crop", 46): fields for arm, fields in scores.items()})


@pytest.fixture
def marker_rows(make_rows):
    cut = make_rows({("cut", "", 0): {"a": [0.5], "b": [0.6]}}, task="table", metric="cell_miou", steps=0)
    own = make_rows(
        {("own", "", 0): {"a": [0.6, 0.7], "b": [0.7, 0.8]}}, task="table", metric="cell_miou", steps=90
    )
    return [*cut, *own]


@pytest.fixture
def quick_figures(monkeypatch):
    """Put a figure that needs no drawing in place of all others."""
    plot = Plot("curves_cells", "Curve", "Caption.", b"", b"<svg/>")
    monkeypatch.setattr(study_report, "draw_task", lambda *_: iter([plot]))


def test_all_results_are_there_and_say_the_same(label_rows, marker_rows, cells_data, tmp_path):
    rows = [*label_rows, *marker_rows]
    for row in rows:
        moved = np.roll(cells_data.labels(row.field, "cells"), 2 * (row.arm == "own"), 1)
        write_labels(tmp_path / "runs" / row.run / f"{row.field}_labels.tif", moved)
    runs = [
        {"name": "cells/x", "state": "failed", "reason": "too dark"},
        {"name": "cells/y", "state": "missing"},
    ]
    about = {
        "started": "2026-01-02T03:04:05",
        "seconds": 0.1,
        "command": "frugalseg study mine.yaml -o first",
        "runs": [*runs, *({"name": name, "state": "done", "seconds": 62.5} for name in "zw")],
    }
    (tmp_path / "study.json").write_text(json.dumps(about))
    design = study(cells=LABELS, table=MARKERS)
    answers = write_results(design, rows, tmp_path, {"cells": cells_data, "table": cells_data})
    assert {path.name for path in tmp_path.iterdir()} == {
        *("scores.csv", "curves.csv", "differences.csv", "answers.json", "report.html", "study.json", "runs"),
        *(f"{name}_cells.{kind}" for name in ("curves", "fields", "examples") for kind in ("png", "svg")),
        *(f"{name}_table.{kind}" for name in ("bars", "fields", "examples") for kind in ("png", "svg")),
    }
    assert read_rows(tmp_path / "scores.csv") == rows
    with (tmp_path / "differences.csv").open(newline="") as file:
        cells, table = csv.DictReader(file)
    assert (cells["arm"], cells["than"], cells["difference"]) == ("stain", "imagenet", "0.060000")
    assert (table["arm"], table["difference"], table["n_seeds"]) == ("own", "0.150000", "2")
    content = json.loads((tmp_path / "answers.json").read_text())
    assert content["sentences"] == [f"{one.task}: {one.sentence}" for one in answers]
    page = (tmp_path / "report.html").read_text()
    assert "<h1>Cells &lt;of&gt; mine</h1>" in page
    order = [page.index(f'id="{part}"') for part in ("findings", "drawings", "tables", "made")]
    assert order == sorted(order)
    assert "cells: With one outlined crop (46 cells), starting from the stain model reaches mAP 0.420" in page
    assert page.count('src="data:image/svg+xml;base64,') == 4
    assert page.count('src="data:image/png;base64,') == 2
    agreed = np.mean([agreement(cells_data, field) for field in "ab"])
    assert f"<td>{agreed:.3f}</td>" in page
    assert "1 of 4 runs failed, and these results lack them; the first is cells/x: too dark" in page
    assert "1 of 4 runs are not done yet" in page
    assert "2 min 5 s" in page
    assert "computed, all runs together" in page
    assert "wall time" not in page
    assert "frugalseg study mine.yaml -o first" in page


def test_every_arm_is_compared_with_its_reference_wherever_it_stands(make_rows):
    starts = {kind: {"kind": kind} for kind in ("nothing", "imagenet")} | {
        "student": {"kind": "student", "nuclei": "n"}
    }
    task = study(cells={**LABELS, "starts": starts, "budgets": [0, "1 crop"]}).tasks["cells"]
    alone = make_rows({("student", "nothing", 0): {"a": [0.5], "b": [0.6]}})  # so it comes first
    scores = {"nothing": 0.1, "imagenet": 0.3, "student": 0.6}
    rows = [
        *alone,
        *make_rows({(arm, "1 crop", 9): {"a": [one], "b": [one + 0.1]} for arm, one in scores.items()}),
    ]
    table = difference_table("cells", task, "mAP", rows)
    assert table is not None
    at = table.columns.index("difference")
    assert [(row[0], row[1], round(float(row[at]), 6)) for row in table.rows] == [
        ("student", "imagenet", 0.3),
        ("nothing", "imagenet", -0.2),
    ]


def agreement(data: Any, field: str) -> float:
    """Mean IoU of shifted cells with true ones, both ways, without the code that is tested."""
    one = data.labels(field, "cells")
    other = np.roll(one, 2, 1)
    ways = []
    for first, second in ((one, other), (other, one)):
        found = []
        for label in np.unique(first[first > 0]):
            mine = first == label
            rivals = (second == rival for rival in np.unique(second[second > 0]))
            found.append(max((mine & rival).sum() / (mine | rival).sum() for rival in rivals))
        ways.append(np.mean(found))
    return float(np.mean(ways))


def test_runs_of_several_versions_are_named(label_rows, tmp_path, quick_figures):
    runs = [
        {"name": name, "state": "done", "made_by": version}
        for name, version in zip("abc", "454", strict=True)
    ]
    for among, said in ((runs, True), (runs[::2], False)):
        (tmp_path / "study.json").write_text(json.dumps({"runs": among}))
        write_results(study(cells=LABELS), label_rows, tmp_path)
        page = (tmp_path / "report.html").read_text()
        assert ("2 runs are by frugalseg 4 and 1 by 5, so scores may differ for that reason;" in page) == said


def test_results_replace_earlier_ones(label_rows, tmp_path, quick_figures):
    design = study(cells=LABELS)
    write_results(design, label_rows, tmp_path)
    before = (tmp_path / "curves.csv").read_text()
    write_results(design, label_rows[:-1], tmp_path)
    assert (tmp_path / "curves.csv").read_text() != before
    assert len(read_rows(tmp_path / "scores.csv")) == len(label_rows) - 1


def test_figures_that_a_study_no_longer_has_are_removed(label_rows, tmp_path, quick_figures):
    own = ("curves_cells_200_steps.svg", "bars_cells.png", "nuclei_gain.png")
    users = ("curves_other.svg", "examples_for_talk.png", "my_plot.png", "curves_notes.txt")
    for name in (*own, *users):
        (tmp_path / name).write_text("of another day")
    write_results(study(cells=LABELS), label_rows, tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert {name for name in left if name.endswith((".png", ".svg", ".txt"))} == {
        *("curves_cells.png", "curves_cells.svg", *users)
    }


def test_an_error_leaves_all_as_it_was(label_rows, tmp_path, quick_figures):
    design = study(cells=LABELS)
    write_results(design, label_rows, tmp_path)
    (tmp_path / "curves_cells.svg").unlink()
    (tmp_path / "curves_cells.svg").mkdir()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(OutputFailed, match=r"curves_cells\.svg is no file"):
        write_results(design, label_rows[:-1], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_arms_that_were_tested_on_other_fields_are_named(label_rows, tmp_path, quick_figures):
    design = study(cells=LABELS)
    rows = [row for row in label_rows if (row.arm, row.field) != ("stain", "b")]
    write_results(design, rows, tmp_path)
    warning = "Task &#39;cells&#39;: its arms were not scored on the same fields."
    assert warning in (tmp_path / "report.html").read_text()
    write_results(design, label_rows, tmp_path)
    assert warning not in (tmp_path / "report.html").read_text()


def test_all_metrics_stand_side_by_side_by_budget(make_rows):
    task = study(cells=LABELS).tasks["cells"]
    scores = {
        ("stain", "1 crop", 9): {"a": [0.2], "b": [0.4]},
        ("stain", "1 field", 20): {"a": [0.5], "b": [0.7]},
    }
    short = make_rows({**scores, ("stain", "2 fields", 40): {"a": [0.8]}}, steps=50)
    rows = [*make_rows(scores), *make_rows(scores, metric="f1"), *short]
    rows += make_rows({("stain", "", 0): {"a": [0.9]}}, metric="pcc", steps=600)
    rows += make_rows({("stain", "nothing", 0): {"a": [0.1]}}, steps=0)
    table = metric_table("cells", task, evaluate_task("cells", task, rows).points)
    assert table.columns == ["arm", "budget", "mAP", "f1", "PCC"]
    assert table.rows == [
        ["stain", "nothing", 0.1, None, None],
        ["stain", "1 crop", pytest.approx(0.3), pytest.approx(0.3), None],
        ["stain", "1 field", pytest.approx(0.6), pytest.approx(0.6), None],
        ["stain", "the start itself", None, None, 0.9],
    ]


def test_a_study_that_has_only_made_its_starts_has_tables_and_no_claims(make_rows, tmp_path):
    rows = make_rows({("stain", "", 0): {"a": [0.9], "b": [0.8]}}, metric="pcc", steps=600)
    assert write_results(study(cells=LABELS), rows, tmp_path) == ()
    assert "<h3>cells: PCC</h3>" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("given", ["none", "of another task", "without values"])
def test_no_results_without_scores(given, make_rows, tmp_path):
    nan = make_rows({("imagenet", "1 crop", 46): {"a": [np.nan]}})
    other = make_rows({("imagenet", "1 crop", 46): {"a": [0.5]}}, task="nuclei")
    rows = {"none": [], "of another task": other, "without values": nan}[given]
    why = {
        "without values": r"^no score of the study 'Cells <of> mine' is a number: in its test fields \(a\) nothing is annotated, or "
    }
    with pytest.raises(
        InputError, match=why.get(given, r"^the study .* has no score of any task yet.*; run it first$")
    ):
        write_results(study(cells=LABELS), rows, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_agreement_of_arms_needs_no_truth(marker_rows, tmp_path):
    maps = {"cut": np.array([[1, 1, 2, 2, 0, 0]]), "own": np.array([[7, 7, 0, 0, 0, 0]])}
    for row in marker_rows:
        labels = maps[row.arm] if row.seed == 0 else maps["cut"]
        write_labels(tmp_path / "runs" / row.run / f"{row.field}_labels.tif", labels)
    [found] = find_agreements(marker_rows, tmp_path, ["cut"])
    assert (found.arm, found.other) == ("cut", "own")
    # Seed 0: (0.5 + 1) / 2, as one of two cells has a partner; seed 1: equal maps.
    assert (found.fields.mean, found.fields.n, found.seeds.n) == (pytest.approx((0.75 + 1) / 2), 2, 2)
    [strict] = find_agreements(marker_rows, tmp_path)
    assert (strict.fields.mean, strict.seeds.n) == (0.75, 1)
    assert find_agreements(marker_rows, tmp_path / "elsewhere") == ()
    assert label_agreement(maps["own"], maps["cut"]) == label_agreement(maps["cut"], maps["own"]) == 0.75


def test_arms_without_randomness_agree_once(make_rows, tmp_path):
    rows = make_rows({(arm, "", 0): {"a": [0.5]} for arm in ("cut", "voronoi")}, task="table", steps=0)
    rows += make_rows({("own", "", 0): {"a": [0.5, 0.5, 0.5]}}, task="table", steps=9)
    for row in rows:
        write_labels(tmp_path / "runs" / row.run / f"{row.field}_labels.tif", np.array([[1, 1, 0]]))
    found = find_agreements(rows, tmp_path, ["cut", "voronoi"])
    assert {(one.arm, one.other): one.seeds.n for one in found} == {
        ("cut", "voronoi"): 1,
        ("cut", "own"): 3,
        ("voronoi", "own"): 3,
    }


def test_a_model_of_the_nuclei_alone_has_a_table_and_no_claims(make_rows, tmp_path):
    """Where all methods on markers failed, there is nothing to compare with."""
    rows = make_rows({("v_nuclei", "", 0): {"a": [0.3], "b": [0.4]}}, task="table", metric="pcc")
    assert write_results(study(table=MARKERS), rows, tmp_path, None) == ()
    page = (tmp_path / "report.html").read_text()
    assert "<h3>table: PCC</h3>" in page
    assert "2 test fields" not in page


def test_tiles_count_fields_of_each_set_and_seeds_of_what_is_compared(make_rows, tmp_path, quick_figures):
    rows = [
        *make_rows({("imagenet", "1 crop", 5): {"a": [0.3, 0.32], "b": [0.4, 0.42]}}),
        *make_rows({("cut", "", 0): {"a": [0.5], "b": [0.6]}}, task="table", metric="cell_miou", steps=0),
        *(replace(row, seed=7) for row in make_rows({("stain_nuclei", "", 0): {"a": [0.1]}}, metric="pcc")),
    ]
    write_results(study(cells=LABELS, table={**MARKERS, "data": ["other"]}), rows, tmp_path)
    tiles = " ".join(re.sub("<[^>]*>", " ", (tmp_path / "report.html").read_text()).split())
    assert "4 test fields 2 seeds" in tiles


def test_no_interval_of_an_agreement_goes_beyond_1(marker_rows, tmp_path):
    maps = {"cut": np.array([[1, 1, 2, 2, 0, 0]]), "own": np.array([[7, 7, 0, 0, 0, 0]])}
    for row in marker_rows:
        write_labels(
            tmp_path / "runs" / row.run / f"{row.field}_labels.tif",
            maps[row.arm if row.field == "a" else "cut"],
        )
    [found] = find_agreements(marker_rows, tmp_path, ["cut"])
    assert (found.fields.mean, found.fields.low, found.fields.high) == (0.875, 0, 1)
