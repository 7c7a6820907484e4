"""The tiles on top of the page: the numbers that a reader wants first."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from frugalseg.report.comparisons import Comparison
from frugalseg.report.field_charts import Rows, column
from frugalseg.report.number_texts import count_text, difference_text, duration, score_text
from frugalseg.report.report_data import Report
from frugalseg.report.score_table import gap


class HeadlineTile(NamedTuple):
    """One number, its name, and a note that may be empty."""

    value: str
    name: str
    note: str = ""


def headline_tiles(report: Report, rows: Sequence[Rows]) -> list[HeadlineTile]:
    """Return the numbers on top of the page.

    Parameters
    ----------
    report
        The run.
    rows
        Rows of `measure_cells` of each field.
    """
    tiles: list[HeadlineTile] = []
    if report.fields or not (report.comparisons or report.findings):
        tiles += _cell_tiles(report, rows)
    tiles += _comparison_tiles(report.comparisons, counted=bool(report.fields))
    tiles += [HeadlineTile(*tile) for tile in report.headline]
    if report.seconds is not None:
        tiles.append(HeadlineTile(duration(report.seconds), "wall time", report.started))
    return tiles


def median_diameter(rows: Sequence[Rows], pixel_size: tuple[float, float] | None) -> str:
    """Return the median of the cells' equivalent diameters as text, in um if the pixel size is known."""
    diameters = column(rows, "equivalent_diameter")
    if not len(diameters):
        return "–"
    median = float(np.median(diameters))
    if pixel_size is None:
        return f"{median:.1f} px"
    return f"{median * (pixel_size[0] * pixel_size[1]) ** 0.5:.1f} µm"


def _cell_tiles(report: Report, rows: Sequence[Rows]) -> list[HeadlineTile]:
    number, _, noun = count_text(sum(field.n_cells for field in report.fields), "cell").partition(" ")
    unit = "part" if any(field.role for field in report.fields) else "field"
    tiles = [HeadlineTile(number, noun, count_text(len(report.fields), unit))]
    if any(rows):
        sizes = {field.pixel_size for field in report.fields}
        size = sizes.pop() if len(sizes) == 1 else None
        name, note = "median cell diameter", "of the disk of the same area"
        tiles.append(HeadlineTile(median_diameter(rows, size), name, note))
    scored = [field for field in report.fields if field.scores is not None]
    held_out = [field for field in scored if field.role == "held out"]
    learned = ", learned from" if any(field.role for field in scored) else ""
    scored, which = (held_out, ", held out") if held_out else (scored, learned)
    for key, name in (("cell_miou", "mean cell IoU"), ("mAP", "mAP")) if scored else ():
        gaps = [g for field in scored if (g := gap(field.scores, field.baselines, key)) is not None]
        whose = "the" if len(scored) == 1 else "each field's"
        of_some = f", {len(gaps)} of {len(scored)} fields" if len(gaps) < len(scored) else ""
        compared = f"{difference_text(fmean(gaps))} to {whose} best baseline{of_some}" if gaps else ""
        note = compared or f"against truth{which}"
        mean = fmean(getattr(field.scores, key) for field in scored)
        tiles.append(HeadlineTile(score_text(mean), name, note))
    return tiles


def _comparison_tiles(comparisons: Sequence[Comparison], counted: bool) -> list[HeadlineTile]:
    """Count the fields, unless `counted` already, and average PCC over the held-out fields if there are any."""
    names = {comparison.name for comparison in comparisons}
    held_out = [comparison for comparison in comparisons if comparison.held_out]
    tiles = []
    if comparisons and not counted:
        number, _, noun = count_text(len(names), "field").partition(" ")
        kept = len({comparison.name for comparison in held_out})
        tiles.append(HeadlineTile(number, noun, f"{kept:,} held out" if kept else ""))
    values = [
        v for scored in held_out or comparisons if isinstance(v := scored.numbers.get("PCC"), int | float)
    ]
    if values:
        over = "held out" if held_out else "all fields" if len(names) > 1 else "this field"
        name = "PCC" if len(values) == 1 else "mean PCC"
        tiles.append(HeadlineTile(score_text(fmean(values)), name, f"predicted against real, {over}"))
    return tiles
