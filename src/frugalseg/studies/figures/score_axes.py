"""Scores and their intervals on the axes of a figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from frugalseg.evaluation.intervals import Interval
from frugalseg.studies.scores.curves import CurvePoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_interval(
    axes: "Axes",
    along: Literal["x", "y"],
    at: float,
    interval: Interval,
    mean: float,
    colour: str,
    width: float,
) -> None:
    """Draw an interval as a bar that is cut off where scores end, at 0 and 1; nothing where there is no interval.

    Parameters
    ----------
    along
        Axis of the scores.
    at
        Place on the other axis.
    mean
        Always inside the bar, so that a correlation below 0 keeps one.
    width
        In points; thick bars let what is behind them through.
    """
    ends = _drawn_ends(interval, mean)
    if not ends:
        return
    low, high = ends
    style: dict[str, Any] = {
        "color": colour,
        "linewidth": width,
        "alpha": 0.9 if width < 2 else 0.45,
        "zorder": 2,
    }
    (axes.vlines if along == "y" else axes.hlines)(at, low, high, **style)


def fit_scores(axes: "Axes", points: Sequence[CurvePoint]) -> None:
    """Show every point, and every bar whole."""
    means = [one.mean for one in points]
    ends = [end for one in points for over in (one.fields, one.seeds) for end in _drawn_ends(over, one.mean)]
    low, high = min(means + ends), max(means + ends)
    pad = 0.06 * max(high - low, 0.02)
    axes.set_ylim(low - pad, high + pad)


def _drawn_ends(interval: Interval, mean: float) -> tuple[float, ...]:
    """Return low and high as far as scores go, with the mean between them; none where there is no interval."""
    if interval.low is None or interval.high is None:
        return ()
    return min(max(interval.low, 0.0), mean), max(min(interval.high, 1.0), mean)
