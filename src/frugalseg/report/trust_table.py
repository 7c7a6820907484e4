"""How far a field can be trusted where there is no truth: confidence, nuclei, and look; as rows, and over all fields."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from frugalseg.evaluation.nuclei_agreement import MANY
from frugalseg.report.report_data import FieldReport

UNSURE = 0.7
"""A cell of lower confidence is one to look at."""

UNLIKE = 1.0
"""A field whose look is farther from those that were learned from looks unlike all of them."""


class Finding(NamedTuple):
    """One value as text, and whether it is a reason to look at the field."""

    text: str
    doubt: bool = False


class TrustRow(NamedTuple):
    """One property of a field: its name, its value, what it means, and whether it is a reason to look at the field."""

    name: str
    value: str
    meaning: str
    doubt: bool


class OverviewRow(NamedTuple):
    """One field in the table over all fields."""

    name: str
    anchor: str
    cells: list[Finding]


@dataclass(frozen=True)
class TrustOverview:
    """Fields below each other, those to look at first; properties side by side as (heading, meaning)."""

    headings: list[tuple[str, str]]
    rows: list[OverviewRow]


class _Property(NamedTuple):
    name: str
    heading: str
    meaning: str
    find: Callable[[FieldReport], Finding | None]


def trust_rows(field: FieldReport) -> list[TrustRow]:
    """Return what is known of how far a field can be trusted; nothing where nothing is known.

    Parameters
    ----------
    field
        Its measurements may have a confidence for each cell, 0..1.
    """
    found = [(one, one.find(field)) for one in _PROPERTIES]
    rows = [TrustRow(one.name, value.text, one.meaning, value.doubt) for one, value in found if value]
    count = TrustRow("Cells", f"{field.n_cells:,}", "that were found", False)
    return [count, *rows] if rows else []


def trust_overview(fields: Sequence[tuple[FieldReport, str]]) -> TrustOverview | None:
    """Return one table over fields, those with the most reasons to look at them first; None where nothing is known.

    Parameters
    ----------
    fields
        Each with the id of its part of the page.
    """
    found = [[one.find(field) for one in _PROPERTIES] for field, _ in fields]
    known = [i for i in range(len(_PROPERTIES)) if any(values[i] for values in found)]
    if not known:
        return None
    rows = [
        OverviewRow(fields[k][0].name, fields[k][1], [found[k][i] or Finding("–") for i in known])
        for k in sorted(range(len(fields)), key=lambda k: _urgency(fields[k][0], found[k]))
        if any(found[k])
    ]
    return TrustOverview([(_PROPERTIES[i].heading, _PROPERTIES[i].meaning) for i in known], rows)


def _urgency(field: FieldReport, found: Sequence[Finding | None]) -> tuple[int, float, float]:
    """Return a key that sorts fields: most doubts, least confidence, farthest look first."""
    confidence = list(field.confidence.values())
    median = float(np.median(confidence)) if confidence else 1.0
    return -sum(value.doubt for value in found if value), median, -(field.look_distance or 0.0)


def _share(n: int, total: int, doubt: bool) -> Finding:
    return Finding(f"{n:,} ({n / total:.0%})" if total else f"{n:,}", doubt)


def _median(field: FieldReport) -> Finding | None:
    values = list(field.confidence.values())
    if not values:
        return None
    median = float(np.median(values))
    return Finding(f"{median:.2f}", median < UNSURE)


def _unsure(field: FieldReport) -> Finding | None:
    values = list(field.confidence.values())
    n = sum(value < UNSURE for value in values)
    return _share(n, len(values), n > MANY * len(values)) if values else None


def _without_nucleus(field: FieldReport) -> Finding | None:
    if (counts := field.agreement) is None:
        return None
    return _share(counts.cells_without_nucleus, counts.cells, counts.many_cells_without_nucleus)


def _with_several(field: FieldReport) -> Finding | None:
    counts = field.agreement
    return None if counts is None else _share(counts.cells_with_several, counts.cells, False)


def _without_cell(field: FieldReport) -> Finding | None:
    if (counts := field.agreement) is None:
        return None
    return _share(counts.nuclei_without_cell, counts.nuclei, counts.many_nuclei_without_cell)


def _look(field: FieldReport) -> Finding | None:
    distance = field.look_distance
    return None if distance is None else Finding(f"{distance:.2f}", distance > UNLIKE)


def _rounds(field: FieldReport) -> Finding | None:
    agree = field.rounds_agree
    return None if agree is None else Finding(f"{agree:.2f}", agree < UNSURE)


_PROPERTIES = (
    _Property(
        "Confidence of a cell, median",
        "Median confidence",
        "1: the image, turned and mirrored, always gives the same cell",
        _median,
    ),
    _Property(
        f"Cells of a confidence below {UNSURE:g}",
        f"Below {UNSURE:g}",
        f"cells on which the image's orientations agree on less than {UNSURE:.0%}",
        _unsure,
    ),
    _Property(
        "Agreement of the last two rounds",
        "Rounds agree",
        "mean IoU of the cells that the student found before and after its last round of learning: low where it would still "
        "change its mind",
        _rounds,
    ),
    _Property(
        "Cells without a nucleus",
        "Without a nucleus",
        "cells in which no nucleus mostly lies: the nuclear stain missed it, or it is no cell",
        _without_nucleus,
    ),
    _Property(
        "Cells with several nuclei",
        "With several",
        "cells that may be merged, or whose nucleus was found in pieces",
        _with_several,
    ),
    _Property(
        "Nuclei without a cell",
        "Nuclei without a cell",
        "nuclei of which less than half lies in one cell",
        _without_cell,
    ),
    _Property(
        "Distance of the look",
        "Look",
        f"from the nearest field that was learned from: up to {UNLIKE:g} is usual, above it the field looks unlike all of them",
        _look,
    ),
)
