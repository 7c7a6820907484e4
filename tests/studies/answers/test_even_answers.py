"""Arms and budgets are ranked on the fields that all of them have: a failed run must not make its arm the best."""

from typing import Any

from frugalseg.studies.answers.study_answers import answer_study
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.scores.curves import NOTHING
from frugalseg.studies.scores.score_rows import ScoreRow

STARTS = {"student": {"kind": "student", "nuclei": "dapi"}, "other": {"kind": "student", "nuclei": "actin"}}


def design(**changed: Any) -> StudyDesign:
    task = {"kind": "labels", "data": ["a"], "target": "cells", "inputs": "phase", "labels": "cells"}
    task |= {"starts": STARTS, "budgets": [0, 1, 2, 4], **changed}
    return StudyDesign.parse({"title": "HeLa", "tasks": {"cells": task}})


def answers(rows: Any, question: str) -> list[Any]:
    return [one for one in answer_study(design(), rows) if one.question == question]


def test_an_arm_that_failed_on_the_hard_field_is_not_the_best(make_rows):
    scores = {
        ("student", NOTHING, 0): {"x": [0.85], "y": [0.86]},
        ("other", NOTHING, 0): {"x": [0.90], "y": [0.92], "z": [0.30]},
    }
    [best] = answers(make_rows(scores), "best")
    assert best.sentence.startswith(
        "With nothing outlined, the self-trained student 'other' is the best of two starts"
    )
    assert round(best.values["score"], 3) == 0.91  # of x and y
    apart = {("student", NOTHING, 0): {"x": [0.85]}, ("other", NOTHING, 0): {"y": [0.9]}}
    assert answers(make_rows(apart), "best") == []


def test_a_budget_without_the_hard_field_adds_nothing_by_that(make_rows):
    easy, hard = [0.79, 0.81], [0.19, 0.21]
    whole = {("student", f"{n} fields", 100 * n): {"x": easy, "y": hard} for n in (1, 2, 4)}
    [expected] = answers(make_rows(whole), "enough labels")
    assert expected.values["budget"] == "1 fields"
    without = {**whole, ("student", "4 fields", 400): {"x": easy}}
    [found] = answers(make_rows(without), "enough labels")
    assert (found.values["budget"], found.values["doubling_adds"]) == ("1 fields", 0.0)


def test_markers_are_ranked_evenly_too(make_rows):
    arms = {name: {"inputs": "phase", "nuclei": "dapi", "method": "propagation"} for name in ("cut", "halo")}
    task = {"kind": "markers", "data": ["a"], "labels": "cells", "arms": arms, "learn": "alone"}
    study = StudyDesign.parse({"title": "HeLa", "tasks": {"cells": task}})
    scores = {
        ("halo", "", 0): {"x": [0.85], "y": [0.86]},
        ("cut", "", 0): {"x": [0.9], "y": [0.92], "z": [0.3]},
    }
    rows = make_rows(scores, metric="cell_miou", steps=0)
    best = [one for one in answer_study(study, rows) if one.question == "best"]
    assert [one.values["arm"] for one in best] == ["cut"]


def test_predicted_nuclei_that_are_scored_while_they_learn_count_at_their_end(make_rows):
    from frugalseg.studies.answers.findings import task_rows

    nuclei = {"kind": "stain", "stain": "dapi"}
    arm = {"inputs": "phase", "nuclei": "dapi", "method": "network", "predicted_nuclei": nuclei}
    task = {"kind": "markers", "data": ["a"], "labels": "cells", "arms": {"net": arm}, "learn": "others"}
    study = StudyDesign.parse({"title": "HeLa", "tasks": {"cells": task}})
    rows = [
        row
        for steps, value in ((20, 0.3), (10, 0.2))
        for row in make_rows({("net_nuclei", "", 0): {"x": [value]}}, metric="pcc", steps=steps)
    ]
    kept = task_rows("cells", study.tasks["cells"], rows)
    assert [(row.value, row.steps) for row in kept] == [(0.3, 0)]


def test_networks_that_stop_after_other_steps_all_count(make_rows):
    """Early stopping differs by seed and field, and a field without nuclei takes no step: none may be left out."""
    from frugalseg.studies.answers.findings import main_metric, reference_of, task_rows

    arms = {
        "net": {"inputs": "phase", "nuclei": "dapi", "method": "network"},
        "cut": {"inputs": "phase", "nuclei": "dapi", "method": "propagation"},
    }
    task = {"kind": "markers", "data": ["a"], "labels": "cells", "arms": arms, "learn": "alone"}
    markers = StudyDesign.parse({"title": "HeLa", "tasks": {"cells": task}}).tasks["cells"]
    steps = {("a", 0): 900, ("a", 1): 700, ("b", 0): 500, ("empty", 0): 0}
    rows = [
        ScoreRow(
            "cells",
            "net",
            f"cells/net-{field}-{seed}",
            "",
            0,
            step,
            field,
            seed,
            field,
            "cell_miou",
            step / 1000,
        )
        for (field, seed), last in steps.items()
        for step in sorted({min(100, last), last})
    ]
    kept = task_rows("cells", markers, rows)
    assert {(row.field, row.seed): row.value for row in kept} == {
        key: step / 1000 for key, step in steps.items()
    }
    predicted = make_rows({("net_nuclei", "", 0): {"a": [0.4]}}, metric="pcc")
    assert main_metric("cells", markers, predicted) is None  # a model that only predicts the nuclei
    assert main_metric("cells", markers, [*predicted, *kept]) == "cell_miou"
    assert [reference_of(markers, arm) for arm in ("net", "cut", "net_nuclei")] == ["cut", None, None]
