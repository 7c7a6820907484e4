"""Labels saved at equal score, how a gain changes, and how many labels are enough: by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from frugalseg.studies.scores.curves import find_curves, one_curve
from frugalseg.studies.scores.label_savings import (
    Amount,
    find_doubling,
    find_gain_change,
    find_saving,
    labels_for_score,
)


def curve(make_rows, means, arm="imagenet", seeds=1):
    """Points at 1, 3, 7, ... outlined objects, which are 1, 2, 3, ... on the scale of the interpolation."""
    scores = {
        (arm, f"{i + 1} fields", 2 ** (i + 1) - 1): {"x": [mean] * seeds, "y": [mean] * seeds}
        for i, mean in enumerate(means)
    }
    return make_rows(scores)


@pytest.mark.parametrize(
    ("means", "score", "expected"),
    [
        ((0.2, 0.4, 0.6), 0.5, Amount(2**2.5 - 1)),
        ((0.2, 0.4, 0.6), 0.4, Amount(3.0)),
        ((0.2, 0.4, 0.6), 0.61, Amount(None)),
        ((0.2, 0.4, 0.6), 0.1, Amount(1.0, at_most=True)),
        ((0.2, 0.5, 0.3, 0.6), 0.5, Amount(3.0)),  # falls again: the first amount that has the score
        ((0.2, 0.5, 0.3, 0.6), 0.55, Amount(2 ** (3 + 0.25 / 0.3) - 1)),
        ((0.4,), 0.5, Amount(None)),
    ],
)
def test_labels_for_a_score(means, score, expected, make_rows):
    points = find_curves(curve(make_rows, means), "cells", "mAP")
    found = labels_for_score(points, score)
    assert found.at_most == expected.at_most
    assert found.outlined == (None if expected.outlined is None else pytest.approx(expected.outlined))


def test_nothing_outlined_is_no_upper_bound(make_rows):
    points = find_curves(make_rows({("student", "nothing", 0): {"x": [0.5]}}, steps=0), "cells", "mAP")
    assert labels_for_score(points, 0.4) == Amount(0.0, at_most=False)


def test_labels_saved_and_how_much_they_hang_on_one_field(make_rows):
    fields = {
        "1 fields": (1, {"x": [0.2], "y": [0.2]}),
        "2 fields": (3, {"x": [0.4], "y": [0.6]}),
        "3 fields": (7, {"x": [0.8], "y": [0.8]}),
    }
    rows = make_rows({("imagenet", budget, n): scores for budget, (n, scores) in fields.items()})
    rows += make_rows({("student", "1 fields", 1): {"x": [0.6], "y": [0.5], "z": [0.0]}})
    [point] = [one for one in find_curves(rows, "cells", "mAP") if one.arm == "student"]
    saving = find_saving(rows, point, "imagenet", 200)
    assert saving.point.mean == pytest.approx(0.55)  # not of z, which ImageNet lacks
    assert saving.needed.outlined == pytest.approx(2 ** (2 + 0.05 / 0.3) - 1)
    assert saving.saved == pytest.approx(2 ** (2 + 0.05 / 0.3) - 2)
    assert saving.reached.budget == "2 fields"
    without_x, without_y = saving.without_each_field
    assert without_x.outlined == pytest.approx(2 ** (1 + 0.3 / 0.4) - 1)
    assert without_y.outlined == pytest.approx(2 ** (2 + 0.2 / 0.4) - 1)


def test_no_saving_against_an_arm_without_a_curve(make_rows):
    rows = curve(make_rows, (0.2, 0.4))
    [point, _] = find_curves(rows, "cells", "mAP")
    assert find_saving(rows, point, "student", 200) is None
    [other, _] = find_curves(curve(make_rows, (0.2, 0.4), arm="student"), "cells", "mAP")
    longer = [*rows, *curve(make_rows, (0.2, 0.4), arm="student")]
    assert find_saving(longer, other, "imagenet", 1000) is None


def test_labels_saved_are_of_the_seeds_that_both_have(make_rows):
    def of_seed(seed, scores):
        rows = make_rows({key: {"x": [value], "y": [value]} for key, value in scores.items()})
        return [replace(row, seed=seed, run=f"{row.run}-{seed}") for row in rows]

    rows = of_seed(0, {("imagenet", "1 crop", 70): 0.5, ("imagenet", "1 field", 200): 0.6})
    rows += of_seed(
        1,
        {
            ("imagenet", "1 crop", 20): 0.3,
            ("imagenet", "1 field", 200): 0.4,
            ("student", "1 crop", 20): 0.35,
        },
    )
    [point] = [one for one in find_curves(rows, "cells", "mAP") if one.arm == "student"]
    saving = find_saving(rows, point, "imagenet", 200)
    # Half way from 20 to 200 objects of seed 1; with seed 0, the crop of ImageNet would have 45 and be better already.
    needed = 2 ** ((math.log2(21) + math.log2(201)) / 2) - 1
    assert (saving.needed.outlined, saving.needed.at_most) == (pytest.approx(needed), False)
    assert saving.saved == pytest.approx(needed - 20)
    assert [one.outlined for one in saving.without_each_field] == [pytest.approx(needed)] * 2
    other = [row for row in rows if (row.arm, row.seed) != ("imagenet", 1)]
    assert find_saving(other, point, "imagenet", 200) is None


def test_what_is_reached_ends_where_the_other_arm_is_better(make_rows):
    rows = [
        *curve(make_rows, (0.2, 0.6, 0.5)),
        *make_rows({("student", "1 crop", 1): {"x": [0.55], "y": [0.55]}}),
    ]
    [point] = [one for one in find_curves(rows, "cells", "mAP") if one.arm == "student"]
    assert find_saving(rows, point, "imagenet", 200).reached.budget == "1 fields"


def test_the_gain_is_compared_between_budgets_field_by_field(make_rows):
    few, many = {"x": [0.5], "y": [0.4], "z": [0.6]}, {"x": [0.7], "y": [0.7], "z": [0.7]}
    base_few, base_many = {"x": [0.2], "y": [0.2], "z": [0.2]}, {"x": [0.65], "y": [0.66], "z": [0.60]}
    rows = make_rows(
        {
            ("imagenet", "1 crop", 46): base_few,
            ("imagenet", "4 fields", 400): base_many,
            ("stain", "1 crop", 46): few,
            ("stain", "4 fields", 400): {**many, "extra": [0.0]},
        }
    )
    points = one_curve(find_curves(rows, "cells", "mAP"), "stain", 200)
    change = find_gain_change(rows, "stain", "imagenet", points[0], points[-1])
    falls = np.array([0.3 - 0.05, 0.2 - 0.04, 0.4 - 0.1])
    low, high = stats.t.interval(0.95, 2, falls.mean(), stats.sem(falls))
    assert (change.gain_small, change.gain_large) == (pytest.approx(0.3), pytest.approx(0.19 / 3))
    assert (change.fall.low, change.fall.high) == (pytest.approx(low), pytest.approx(high))


def noisy(make_rows, means, sd):
    """A curve over 1, 2, 4, ... objects, whose two seeds have this standard deviation."""
    half = sd / math.sqrt(2)
    scores = {("a", f"{i} fields", 2**i): {"x": [m - half, m + half]} for i, m in enumerate(means)}
    return find_curves(make_rows(scores), "cells", "mAP")


@pytest.mark.parametrize(
    ("means", "enough", "gain"),
    [
        ((0.3, 0.5, 0.51, 0.515), "1 fields", 0.01),
        ((0.3, 0.301, 0.5, 0.505), "2 fields", 0.005),  # a rest on the way up is not enough
        ((0.5, 0.49, 0.48), "0 fields", -0.01),
        ((0.3, 0.4, 0.5), None, 0.1),
    ],
)
def test_labels_are_enough_from_where_no_doubling_adds_more_than_seeds_vary(means, enough, gain, make_rows):
    found = find_doubling(noisy(make_rows, means, 0.02))
    assert (found.enough.budget if found.enough else None) == enough
    assert found.gain == pytest.approx(gain)
    assert found.seeds_sd == pytest.approx(0.02)


def test_labels_that_add_nothing_are_enough_where_seeds_do_not_vary(make_rows):
    found = find_doubling(noisy(make_rows, (0.3, 0.4, 0.4), 0.0))
    assert (found.enough.budget, found.gain, found.seeds_sd) == ("1 fields", 0.0, 0.0)


def test_a_step_of_two_doublings_counts_half_each(make_rows):
    scores = {("a", "1 field", 10): {"x": [0.29, 0.31]}, ("a", "4 fields", 40): {"x": [0.49, 0.51]}}
    assert find_doubling(find_curves(make_rows(scores), "cells", "mAP")).gain == pytest.approx(0.1)


def test_one_seed_or_one_budget_tells_nothing_about_enough(make_rows):
    assert find_doubling(find_curves(curve(make_rows, (0.2, 0.4)), "cells", "mAP")) is None
    assert find_doubling(noisy(make_rows, (0.3,), 0.02)) is None
