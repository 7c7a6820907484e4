"""Answers: plain sentences, with the figures behind them, and no more certainty than there is."""

import json
from typing import Any

import numpy as np
import pytest

from frugalseg.images.write import plain
from frugalseg.studies.answers.findings import main_metric, reference_of
from frugalseg.studies.answers.study_answers import answer_study, answer_task, answers_content
from frugalseg.studies.design.study_design import StudyDesign

STARTS = {
    "imagenet": {"kind": "imagenet"},
    "stain": {"kind": "stain", "stain": "dapi"},
    "student": {"kind": "student", "nuclei": "dapi"},
}
CROP, FOUR = ("1 crop", 46), ("4 fields", 400)


def design(starts: dict[str, Any] = STARTS, **changed: Any) -> StudyDesign:
    task = {"kind": "labels", "data": ["a"], "target": "cells", "inputs": "phase", "labels": "cells"}
    task |= {
        "starts": starts,
        "budgets": ["1 crop", 4],
        "settings": {"encoder": "efficientnet_lite0"},
        **changed,
    }
    return StudyDesign.parse({"title": "HeLa", "tasks": {"cells": task}})


def spread(mean: float, *offsets: float) -> dict[str, list[float]]:
    """Three fields that differ by 0.1, and two seeds that differ by 0.02, so that their means deviate by 0.014."""
    offsets = offsets or (0.0, 0.0, 0.0)
    return {
        field: [mean + at + offset - 0.01, mean + at + offset + 0.01]
        for field, at, offset in zip("xyz", (-0.1, 0.0, 0.1), offsets, strict=True)
    }


