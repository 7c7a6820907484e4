"""Intervals: textbook values, and coverage."""

import numpy as np
import pytest

from frugalseg.errors import InputError, SettingsError
from frugalseg.evaluation.intervals import mean_interval, mean_score, summarize_scores
from frugalseg.evaluation.scores import score_labels


def test_t_interval_by_the_table():
    # mean 5, s = sqrt(2.5), t(0.975, 4) = 2.7764: half width 2.7764 * sqrt(2.5 / 5)
    interval = mean_interval([3, 4, 5, 6, 7])
    assert interval.mean == 5
    assert interval.high - 5 == pytest.approx(2.776445 * np.sqrt(0.5), rel=1e-6)
    assert 5 - interval.low == pytest.approx(interval.high - 5)
    assert interval.n == 5
    assert mean_interval([3, 4, 5, 6, 7], level=0.9).high == pytest.approx(5 + 2.131847 * np.sqrt(0.5))


def test_one_value_has_no_interval_and_equal_values_one_of_width_0():
    single = mean_interval([0.7])
    assert (single.mean, single.low, single.high) == (0.7, None, None)
    assert str(single) == "0.700"
    equal = mean_interval([0.5] * 4)
    assert equal.to_dict() == {"mean": 0.5, "low": 0.5, "high": 0.5, "n": 4}


def test_ninety_five_of_a_hundred_intervals_hold_the_mean():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        interval = mean_interval(rng.normal(3, 1, 5))
        held += interval.low <= 3 <= interval.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("values", [[], [0.5, float("nan")], [float("inf")]])
def test_no_mean_of_nothing_or_of_failures(values):
    with pytest.raises(InputError, match="finite"):
        mean_interval(values)


def test_a_wrong_level_is_named():
    with pytest.raises(SettingsError, match="`level` is 95"):
        mean_interval([1, 2], level=95)


def test_scores_of_several_fields():
    truth = np.array([[1, 1, 1, 1]])
    scores = [score_labels(truth, truth), score_labels(truth, np.array([[1, 1, 0, 0]]))]
    summary = summarize_scores(scores)
    assert summary["cell_miou"].mean == 0.75
    assert (summary["cell_miou"].low, summary["cell_miou"].high) == (0.0, 1.0)
    assert mean_interval([1.0, 0.5]).high == pytest.approx(0.75 + 12.7062047 * 0.25)
    assert summary["mAP"].mean == pytest.approx((1 + 0.1) / 2)


def test_intervals_of_scores_lie_where_scores_can() -> None:
    few = summarize_scores(
        [score_labels(np.eye(4, dtype=int), one) for one in (np.eye(4, dtype=int), np.zeros((4, 4), int))]
    )
    assert (few["mAP"].mean, few["mAP"].low, few["mAP"].high) == (0.5, 0.0, 1.0)
    narrow = mean_score([0.70, 0.75, 0.80])
    assert narrow == mean_interval([0.70, 0.75, 0.80])
    assert mean_score([0.4]).low is None
