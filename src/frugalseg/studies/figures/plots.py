"""Figures of a study, in the papers' form: scores against labels or steps, by test field, and by method."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from frugalseg.report.number_texts import count_text
from frugalseg.studies.answers.phrases import metric_words
from frugalseg.studies.figures.losses import LOSSES_SHOWN
from frugalseg.studies.figures.plot_style import (
    Plot,
    finish_plot,
    legend_columns,
    look_of,
    new_figure,
    plot_style,
    short_name,
    starting,
)
from frugalseg.studies.figures.score_axes import draw_interval, fit_scores
from frugalseg.studies.scores.curves import CurvePoint, means_by_field, names_of, one_curve, steps_of
from frugalseg.studies.scores.score_rows import ScoreRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_UPRIGHT, _LONGEST_UPRIGHT = 4, 14  # names of arms, and their characters, before they overlap
_LABELS_APART = 0.08  # share of the axis: budgets nearer to each other have one label


def draw_label_curves(
    name: str, points: Sequence[CurvePoint], words: Mapping[str, str], steps: int, objects: str
) -> Plot:
    """Draw score against the number of outlined objects, one curve per start (paper A, figures 7b and 9b).

    Thin bars are the intervals over test fields, thick ones those over seeds; without an interval there is no bar. Bars end
    at 0 and 1 in the drawing, where the interval goes beyond.

    Parameters
    ----------
    name
        Of the files.
    points
        Curves of one task and metric.
    words
        Arm -> its name in the legend.
    steps
        Curves of this number of training steps.
    objects
        What was outlined, for the axis.
    """
    arms = names_of(one.arm for one in points)
    curves = {arm: curve for arm in arms if (curve := one_curve(points, arm, steps))}
    shown = [one for curve in curves.values() for one in curve]
    smallest = min((one.outlined for one in shown if one.outlined > 0), default=1.0)
    with plot_style():
        figure = new_figure(2.95)
        axes = figure.subplots()
        for at, (arm, curve) in enumerate(curves.items()):
            shift = 0.07 * (at - (len(curves) - 1) / 2)
            xs = [_place(one.outlined, smallest) + shift for one in curve]
            _draw_points(axes, at, xs, curve, words.get(arm, arm))
        budgets = {one.budget: one.outlined for one in shown}
        _budget_axis(axes, budgets, smallest)
        axes.set_xlabel(f"outlined {objects}")
        axes.set_ylabel(metric_words(shown[0].metric))
        fit_scores(axes, shown)
        _legend(figure, axes, shown)
        score = metric_words(shown[0].metric)
        caption = (
            f"{starting(score)} against labels{_after(steps)}, mean over {_number_of(shown, 'fields')} of means over "
            f"{_number_of(shown, 'seeds')}. {_bars(shown)}"
        )
        return finish_plot(figure, name, f"{points[0].task}: {score} against labels{_after(steps)}", caption)


def draw_fields(
    name: str, rows: Sequence[ScoreRow], words: Mapping[str, str], title: str, caption: str
) -> Plot | None:
    """Draw the score of every test field for each arm, the same field joined by a line (paper A, figures 7a and 9a).

    Parameters
    ----------
    rows
        Of one task, metric, budget and number of steps.

    Returns
    -------
    Plot or None
        None with fewer than two arms.
    """
    finite = [row for row in rows if math.isfinite(row.value)]
    arms = names_of(row.arm for row in finite)
    if len(arms) < 2:
        return None
    means = [
        means_by_field({(r.fold, r.seed, r.field): r.value for r in finite if r.arm == arm}) for arm in arms
    ]
    fields = names_of(field for one in means for field in one)
    with plot_style():
        figure = new_figure(2.5)
        axes = figure.subplots()
        for field in fields:
            there = [(at, one[field]) for at, one in enumerate(means) if field in one]
            axes.plot(*zip(*there, strict=True), color="#b8b8b8", linewidth=0.7, zorder=1)
        for at, one in enumerate(means):
            values = list(one.values())
            colour, marker = look_of(at)
            axes.plot([at] * len(values), values, marker, color=colour, alpha=0.75)
            axes.hlines(sum(values) / len(values), at - 0.22, at + 0.22, color=colour, linewidth=2, zorder=3)
        names = [short_name(words.get(arm, arm)) for arm in arms]
        axes.set_xticks(range(len(arms)), upright := [one.replace(" ", "\n") for one in names])
        if len(arms) > _MOST_UPRIGHT or max(map(len, "\n".join(upright).splitlines())) > _LONGEST_UPRIGHT:
            axes.set_xticks(range(len(arms)), names, rotation=35, ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.5, len(arms) - 0.5)
        axes.set_ylabel(metric_words(finite[0].metric))
        return finish_plot(figure, name, title, caption)


def draw_bars(
    name: str, points: Sequence[CurvePoint], rows: Sequence[ScoreRow], words: Mapping[str, str]
) -> Plot:
    """Draw the score of every arm as a bar, with both intervals and the single test fields (paper B, table I).

    Parameters
    ----------
    points
        One for each arm, of one task and metric.
    rows
        Of the study; the dots are its test fields.
    """
    metric = points[0].metric
    with plot_style():
        figure = new_figure(0.95 + 0.33 * len(points))
        axes = figure.subplots()
        axes.grid(True, axis="x")
        axes.grid(False, axis="y")
        lowest = [one.mean for one in points]
        for at, one in enumerate(points):
            axes.barh(at, one.mean, 0.62, color="#9ecae1", edgecolor="#0072B2", linewidth=0.8)
            own = {
                (r.fold, r.seed, r.field): r.value
                for r in rows
                if (r.task, r.metric, r.arm, r.steps) == (one.task, metric, one.arm, one.steps)
                and math.isfinite(r.value)
            }
            values = list(means_by_field(own).values())
            lowest += values
            axes.plot(values, [at + 0.2] * len(values), ".", color="#444444", markersize=3, zorder=3)
            draw_interval(axes, "x", at - 0.03, one.fields, one.mean, "#000000", 0.9)
            draw_interval(axes, "x", at - 0.03, one.seeds, one.mean, "#0072B2", 2.6)
        axes.set_yticks(range(len(points)), [short_name(words.get(one.arm, one.arm)) for one in points])
        axes.invert_yaxis()
        axes.set_xlim(min(0.0, *lowest), 1)
        score = metric_words(metric)
        axes.set_xlabel(score)
        _legend(figure, axes, points)
        caption = (
            f"{starting(score)}, mean over {_number_of(points, 'fields')} (dots) of means over "
            f"{_number_of(points, 'seeds')}. {_bars(points)}"
        )
        return finish_plot(figure, name, f"{points[0].task}: {score} of every arm", caption)


def draw_step_curves(
    name: str,
    points: Sequence[CurvePoint],
    words: Mapping[str, str],
    losses: Mapping[str, Sequence[float]] | None = None,
) -> Plot:
    """Draw score against training steps on a scale of powers of two, one curve per arm (paper B, figure S2).

    Parameters
    ----------
    name
        Of the files.
    points
        Curves of one task and metric; bars as of `draw_label_curves`.
    words
        Arm -> its name in the legend.
    losses
        Arm -> its loss after each step from 1, which is drawn below the scores.
    """
    arms = names_of(one.arm for one in points)
    with plot_style():
        figure = new_figure(4.2 if losses else 2.75)
        axes, *below = figure.subplots(2 if losses else 1, sharex=True, squeeze=False)[:, 0]
        for at, arm in enumerate(arms):
            curve = sorted((one for one in points if one.arm == arm), key=lambda one: one.steps)
            shift = 0.05 * (at - (len(arms) - 1) / 2)
            xs = [math.log2(max(one.steps, 1)) + shift for one in curve]
            _draw_points(axes, at, xs, curve, words.get(arm, arm))
        ticks = steps_of(points)
        shown = ticks[:: -(-len(ticks) // 8)] if len(ticks) > 8 else ticks
        axes.set_xticks([math.log2(max(one, 1)) for one in shown], [step_label(one) for one in shown])
        for loss_axes in below:
            _draw_losses(loss_axes, arms, losses or {})
        (below or [axes])[-1].set_xlabel("training steps")
        axes.set_ylabel(metric_words(points[0].metric))
        fit_scores(axes, points)
        _legend(figure, axes, points)
        score = metric_words(points[0].metric)
        caption = (
            f"{starting(score)} while the model learns, mean over {_number_of(points, 'fields')} of means over "
            f"{_number_of(points, 'seeds')}. {_bars(points)}"
        )
        caption += f" Below: {LOSSES_SHOWN}." if losses else ""
        return finish_plot(figure, name, f"{points[0].task}: {score} against training steps", caption)


def step_label(steps: int) -> str:
    """Return a number of steps for an axis on which each is twice the one before, so that there is little room.

    >>> step_label(1600), step_label(192_000)
    ('1600', '192k')
    """
    return str(steps) if steps < 10_000 else f"{steps / 1000:g}k"


def _draw_losses(axes: "Axes", arms: Sequence[str], losses: Mapping[str, Sequence[float]]) -> None:
    for at, arm in enumerate(arms):
        ys = losses.get(arm, ())
        axes.plot([math.log2(step + 1) for step in range(len(ys))], ys, color=look_of(at)[0])
    axes.set_ylabel("loss")


def _draw_points(axes: "Axes", at: int, xs: Sequence[float], curve: Sequence[CurvePoint], name: str) -> None:
    colour, marker = look_of(at)
    ys = [one.mean for one in curve]
    axes.plot(xs, ys, color=colour, marker=marker, label=short_name(name), zorder=3)
    for x, one in zip(xs, curve, strict=True):
        draw_interval(axes, "y", x, one.fields, one.mean, colour, 0.8)
        draw_interval(axes, "y", x, one.seeds, one.mean, colour, 2.4)


def _place(outlined: float, smallest: float) -> float:
    """Return where a number of outlined objects stands; nothing stands a doubling and a half below the smallest."""
    return math.log2(outlined + 1) if outlined else math.log2(smallest + 1) - 1.5


def _budget_axis(axes: "Axes", budgets: Mapping[str, float], smallest: float) -> None:
    groups = list[list[str]]()
    places = {name: _place(one, smallest) for name, one in budgets.items()}
    apart = _LABELS_APART * (max(places.values()) - min(places.values()))
    for name in sorted(places, key=lambda name: places[name]):
        if groups and places[name] - places[groups[-1][0]] < apart:
            groups[-1].append(name)
        else:
            groups.append([name])
    middles = [sum(places[name] for name in group) / len(group) for group in groups]
    axes.set_xticks(middles, [", ".join(f"{budgets[name]:,.0f}" for name in group) for group in groups])
    top = axes.secondary_xaxis("top")
    names = [", ".join(group) for group in groups]
    top.set_xticks(middles, names, rotation=35, ha="left", rotation_mode="anchor", fontsize=7)
    top.tick_params(length=0, pad=2)
    top.spines["top"].set_visible(False)


def _legend(figure: "Figure", axes: "Axes", points: Sequence[CurvePoint]) -> None:
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=legend_columns(names),
        title=_bars(points, short=True),
        title_fontsize=7,
    )


def _after(steps: int) -> str:
    return f" after {steps:,} steps" if steps else ""


def _number_of(points: Sequence[CurvePoint], what: str) -> str:
    """Return the number of test fields or seeds, or its range."""
    numbers = sorted({getattr(one, what).n for one in points})
    noun = "test field" if what == "fields" else "seed"
    return count_text(numbers[-1], noun) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} {noun}s"


def _bars(points: Sequence[CurvePoint], short: bool = False) -> str:
    """Say what the bars of a figure are, for a legend or for a caption."""
    fields = any(one.fields.low is not None for one in points)
    seeds = any(one.seeds.low is not None for one in points)
    if short:
        thin, thick = (" (thin bars)" if fields else ""), (" (thick bars)" if seeds else "")
        intervals = "95 % intervals over " if fields or seeds else ""
        return f"{intervals}{_number_of(points, 'fields')}{thin}, {_number_of(points, 'seeds')}{thick}"
    said = (
        "Thin bars: 95 % interval over test fields"
        if fields
        else "No interval over test fields, as there is one"
    )
    said += "; thick bars: over seeds." if seeds else "; no interval over seeds, as there is one."
    return said + (" Bars are cut off at 0 and 1." if fields or seeds else "")
