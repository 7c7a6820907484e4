"""Which predicted cell lies over which true cell, and by how much."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frugalseg.errors import SettingsError, WrongShape

Labels = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matching:
    """All overlaps of two label maps, as a sparse table: K pairs of T true and P predicted cells.

    Only pairs that share a pixel are there, so a field with 60 000 cells takes a few megabytes.
    """

    true_ids: Ints  # (T,) ascending
    predicted_ids: Ints  # (P,) ascending
    true_sizes: Ints  # (T,) px
    predicted_sizes: Ints  # (P,) px
    pairs: Ints  # (K, 2) positions in true_ids and predicted_ids, ascending
    overlap: Ints  # (K,) px
    iou: Floats  # (K,) intersection over union, above 0
    mostly_unknown: npt.NDArray[np.bool_]  # (P,) more than half of its px were not annotated

    def false_positives(self, found: Ints) -> int:
        """How many predicted cells are in no pair of `found` (rows of `pairs`) and count as wrong.

        One that lies mostly where nothing was annotated may well be right: it can match, but is never wrong.
        """
        wrong = ~self.mostly_unknown
        wrong[self.pairs[found, 1]] = False
        return int(np.count_nonzero(wrong))

    def best(self) -> tuple[Floats, Ints]:
        """IoU (T,) of each true cell with its best predicted cell, and that cell's position, -1 for none.

        A predicted cell may be the best of several true cells. Ties go to the first.
        """
        n = len(self.true_ids)
        best, partner = np.zeros(n), np.full(n, -1, dtype=np.int64)
        order = np.lexsort((-self.pairs[:, 1], self.iou))  # the last assignment wins
        best[self.pairs[order, 0]] = self.iou[order]
        partner[self.pairs[order, 0]] = self.pairs[order, 1]
        return best, partner

    def matched(self, threshold: float = 0.5) -> Ints:
        """Rows of `pairs` that match one to one with an IoU of at least `threshold`, as many as possible.

        At 0.5 and above this needs no assignment: a cell can have two partners only when both pairs have
        exactly 0.5, and then it does not matter which one is taken (the first is).

        Raises
        ------
        SettingsError
            When the threshold is below 0.5; there `assigned` is the way.
        """
        if not 0.5 <= threshold <= 1:
            raise SettingsError(f"threshold is {threshold}; matches are unique only from 0.5 to 1.")
        rows = np.flatnonzero(self.iou >= threshold)
        for side in (0, 1):
            rows = rows[np.sort(np.unique(self.pairs[rows, side], return_index=True)[1])]
        return rows

    def assigned(self) -> Ints:
        """Rows of `pairs` of the one-to-one assignment with the largest sum of IoU, however small each is."""
        left = np.arange(len(self.pairs))
        chosen: list[Ints] = []
        while len(left):
            rivals = _best_other(self.pairs[left, 0], self.iou[left], len(self.true_ids))
            rivals = rivals + _best_other(self.pairs[left, 1], self.iou[left], len(self.predicted_ids))
            # A pair worth more than what its two cells could get elsewhere is in every best assignment.
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
    """Count the overlap of every true with every predicted cell.

    Parameters
    ----------
    truth
        (Y, X) integers: 0 background, a positive id per cell. Pixels with a negative value were not
        annotated: they, and what is predicted there, count in no size, overlap or IoU.
    predicted
        (Y, X) integers of the same shape, none negative. Ids need not agree with those of the truth.

    Returns
    -------
    Matching
        Sizes, overlaps and IoU, and which predicted cells lie mostly on pixels not annotated. Ids that are
        nowhere on annotated pixels are not listed.

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
    unknown = predicted[~annotated]  # (M,) what is predicted where nothing was annotated
    if not annotated.all():
        truth, predicted = truth[annotated], predicted[annotated]
    true_ids, true_codes = _codes(truth.ravel())
    predicted_ids, predicted_codes = _codes(predicted.ravel())
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
    """Of every pair (K,), the largest IoU of another pair with the same cell, 0 where there is none."""
    order = np.argsort(iou, kind="stable")
    first, second = np.full(n, -1), np.full(n, -1)
    first[cell[order]] = order  # the last assignment, the largest IoU, wins
    others = order[first[cell[order]] != order]
    second[cell[others]] = others
    rival = np.where(first[cell] == np.arange(len(cell)), second[cell], first[cell])
    return np.where(rival >= 0, iou[rival], 0.0)


def _largest_sum(pairs: Ints, iou: Floats) -> Ints:
    """Rows of the one-to-one assignment with the largest sum, by a sparse exact solver."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    true, row = np.unique(pairs[:, 0], return_inverse=True)
    predicted, column = np.unique(pairs[:, 1], return_inverse=True)
    n, m = len(true), len(predicted)
    # Every true cell may also take a partner of its own that is worth nothing, so an assignment always
    # exists. One is added throughout because the solver takes a weight of 0 for "no pair".
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
    """The two maps as arrays, or a `WrongShape` that says what is wrong with them."""
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    for name, labels in {"truth": truth, "predicted labels": predicted}.items():
        if labels.ndim != 2 or labels.dtype.kind not in "iub":
            raise WrongShape(
                f"The {name} are {labels.dtype} of shape {labels.shape}; give a (Y, X) map of integers."
            )
    if truth.shape != predicted.shape:
        raise WrongShape(
            f"The truth is {truth.shape} px and the prediction {predicted.shape}; they must be the same field."
        )
    if predicted.dtype.kind == "i" and predicted.min(initial=0) < 0:
        raise WrongShape(
            "A predicted label is negative; only the truth may mark pixels as not annotated (-1)."
        )
    return truth, predicted


def _codes(labels: Labels) -> tuple[Ints, Ints]:
    """Ids without background (N,) and the labels as positions 1..N in them, 0 for background."""
    top = int(labels.max(initial=0))
    if top > 4 * labels.size + 65536:  # a table of all possible ids would be larger than the image
        ids, codes = np.unique(np.append(labels, labels.dtype.type(0)), return_inverse=True)
        return ids[1:].astype(np.int64), codes[:-1].astype(np.int64)
    present = np.zeros(top + 1, dtype=bool)
    present[labels.astype(np.int64)] = True
    present[0] = True
    return np.flatnonzero(present)[1:], (np.cumsum(present) - 1)[labels.astype(np.int64)]


def _count_ids(labels: Labels, ids: Ints) -> Ints:
    """Number of pixels (N,) with each of the ids (N,), which ascend."""
    found, pixels = np.unique(labels, return_counts=True)
    counts = np.zeros(len(ids), dtype=np.int64)
    known = np.isin(found, ids)
    counts[np.searchsorted(ids, found[known])] = pixels[known]
    return counts


def _count_pairs(true: Ints, predicted: Ints, width: int) -> tuple[Ints, Ints]:
    """Distinct pairs (K, 2) of codes and the number of pixels of each, background included."""
    code = true * width + predicted
    if code.size == 0:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=np.int64)
    # Neighbours mostly agree, so sorting the ends of runs is much cheaper than sorting pixels.
    starts = np.concatenate([[0], np.flatnonzero(code[1:] != code[:-1]) + 1])
    lengths = np.diff(starts, append=code.size)
    found, which = np.unique(code[starts], return_inverse=True)
    pixels = np.bincount(which, lengths).astype(np.int64)
    return np.stack([found // width, found % width], axis=1), pixels
