"""Paired differences: what pairs, and the tests, against SciPy and by hand."""

import csv
import io
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from frugalseg.errors import InputError
from frugalseg.studies.answers.findings import seedless_arms
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.scores.curves import find_curves
from frugalseg.studies.scores.differences import (
    compare_all_arms,
    compare_arms,
    compare_rows,
    differences_to_csv,
    paired_t_test,
    sign_flip_test,
)

A, B = ("stain", "1 crop", 46), ("imagenet", "1 crop", 46)
BASE = {"v": 0.10, "w": 0.30, "x": 0.50, "y": 0.70, "z": 0.90}
GAIN = {"v": 0.04, "w": 0.05, "x": 0.03, "y": 0.06, "z": 0.02}


def paired_scores():
    better = {field: [value + GAIN[field], value + GAIN[field] + 0.02] for field, value in BASE.items()}
    return {B: {field: [value, value] for field, value in BASE.items()}, A: better}


def test_intervals_overlap_and_the_difference_is_clear_all_the_same(make_rows):
    rows = make_rows(paired_scores())
    worse, better = find_curves(rows, "cells", "mAP")
    assert better.fields.low < worse.mean < better.mean < worse.fields.high
    [found] = compare_arms(rows, "cells", "mAP", "stain", "imagenet")
    gains = np.array(list(GAIN.values())) + 0.01
    expected = stats.t.interval(0.95, 4, gains.mean(), stats.sem(gains))
    assert (found.fields.low, found.fields.high) == (pytest.approx(expected[0]), pytest.approx(expected[1]))
    assert found.clear
    assert found.fields.low > 0
    values = list(BASE.values())
    assert found.t_p == pytest.approx(stats.ttest_rel(values + gains, values).pvalue)
    assert found.permutation_p is None  # five fields
    assert found.seeds.mean == pytest.approx(0.05)
    assert found.seeds.high - found.seeds.low == pytest.approx(2 * stats.t.ppf(0.975, 1) * 0.01)
    assert (found.mean, found.mean_than) == (pytest.approx(0.55), pytest.approx(0.5))
    assert found.relative == pytest.approx(0.1)
    assert (found.n_higher, found.unpaired) == (5, 0)


def test_arms_with_other_fields_are_compared_on_shared_ones(make_rows):
    rows = make_rows({B: {"x": [0.4], "y": [0.5], "w": [0.0]}, A: {"x": [0.5], "y": [0.7], "z": [1.0]}})
    [found] = compare_arms(rows, "cells", "mAP", "stain", "imagenet")
    assert (found.fields.n, found.unpaired) == (2, 2)
    assert found.fields.mean == pytest.approx(0.15)
    assert (found.mean, found.mean_than) == (pytest.approx(0.6), pytest.approx(0.45))
    apart = make_rows({B: {"x": [0.4]}, A: {"y": [0.5]}})
    assert compare_arms(apart, "cells", "mAP", "stain", "imagenet") == ()


def test_a_field_without_a_score_pairs_with_nothing(make_rows):
    rows = make_rows({B: {"x": [0.4, 0.4], "y": [0.5, 0.5]}, A: {"x": [0.5, np.nan], "y": [0.7, 0.7]}})
    [found] = compare_arms(rows, "cells", "mAP", "stain", "imagenet")
    assert found.unpaired == 2  # it, and its partner
    assert found.fields.mean == pytest.approx((0.1 + 0.2) / 2)


def test_only_the_same_seed_and_fold_pair(make_rows):
    rows = make_rows({B: {"x": [0.1, 0.5], "y": [0.3, 0.3]}, A: {"x": [0.2], "y": [0.4]}})
    [found] = compare_arms(rows, "cells", "mAP", "stain", "imagenet")
    assert (found.fields.mean, found.unpaired, found.seeds.n) == (pytest.approx(0.1), 2, 1)
    moved = [replace(row, fold="other") if row.arm == "stain" else row for row in rows]
    assert compare_arms(moved, "cells", "mAP", "stain", "imagenet") == ()


def test_a_classical_method_on_predicted_nuclei_has_seeds():
    arm = {"inputs": "phase", "nuclei": "dapi", "method": "propagation"}
    stain = {"kind": "stain", "stain": "dapi"}
    arms = {"cut": arm, "predicted": {**arm, "predicted_nuclei": stain}, "own": {**arm, "method": "student"}}
    task = {"kind": "markers", "data": ["x"], "labels": "cells", "arms": arms, "learn": "others"}
    design = StudyDesign.parse({"title": "t", "tasks": {"t": task}})
    assert seedless_arms(design.tasks["t"]) == {"cut"}


