"""Means over fields or seeds, with their confidence intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frugalseg.errors import InputError, SettingsError
from frugalseg.evaluation.scores import Scores

SUMMARIZED = (
    "cell_miou",
    "matched_miou",
    "two_class_miou",
    "mAP",
    "f1",
    "precision",
    "recall",
    "aji",
    "pq",
    "sq",
    "rq",
    "foreground_iou",
)
"""Scores that are single numbers between 0 and 1."""


@dataclass(frozen=True)
class Interval:
    """Mean of n values and its confidence interval; no interval (None) for a single value."""

    mean: float
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        """Write the interval for a table: ``0.743 [0.701, 0.785]``."""
        if self.low is None or self.high is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers as plain values for JSON."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "n": self.n}


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Return the mean and the confidence interval of independent values, such as one score per field.

    The interval is mean +- t * s / sqrt(n) of Student's distribution, which also holds for few values when they are
    about normally distributed. To compare two methods on the same fields, pass the differences: paired values
    say more than two intervals.

    Parameters
    ----------
    values
        At least one number, all finite.
    level
        Confidence level, between 0 and 1.

    Raises
    ------
    InputError
        When there is no value, or one is not finite.
    SettingsError
        When `level` is not between 0 and 1.

    Examples
    --------
    >>> print(mean_interval([0.70, 0.75, 0.80]))
    0.750 [0.626, 0.874]
    """
    data = np.asarray(values, dtype=np.float64).ravel()
    if data.size == 0 or not np.isfinite(data).all():
        raise InputError("A mean needs at least one value and only finite ones; leave failed fields out.")
    if not 0 < level < 1:
        raise SettingsError(f"`level` is {level}; give a number between 0 and 1, such as 0.95.")
    mean, n = float(data.mean()), data.size
    if n == 1:
        return Interval(mean, None, None, 1)
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, (1 + level) / 2) * data.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def mean_score(values: Sequence[float], level: float = 0.95) -> Interval:
    """Return what `mean_interval` does, of scores between 0 and 1; so its ends lie between them, too.

    >>> print(mean_score([0.1, 0.7]))
    0.400 [0.000, 1.000]
    """
    found = mean_interval(values, level)
    if found.low is None or found.high is None:
        return found
    return Interval(found.mean, max(found.low, 0.0), min(found.high, 1.0), found.n)


def summarize_scores(scores: Sequence[Scores], level: float = 0.95) -> dict[str, Interval]:
    """Return mean and interval over fields of every score that is a single number, and of AP at an IoU of 0.5 as ``ap50``.

    Raises
    ------
    InputError
        When there are no scores.

    Examples
    --------
    >>> import numpy as np
    >>> from frugalseg.evaluation.scores import score_labels
    >>> truth = np.array([[1, 1, 1, 1]])
    >>> both = [score_labels(truth, truth), score_labels(truth, np.array([[1, 1, 0, 0]]))]
    >>> summarize_scores(both)["cell_miou"].mean
    0.75
    """
    means = {name: mean_score([getattr(field, name) for field in scores], level) for name in SUMMARIZED}
    return {**means, "ap50": mean_score([field.ap[0.5] for field in scores], level)}
