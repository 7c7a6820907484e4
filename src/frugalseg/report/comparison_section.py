"""The comparisons' section of the page: pictures within a number of bytes, and one table of all numbers."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from numpy.typing import NDArray

from frugalseg.report.charts import Chart, density_chart
from frugalseg.report.comparisons import LONGEST_SIDE, Comparison
from frugalseg.report.number_tables import NumberTable, TableTexts, table_texts
from frugalseg.report.number_texts import Value, column_texts
from frugalseg.report.pixel_layers import photo_uri

FULL_COMPARISONS = 12
"""Comparisons with pictures."""

PICTURE_BYTES = 5_500_000
"""Characters the pictures of all comparisons together may take."""

_MOST_BYTES = 250_000  # of one picture: more would not look better at this size
_SIZES = ((LONGEST_SIDE, 90), (LONGEST_SIDE, 80), (560, 80), (420, 75), (300, 70), (200, 60), (100, 60))


class PictureCard(NamedTuple):
    """One comparison with pictures."""

    comparison: Comparison
    anchor: str
    size: tuple[int, int]  # width and height of the pictures, px of the field
    columns: int
    pictures: list[tuple[str, str]]  # title, data URI
    numbers: list[tuple[str, str]]
    scatter: Chart | None


class ComparisonSection(NamedTuple):
    """All comparisons: cards with pictures, and a table of every number unless the cards show them all."""

    cards: list[PictureCard]
    table: TableTexts | None
    without_pictures: int


def comparison_section(comparisons: Sequence[Comparison]) -> ComparisonSection | None:
    """Return the section of all comparisons; None when there are none."""
    if not comparisons:
        return None
    full = comparisons[:FULL_COMPARISONS]
    budget = min(_MOST_BYTES, PICTURE_BYTES // max(1, sum(len(comparison.pictures) for comparison in full)))
    cards = [
        _card(comparison, _anchor(i), budget)
        for i, comparison in enumerate(full)
        if comparison.pictures or comparison.scatter is not None
    ]
    table = None
    if len(comparisons) > 1 or not cards:
        table = _numbers_table(comparisons, {card.anchor for card in cards})
    return ComparisonSection(cards, table, len(comparisons) - len(cards))


def _anchor(position: int) -> str:
    return f"comparison-{position + 1}"


def _card(comparison: Comparison, anchor: str, budget: int) -> PictureCard:
    height, width = comparison.shape or (1, 1)
    return PictureCard(
        comparison=comparison,
        anchor=anchor,
        size=(width, height),
        columns=_columns(len(comparison.pictures), width / height, 4 if comparison.scatter is None else 3),
        pictures=[(title, _within(picture, budget)) for title, picture in comparison.pictures],
        numbers=[(name, column_texts([value])[0]) for name, value in comparison.numbers.items()],
        scatter=None if comparison.scatter is None else density_chart(*comparison.scatter),
    )


def _columns(pictures: int, aspect: float, most: int) -> int:
    """Return the number of pictures in a row of a wide window: wide pictures are stacked."""
    most = 2 if aspect > 2 else most
    rows = max(1, -(-pictures // most))
    return max(1, -(-pictures // rows))


def _within(picture: NDArray[Any], budget: int) -> str:
    """Return a picture as a data URI, shrunk until it takes no more than `budget` characters."""
    uri = ""
    for side, quality in _SIZES:
        uri = photo_uri(picture, side, quality, lossless_bytes=budget * 3 // 4 - 50)
        if len(uri) <= budget:
            break
    return uri


def _numbers_table(comparisons: Sequence[Comparison], with_pictures: set[str]) -> TableTexts:
    """Return one row per comparison, and below the mean of each role, as roles mean different things."""
    names = list(dict.fromkeys(name for comparison in comparisons for name in comparison.numbers))
    rows: list[list[Value]] = [
        [comparison.name, *map(comparison.numbers.get, names)] for comparison in comparisons
    ]
    groups: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.role, []).append(comparison)
    feet = [_mean_row(role, group, names) for role, group in groups.items() if len(group) > 1]
    anchors = [_anchor(i) if _anchor(i) in with_pictures else "" for i in range(len(rows))]
    return table_texts(NumberTable(title="", columns=["Field", *names], rows=rows), feet, anchors)


def _mean_row(role: str, group: Sequence[Comparison], names: Sequence[str]) -> list[Value]:
    row: list[Value] = [f"mean, {role} ({len(group)})" if role else f"mean ({len(group)})"]
    for name in names:
        values = [v for member in group if isinstance(v := member.numbers.get(name), int | float)]
        row.append(fmean(values) if values else "" if name == "role" else None)
    return row
