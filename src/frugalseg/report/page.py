"""A report as one HTML file that needs nothing else."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from frugalseg.evaluation.measurements import measure_cells
from frugalseg.images.write import write_text
from frugalseg.report import tables
from frugalseg.report.charts import Chart, Series, histogram, line_chart
from frugalseg.report.headline import median_diameter, tiles
from frugalseg.report.layers import thumbnail_uri
from frugalseg.report.number_tables import number_table
from frugalseg.report.report_data import FULL_FIELDS, FieldReport, Report
from frugalseg.report.side_by_side import compared
from frugalseg.report.training_charts import training_view
from frugalseg.report.viewer import build_viewer

VIEWER_BYTES = 13_000_000
"""Characters all viewers together may take."""

_MOST_THUMBNAILS = 400
_MOST_CURVES = 12


def write_report(path: str | Path, report: Report, overwrite: bool = False) -> None:
    """Write a report as one HTML file that opens offline in any browser.

    Parameters
    ----------
    path
        Where to, usually ``report.html``.
    report
        What to show. The first 12 fields get a viewer that zooms, the others a thumbnail and their numbers;
        the first 12 comparisons show their pictures, the others their numbers; so the file stays below 20 MB.
    overwrite
        Replace a file that is there.

    Raises
    ------
    OutputExists
        `path` is there and `overwrite` is not set.
    OutputFailed
        The file can't be written.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from frugalseg.report import FieldReport, Report
    >>> labels = np.pad(np.full((4, 4), 1), 2)
    >>> one = FieldReport(name="A1", image=np.zeros((8, 8)), labels=labels, markers=[[3.5, 3.5]])
    >>> write_report(tempfile.mkdtemp() + "/report.html", Report(title="My cells", fields=[one]))
    """
    # A file name that is no valid text must not cost the report: its odd bytes become question marks.
    html = render_report(report).encode("utf-8", "replace").decode("utf-8")
    write_text(path, html, overwrite)


def render_report(report: Report) -> str:
    """Give the HTML that `write_report` writes; every text in it is escaped."""
    folder = resources.files("frugalseg.report") / "template"
    texts = {item.name: item.read_text("utf-8") for item in folder.iterdir() if item.is_file()}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(texts),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = tables.duration
    fields = _fields(report)
    return environment.get_template("report.html.j2").render(
        report=report,
        style=Markup(texts["style.css"] + texts["comparison.css"]),
        script=Markup(texts["viewer.js"] + texts["comparison.js"]),
        fields=fields,
        full_fields=FULL_FIELDS,
        tiles=tiles(report, [one["measured"][0] for one in fields]),
        overall=_overall(report, fields),
        number_tables=[number_table(one) for one in report.tables],
        compared=compared(report.comparisons),
        training=[training_view(curve) for curve in report.training[:_MOST_CURVES]],
        more_curves=max(0, len(report.training) - _MOST_CURVES),
        settings=list(tables.flatten(report.settings)),
        versions=list(report.versions.items()),
    )


def _fields(report: Report) -> list[dict[str, Any]]:
    n = len(report.fields)
    budget = VIEWER_BYTES // max(1, min(n, FULL_FIELDS))
    side = 0 if n > _MOST_THUMBNAILS else 320 if n <= 100 else 160
    return [
        _field(shown, i, budget, side if n > 1 or i >= FULL_FIELDS else 0)
        for i, shown in enumerate(report.fields)
    ]


def _field(shown: FieldReport, position: int, budget: int, thumbnail_side: int) -> dict[str, Any]:
    rows = shown.measurements
    if rows is None:
        rows = measure_cells(shown.labels, pixel_size=shown.pixel_size)
    truth = None if shown.truth is None else measure_cells(shown.truth)
    full = position < FULL_FIELDS and not shown.condensed
    own = shown.scores or {}
    return {
        "name": shown.name,
        "anchor": f"field-{position + 1}",
        "about": shown,
        "measured": (rows, truth),
        "diameter": median_diameter(rows, shown.pixel_size),
        "diameter_px": float(np.median(_column([rows], "equivalent_diameter"))) if rows else None,
        "viewer": build_viewer(shown, budget) if full else None,
        "thumbnail": thumbnail_uri(shown.image, shown.labels, thumbnail_side) if thumbnail_side else "",
        "cues": None if shown.cue_quality is None else tables.cue_table(shown.cue_quality),
        "methods": tables.methods_table(own, shown.baselines),
        "counts": tables.counts_table(own),
        "miou": _text(tables.score(own, "cell_miou")),
        "map": _text(tables.score(own, "mAP")),
        "ahead": tables.signed(tables.gap(own, shown.baselines, "cell_miou")),
        "ap": _ap_chart(own, shown.baselines or {}) if full else None,
        "histograms": _histograms([(rows, truth)]) if full else [],
    }


def _overall(report: Report, fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Say what holds for all fields together; scores only where more than one field has them."""
    scored = [one for one in report.fields if one.scores]
    own = tables.mean_scores([one.scores for one in scored if one.scores])
    names = dict.fromkeys(name for one in scored for name in one.baselines or {})
    baselines = {
        name: tables.mean_scores(
            [one.baselines[name] for one in scored if one.baselines and name in one.baselines]
        )
        for name in names
    }
    several = len(scored) > 1
    return {
        "n_scored": len(scored),
        "methods": tables.methods_table(own, baselines) if several else None,
        "counts": tables.counts_table(own) if several else [],
        "ap": _ap_chart(own, baselines) if several else None,
        "histograms": _histograms([one["measured"] for one in fields]) if len(fields) > 1 else [],
    }


def _text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _histograms(measured: Sequence[tuple[Sequence[Any], Sequence[Any] | None]]) -> list[Chart]:
    charts = [
        ("Cell size", "equivalent_diameter", "equivalent diameter (px)", None, " px"),
        ("Elongation", "eccentricity", "eccentricity (0 = round, 1 = a line)", (0.0, 1.0), ""),
        ("Compactness", "solidity", "solidity (1 = convex)", None, ""),
    ]
    every_truth = all(truth is not None for _, truth in measured)
    drawn = []
    for title, key, label, span, unit in charts:
        values = _column([rows for rows, _ in measured], key)
        truth = _column([truth or [] for _, truth in measured], key) if every_truth else None
        if key == "solidity" and len(values):
            span = (min(0.7, float(np.floor(values.min() * 20) / 20)), 1.0)
        drawn.append(histogram(title, values, label, truth, span, unit))
    return [chart for chart in drawn if chart is not None]


def _column(many: Sequence[Sequence[Any]], key: str) -> NDArray[Any]:
    return np.array([row[key] for rows in many for row in rows if key in row], dtype=float)


def _ap_chart(own: Any, baselines: Any) -> Chart | None:
    def series(name: str, scores: Any, role: str) -> Series:
        curve = tables.ap_curve(scores)
        return Series(name, [x for x, _ in curve], [y for _, y in curve], role, dots=role == "main")

    lines = [series(name, scores, "other") for name, scores in baselines.items()]
    return line_chart(
        "Average precision", [*lines, series(tables.OWN, own, "main")], "IoU threshold", y_range=(0.0, 1.0)
    )
