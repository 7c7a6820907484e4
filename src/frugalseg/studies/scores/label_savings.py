"""Numbers behind the answers of a study: labels saved at equal score, how a gain changes, how many labels are enough."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from statistics import fmean

from frugalseg.evaluation.intervals import Interval
from frugalseg.studies.scores.curves import (
    NOTHING,
    CurvePoint,
    choose_rows,
    find_curves,
    find_spread,
    one_curve,
)
from frugalseg.studies.scores.differences import pair_rows
from frugalseg.studies.scores.score_rows import ScoreRow

_EQUAL = 1e-9  # scores are written with six digits


@dataclass(frozen=True)
class Amount:
    """Outlined objects that a score takes.

    Attributes
    ----------
    outlined
        Of them; None: the score is above all that was measured.
    at_most
        Whether fewer might do: the smallest amount that was measured is that good already.
    """

    outlined: float | None
    at_most: bool = False


@dataclass(frozen=True)
class Saving:
    """How many outlined objects another arm takes for the score of one point.

    Attributes
    ----------
    point
        The score, and its own number of outlined objects.
    than
        The other arm.
    needed
        What `than` takes for the same score.
    without_each_field
        The same with one test field left out after the other: how much it hangs on a single field. Empty for one field.
    reached
        The largest budget of `than` up to which `point` has or exceeds every score; None where it has not that of the least.
    """

    point: CurvePoint
    than: str
    needed: Amount
    without_each_field: tuple[Amount, ...]
    reached: CurvePoint | None

    @property
    def saved(self) -> float | None:
        """Return the outlined objects saved, negative where `than` needs fewer; None where `needed` was not measured."""
        return None if self.needed.outlined is None else self.needed.outlined - self.point.outlined


@dataclass(frozen=True)
class GainChange:
    """Gain of an arm over another at two budgets, on the fields, seeds and folds that all four have.

    Attributes
    ----------
    small, large
        The budgets.
    gain_small, gain_large
        Mean differences of the arms.
    fall
        Interval over test fields of `gain_small` minus `gain_large`.
    """

    small: str
    large: str
    gain_small: float
    gain_large: float
    fall: Interval


@dataclass(frozen=True)
class Doubling:
    """What the next labels add, by doubling of the outlined objects.

    Attributes
    ----------
    enough
        First budget from which every doubling adds less than `seeds_sd`, or nothing; None where the last one still adds more.
    gain
        What a doubling adds: the most of any step from `enough` on, or the last step's.
    seeds_sd
        Standard deviation of the seeds' means, root mean square over the budgets.
    """

    enough: CurvePoint | None
    gain: float
    seeds_sd: float


def labels_for_score(curve: Sequence[CurvePoint], score: float) -> Amount:
    """Return the smallest number of outlined objects for which a curve has a score.

    Between its points the curve is straight over log2(outlined + 1). It need not rise everywhere; what counts is where it
    first has the score.

    Parameters
    ----------
    curve
        Points of one arm, fewest outlined objects first, such as of `one_curve`.
    """
    if curve and curve[0].mean >= score:
        return Amount(curve[0].outlined, at_most=curve[0].outlined > 0)
    for before, after in pairwise(curve):
        if after.mean >= score:
            low, high = (math.log2(one.outlined + 1) for one in (before, after))
            part = (score - before.mean) / (after.mean - before.mean)
            return Amount(2 ** (low + part * (high - low)) - 1)
    return Amount(None)


def find_saving(rows: Sequence[ScoreRow], point: CurvePoint, than: str, steps: int) -> Saving | None:
    """Return what `than` needs for the score of a point; None where it has no curve, or no score that pairs with the point.

    The point and every budget of `than` are of the folds, seeds and fields that all of them have: a missing run would
    compare other seeds, which outlined other objects.

    Parameters
    ----------
    rows
        Of the study.
    point
        Of another arm.
    steps
        Number of steps of the curve of `than`.
    """
    measured = [
        row
        for row in choose_rows(rows, point.task, point.metric)
        if math.isfinite(row.value)
        and (
            (row.arm, row.budget, row.steps) == (point.arm, point.budget, point.steps)
            or (row.arm == than and (row.steps == steps or row.budget == NOTHING))
        )
    ]
    keys: dict[tuple[str, str], set[tuple[str, int, str]]] = {}
    for row in measured:
        keys.setdefault((row.arm, row.budget), set()).add(_key(row))
    shared = set.intersection(*keys.values()) if keys else set()
    found = _needed([row for row in measured if _key(row) in shared], point, than, steps)
    if found is None:
        return None
    own, needed, curve = found
    fields = sorted({field for _, _, field in shared})
    without = []
    for field in fields if len(fields) > 1 else ():
        left = _needed(
            [row for row in measured if _key(row) in shared and row.field != field], point, than, steps
        )
        if left is not None:
            without.append(left[1])
    reached = list(takewhile(lambda one: one.mean <= own.mean, (one for one in curve if one.outlined > 0)))
    return Saving(own, than, needed, tuple(without), reached[-1] if reached else None)


def find_gain_change(
    rows: Sequence[ScoreRow], arm: str, than: str, small: CurvePoint, large: CurvePoint
) -> GainChange | None:
    """Return how the gain of `arm` over `than` differs between two budgets; None where no rows pair.

    Parameters
    ----------
    rows
        Of the study.
    small, large
        Points of `arm` at the two budgets.
    """
    chosen = choose_rows(rows, small.task, small.metric)

    def gain_at(point: CurvePoint) -> dict[tuple[str, int, str], float]:
        at = [row for row in chosen if (row.budget, row.steps) == (point.budget, point.steps)]
        own, others = ([row for row in at if row.arm == who] for who in (arm, than))
        return pair_rows(own, others).differences

    gains = [gain_at(small), gain_at(large)]
    shared = [key for key in gains[0] if key in gains[1]]
    if not shared:
        return None
    few, many = (find_spread({key: gain[key] for key in shared}).fields.mean for gain in gains)
    fall = find_spread({key: gains[0][key] - gains[1][key] for key in shared}).fields
    return GainChange(small.budget, large.budget, few, many, fall)


def find_doubling(curve: Sequence[CurvePoint]) -> Doubling | None:
    """Return from which budget on doubling the labels adds less than seeds vary.

    None with fewer than two budgets, or where no budget has two seeds. No test: a rule of thumb on means.

    Parameters
    ----------
    curve
        Points of one arm, fewest outlined objects first.
    """
    points = list({one.outlined: one for one in curve if one.outlined > 0}.values())
    deviations = [one.seeds_sd for one in points if one.seeds_sd is not None]
    steps = [
        (after.mean - before.mean) / math.log2(after.outlined / before.outlined)
        for before, after in pairwise(points)
    ]
    if not deviations or not steps:
        return None
    sd = math.sqrt(fmean(one * one for one in deviations))
    later = [max(steps[i:]) for i in range(len(steps))]
    for point, most in zip(points, later, strict=False):
        if most < sd or most <= _EQUAL:
            return Doubling(point, most, sd)
    return Doubling(None, steps[-1], sd)


def _needed(
    rows: Sequence[ScoreRow], point: CurvePoint, than: str, steps: int
) -> tuple[CurvePoint, Amount, tuple[CurvePoint, ...]] | None:
    """Return a point as these rows have it, what `than` needs for its score, and the curve of `than`."""
    if not rows:
        return None
    points = find_curves(rows, point.task, point.metric)
    curve = one_curve(points, than, steps)
    own = [
        one for one in points if (one.arm, one.budget, one.steps) == (point.arm, point.budget, point.steps)
    ]
    return (own[0], labels_for_score(curve, own[0].mean), curve) if own and curve else None


def _key(row: ScoreRow) -> tuple[str, int, str]:
    return row.fold, row.seed, row.field