def sentences(rows: Any, study: StudyDesign | None = None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in answer_study(study or design(), rows):
        found.setdefault(one.question, []).append(one.sentence)
    return found


@pytest.fixture
def rows(make_rows):
    made = make_rows(
        {
            ("imagenet", *CROP): spread(0.3),
            ("imagenet", *FOUR): spread(0.499),
            ("stain", *CROP): spread(0.31, -0.02, 0.02, 0.0),
            ("stain", *FOUR): spread(0.5, 0.01, -0.01, 0.0),
            ("student", *CROP): spread(0.5, 0.01, 0.0, -0.01),
            ("student", *FOUR): spread(0.51, 0.001, 0.0, -0.001),
        }
    )
    return [*made, *make_rows({("student", "nothing", 0): spread(0.46)}, steps=0)]


def test_what_works_with_nothing_outlined(rows):
    assert sentences(rows)["best"] == [
        "With nothing outlined, the self-trained student reaches mAP 0.460 (95 % interval over the 3 test fields 0.212 to 0.708; "
        "over the 2 seeds 0.333 to 0.587)."
    ]


def test_each_start_is_compared_with_imagenet_at_the_least_labels(rows):
    stain, student = sentences(rows)["start"]
    assert stain == (
        "With one outlined crop (46 cells), starting from the stain model reaches mAP 0.310, 0.010 more than from ImageNet, but "
        "the difference over the 3 test fields includes zero (95 % interval −0.040 to 0.060, paired t test p = 0.48; over the "
        "2 seeds 0.010 to 0.010; +3 %)."
    )
    assert student == (
        "With one outlined crop (46 cells), starting from the self-trained student reaches mAP 0.500, 0.200 more than from "
        "ImageNet (95 % interval over the 3 test fields 0.175 to 0.225, paired t test p < 0.001; over the 2 seeds 0.200 to 0.200; "
        "+67 %)."
    )


def test_a_crop_on_top_of_the_student_is_worth_so_many_fields(rows):
    _, nothing, crop = sentences(rows)["labels saved"]
    assert crop == (
        "With one outlined crop (46 cells) on top of the self-trained student you reach at least what four outlined fields (400 cells) "
        "reach from ImageNet (mAP 0.500 against 0.499, the most that was measured); for as much, starting from ImageNet takes "
        "more cells than were measured (from 383 to more than measured when one test field is left out)."
    )
    assert nothing.startswith(
        "With nothing outlined, the self-trained student reaches at least what one outlined crop (46 cells) reaches from ImageNet "
        "(mAP 0.460 against 0.300); for as much, starting from ImageNet takes about 262 cells (262 when"
    )
    assert nothing.endswith(", so about 262 outlined cells are saved.")
    values = [one.values for one in answer_study(design(), rows) if one.question == "labels saved"]
    assert (values[1]["needed"], values[1]["saved"]) == (
        pytest.approx(262.44, abs=0.01),
        pytest.approx(262.44, abs=0.01),
    )
    assert (values[2]["needed"], values[2]["saved"]) == (None, None)
    assert [one["saved_or_fewer"] for one in values] == [False, False, False]


def test_a_start_that_saves_nothing_says_so(make_rows):
    made = make_rows(
        {("imagenet", *CROP): spread(0.3), ("imagenet", *FOUR): spread(0.5), ("stain", *CROP): spread(0.2)}
    )
    [sentence] = sentences(made)["labels saved"]
    assert sentence == (
        "With one outlined crop (46 cells) on top of the stain model you reach mAP 0.200, which saves no labels: for as much, "
        "starting from ImageNet takes 46 cells or fewer (at most 46 when one test field is left out)."
    )


def test_what_the_least_labels_exceed_saves_that_many_at_most(make_rows):
    made = make_rows({("imagenet", *CROP): spread(0.5), ("imagenet", *FOUR): spread(0.6)})
    made += make_rows({("student", "nothing", 0): spread(0.4)}, steps=0)
    [saved] = [one for one in answer_study(design(), made) if one.question == "labels saved"]
    assert saved.sentence == (
        "With nothing outlined, the self-trained student reaches mAP 0.400; for as much, starting from ImageNet takes 46 cells or "
        "fewer (at most 46 when one test field is left out), so at most 46 outlined cells are saved."
    )
    assert (saved.values["saved"], saved.values["saved_or_fewer"]) == (46, True)


def test_a_score_of_0_saves_nothing_that_is_worth_a_word(make_rows):
    made = make_rows(
        {("imagenet", *CROP): spread(0.5), ("stain", *CROP): {field: [0.0, 0.0] for field in "xyz"}}
    )
    made += make_rows({("student", "nothing", 0): {field: [0.0, 0.0] for field in "xyz"}}, steps=0)
    assert "labels saved" not in sentences(made)


def test_a_score_above_all_that_was_measured(make_rows):
    made = make_rows(
        {("imagenet", *CROP): spread(0.3), ("imagenet", *FOUR): spread(0.5), ("stain", *CROP): spread(0.6)}
    )
    [sentence] = sentences(made)["labels saved"]
    assert sentence.endswith(
        "(mAP 0.600 against 0.500, the most that was measured); for as much, starting from ImageNet takes more cells than were "
        "measured (more than measured when one test field is left out)."
    )


def test_whether_the_gain_falls_with_more_labels(rows):
    stain, student = sentences(rows)["gain with more labels"]
    assert stain.startswith(
        "Whether the gain of starting from the stain model over ImageNet falls with more labels can't be told:"
    )
    assert student == (
        "The gain of starting from the self-trained student over ImageNet falls with more labels: it is +0.200 with one outlined "
        "crop and +0.011 with four outlined fields (difference +0.189, 95 % interval over the 3 test fields 0.167 to 0.211)."
    )


def test_how_many_labels_are_enough(rows):
    imagenet, _, student = sentences(rows)["enough labels"]
    assert imagenet == (
        "Starting from ImageNet, four outlined fields (400 cells) may not be enough: the last doubling of the labels adds 0.064, "
        "more than seeds vary (standard deviation 0.014)."
    )
    assert student == (
        "Starting from the self-trained student, more than one outlined crop (46 cells) may not be needed: from there on, a "
        "doubling adds 0.003 at most, less than seeds vary (standard deviation 0.014)."
    )


def test_one_seed_and_one_field_claim_nothing(make_rows):
    made = make_rows(
        {("imagenet", *CROP): {"x": [0.3]}, ("imagenet", *FOUR): {"x": [0.5]}, ("stain", *CROP): {"x": [0.4]}}
    )
    found = sentences(made)
    assert found["start"] == [
        "With one outlined crop (46 cells), starting from the stain model reaches mAP 0.400, 0.100 more than from ImageNet (one "
        "test field, so no interval and no test; one seed; +33 %)."
    ]
    assert found["enough labels"] == [
        "How many labels are enough, starting from ImageNet, can't be told from one seed."
    ]
    assert "when one test field is left out" not in found["labels saved"][0]


def test_budgets_of_equally_many_objects_tell_nothing_about_enough(make_rows):
    made = make_rows({("imagenet", *CROP): spread(0.3), ("imagenet", "1 field", 46): spread(0.5)})
    assert sentences(made)["enough labels"] == [
        "How many labels are enough, starting from ImageNet, can't be told where every budget outlines equally many cells."
    ]


def test_scores_that_are_missing_do_not_count(make_rows):
    made = make_rows(
        {("imagenet", *CROP): {"x": [0.3], "y": [0.3]}, ("stain", *CROP): {"x": [0.4], "y": [np.nan]}}
    )
    [start] = sentences(made)["start"]
    assert "0.100 more than from ImageNet (one test field, so no interval and no test" in start
    assert answer_study(design(), make_rows({("imagenet", *CROP): {"x": [np.nan]}})) == ()
    assert answer_study(design(), []) == ()


def test_the_longest_training_is_what_sentences_are_about(make_rows):
    short = make_rows({("imagenet", *CROP): spread(0.3), ("stain", *CROP): spread(0.9)})
    long = make_rows({("imagenet", *CROP): spread(0.4), ("stain", *CROP): spread(0.5)}, steps=1000)
    [start] = sentences([*short, *long])["start"]
    assert start.startswith(
        "After 1,000 steps, with one outlined crop (46 cells), starting from the stain model reaches mAP 0.500, "
    )


def test_stains_are_compared_with_the_first_arm_and_with_fewer_steps(make_rows):
    study = StudyDesign.parse(
        {
            "title": "t",
            "tasks": {
                "dapi": {
                    "kind": "stains",
                    "data": ["a"],
                    "inputs": "phase",
                    "stain": "dapi",
                    "arms": {"linear": {}, "log": {}},
                }
            },
        }
    )
    made = [
        row
        for steps, more in ((100, 0.0), (150, 0.0), (200, 0.09), (300, 0.1))
        for row in make_rows(
            {
                ("linear", "", 0): spread(0.6, 0.01, 0.0, -0.01),
                ("log", "", 0): spread(0.7 + more, 0.01 * bool(more), 0.0, 0.0),
            },
            task="dapi",
            metric="pcc",
            steps=steps,
        )
    ]
    found = sentences(made, study)
    assert found["best"][0].startswith(
        "After 300 steps, 'log' is the best of two arms: PCC 0.803 (95 % interval over the 3 test"
    )
    assert found["start"][0].startswith(
        "After 300 steps, 'log' reaches PCC 0.803, 0.203 more than 'linear' (95 % interval over"
    )
    linear, log = found["more steps"]
    assert linear.startswith(
        "For 'linear', it is not clear that longer training helps: after 300 steps PCC is 0.600, as much as after 150"
    )
    assert log.startswith(
        "For 'log', more steps may still help: after 300 steps PCC is 0.803, 0.103 more than after 150 (95 % "
    )


def marker_study() -> StudyDesign:
    arms = {
        "cut": {"inputs": "cyto", "method": "propagation", "nuclei": "dapi"},
        "phase_cut": {"inputs": "phase", "method": "propagation", "nuclei": "dapi"},
        "cyto": {"inputs": "cyto", "nuclei": "dapi"},
        "phase": {"inputs": "phase", "nuclei": "dapi"},
        "both": {"inputs": "cyto,phase", "nuclei": "dapi"},
        "phase_first": {"inputs": "phase,dapi", "nuclei": "dapi"},
    }
    return StudyDesign.parse(
        {
            "title": "t",
            "tasks": {"table": {"kind": "markers", "data": ["a"], "labels": "cells", "arms": arms}},
        }
    )


def test_methods_on_markers_are_compared_with_propagation_in_the_same_foreground(make_rows):
    study = marker_study()
    task = study.tasks["table"]
    references = {arm: reference_of(task, arm) for arm in task.arms}
    expected = {"cut": None, "phase_cut": None, "cyto": "cut", "phase": "phase_cut", "both": "cut"}
    assert references == {
        **expected,
        "phase_first": "phase_cut",
    }  # the foreground is that of the first channel
    cuts = {("cut", "", 0): {"x": [0.5], "y": [0.6]}, ("phase_cut", "", 0): {"x": [0.3], "y": [0.4]}}
    learned = {
        ("cyto", "", 0): {"x": [0.6, 0.62], "y": [0.7, 0.74]},
        ("phase", "", 0): {"x": [0.3, 0.3], "y": [0.3, 0.3]},
    }
    about = {"task": "table", "metric": "cell_miou"}
    # Each method trains for as long as it needs, and classical ones have one seed.
    found = sentences([*make_rows(cuts, steps=0, **about), *make_rows(learned, steps=900, **about)], study)
    assert found["best"][0].startswith(
        "Without labels, 'cyto' is the best of four arms: mean cell IoU 0.665 "
    )
    cyto, phase = found["start"]
    assert cyto.startswith(
        "Without labels, 'cyto' reaches mean cell IoU 0.665, 0.115 more than 'cut' (95 % interval over the 2 "
    )
    assert "; over the 2 seeds " in cyto
    assert phase.startswith(
        "Without labels, 'phase' reaches mean cell IoU 0.300, 0.050 less than 'phase_cut', but "
    )


def test_references_of_labels_and_stains():
    task = design().tasks["cells"]
    assert [reference_of(task, arm) for arm in task.starts] == [None, "imagenet", "imagenet"]
    plain_start = {"stain": STARTS["stain"], "random": {"kind": "nothing"}}
    assert reference_of(design(plain_start).tasks["cells"], "stain") == "random"
    assert (
        reference_of(design({"student": STARTS["student"], "stain": STARTS["stain"]}).tasks["cells"], "stain")
        == "student"
    )


def test_the_metric_is_that_of_the_paper(make_rows):
    cells, nuclei = design().tasks["cells"], design(target="nuclei").tasks["cells"]
    made = [
        row
        for metric, budget in (("pcc", ""), ("f1", "1 crop"), ("mAP", "1 crop"), ("mask_iou", "1 crop"))
        for row in make_rows({("a", budget, 0): {"x": [0.5]}}, metric=metric)
    ]
    assert (main_metric("cells", cells, made), main_metric("cells", nuclei, made)) == ("mAP", "mask_iou")
    assert main_metric("cells", cells, made[:2]) == "f1"
    assert main_metric("cells", cells, made[:1]) is None  # of a start itself
    assert main_metric("cells", cells, []) is None


def test_answers_are_json(rows):
    content = answers_content(design(), answer_task("cells", design().tasks["cells"], rows))
    assert json.loads(json.dumps(plain(content)))["sentences"] == [
        one["sentence"] for one in content["answers"]
    ]
    gain = next(
        one for one in content["answers"] if one["question"] == "start" and one["values"]["arm"] == "student"
    )
    assert gain["values"]["difference"]["mean"] == pytest.approx(0.2)
    assert gain["values"]["paired_t_p"] < 0.001


def test_equal_scores_are_level(make_rows):
    scores = {"imagenet": 0.3, "student": 0.3, "stain": 0.3}
    nothing = {(arm, "nothing", 0): spread(value) for arm, value in scores.items()}
    two, [best] = nothing.copy(), sentences(make_rows(nothing, steps=0))["best"]
    assert best.startswith(
        "With nothing outlined, ImageNet is level with the self-trained student and the stain model, with mAP 0.300 (95 %"
    )
    two["stain", "nothing", 0] = spread(0.2)
    [best] = sentences(make_rows(two, steps=0))["best"]
    assert best.startswith(
        "With nothing outlined, ImageNet is level with the self-trained student as the best of three starts, with mAP 0.300 ("
    )
    assert "as much as" not in best
    arms = {("cut", "", 0): spread(0.5), ("cyto", "", 0): spread(0.5), ("phase", "", 0): spread(0.4)}
    made = make_rows(arms, task="table", metric="cell_miou", steps=0)
    assert sentences(made, marker_study())["best"][0].startswith(
        "Without labels, 'cut' is level with 'cyto' as the best of three arms: mean cell IoU 0.500 ("
    )


def test_as_much_is_no_difference_to_doubt(make_rows):
    made = make_rows({("imagenet", *CROP): spread(0.3), ("stain", *CROP): spread(0.3, -0.02, 0.02, 0.0)})
    [start] = sentences(made)["start"]
    assert start == (
        "With one outlined crop (46 cells), starting from the stain model reaches mAP 0.300, as much as from ImageNet (95 % interval "
        "over the 3 test fields −0.050 to 0.050, paired t test p = 1; over the 2 seeds 0.000 to 0.000; 0 %)."
    )


@pytest.mark.parametrize(
    ("few", "many", "said"),
    [
        (0.2, 0.3, "is a loss, which grows with more labels: it is −0.100 with one outlined crop and −0.200"),
        (
            0.1,
            0.4,
            "is a loss, which shrinks with more labels: it is −0.200 with one outlined crop and −0.100",
        ),
        (
            0.2,
            0.6,
            "does not fall but grows with more labels: it is −0.100 with one outlined crop and +0.100",
        ),
    ],
)
def test_a_loss_is_no_gain_that_falls(few, many, said, make_rows):
    made = make_rows({("imagenet", *CROP): spread(0.3), ("imagenet", *FOUR): spread(0.5)})
    made += make_rows({("stain", *CROP): spread(few, 0.001, 0, -0.001), ("stain", *FOUR): spread(many)})
    [sentence] = sentences(made)["gain with more labels"]
    assert sentence.startswith(f"The gain of starting from the stain model over ImageNet {said}")


def test_enough_where_nothing_varies_and_nothing_is_found(make_rows):
    made = make_rows(
        {
            ("imagenet", *CROP): {"x": [0.5, 0.5]},
            ("imagenet", *FOUR): {"x": [0.5, 0.5]},
            ("stain", *CROP): {"x": [0.0, 0.0]},
            ("stain", *FOUR): {"x": [0.0, 0.0]},
        }
    )
    assert sentences(made)["enough labels"] == [
        "Starting from ImageNet, more than one outlined crop (46 cells) may not be needed: from there on, a doubling adds nothing, "
        "as little as seeds vary (standard deviation 0.000)."
    ]
