"""Training runs as charts: the loss, its terms, and the score of what is held out."""

import math
from typing import Any

from frugalseg.report import tables
from frugalseg.report.charts import Chart, Series, line_chart, running_mean
from frugalseg.report.report_data import TrainingCurve


def training_view(curve: TrainingCurve) -> dict[str, Any]:
    """Give one run's ``name``, a ``note`` on how it ended, and its ``charts``."""
    smooth = running_mean(curve.losses)
    lines = [Series("each step", curve.steps, curve.losses, "faint"), Series("smoothed", curve.steps, smooth)]
    terms = [Series(name, curve.steps, running_mean(ys), "other") for name, ys in curve.terms.items()]
    last = f"ended at {tables.figure(smooth[-1])} after {curve.steps[-1]:,} steps" if len(curve.steps) else ""
    stopped = f"stopped because {curve.stopped_because}" if curve.stopped_because else ""
    note = "; ".join(part for part in (last, stopped) if part)
    charts = [
        line_chart("Loss", lines, "step"),
        _looks(curve),
        line_chart("Its terms, smoothed", terms, "step"),
    ]
    return {"name": curve.name, "note": note, "charts": [chart for chart in charts if chart is not None]}


def _looks(curve: TrainingCurve) -> Chart | None:
    looks = [(step, score) for step, score in curve.looks if math.isfinite(score)]
    if not looks:
        return None
    # Of equal scores the first one: that is where training had reached it.
    step, score = max(looks, key=lambda look: look[1])
    line = Series("each look", [s for s, _ in looks], [v for _, v in looks], dots=True)
    mark = (float(step), f"best: {tables.figure(score)} at step {step:,}")
    return line_chart(curve.looks_name, [line], "step", mark=mark)
