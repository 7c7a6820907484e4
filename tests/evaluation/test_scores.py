"""Every score against a case worked out by hand, and against plain loops written from the definitions."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.optimize import linear_sum_assignment

from frugalseg.errors import InputError, SettingsError, WrongShape
from frugalseg.evaluation.matching import match_labels
from frugalseg.evaluation.scores import (
    THRESHOLDS,
    Scores,
    aggregated_jaccard,
    compare_labels,
    marker_errors,
    score_labels,
    two_class_miou,
)

# true 1: 3 of 4 px found (IoU 3/4); true 2: 2 of 4 px, one too many (2/5); true 3 missed; predicted 7 invented;
# the last two px are not annotated, so predicted 9 does not exist.
TRUTH = np.array([[1, 1, 1, 1, 0, 0, 2, 2, 2, 2, 0, 0, 3, 3, -1, -1]])
PREDICTED = np.array([[5, 5, 5, 0, 0, 6, 6, 6, 0, 0, 7, 7, 0, 0, 7, 9]])


def test_by_hand():
    scores = compare_labels(TRUTH, PREDICTED, np.array([[0, 0], [0, 3.4], [0, 5], [0, 12], [0, 15]]), patch=5)
    assert (scores.n_true, scores.n_predicted) == (3, 3)
    assert scores.cell_miou == pytest.approx((3 / 4 + 2 / 5 + 0) / 3)
    assert scores.matched_miou == pytest.approx((3 / 4 + 2 / 5 + 0) / 3)
    assert scores.ap == pytest.approx({t: 1 / 5 if t <= 0.75 else 0 for t in THRESHOLDS})
    assert scores.mAP == pytest.approx(6 / 50)
    assert scores.f1 == scores.f1_at[0.75] == pytest.approx(2 / 6)
    assert scores.precision == scores.recall == pytest.approx(1 / 3)
    assert scores.aji == pytest.approx((3 + 2) / (4 + 5 + 2 + 2))
    assert (scores.sq, scores.rq, scores.pq) == pytest.approx((3 / 4, 1 / 3, 1 / 4))
    assert scores.foreground_iou == pytest.approx(5 / 13)
    # windows of 5 px around 1.5, 7.5 and 12.5: [0, 5), [6, 11), [11, 14)
    by_cell = [(3 / 4 + 1 / 2) / 2, (2 / 4 + 1 / 3) / 2, (0 + 1 / 3) / 2]
    assert scores.two_class_miou == pytest.approx(sum(by_cell) / 3)
    assert scores.marker_false_negatives == 1  # cell 2
    assert scores.marker_false_positives == 2  # the second in cell 1, the one at 5; 15 is not annotated


def test_best_match_may_share_a_predicted_cell_and_matching_may_not():
    truth = np.array([[1, 1, 1, 2, 2, 2, 2, 2]])
    scores = compare_labels(truth, np.ones_like(truth))
    assert scores.cell_miou == pytest.approx((3 / 8 + 5 / 8) / 2)
    assert scores.matched_miou == pytest.approx((0 + 5 / 8) / 2)
    assert scores.aji == pytest.approx((3 + 5) / (8 + 8))
    assert scores.foreground_iou == 1
    assert (scores.precision, scores.recall) == (1, 0.5)


def test_a_cell_outside_its_own_window_is_not_found_for_free():
    """The centre of a ring is not in it, and windows are as wide as twice a usual cell."""
    y, x = np.indices((200, 200))
    from_centre = np.hypot(y - 100, x - 100)
    ring = (from_centre > 60) & (from_centre < 75)
    truth = np.zeros((200, 200), int)
    for number, corner in enumerate(range(5, 65, 10), start=2):
        truth[5:11, corner : corner + 6] = number
    missed, half = truth.copy(), truth.copy()
    truth[ring], half[ring & (y < 100)] = 1, 1
    match = match_labels(truth, missed)
    assert two_class_miou(truth, missed, match) == pytest.approx((6 + 0.5) / 7)
    match = match_labels(truth, half)
    share = np.count_nonzero(ring & (y < 100)) / np.count_nonzero(ring)
    assert two_class_miou(truth, half, match) == pytest.approx((6 + (share + 1) / 2) / 7)


def test_a_missed_cell_flatters_only_the_two_class_number():
    truth = np.zeros((64, 64), int)
    truth[28:36, 28:36] = 1
    scores = compare_labels(truth, np.zeros_like(truth), patch=64)
    assert scores.two_class_miou == pytest.approx((64**2 - 8**2) / 64**2 / 2)
    others = (scores.cell_miou, scores.matched_miou, scores.mAP, scores.f1, scores.aji, scores.pq, scores.sq)
    assert others == (0,) * 7
    assert scores.precision == scores.recall == scores.foreground_iou == 0


def test_the_window_grows_with_the_cells_unless_given():
    y, x = np.ogrid[:200, :200]
    truth = ((y - 100) ** 2 + (x - 100) ** 2 <= 30**2).astype(int)  # a diameter of 60 px: 128 px of window
    match = match_labels(truth, np.zeros_like(truth))
    area = truth.sum()
    patch = round(64 / 30 * np.sqrt(area * 4 / np.pi))
    assert patch == 128
    assert two_class_miou(truth, 0 * truth, match) == pytest.approx((1 - area / 128**2) / 2)


def test_nothing_there():
    none, one = np.zeros((5, 5), int), np.eye(5, dtype=int)
    both = compare_labels(none, none, np.zeros((0, 2))).to_dict()
    for name, value in both.items():
        if name.startswith(("n_", "marker")):
            assert value == 0
        elif isinstance(value, dict):
            assert set(value.values()) == {1.0}
        else:
            assert value == 1.0, name
    for truth, predicted in ((none, one), (one, none)):
        scores = compare_labels(truth, predicted).to_dict()
        wrong = {k: v for k, v in scores.items() if v and not isinstance(v, dict) and not k.startswith("n_")}
        assert set(wrong) <= {"two_class_miou"}
    unknown = compare_labels(np.full((5, 5), -1), one)
    assert unknown.n_predicted == 0
    assert unknown.cell_miou == 1


def test_perfect_whatever_the_ids():
    truth = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((5, 5), int))
    scores = compare_labels(truth, 100 - truth).to_dict()
    for name in ("cell_miou", "matched_miou", "two_class_miou", "mAP", "f1", "aji", "pq", "foreground_iou"):
        assert scores[name] == 1.0, name


def slow_scores(truth, predicted, patch):
    """From the definitions, mask by mask."""
    keep = truth >= 0
    trues = [(truth == i) for i in np.unique(truth) if i > 0]
    founds = [(predicted == j) & keep for j in np.unique(predicted[keep]) if j > 0]
    iou = np.array([[(t & p).sum() / (t | p).sum() for p in founds] for t in trues])
    result = {"cell_miou": iou.max(axis=1).mean()}
    rows, columns = linear_sum_assignment(-iou)
    result["matched_miou"] = iou[rows, columns].sum() / len(trues)
    ap = []
    for threshold in np.arange(10) * 0.05 + 0.5:
        good = (iou >= threshold - 1e-12).astype(float)
        r, c = linear_sum_assignment(-good)
        tp = good[r, c].sum()
        ap.append(tp / (len(trues) + len(founds) - tp))
    result["mAP"] = np.mean(ap)
    intersection = union = 0
    used = set()
    for a, t in enumerate(trues):
        best = int(iou[a].argmax())
        if iou[a, best] > 0:
            used.add(best)
            intersection += (t & founds[best]).sum()
            union += (t | founds[best]).sum()
        else:
            union += t.sum()
    result["aji"] = intersection / (union + sum(p.sum() for b, p in enumerate(founds) if b not in used))
    matched = iou[iou > 0.5]
    n_false = len(trues) + len(founds) - 2 * len(matched)
    result["pq"] = matched.sum() / (len(matched) + n_false / 2)
    two = []
    for a, t in enumerate(trues):
        p = founds[int(iou[a].argmax())] if iou[a].max() > 0 else np.zeros_like(t)
        window = np.zeros_like(t)
        y, x = (int(np.floor(c - (patch - 1) / 2 + 0.5)) for c in np.argwhere(t).mean(axis=0))
        window[max(y, 0) : max(y + patch, 0), max(x, 0) : max(x + patch, 0)] = True
        window &= keep
        for cell in (t & window, p & window), (~t & window, ~p & window):
            either = (cell[0] | cell[1]).sum()
            two.append((cell[0] & cell[1]).sum() / either if either else 1.0)
    result["two_class_miou"] = np.mean(two)
    result["foreground_iou"] = ((truth > 0) & (predicted > 0)).sum() / (
        ((truth > 0) | (predicted > 0)) & keep
    ).sum()
    return result


@pytest.mark.parametrize("seed", range(20))
def test_agrees_with_plain_loops(seed):
    rng = np.random.default_rng(seed)
    truth = np.kron(rng.permutation(30).reshape(5, 6), np.ones((5, 5), int))
    truth[rng.random(truth.shape) < 0.05] = 0
    shift = rng.integers(-3, 4, 2)
    predicted = np.roll(truth, shift, axis=(0, 1))
    predicted = np.where(np.isin(predicted, rng.integers(1, 30, 8)), predicted + 1, predicted)
    predicted[rng.random(truth.shape) < 0.05] = 0
    if seed % 2:
        truth[rng.random(truth.shape) < 0.1] = -1
    patch = int(rng.integers(4, 12))
    scores = compare_labels(truth, predicted, patch=patch).to_dict()
    for name, value in slow_scores(truth, predicted, patch).items():
        assert scores[name] == pytest.approx(value), name


def test_aji_lets_one_prediction_serve_two_cells_as_in_the_original():
    truth, predicted = np.array([[1, 1, 2, 2, 0]]), np.array([[4, 4, 4, 4, 9]])
    assert aggregated_jaccard(match_labels(truth, predicted)) == pytest.approx((2 + 2) / (4 + 4 + 1))


def test_markers_count_by_the_pixel_they_lie_in():
    truth = np.array([[0, 1, 1], [0, 2, 2]])
    assert marker_errors(truth, np.array([[0.4, 0.6], [0.6, 2.4]])) == (0, 0)
    assert marker_errors(truth, np.array([[-0.4, 0.4]])) == (2, 1)
    assert marker_errors(truth, np.zeros((0, 2))) == (2, 0)
    with pytest.raises(InputError, match="outside"):
        marker_errors(truth, np.array([[0, 2.6]]))
    assert compare_labels(truth, truth).marker_false_negatives is None


def test_scores_go_into_json_and_back():
    scores = compare_labels(TRUTH, PREDICTED, np.array([[0, 0]]))
    content = json.loads(json.dumps(scores.to_dict()))
    assert list(content)[:5] == ["cell_miou", "matched_miou", "two_class_miou", "mAP", "ap"]
    assert content["ap"]["0.50"] == pytest.approx(0.2)
    assert list(content["f1_at"]) == [f"{t:.2f}" for t in THRESHOLDS]
    assert Scores.model_validate(content) == scores
    assert Scores.model_validate(content).ap[0.55] == scores.ap[0.55]
    with pytest.raises(ValidationError, match="frozen"):
        scores.mAP = 1.0


def test_maps_of_different_fields_are_refused():
    with pytest.raises(WrongShape, match="same field"):
        compare_labels(np.zeros((3, 3), int), np.zeros((3, 4), int))


def test_maps_without_pixels_and_windows_that_can_not_be() -> None:
    with pytest.raises(WrongShape, match="have no pixels"):
        score_labels(np.zeros((0, 5), int), np.zeros((0, 5), int))
    cells = np.eye(4, dtype=int)
    for patch in (0, -3, 20.5):
        with pytest.raises(SettingsError, match="whole number of px above 0"):
            score_labels(cells, cells, patch=patch)  # type: ignore[arg-type]
