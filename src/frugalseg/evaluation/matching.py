"""Overlaps of predicted with true cells, and one-to-one matches from them.

scikit-image's `contingency_table` gives the same counts, but takes 2.3 times as long and half as much memory again:
0.14 s against 0.06 s on 2160 x 2160 px with 2000 cells, with ids replaced by 1..n, which it needs for large ids.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frugalseg.errors import SettingsError, WrongShape
from frugalseg.images.masked import refuse_masked

Labels = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matching:
    """All overlaps of two label maps, as a sparse table: K pairs of T true and P predicted cells.

    Only pairs that share a pixel are listed, so a field with 60 000 cells takes a few megabytes.
    """

    true_ids: Ints  # (T,) ascending
    predicted_ids: Ints  # (P,) ascending
    true_sizes: Ints  # (T,) px
    predicted_sizes: Ints  # (P,) px
    pairs: Ints  # (K, 2) positions in true_ids and predicted_ids, ascending
    overlap: Ints  # (K,) px
    iou: Floats  # (K,) intersection over union, above 0
    mostly_unknown: npt.NDArray[np.bool_]  # (P,) more than half of its px were not annotated

    def false_positives(self, matched: Ints) -> int:
        """Count the predicted cells that are in no matched pair (rows of `pairs`) and are wrong.

        A cell that lies mostly where nothing was annotated may well be right: it can match, but is never wrong.
        """
        wrong = ~self.mostly_unknown
        wrong[self.pairs[matched, 1]] = False
        return int(np.count_nonzero(wrong))

    def best(self) -> tuple[Floats, Ints]:
        """Return the IoU (T,) of each true cell with its best predicted cell, and that cell's position, -1 for none.

        A predicted cell may be the best of several true cells. Ties go to the first.
        """
        n = len(self.true_ids)
        best, partner = np.zeros(n), np.full(n, -1, dtype=np.int64)
        order = np.lexsort((-self.pairs[:, 1], self.iou))  # the last assignment wins
        best[self.pairs[order, 0]] = self.iou[order]
        partner[self.pairs[order, 0]] = self.pairs[order, 1]
        return best, partner

    def matched(self, threshold: float = 0.5) -> Ints:
        """Return the rows of `pairs` that match one to one with an IoU of at least `threshold`, as many as possible.

        Raises
        ------
        SettingsError
            When the threshold is below 0.5, where matches are not unique; use `assigned` there.
        """
        if not 0.5 <= threshold <= 1:
            raise SettingsError(f"`threshold` is {threshold}; matches are unique only from 0.5 to 1.")
        rows = np.flatnonzero(self.iou >= threshold)
        for side in (0, 1):
            rows = rows[np.sort(np.unique(self.pairs[rows, side], return_index=True)[1])]
        return rows

    def assigned(self) -> Ints:
        """Return the rows of `pairs` of the one-to-one assignment with the largest sum of IoU, however small each is."""
        left = np.arange(len(self.pairs))
        chosen: list[Ints] = []
        while len(left):
            rivals = _best_other(self.pairs[left, 0], self.iou[left], len(self.true_ids))
            rivals = rivals + _best_other(self.pairs[left, 1], self.iou[left], len(self.predicted_ids))
            # A pair with more IoU than its two cells could get elsewhere together is in every best assignment.
            sure = left[self.iou[left] > rivals]
            if len(sure) == 0:
                chosen.append(left[_largest_sum(self.pairs[left], self.iou[left])])
                break
            chosen.append(sure)
            taken = np.isin(self.pairs[left, 0], self.pairs[sure, 0])
            taken |= np.isin(self.pairs[left, 1], self.pairs[sure, 1])
            left = left[~taken]
        return np.sort(np.concatenate(chosen)) if chosen else left


def match_labels(truth: Labels, predicted: Labels) -> Matching:
    """Measure the overlap of every true with every predicted cell.

    Parameters
    ----------
    truth
        (Y, X) integers: 0 background, a positive id per cell. Pixels with a negative value were not
        annotated; no size, overlap or IoU counts them.
    predicted
        (Y, X) integers of the same shape, none negative. Ids need not agree with those of the truth.

    Returns
    -------
    Matching
        Sizes, overlaps and IoU, and which predicted cells lie mostly on pixels not annotated. Ids without an
        annotated pixel are not listed.

    Raises
    ------
    WrongShape
        When the maps differ in shape, are not (Y, X) integers, or a predicted id is negative.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 0, 2, 2]])
    >>> predicted = np.array([[7, 7, 7, 0, 0, 9]])
    >>> match = match_labels(truth, predicted)
    >>> match.pairs.tolist(), match.iou.round(3).tolist()
    ([[0, 0], [1, 1]], [0.667, 0.5])
    """
    truth, predicted = check_labels(truth, predicted)
    annotated = truth >= 0
    unknown = predicted[~annotated]  # (M,) predicted where nothing was annotated
    if not annotated.all():
        truth, predicted = truth[annotated], predicted[annotated]
    true_ids, true_codes = compact_labels(truth.ravel())
    predicted_ids, predicted_codes = compact_labels(predicted.ravel())
    pairs, pixels = _count_pairs(true_codes, predicted_codes, len(predicted_ids) + 1)
    true_sizes = np.bincount(pairs[:, 0], pixels, len(true_ids) + 1)[1:].astype(np.int64)
    predicted_sizes = np.bincount(pairs[:, 1], pixels, len(predicted_ids) + 1)[1:].astype(np.int64)
    hidden = _count_ids(unknown, predicted_ids)
    real = (pairs > 0).all(axis=1)
    pairs, overlap = pairs[real] - 1, pixels[real]
    union = true_sizes[pairs[:, 0]] + predicted_sizes[pairs[:, 1]] - overlap
    iou = overlap / union
    mostly = hidden > predicted_sizes
    return Matching(true_ids, predicted_ids, true_sizes, predicted_sizes, pairs, overlap, iou, mostly)


def _best_other(cell: Ints, iou: Floats, n: int) -> Floats:
    """Return for every pair (K,) the largest IoU of another pair with the same cell, 0 without one."""
    order = np.argsort(iou, kind="stable")
    first, second = np.full(n, -1), np.full(n, -1)
    first[cell[order]] = order  # the last assignment, the largest IoU, wins
    others = order[first[cell[order]] != order]
    second[cell[others]] = others
    rival = np.where(first[cell] == np.arange(len(cell)), second[cell], first[cell])
    return np.where(rival >= 0, iou[rival], 0.0)


def _largest_sum(pairs: Ints, iou: Floats) -> Ints:
    """Return the rows of the one-to-one assignment with the largest sum, by an exact sparse solver."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    true, row = np.unique(pairs[:, 0], return_inverse=True)
    predicted, column = np.unique(pairs[:, 1], return_inverse=True)
    n, m = len(true), len(predicted)
    # Every true cell also has a dummy partner of IoU 0, so that an assignment always exists. 1 is added to all
    # weights because the solver takes a weight of 0 for "no pair".
    table = coo_array(
        (
            1 + np.concatenate([iou, np.zeros(n)]),
            (np.concatenate([row, np.arange(n)]), np.concatenate([column, m + np.arange(n)])),
        ),
        shape=(n, m + n),
    )
    partner = np.full(n, -1)
    rows, columns = min_weight_full_bipartite_matching(table.tocsr(), maximize=True)
    partner[rows] = columns
    return np.flatnonzero(partner[row] == column)


