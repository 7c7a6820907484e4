"""A report as one HTML file that needs nothing else."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup

from frugalseg.images.write import write_text
from frugalseg.report.charts import Chart
from frugalseg.report.comparison_section import comparison_section
from frugalseg.report.field_charts import precision_chart, shape_histograms
from frugalseg.report.field_section import FieldSection, field_section
from frugalseg.report.headline import headline_tiles
from frugalseg.report.number_tables import table_texts
from frugalseg.report.number_texts import duration, setting_lines
from frugalseg.report.report_data import FULL_FIELDS, Report
from frugalseg.report.score_table import MethodsTable, counts_table, mean_scores, methods_table
from frugalseg.report.training_charts import training_section
from frugalseg.report.trust_table import trust_overview

VIEWER_BYTES = 13_000_000
"""Characters all viewers together may take."""

_MOST_THUMBNAILS = 400
_MOST_CURVES = 12


def write_report(path: str | Path, report: Report, overwrite: bool = False) -> None:
    """Write a report as one HTML file that opens offline in any browser.

    Parameters
    ----------
    path
        Name of the file, usually ``report.html``.
    report
        What to show. The first 12 fields get a viewer that zooms, the others a thumbnail and their numbers;
        the first 12 comparisons show their pictures, the others their numbers; so the file stays below 20 MB.
    overwrite
        Replace an existing file.

    Raises
    ------
    OutputExists
        When `path` exists and `overwrite` is not set.
    OutputFailed
        When the file can't be written.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from frugalseg.report import FieldReport, Report
    >>> labels = np.pad(np.full((4, 4), 1), 2)
    >>> field = FieldReport(name="A1", image=np.zeros((8, 8)), labels=labels, markers=[[3.5, 3.5]])
    >>> write_report(tempfile.mkdtemp() + "/report.html", Report(title="My cells", fields=[field]))
    """
    # A file name that is not valid text must not cost the report: its invalid bytes become question marks.
    html = render_report(report).encode("utf-8", "replace").decode("utf-8")
    write_text(path, html, overwrite)


def render_report(report: Report) -> str:
    """Return the HTML that `write_report` writes; every text in it is escaped."""
    folder = resources.files("frugalseg.report") / "template"
    texts = {item.name: item.read_text("utf-8") for item in folder.iterdir() if item.is_file()}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(texts),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    fields = _field_sections(report)
    return environment.get_template("report.html.j2").render(
        report=report,
        style=Markup(texts["style.css"] + texts["comparison.css"]),
        script=Markup(texts["viewer.js"] + texts["comparison.js"]),
        fields=fields,
        full_fields=FULL_FIELDS,
        tiles=headline_tiles(report, [section.rows for section in fields]),
        overall=_overall(fields),
        trust=trust_overview([(section.field, section.anchor) for section in fields]),
        number_tables=[table_texts(table) for table in report.tables],
        comparisons=comparison_section(report.comparisons),
        training=[training_section(curve) for curve in report.training[:_MOST_CURVES]],
        more_curves=max(0, len(report.training) - _MOST_CURVES),
        settings=list(setting_lines(report.settings)),
        versions=list(report.versions.items()),
    )


def _field_sections(report: Report) -> list[FieldSection]:
    n = len(report.fields)
    budget = VIEWER_BYTES // max(1, min(n, FULL_FIELDS))
    side = 0 if n > _MOST_THUMBNAILS else 320 if n <= 100 else 160
    sections = []
    for i, field in enumerate(report.fields):
        full = i < FULL_FIELDS and not field.condensed
        thumbnail = side if n > 1 or i >= FULL_FIELDS else 0
        sections.append(field_section(field, f"field-{i + 1}", budget if full else 0, thumbnail))
    return sections


class Overall(NamedTuple):
    """All fields together; scores only where more than one field has them."""

    n_scored: int
    methods: MethodsTable | None
    counts: list[tuple[str, str]]
    precision: Chart | None
    histograms: list[Chart]


def _overall(sections: Sequence[FieldSection]) -> Overall:
    scored = [section.field for section in sections if section.field.scores is not None]
    histograms = []
    if len(sections) > 1:
        histograms = shape_histograms(
            [shown.rows for shown in sections], [shown.true_rows for shown in sections]
        )
    if len(scored) < 2:
        return Overall(len(scored), None, [], None, histograms)
    own = mean_scores([field.scores for field in scored if field.scores is not None])
    compared = [field.baselines for field in scored if field.baselines]
    baselines = {
        name: mean_scores([baselines[name] for baselines in compared])
        for name in (compared[0] if compared else ())
        if all(name in baselines for baselines in compared)  # else means of different fields
    }
    return Overall(
        len(scored),
        methods_table(own, baselines),
        counts_table(own),
        precision_chart(own, baselines),
        histograms,
    )
