"""Matching two label maps: against plain loops, and at the size of a stitched well."""

import time

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from frugalseg.errors import SettingsError, WrongShape
from frugalseg.evaluation.matching import compact_labels, match_labels


def random_labels(rng, shape=(24, 30), n=9, top=None):
    """Blobs with holes, random ids, some background."""
    coarse = rng.integers(0, n + 1, size=[s // 4 + 1 for s in shape])
    labels = np.kron(coarse, np.ones((4, 4), dtype=int))[: shape[0], : shape[1]]
    labels[rng.random(shape) < 0.1] = 0
    ids = np.concatenate([[0], rng.permutation(np.arange(1, (top or 3 * n) + 1))])
    return ids[labels]


def slow_iou(truth, predicted):
    """Dense IoU matrix by comparing every pair of masks, on annotated pixels only."""
    keep = truth >= 0
    true_ids = [i for i in np.unique(truth) if i > 0]
    predicted_ids = [j for j in np.unique(predicted[keep]) if j > 0]
    iou = np.zeros((len(true_ids), len(predicted_ids)))
    for a, i in enumerate(true_ids):
        for b, j in enumerate(predicted_ids):
            t, p = (truth == i) & keep, (predicted == j) & keep
            iou[a, b] = (t & p).sum() / (t | p).sum()
    return true_ids, predicted_ids, iou


@pytest.mark.parametrize("seed", range(25))
def test_agrees_with_plain_loops(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = random_labels(rng), random_labels(rng)
    if seed % 2:
        predicted = np.where(rng.random(truth.shape) < 0.75, truth, predicted)
    if seed % 3 == 0:
        truth[rng.random(truth.shape) < 0.2] = -1
    if seed % 5 == 0:
        predicted = predicted.astype(np.int64) * 10**9  # no table of that size
    true_ids, predicted_ids, iou = slow_iou(truth, predicted)
    match = match_labels(truth, predicted)
    assert match.true_ids.tolist() == true_ids
    assert match.predicted_ids.tolist() == predicted_ids
    dense = np.zeros_like(iou)
    dense[tuple(match.pairs.T)] = match.iou
    assert dense == pytest.approx(iou, abs=1e-15)
    best, partner = match.best()
    assert best == pytest.approx(iou.max(axis=1), abs=1e-15)
    assert [p for p, b in zip(partner, best, strict=True) if b] == iou.argmax(axis=1)[best > 0].tolist()
    for threshold in (0.5, 0.55, 0.75):
        allowed = np.where(iou >= threshold, 1.0 + iou, 0.0)
        rows, columns = linear_sum_assignment(allowed, maximize=True)
        matched = match.matched(threshold)
        assert len(matched) == np.count_nonzero(allowed[rows, columns])
        assert len(set(match.pairs[matched, 0])) == len(set(match.pairs[matched, 1])) == len(matched)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    assigned = match.assigned()
    assert match.iou[assigned].sum() == pytest.approx(iou[rows, columns].sum())
    assert len(set(match.pairs[assigned, 0])) == len(set(match.pairs[assigned, 1])) == len(assigned)


def test_a_tie_at_one_half_is_matched_once():
    halves, whole = np.array([[1, 1, 2, 2]]), np.array([[5, 5, 5, 5]])
    for truth, predicted in ((halves, whole), (whole, halves)):
        match = match_labels(truth, predicted)
        assert match.iou.tolist() == [0.5, 0.5]
        assert match.matched(0.5).tolist() == [0]
        assert match.assigned().tolist() in ([0], [1])
    assert match_labels(whole, halves).best()[1].tolist() == [0]  # the first of equals


def test_assignment_may_prefer_two_fair_pairs_to_one_good():
    # true 1 fits 7 best, but true 2 has nobody else; sizes chosen so that sharing is worth more
    truth = np.array([[1] * 6 + [2] * 3])
    predicted = np.array([[8] * 3 + [7] * 6])
    match = match_labels(truth, predicted)
    assert match.pairs.tolist() == [[0, 0], [0, 1], [1, 0]]
    assert match.iou.tolist() == [3 / 9, 3 / 6, 3 / 6]
    assert match.assigned().tolist() == [1, 2]


def test_empty_maps_have_no_pairs():
    for shape in ((4, 4), (0, 4)):
        match = match_labels(np.zeros(shape, int), np.zeros(shape, int))
        assert len(match.true_ids) == len(match.predicted_ids) == len(match.pairs) == 0
        assert match.assigned().tolist() == match.matched().tolist() == []
    match = match_labels(np.full((3, 3), -1), np.ones((3, 3), int))
    assert len(match.predicted_ids) == 0


def test_bool_and_unsigned_maps_are_labels_too():
    match = match_labels(np.eye(4, dtype=bool), 3 * np.eye(4, dtype=np.uint32))
    assert match.true_ids.tolist() == [1]
    assert match.predicted_ids.tolist() == [3]
    assert match.iou.tolist() == [1.0]


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (np.zeros((3, 3), int), np.zeros((3, 4), int), "same field"),
        (np.zeros((3, 3)), np.zeros((3, 3), int), "`truth` is float64"),
        (np.zeros((3, 3), int), np.zeros((1, 3, 3), int), r"shape \(1, 3, 3\)"),
        (np.zeros((3, 3), int), np.full((3, 3), -1), "negative"),
    ],
)
def test_wrong_maps_are_named(truth, predicted, message):
    with pytest.raises(WrongShape, match=message):
        match_labels(truth, predicted)


@pytest.mark.parametrize("factor", [1, 1000, 10**12])
def test_ids_become_positions(factor):
    labels = np.array([[0, 7, 7], [-1, 3, 12]]) * factor
    ids, positions = compact_labels(labels)
    assert ids.tolist() == [3 * factor, 7 * factor, 12 * factor]
    assert positions.tolist() == [[0, 2, 2], [0, 1, 3]]
    assert [part.tolist() for part in compact_labels(np.maximum(labels, 0).ravel())] == [
        ids.tolist(),
        positions.ravel().tolist(),
    ]


def test_thresholds_below_one_half_are_refused():
    match = match_labels(np.ones((2, 2), int), np.ones((2, 2), int))
    with pytest.raises(SettingsError, match=r"0\.4"):
        match.matched(0.4)


def test_sixty_thousand_cells_take_seconds():
    y, x = np.mgrid[:4000, :4000]
    truth = ((y // 16) * 250 + x // 16 + 1).astype(np.uint32)  # 62 500 touching cells
    predicted = ndimage.shift(truth, (3, 5), order=0)
    started = time.process_time()
    match = match_labels(truth, predicted)
    assert len(match.true_ids) == 62500
    assert np.median(match.best()[0]) == pytest.approx(13 * 11 / (2 * 256 - 13 * 11))
    assigned = match.assigned()
    assert time.process_time() - started < 8
    assert len(assigned) > 62000
