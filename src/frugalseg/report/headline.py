"""The tiles on top of the page: what a reader wants to know first."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from frugalseg.report import tables
from frugalseg.report.comparisons import Comparison
from frugalseg.report.report_data import Report
from frugalseg.report.side_by_side import held_out


def tiles(report: Report, measured: Sequence[Sequence[Any]]) -> list[tuple[str, str, str]]:
    """Give the headline numbers: value, name, remark.

    Parameters
    ----------
    report
        The run.
    measured
        Each field's rows of `measure_cells`.
    """
    found: list[tuple[str, str, str]] = []
    if report.fields or not report.comparisons:
        found += _cell_tiles(report, [row for rows in measured for row in rows])
    found += _comparison_tiles(report.comparisons, bool(report.fields))
    found += report.headline
    if report.seconds is not None:
        found.append((tables.duration(report.seconds), "wall time", report.started))
    return found


def median_diameter(rows: Sequence[Any], pixel_size: tuple[float, float] | None) -> str:
    """Write the median of the cells' equivalent diameters, in um where the pixel size is known."""
    if not rows:
        return "–"
    median = float(np.median([row["equivalent_diameter"] for row in rows]))
    if pixel_size is None:
        return f"{median:.1f} px"
    return f"{median * (pixel_size[0] * pixel_size[1]) ** 0.5:.1f} µm"


def _cell_tiles(report: Report, rows: Sequence[Any]) -> list[tuple[str, str, str]]:
    cells = sum(one.n_cells for one in report.fields)
    found = [(f"{cells:,}", "cell" if cells == 1 else "cells", _count(len(report.fields), "field"))]
    if rows:
        sizes = {one.pixel_size for one in report.fields}
        size = sizes.pop() if len(sizes) == 1 else None
        found.append((median_diameter(rows, size), "median cell diameter", "of the disk of the same area"))
    scored = [one for one in report.fields if one.scores]
    for key, name in (("cell_miou", "mean cell IoU"), ("mAP", "mAP")):
        values = [v for one in scored if (v := tables.score(one.scores, key)) is not None]
        gaps = [g for one in scored if (g := tables.gap(one.scores, one.baselines, key)) is not None]
        if values:
            remark = (
                f"{tables.signed(float(np.mean(gaps)))} to the best baseline" if gaps else "against truth"
            )
            found.append((f"{np.mean(values):.3f}", name, remark))
    return found


def _comparison_tiles(comparisons: Sequence[Comparison], counted: bool) -> list[tuple[str, str, str]]:
    """Count the fields, unless `counted` elsewhere, and average what is held out where anything is."""
    if not comparisons:
        return []
    names = {one.name for one in comparisons}
    outside = [one for one in comparisons if held_out(one)]
    kept = {one.name for one in outside}
    remark = f"{len(kept):,} held out" if kept else ""
    found = [] if counted else [(f"{len(names):,}", "field" if len(names) == 1 else "fields", remark)]
    values = [
        float(pcc)
        for one in outside or comparisons
        if isinstance(pcc := one.numbers.get("PCC"), int | float) and np.isfinite(pcc)
    ]
    if values:
        over = "held out" if outside else "all fields" if len(names) > 1 else "this field"
        name = "PCC" if len(values) == 1 else "mean PCC"
        found.append((f"{np.mean(values):.3f}".replace("-", "−"), name, f"predicted against real, {over}"))
    return found


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
