"""The comparisons' part of the page: pictures within a number of bytes, and one table for all numbers."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.report.charts import density_chart
from frugalseg.report.comparisons import LONGEST_SIDE, Comparison, NumberTable
from frugalseg.report.layers import photo_uri
from frugalseg.report.number_tables import column_texts, number_table

FULL_COMPARISONS = 12
"""Comparisons whose pictures are shown."""

PICTURE_BYTES = 5_500_000
"""Characters the pictures of all comparisons together may take."""

_MOST_BYTES = 250_000  # of one picture: more would not look better at this size
_SIZES = ((LONGEST_SIDE, 90), (LONGEST_SIDE, 80), (560, 80), (420, 75), (300, 70), (200, 60), (100, 60))


def compared(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Give what the page shows of all comparisons: ``shown`` with pictures, ``table`` of every number."""
    full = comparisons[:FULL_COMPARISONS]
    pictures = sum(len(one.pictures) for one in full)
    budget = min(_MOST_BYTES, PICTURE_BYTES // max(1, pictures))
    shown = [_shown(one, i, budget) for i, one in enumerate(full) if one.pictures or one.scatter is not None]
    with_pictures = {one["anchor"] for one in shown}
    several = len(comparisons) > 1 or not shown
    return {
        "table": _numbers(comparisons, with_pictures) if comparisons and several else None,
        "shown": shown,
        "left_out": len(comparisons) - len(shown),
        "any": bool(comparisons),
    }


def held_out(one: Comparison) -> bool:
    """Say whether the field of a comparison was kept from training."""
    return str(one.numbers.get("role", "")).lower().replace("-", " ").strip() == "held out"


def _anchor(position: int) -> str:
    return f"comparison-{position + 1}"


def _shown(one: Comparison, position: int, budget: int) -> dict[str, Any]:
    values = [(name, column_texts([value])[0]) for name, value in one.numbers.items()]
    height, width = one.shape or (1, 1)
    return {
        "name": one.name,
        "anchor": _anchor(position),
        "note": one.note,
        "size": f"{width:,} × {height:,} px" if one.shape else "",
        "width": width,
        "height": height,
        "columns": _columns(len(one.pictures), width / height, 4 if one.scatter is None else 3),
        "pictures": [(title, _within(picture, budget)) for title, picture in one.pictures],
        "numbers": values,
        "scatter": None if one.scatter is None else density_chart(*one.scatter),
    }


def _columns(pictures: int, aspect: float, most: int) -> int:
    """Choose how many pictures stand in a row of a wide window: wide ones are stacked."""
    most = 2 if aspect > 2 else most
    rows = max(1, -(-pictures // most))
    return max(1, -(-pictures // rows))


def _within(picture: NDArray[Any], budget: int) -> str:
    uri = ""
    for side, quality in _SIZES:
        uri = photo_uri(picture, side, quality, lossless_bytes=budget * 3 // 4 - 50)
        if len(uri) <= budget:
            break
    return uri


def _numbers(comparisons: Sequence[Comparison], with_pictures: set[str]) -> dict[str, Any]:
    """One row per comparison, and means below; of each role on its own, as they mean different things."""
    names = list(dict.fromkeys(name for one in comparisons for name in one.numbers))
    rows = [[one.name, *(one.numbers.get(name) for name in names)] for one in comparisons]
    table = number_table(NumberTable(title="", columns=["Field", *names], rows=rows))
    for i, row in enumerate(table["rows"]):
        row["anchor"] = _anchor(i) if _anchor(i) in with_pictures else ""
    roles = dict.fromkeys(str(one.numbers.get("role") or "") for one in comparisons)
    groups = [
        (role, [one for one in comparisons if str(one.numbers.get("role") or "") == role]) for role in roles
    ]
    feet = [_mean_row(role, group, names) for role, group in groups if len(group) > 1]
    columns = [column_texts([foot[i] for foot in feet]) for i in range(len(names) + 1)]
    table["feet"] = [
        list(zip([column[i] for column in columns], [text for _, text in table["headings"]], strict=True))
        for i in range(len(feet))
    ]
    return table


def _mean_row(role: str, group: Sequence[Comparison], names: Sequence[str]) -> list[str | float | None]:
    row: list[str | float | None] = [f"mean, {role} ({len(group)})" if role else f"mean ({len(group)})"]
    for name in names:
        values = [one.numbers.get(name) for one in group]
        numeric = [float(v) for v in values if isinstance(v, int | float) and np.isfinite(v)]
        row.append(fmean(numeric) if numeric else "" if name == "role" else None)
    return row