def check_labels(truth: Labels, predicted: Labels) -> tuple[Labels, Labels]:
    """Return both maps as arrays, or raise a `WrongShape` or `BadPixels` that says what is wrong with them."""
    for name, labels in {"truth": truth, "predicted": predicted}.items():
        refuse_masked(labels, f"`{name}`")
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    for name, labels in {"truth": truth, "predicted": predicted}.items():
        if labels.ndim != 2 or labels.dtype.kind not in "iub":
            raise WrongShape(
                f"`{name}` is {labels.dtype} of shape {labels.shape}; give a (Y, X) map of integers."
            )
    if truth.shape != predicted.shape:
        raise WrongShape(
            f"`truth` is {truth.shape} px and `predicted` {predicted.shape}; give two maps of the same field."
        )
    if predicted.dtype.kind == "i" and predicted.min(initial=0) < 0:
        raise WrongShape(
            "A label of `predicted` is negative; only `truth` may mark pixels as not annotated (-1)."
        )
    return truth, predicted


def compact_labels(labels: npt.NDArray[np.generic]) -> tuple[Ints, npt.NDArray[np.intp]]:
    """Return the ids above 0 that occur, ascending, and the map with ids replaced by 1..n and all else by 0.

    Parameters
    ----------
    labels
        Integers of any shape. Only where ids are far larger than the map is sorting needed.

    Examples
    --------
    >>> compact_labels(np.array([[0, 9, 9, 4]]))
    (array([4, 9]), array([[0, 2, 2, 1]]))
    """
    top = int(labels.max(initial=0))
    if top > 4 * labels.size + 65536 or int(labels.min(initial=0)) < 0:
        ids, inverse = np.unique(labels, return_inverse=True)
        rank = np.where(ids > 0, np.cumsum(ids > 0), 0)
        return ids[ids > 0].astype(np.int64), rank[inverse.reshape(labels.shape)]
    positions = labels.astype(np.intp)
    present = np.zeros(top + 1, dtype=bool)
    present[positions] = True
    present[0] = False
    return np.flatnonzero(present), np.where(present, np.cumsum(present), 0)[positions]


def _count_ids(labels: Labels, ids: Ints) -> Ints:
    """Return the number of pixels (N,) with each of the ids (N,), which ascend."""
    present, pixels = np.unique(labels, return_counts=True)
    counts = np.zeros(len(ids), dtype=np.int64)
    listed = np.isin(present, ids)
    counts[np.searchsorted(ids, present[listed])] = pixels[listed]
    return counts


def _count_pairs(true: Ints, predicted: Ints, width: int) -> tuple[Ints, Ints]:
    """Return the distinct pairs (K, 2) of codes and the number of pixels of each, background included."""
    code = true * width + predicted
    if code.size == 0:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64)
    # Neighbours mostly agree, so sorting the ends of runs is much cheaper than sorting pixels.
    starts = np.concatenate([[0], np.flatnonzero(code[1:] != code[:-1]) + 1])
    lengths = np.diff(starts, append=code.size)
    distinct, which = np.unique(code[starts], return_inverse=True)
    pixels = np.bincount(which, lengths).astype(np.int64)
    return np.stack([distinct // width, distinct % width], axis=1), pixels
