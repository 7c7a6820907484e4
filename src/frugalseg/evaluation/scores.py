"""Scores of a segmentation against the truth, all from one table of overlaps.

Conventions. A true cell is found at threshold t when it has a partner of its own with IoU >= t. Without any true
cell, every score is 1 if nothing was predicted either, and 0 otherwise.

Truth pixels with a negative value are not annotated: no size, intersection or union counts them. A predicted cell
with more than half of its pixels there can match a true cell by the rest, but is never a false positive.
"""

from collections.abc import Mapping
from typing import Any, SupportsFloat

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, field_serializer

from frugalseg.errors import InputError, SettingsError, WrongShape
from frugalseg.evaluation.matching import Floats, Labels, Matching, check_labels, match_labels
from frugalseg.images.label_checks import warn_of_doubts

THRESHOLDS = tuple(k / 100 for k in range(50, 100, 5))  # 0.50, 0.55 ... 0.95


class Scores(BaseModel):
    """Scores of one field. Counts are cells, everything else lies between 0 and 1.

    `to_dict` returns plain values for JSON, and `from_dict` reads them back.

    Examples
    --------
    >>> cells = np.array([[1, 1, 0, 2, 2]])
    >>> scores = score_labels(cells, cells)
    >>> Scores.from_dict(scores.to_dict()) == scores
    True
    """

    model_config = ConfigDict(frozen=True)

    cell_miou: float  # mean over true cells of the IoU with the best predicted cell
    matched_miou: float  # the same when every predicted cell may serve one true cell only
    two_class_miou: float  # the paper's number, flattered by the background; see `two_class_miou`
    mAP: float  # mean of `ap`
    ap: Mapping[float, float]  # threshold -> TP / (TP + FP + FN)
    f1: float  # at 0.5, as precision and recall
    f1_at: Mapping[float, float]
    precision: float
    recall: float
    aji: float  # aggregated Jaccard index, Kumar et al. 2017
    pq: float  # panoptic quality = sq * rq, Kirillov et al. 2019
    sq: float
    rq: float
    foreground_iou: float  # of "any cell" against "any cell"
    n_true: int
    n_predicted: int  # without those unmatched at 0.5 and mostly not annotated
    marker_false_negatives: int | None  # true cells without a marker; None without markers
    marker_false_positives: int | None  # markers in no true cell, or in one that has a marker already

    @field_serializer("ap", "f1_at")
    def _write_thresholds(self, scores: Mapping[float, float]) -> dict[str, float]:
        return {f"{threshold:.2f}": value for threshold, value in scores.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; thresholds become strings such as "0.50"."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Scores":
        """Read what `to_dict` returned."""
        return cls.model_validate(content)


def score_labels(
    truth: Labels,
    predicted: Labels,
    points: npt.NDArray[np.floating[Any]] | None = None,
    patch: int | None = None,
) -> Scores:
    """Score predicted cells against the truth.

    Parameters
    ----------
    truth
        (Y, X) integers; 0 background, negative not annotated (see the module).
    predicted
        (Y, X) integers of the same shape; 0 background.
    points
        (N, 2) markers, y then x in px, to be scored as well.
    patch
        Window of `two_class_miou`, px.

    Returns
    -------
    Scores
        The functions of this module define each score exactly.

    Raises
    ------
    WrongShape, SettingsError
        When the maps are not (Y, X) integers of one shape, or have no pixels; `patch` is no whole number above 0.
    InputError
        When a marker lies outside the image, or no pixel of the truth is annotated.
    BadPixels
        When a map is a mask, a grey image, or otherwise surely no label map; a doubt is a Python warning.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 0, 2, 2]])
    >>> predicted = np.array([[7, 7, 7, 0, 0, 9]])
    >>> scores = score_labels(truth, predicted)
    >>> round(scores.cell_miou, 3), scores.ap[0.5], scores.ap[0.55], round(scores.mAP, 3)
    (0.583, 1.0, 0.3333333333333333, 0.2)
    """
    truth, predicted = check_labels(truth, predicted)
    if truth.size == 0:
        raise WrongShape(f"`truth` and `predicted` have no pixels: their shape is {truth.shape}")
    if patch is not None and (patch != int(patch) or patch < 1):
        raise SettingsError(f"`patch` is {patch!r}; give a whole number of px above 0")
    if not (truth >= 0).any():
        raise InputError(
            "`truth` is negative everywhere, which means not annotated, so there is nothing to score; give one with annotated pixels"
        )
    warn_of_doubts(truth, "`truth`")
    warn_of_doubts(predicted, "`predicted`")
    return compare_labels(truth, predicted, points, patch)


def compare_labels(
    truth: Labels,
    predicted: Labels,
    points: npt.NDArray[np.floating[Any]] | None = None,
    patch: int | None = None,
) -> Scores:
    """Score maps that are known to be label maps; all else as of `score_labels`."""
    match = match_labels(truth, predicted)
    rows = {t: match.matched(t) for t in THRESHOLDS}
    wrong = {t: match.false_positives(pairs) for t, pairs in rows.items()}
    found, n_true = len(rows[0.5]), len(match.true_ids)
    n_predicted = found + wrong[0.5]
    ap = {t: _ratio(len(rows[t]), n_true + wrong[t]) for t in THRESHOLDS}
    f1_at = {t: _ratio(2 * len(rows[t]), n_true + len(rows[t]) + wrong[t]) for t in THRESHOLDS}
    pq, sq, rq = panoptic_quality(match)
    missed, extra = (None, None) if points is None else marker_errors(truth, points)
    return Scores(
        cell_miou=best_match_miou(match),
        matched_miou=matched_miou(match),
        two_class_miou=two_class_miou(truth, predicted, match, patch),
        mAP=float(np.mean(list(ap.values()))),
        ap=ap,
        f1=f1_at[0.5],
        f1_at=f1_at,
        precision=_ratio(found, n_predicted, empty=float(n_true == 0)),
        recall=_ratio(found, n_true, empty=float(n_predicted == 0)),
        aji=aggregated_jaccard(match),
        pq=pq,
        sq=sq,
        rq=rq,
        foreground_iou=foreground_iou(truth, predicted),
        n_true=n_true,
        n_predicted=n_predicted,
        marker_false_negatives=missed,
        marker_false_positives=extra,
    )


def best_match_miou(match: Matching) -> float:
    """Return the mean over true cells of the IoU with the best predicted cell, 0 for a cell without overlap.

    This is `cell_miou`. One predicted cell may be the best of several true cells, and predicted cells on
    background cost nothing: read it together with AP.
    """
    return _mean_over_true(match, match.best()[0])


def matched_miou(match: Matching) -> float:
    """Return the mean over true cells of the IoU with their partner, 0 for a cell without a partner.

    Partners are assigned one to one so that the sum of IoU is as large as it can be.
    """
    iou, rows = np.zeros(len(match.true_ids)), match.assigned()
    iou[match.pairs[rows, 0]] = match.iou[rows]
    return _mean_over_true(match, iou)


def two_class_miou(truth: Labels, predicted: Labels, match: Matching, patch: int | None = None) -> float:
    """Return the mIoU of Din and Yu (2021): the mean over true cells of the cell's IoU and its background's.

    In a square window around the cell's centroid there are two classes, this cell and all the rest, for the
    truth as for the best predicted cell; pixels outside the window do not count. Even a cell that was missed
    gets nearly half, so compare this number only with theirs.

    Parameters
    ----------
    patch
        Side of the window, px. The paper takes 64 for cells of about 30 px; the default is in the same proportion
        to the median diameter of the true cells.

    Notes
    -----
    Of a cell with no pixel in its window, such as a ring, the IoU of the whole cell counts.
    """
    from scipy import ndimage

    n = len(match.true_ids)
    if n == 0:
        return _mean_over_true(match, np.zeros(0))
    if patch is None:
        patch = max(round(64 / 30 * float(np.median(np.sqrt(match.true_sizes * 4 / np.pi)))), 1)
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    best, position = match.best()
    partner = np.append(match.predicted_ids, -1)[position]  # position -1, no partner, is id -1
    centres = np.asarray(ndimage.center_of_mass(truth > 0, truth, match.true_ids))
    corners = np.floor(centres - (patch - 1) / 2 + 0.5).astype(int)
    values = np.zeros(n)
    for i, (y, x) in enumerate(corners):
        window = np.s_[max(y, 0) : max(y + patch, 0), max(x, 0) : max(x + patch, 0)]
        rest = predicted[window] == partner[i]
        cell = truth[window] == match.true_ids[i]
        annotated = truth[window] >= 0
        both = np.count_nonzero(cell & rest)
        either = np.count_nonzero((cell | rest) & annotated)
        total = np.count_nonzero(annotated)
        of_cell = both / either if either else best[i]
        values[i] = (of_cell + _ratio(total - either, total - both)) / 2
    return _mean_over_true(match, values)


def aggregated_jaccard(match: Matching) -> float:
    """Return the aggregated Jaccard index (Kumar et al. 2017, algorithm 1).

    Sum of the intersections of each true cell with its best predicted cell (by IoU), over the sum of their
    unions plus the area of all predicted cells that are best for no true cell. As in the original, a predicted
    cell may be the best of several true cells.
    """
    if len(match.true_ids) == 0:
        return _nothing_wrong(match)
    best, partner = match.best()
    touched = partner >= 0
    sizes = match.true_sizes[touched] + match.predicted_sizes[partner[touched]]
    union = sizes / (1 + best[touched])  # from IoU = I / U and I + U = both sizes
    unused = np.setdiff1d(np.flatnonzero(~match.mostly_unknown), partner[touched])
    whole = union.sum() + match.true_sizes[~touched].sum() + match.predicted_sizes[unused].sum()
    return float((sizes - union).sum() / whole)


def panoptic_quality(match: Matching) -> tuple[float, float, float]:
    """Return panoptic, segmentation and recognition quality (Kirillov et al. 2019, eq. 1) of matches with IoU > 0.5.

    Segmentation quality is the mean IoU of the matches, 0 without matches.
    """
    if len(match.true_ids) == 0:
        return (_nothing_wrong(match),) * 3
    found = np.flatnonzero(match.iou > 0.5)
    iou = match.iou[found]
    rq = _ratio(2 * len(iou), len(match.true_ids) + len(iou) + match.false_positives(found))
    sq = float(iou.mean()) if len(iou) else 0.0
    return sq * rq, sq, rq


def foreground_iou(truth: Labels, predicted: Labels) -> float:
    """Return the IoU of the pixels in any cell, on the annotated part of the field; 1 when there are none in either."""
    truth, predicted = check_labels(truth, predicted)
    true, found = truth > 0, (predicted > 0) & (truth >= 0)
    return _ratio(np.count_nonzero(true & found), np.count_nonzero(true | found))


def marker_errors(truth: Labels, points: npt.NDArray[np.floating[Any]]) -> tuple[int, int]:
    """Count false negatives and false positives of markers (N, 2), y x in px.

    False negatives are true cells without a marker. False positives are markers on background, and every marker
    after the first in the same cell. Markers on pixels not annotated do not count.

    Raises
    ------
    InputError
        When a marker lies outside the image.
    """
    truth = np.asarray(truth)
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    pixels = np.floor(points + 0.5)  # a pixel reaches half a pixel around its centre
    if not ((pixels >= 0) & (pixels < truth.shape)).all():
        raise InputError(
            f"A marker in `points` lies outside the image of {truth.shape} px; give (y, x) in px."
        )
    hit = truth[tuple(pixels.astype(np.intp).T)]
    cells_hit = np.unique(hit[hit > 0])
    n_true = len(np.unique(truth[truth > 0]))
    return n_true - len(cells_hit), int(np.count_nonzero(hit >= 0)) - len(cells_hit)


def _mean_over_true(match: Matching, values: Floats) -> float:
    return float(values.mean()) if len(values) else _nothing_wrong(match)


def _nothing_wrong(match: Matching) -> float:
    return float(match.false_positives(np.zeros(0, dtype=np.int64)) == 0)


def _ratio(part: SupportsFloat, whole: SupportsFloat, empty: float = 1.0) -> float:
    return float(part) / float(whole) if whole else empty