def test_an_arm_without_randomness_pairs_with_every_seed(make_rows):
    rows = make_rows(
        {("cut", "", 0): {"x": [0.4], "y": [0.5]}, ("student", "", 0): {"x": [0.5, 0.7], "y": [0.6, 0.8]}}
    )
    [found] = compare_arms(rows, "cells", "mAP", "student", "cut", seedless=["cut"])
    assert (found.fields.mean, found.seeds.n, found.unpaired) == (pytest.approx(0.2), 2, 0)
    [turned] = compare_arms(rows, "cells", "mAP", "cut", "student", seedless=["cut"])
    assert (turned.fields.mean, turned.seeds.n, turned.unpaired) == (pytest.approx(-0.2), 2, 0)
    [strict] = compare_arms(rows, "cells", "mAP", "student", "cut")
    assert (strict.fields.mean, strict.unpaired) == (pytest.approx(0.1), 2)


def test_budgets_and_steps_are_compared_with_their_equals(make_rows):
    scores = {B: {"x": [0.1]}, ("imagenet", "1 field", 90): {"x": [0.3]}, A: {"x": [0.2]}}
    longer = {("stain", "1 field", 90): {"x": [0.9]}, ("imagenet", "1 field", 90): {"x": [0.4]}}
    rows = [*make_rows(scores), *make_rows(longer, steps=1000)]
    found = compare_arms(rows, "cells", "mAP", "stain", "imagenet")
    assert [(one.budget, one.steps) for one in found] == [("1 crop", 200), ("1 field", 1000)]
    assert [one.fields.mean for one in found] == [pytest.approx(0.1), pytest.approx(0.5)]


def test_one_field_has_no_interval_and_no_test(make_rows):
    [found] = compare_arms(make_rows({B: {"x": [0.0]}, A: {"x": [0.2]}}), "cells", "mAP", "stain", "imagenet")
    assert (found.fields.low, found.t_p, found.permutation_p, found.clear) == (None, None, None, False)
    assert found.relative is None  # nothing to be relative to


def test_the_t_test_where_differences_are_equal():
    assert paired_t_test(np.full(4, 0.1)) is None
    assert paired_t_test(np.zeros(4)) == 1.0
    assert paired_t_test(np.zeros(1)) is None


def test_sign_flips_are_counted_exactly():
    differences = np.array([0.05, 0.02, -0.01, 0.04, 0.03, 0.06, -0.02])
    flipped = [np.mean(differences * signs) for signs in product((1, -1), repeat=7)]
    share = np.mean(np.abs(flipped) >= abs(differences.mean()) - 1e-12)
    assert sign_flip_test(differences) == pytest.approx(share)
    assert sign_flip_test(differences[:5]) is None


def test_many_fields_are_flipped_at_random_but_the_same_each_time():
    differences = np.random.default_rng(3).normal(0.3, 1, 20)
    p = sign_flip_test(differences)
    assert p == sign_flip_test(differences)
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)


def test_every_two_arms_are_compared_once(make_rows):
    rows = make_rows(
        {(arm, "", 0): {"x": [value], "y": [value]} for arm, value in (("a", 0.1), ("b", 0.3), ("c", 0.6))}
    )
    found = compare_all_arms(rows, "cells", "mAP")
    assert [(one.arm, one.than) for one in found] == [("b", "a"), ("c", "a"), ("c", "b")]
    assert [one.fields.mean for one in found] == [pytest.approx(v) for v in (0.2, 0.5, 0.3)]
    assert compare_rows(rows[:2], rows[2:4]).fields.mean == pytest.approx(-0.2)


def test_the_table_of_differences(make_rows):
    found = compare_arms(make_rows(paired_scores()), "cells", "mAP", "stain", "imagenet")
    [row] = csv.DictReader(io.StringIO(differences_to_csv(found)))
    assert (row["arm"], row["than"], row["budget"], row["steps"]) == ("stain", "imagenet", "1 crop", "200")
    assert (row["difference"], row["relative_gain"]) == ("0.050000", "0.100000")
    assert (row["n_fields"], row["n_seeds"], row["fields_higher"]) == ("5", "2", "5")
    assert (row["permutation_p"], row["unpaired_rows"]) == ("", "0")
    assert float(row["fields_low"]) == pytest.approx(found[0].fields.low, abs=1e-6)


def test_an_unknown_arm_and_no_rows(make_rows):
    with pytest.raises(InputError, match="task 'cells' has no mAP of 'student'; there are imagenet, stain"):
        compare_arms(make_rows(paired_scores()), "cells", "mAP", "student", "imagenet")
    with pytest.raises(InputError, match="run the study first"):
        compare_all_arms([], "cells", "mAP")
