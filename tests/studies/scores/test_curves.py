"""Curves: means of means, and each interval over what it says."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from frugalseg.errors import InputError
from frugalseg.studies.scores.curves import curves_to_csv, find_curves, find_spread, one_curve, steps_of

SCORES = {("stain", "1 crop", 46): {"x": [0.2, 0.4], "y": [0.6, 0.8], "z": [0.7, 0.9]}}


def test_intervals_over_fields_and_over_seeds_are_those_of_student(make_rows):
    near = {("stain", "1 crop", 46): {"x": [0.58, 0.59], "y": [0.6, 0.61], "z": [0.59, 0.6]}}
    [point] = find_curves(make_rows(near), "cells", "mAP")
    assert point.mean == pytest.approx(0.595)
    over_fields = stats.t.interval(0.95, 2, 0.595, stats.sem([0.585, 0.605, 0.595]))
    assert (point.fields.low, point.fields.high, point.fields.n) == (*map(pytest.approx, over_fields), 3)
    over_seeds = stats.t.interval(0.95, 1, 0.595, stats.sem([0.59, 0.6]))
    assert (point.seeds.low, point.seeds.high, point.seeds.n) == (*map(pytest.approx, over_seeds), 2)
    assert point.seeds_sd == pytest.approx(np.std([0.59, 0.6], ddof=1))


def test_one_field_or_one_seed_has_no_interval(make_rows):
    [field] = find_curves(make_rows({("a", "1 crop", 46): {"x": [0.2, 0.4]}}), "cells", "mAP")
    assert (field.fields.low, field.fields.high, field.fields.n) == (None, None, 1)
    assert field.seeds.low is not None
    [seed] = find_curves(make_rows({("a", "1 crop", 46): {"x": [0.2], "y": [0.4]}}), "cells", "mAP")
    assert (seed.seeds.low, seed.seeds_sd, seed.seeds.n) == (None, None, 1)
    [written] = csv.DictReader(io.StringIO(curves_to_csv([seed])))
    assert (written["mean"], written["n_fields"], written["n_seeds"]) == ("0.300000", "2", "1")
    assert (written["seeds_low"], written["seeds_high"], written["seeds_sd"]) == ("", "", "")
    assert float(written["fields_low"]) == pytest.approx(seed.fields.low, abs=1e-6)


def test_fields_without_a_score_are_left_out_and_counted(make_rows):
    scores = {("a", "1 crop", 46): {"x": [0.2, 0.4], "y": [0.6, np.nan], "z": [np.nan, np.nan]}}
    [point] = find_curves(make_rows(scores), "cells", "mAP")
    assert (point.mean, point.fields.n, point.missing) == (pytest.approx(0.45), 2, 3)
    assert find_curves(make_rows({("a", "", 0): {"x": [np.nan]}}), "cells", "mAP") == ()


def test_seeds_are_compared_on_the_fields_that_all_of_them_have():
    # With field y in the mean of seed 0, it would seem 0.2 better than seed 1.
    spread = find_spread({("f", 0, "x"): 0.3, ("f", 1, "x"): 0.5, ("f", 0, "y"): 0.9})
    assert spread.seeds.mean == pytest.approx(0.4)
    assert spread.seeds_sd == pytest.approx(np.std([0.3, 0.5], ddof=1))
    assert spread.fields.mean == pytest.approx((0.4 + 0.9) / 2)
    apart = find_spread({("f", 0, "x"): 0.3, ("f", 1, "y"): 0.5})
    assert (apart.seeds.low, apart.seeds.n, apart.seeds_sd) == (None, 2, None)


def test_outlined_objects_are_a_mean_over_runs(make_rows):
    rows = [replace(row, outlined=40 if row.seed else 100) for row in make_rows(SCORES)]
    rows = [row for row in rows if row.seed or row.field == "x"]  # a mean over rows would be 55
    [point] = find_curves(rows, "cells", "mAP")
    assert point.outlined == 70


def test_a_field_of_two_folds_counts_once(make_rows):
    one = make_rows({("a", "1 crop", 46): {"x": [0.2], "y": [0.8]}}, fold="f")
    other = make_rows({("a", "1 crop", 46): {"x": [0.4]}}, fold="g")
    [point] = find_curves([*one, *other], "cells", "mAP")
    assert (point.mean, point.fields.n) == (pytest.approx((0.3 + 0.8) / 2), 2)


def test_points_stand_by_arm_steps_and_labels(make_rows):
    scores = {
        ("b", "2 fields", 90): {"x": [0.5]},
        ("b", "1 crop", 40): {"x": [0.4]},
        ("a", "1 crop", 40): {"x": [0.3]},
    }
    rows = [
        *make_rows(scores, steps=1000),
        *make_rows(scores),
        *make_rows({("b", "nothing", 0): {"x": [0.2]}}, steps=0),
    ]
    points = find_curves(rows, "cells", "mAP")
    assert [(one.arm, one.steps, one.budget) for one in points] == [
        ("b", 0, "nothing"),
        ("b", 200, "1 crop"),
        ("b", 200, "2 fields"),
        ("b", 1000, "1 crop"),
        ("b", 1000, "2 fields"),
        ("a", 200, "1 crop"),
        ("a", 1000, "1 crop"),
    ]
    assert [(one.steps, one.budget) for one in one_curve(points, "b", 1000)] == [
        (0, "nothing"),
        (1000, "1 crop"),
        (1000, "2 fields"),
    ]
    assert steps_of(points) == (200, 1000)


def test_other_tasks_and_metrics_do_not_count(make_rows):
    rows = [*make_rows(SCORES), *make_rows(SCORES, metric="pcc"), *make_rows(SCORES, task="nuclei")]
    rows = [row if (row.task, row.metric) == ("cells", "mAP") else replace(row, value=0.0) for row in rows]
    [point] = find_curves(rows, "cells", "mAP")
    assert point.mean == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there is no mAP of task 'cells', only no score at all; run the study first"),
        ("other", "there is no mAP of task 'cells', only pcc of 'cells'; run the study first"),
        ("twice", "arm 'stain' has two values of mAP for field 'x' with seed 0"),
    ],
)
def test_rows_that_make_no_curve(rows, message, make_rows):
    given = {"other": make_rows(SCORES, metric="pcc"), "twice": 2 * make_rows(SCORES)}.get(rows or "", [])
    with pytest.raises(InputError, match=message):
        find_curves(given, "cells", "mAP")


def test_intervals_of_scores_stay_between_0_and_1_and_those_of_a_pcc_do_not(make_rows):
    scores = {("a", "1 crop", 46): {"x": [0.1, 0.3], "y": [0.9, 0.7]}}
    [point] = find_curves(make_rows(scores), "cells", "mAP")
    assert (point.fields.low, point.fields.high) == (0.0, 1.0)
    assert (point.seeds.low, point.seeds.high) == (pytest.approx(0.5), pytest.approx(0.5))
    [pcc] = find_curves(make_rows(scores, metric="pcc"), "cells", "pcc")
    half = stats.t.ppf(0.975, 1) * np.std([0.2, 0.8], ddof=1) / np.sqrt(2)
    assert (pcc.fields.low, pcc.fields.high) == (pytest.approx(0.5 - half), pytest.approx(0.5 + half))
    assert pcc.fields.low < 0
