"""A mean is worth little without its uncertainty: means over fields or seeds with a confidence interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from frugalseg.errors import InputError, SettingsError
from frugalseg.evaluation.scores import Scores


@dataclass(frozen=True)
class Interval:
    """Mean of n values and its confidence interval; no interval (None) for a single value."""

    mean: float
    low: float | None
    high: float | None
    n: int
    level: float = 0.95

    def __str__(self) -> str:
        """For a table: ``0.743 [0.701, 0.785]``."""
        if self.low is None or self.high is None:
            return f"{self.mean:.3f}"
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def mean_interval(
    values: Sequence[float],
    level: float = 0.95,
    method: Literal["t", "bootstrap"] = "t",
    seed: int = 0,
    resamples: int = 10_000,
) -> Interval:
    """Mean and confidence interval of independent values, such as one score per field.

    For two methods judged on the same fields, pass the differences: pairs say more than two intervals.

    Parameters
    ----------
    values
        At least one number, all finite.
    level
        Confidence level.
    method
        ``"t"``: mean +- t * s / sqrt(n) of Student's distribution, right also for few values when they are
        about normal. ``"bootstrap"``: percentiles of the means of seeded resamples (Efron 1979), for many
        values of any distribution; below about 20 values it is too narrow.
    seed, resamples
        Of the bootstrap.

    Raises
    ------
    InputError
        When there is no value, or one is not finite.
    SettingsError
        When the level or the method is none.

    Examples
    --------
    >>> print(mean_interval([0.70, 0.75, 0.80]))
    0.750 [0.626, 0.874]
    """
    data = np.asarray(values, dtype=np.float64).ravel()
    if data.size == 0 or not np.isfinite(data).all():
        raise InputError("A mean needs at least one value and only finite ones; leave failed fields out.")
    if not 0 < level < 1 or resamples < 1:
        raise SettingsError(f"level is {level}, resamples {resamples}; give 0 < level < 1, resamples > 0.")
    if method not in ("t", "bootstrap"):
        raise SettingsError(f"method is {method!r}; choose 't' or 'bootstrap'.")
    mean, n = float(data.mean()), data.size
    if n == 1:
        return Interval(mean, None, None, 1, level)
    if method == "t":
        from scipy.special import stdtrit

        half = float(stdtrit(n - 1, (1 + level) / 2) * data.std(ddof=1) / np.sqrt(n))
        return Interval(mean, mean - half, mean + half, n, level)
    drawn = np.random.default_rng(seed).choice(data, size=(resamples, n)).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high), n, level)


SUMMARISED = (
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


def summarize_scores(scores: Sequence[Scores], level: float = 0.95) -> dict[str, Interval]:
    """Mean and t interval over fields of every score that is a single number.

    Raises
    ------
    InputError
        When there are no scores.
    """
    return {name: mean_interval([getattr(one, name) for one in scores], level) for name in SUMMARISED}
