"""Truth that is annotated in part: what nobody looked at is neither right nor wrong."""

import numpy as np
import pytest

from frugalseg.evaluation.matching import match_labels
from frugalseg.evaluation.scores import THRESHOLDS, compare_labels

# true 1: IoU 3/4 with 5; true 2, cut by the annotated area: 2 of 3 px in 6, of which 4 more px were not annotated
# 7: 1 px wrong and 3 unknown; 8: 2 wrong and 2 unknown, not more; 9: unknown altogether
TRUTH = np.array([[1, 1, 1, 1, 0, 2, 2, 2, -1, -1, -1, -1, 0, -1, -1, -1, 0, 0, -1, -1, -3]])
FOUND = np.array([[5, 5, 5, 0, 0, 0, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 9]])


def test_by_hand():
    match = match_labels(TRUTH, FOUND)
    assert match.predicted_ids.tolist() == [5, 6, 7, 8]
    assert match.predicted_sizes.tolist() == [3, 2, 1, 2]
    assert match.mostly_unknown.tolist() == [False, True, True, False]
    assert match.iou.tolist() == [3 / 4, 2 / 3]
    scores = compare_labels(TRUTH, FOUND)
    assert (scores.n_true, scores.n_predicted) == (2, 3)  # 5, 6 and 8
    # up to 0.65 both are found; then 6 is lost and yet not wrong; from 0.8 on 5 is wrong, beside 8
    by_hand = {t: 2 / 3 if t <= 0.65 else 1 / 3 if t <= 0.75 else 0.0 for t in THRESHOLDS}
    assert scores.ap == pytest.approx(by_hand)
    assert scores.mAP == pytest.approx((4 * 2 / 3 + 2 / 3) / 10)
    assert scores.f1_at[0.5] == scores.f1 == pytest.approx(4 / 5)
    assert scores.f1_at[0.7] == pytest.approx(2 / 4)
    assert (scores.precision, scores.recall) == (pytest.approx(2 / 3), 1.0)
    assert scores.cell_miou == scores.matched_miou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert scores.aji == pytest.approx((3 + 2) / (4 + 3 + 2))
    assert (scores.sq, scores.rq) == (pytest.approx(17 / 24), pytest.approx(4 / 5))
    assert scores.foreground_iou == pytest.approx(5 / 10)


def test_without_true_cells_only_annotated_pixels_count():
    truth = np.array([[0, -1, -1, -1, 0, 0]])
    doubtful = compare_labels(truth, np.array([[3, 3, 3, 0, 0, 0]]))
    assert (doubtful.n_predicted, doubtful.mAP, doubtful.aji, doubtful.pq, doubtful.cell_miou) == (
        0,
        1,
        1,
        1,
        1,
    )
    wrong = compare_labels(truth, np.array([[0, 0, 0, 3, 3, 0]]))
    assert (wrong.n_predicted, wrong.mAP, wrong.aji, wrong.pq, wrong.cell_miou) == (1, 0, 0, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_predicted_where_nothing_was_annotated_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.permutation(30).reshape(5, 6), np.ones((6, 6), int))
    found = np.roll(truth, rng.integers(-2, 3, 2), axis=(0, 1))
    truth[:, 12:24] = -1
    emptied = np.where(truth < 0, 0, found)
    invented = np.where(truth < 0, rng.integers(100, 200, truth.shape), found)
    assert compare_labels(truth, invented) == compare_labels(truth, emptied)


def test_a_map_annotated_everywhere_is_scored_as_before():
    truth, found = np.abs(TRUTH), FOUND
    match = match_labels(truth, found)
    assert not match.mostly_unknown.any()
    assert match.false_positives(np.zeros(0, int)) == len(match.predicted_ids) == 5
