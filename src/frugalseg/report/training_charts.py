"""Training runs as charts: the loss, its terms, and the validation score."""

import math
from typing import NamedTuple

from frugalseg.report.charts import Chart, Series, line_chart, running_mean
from frugalseg.report.number_texts import figure
from frugalseg.report.report_data import TrainingCurve


class TrainingSection(NamedTuple):
    """Charts of one training run, and how it ended."""

    name: str
    note: str
    charts: list[Chart]


def training_section(curve: TrainingCurve) -> TrainingSection:
    """Return the charts of one training run."""
    smooth = running_mean(curve.losses)
    lines = [Series("each step", curve.steps, curve.losses, "faint"), Series("smoothed", curve.steps, smooth)]
    terms = [Series(name, curve.steps, running_mean(ys), "other") for name, ys in curve.terms.items()]
    last = f"ended at {figure(smooth[-1])} after {curve.steps[-1]:,} steps" if len(curve.steps) else ""
    stopped = f"stopped because {curve.stopped_because}" if curve.stopped_because else ""
    charts = [
        line_chart("Loss", lines, "step"),
        _validation_chart(curve),
        line_chart("Terms of the loss, smoothed", terms, "step"),
    ]
    return TrainingSection(
        curve.name,
        "; ".join(part for part in (last, stopped) if part),
        [chart for chart in charts if chart is not None],
    )


def _validation_chart(curve: TrainingCurve) -> Chart | None:
    history = [(step, score) for step, score in curve.history if math.isfinite(score)]
    if not history:
        return None
    step, score = max(history, key=lambda point: point[1])  # the first one of equal scores
    line = Series("validation", [s for s, _ in history], [v for _, v in history], dots=True)
    mark = (float(step), f"best: {figure(score)} at step {step:,}")
    return line_chart(curve.history_name, [line], "step", mark=mark)
