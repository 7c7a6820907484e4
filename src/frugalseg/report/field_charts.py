"""Charts of the cells of one or more fields: their shapes, and their average precision."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.measurements import Row
from frugalseg.evaluation.scores import Scores
from frugalseg.report.charts import Chart, Series, histogram, line_chart
from frugalseg.report.score_table import OWN

Rows = Sequence[Row]
"""Measurements of the cells of one field."""

_SHAPES = (
    ("Cell size", "equivalent_diameter", "equivalent diameter (px)", None, " px"),
    ("Elongation", "eccentricity", "eccentricity (0 = round, 1 = a line)", (0.0, 1.0), ""),
    ("Compactness", "solidity", "solidity (1 = convex)", None, ""),
)


def shape_histograms(rows: Sequence[Rows], true_rows: Sequence[Rows | None]) -> list[Chart]:
    """Return histograms of the size and shape of all cells.

    Parameters
    ----------
    rows, true_rows
        One entry per field: rows of `measure_cells` of the cells that were found, and of the true cells. The
        truth is drawn when every field has one.
    """
    truths = [field for field in true_rows if field is not None]
    charts = []
    for title, key, label, span, unit in _SHAPES:
        values = column(rows, key)
        truth = column(truths, key) if len(truths) == len(true_rows) else None
        if key == "solidity" and len(values):
            span = (min(0.7, float(np.floor(values.min() * 20) / 20)), 1.0)
        charts.append(histogram(title, values, label, truth, span, unit))
    return [chart for chart in charts if chart is not None]


def precision_chart(own: Scores, baselines: Mapping[str, Scores]) -> Chart | None:
    """Return the average precision over the IoU threshold, of the run and of the baselines."""
    lines = [
        Series(name, list(scores.ap), list(scores.ap.values()), "other") for name, scores in baselines.items()
    ]
    lines.append(Series(OWN, list(own.ap), list(own.ap.values()), dots=True))
    return line_chart("Average precision", lines, "IoU threshold", y_range=(0.0, 1.0))


def column(fields: Sequence[Rows], key: str) -> NDArray[np.float64]:
    """Return one measurement of all cells, of those fields that have it."""
    return np.array([row[key] for rows in fields for row in rows if key in row], dtype=float)
