"""Quality of the cues in plain words."""

from typing import NamedTuple

from frugalseg.cues.quality import CueQuality
from frugalseg.report.number_texts import count_text

_ROWS = (
    ("n_markers", "Markers", "one per nucleus; each becomes one cell", "{:,}"),
    (
        "markers_per_megapixel_foreground",
        "Markers per megapixel of foreground",
        "how densely the cells lie",
        "{:,.0f}",
    ),
    (
        "median_spacing",
        "Distance to the next marker, median",
        "if well below a cell's diameter, nuclei may be cut in pieces",
        "{:.1f} px",
    ),
    ("foreground_fraction", "Foreground", "share of the image taken to be cells", "{:.1%}"),
    (
        "foreground_without_marker",
        "Foreground without a marker nearby",
        "further than one cell diameter from every marker: cells that will be missed",
        "{:.1%}",
    ),
    (
        "markers_outside_foreground",
        "Markers outside the foreground",
        "bright spots that are no nuclei, or a foreground that is too small",
        "{:,}",
    ),
)


class CueRow(NamedTuple):
    """One property of the cues."""

    name: str
    value: str
    meaning: str


class CueTable(NamedTuple):
    """Properties of the cues, and whether there is a reason to doubt them."""

    verdict: str
    warnings: tuple[str, ...]
    rows: list[CueRow]


def cue_table(quality: CueQuality) -> CueTable:
    """Return the properties of the cues as text, with a verdict."""
    rows = []
    for key, name, meaning, form in _ROWS:
        value = getattr(quality, key)
        rows.append(CueRow(name, "–" if value is None else form.format(value), meaning))
    verdict = "The cues are sound: markers and foreground agree."
    if quality.warnings:
        verdict = f"{count_text(len(quality.warnings), 'thing')} to check before you trust this field."
    return CueTable(verdict, tuple(quality.warnings), rows)
