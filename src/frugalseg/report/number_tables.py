"""Tables of numbers as text: one number of decimals per column, so that values can be compared at a glance."""

import math
from collections.abc import Sequence
from typing import Any

from frugalseg.report.comparisons import NumberTable

_SIGNED = ("change", "difference")
_MOST_ROWS = 15  # more rows than that scroll within the table's own frame


def number_table(table: NumberTable) -> dict[str, Any]:
    """Give a table's texts: ``headings``, ``rows`` of cells, and what the page needs to draw them."""
    columns = [
        column_texts([row[i] for row in table.rows], heading.strip().lower().startswith(_SIGNED))
        for i, heading in enumerate(table.columns)
    ]
    marked = None if table.emphasise is None else table.emphasise % len(table.rows)
    texts = [any(isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    return {
        "title": table.title,
        "note": table.note,
        "headings": list(zip(table.columns, texts, strict=True)),
        "rows": [
            {
                "cells": list(zip([column[i] for column in columns], texts, strict=True)),
                "own": i == marked,
                "anchor": "",
            }
            for i in range(len(table.rows))
        ],
        "feet": [],
        "tall": len(table.rows) > _MOST_ROWS,
    }


def column_texts(values: Sequence[str | float | int | None], signed: bool = False) -> list[str]:
    """Write the values of one column, its floats with as many decimals as the largest one needs.

    Parameters
    ----------
    values
        Text stays as it is; None and NaN become a dash.
    signed
        Write the sign of positive numbers too.

    Examples
    --------
    >>> column_texts([0.93456, 0.5, None, 12])
    ['0.935', '0.500', '–', '12']
    >>> column_texts([0.05, -0.2], signed=True), column_texts([1234.5, 2.0]), column_texts([3e-4, 0.0])
    (['+0.050', '−0.200'], ['1,234', '2'], ['0.0003', '0'])
    """
    largest = max((abs(v) for v in values if isinstance(v, float) and math.isfinite(v)), default=0.0)
    sign = "+" if signed else ""
    decimals = next((d for limit, d in ((10, 3), (100, 2), (1000, 1)) if largest < limit), 0)
    floats = f"{sign}.3g" if 0 < largest < 0.005 else f"{sign},.{decimals}f"
    return [_text(value, floats, f"{sign},d") for value in values]


def _text(value: str | float | int | None, floats: str, integers: str) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{int(value):{integers}}" if isinstance(value, int) else f"{float(value):{floats}}"
    return text.replace("-", "−")
