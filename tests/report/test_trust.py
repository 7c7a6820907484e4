"""How sure a field is without any truth: in its table, over all fields, and as colours of its cells."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from frugalseg.evaluation.measurements import Row, measure_cells
from frugalseg.evaluation.nuclei_agreement import NucleiAgreement
from frugalseg.report import FieldReport, Report, render_report
from frugalseg.report.confidence_colours import COLOURS, confidence_colour
from frugalseg.report.pixel_layers import confidence_uri
from frugalseg.report.trust_table import trust_overview, trust_rows

CONFIDENCE = {1: 0.95, 2: 0.83, 3: 0.699, 4: 0.31}
AGREEMENT = NucleiAgreement(
    cells=4, nuclei=20, cells_without_nucleus=1, cells_with_several=2, nuclei_without_cell=3
)


def four_cells() -> np.ndarray:
    ids = np.arange(1, 5).reshape(2, 2).repeat(10, 0).repeat(10, 1)
    return np.pad(ids, 4).astype(np.uint32)


def rows_of(labels: np.ndarray, confidence: dict[int, float]) -> list[Row]:
    rows = measure_cells(labels)
    for row in rows:
        row["confidence"] = confidence[int(row["label"] or 0)]
    return rows


def one_field(name: str = "A1", confidence: dict[int, float] | None = None, **known: Any) -> FieldReport:
    labels = four_cells()
    rows = None if confidence is None else rows_of(labels, confidence)
    return FieldReport(name=name, image=np.zeros(labels.shape), labels=labels, measurements=rows, **known)


def test_a_field_says_how_sure_it_is() -> None:
    field = one_field(confidence=CONFIDENCE, agreement=AGREEMENT, look_distance=1.3, rounds_agree=0.66)
    assert [(row.name, row.value, row.doubt) for row in trust_rows(field)] == [
        ("Cells", "4", False),
        ("Confidence of a cell, median", "0.76", False),
        ("Cells of a confidence below 0.7", "2 (50%)", True),
        ("Agreement of the last two rounds", "0.66", True),
        ("Cells without a nucleus", "1 (25%)", False),
        ("Cells with several nuclei", "2 (50%)", False),
        ("Nuclei without a cell", "3 (15%)", True),
        ("Distance of the look", "1.30", True),
    ]
    text = render_report(Report(title="t", fields=[field]))
    table = text[text.index("How sure, without any truth") :]
    shown = re.findall(r"<th scope=\"row\">([^<]+)</th><td( class=\"doubt\")?>([^<]+)</td>", table)[:8]
    assert [(name, value, bool(doubt)) for name, doubt, value in shown] == [
        (row.name, row.value, row.doubt) for row in trust_rows(field)
    ]
    assert "agree on less than 70%" in table


def test_only_what_is_known_is_said() -> None:
    assert [row.name for row in trust_rows(one_field(look_distance=0.2))] == ["Cells", "Distance of the look"]
    assert trust_rows(one_field()) == []
    assert trust_overview([(one_field(), "a"), (one_field(), "b")]) is None
    text = render_report(Report(title="t", fields=[one_field(), one_field("A2")]))
    page = text.replace(text[text.index("<style>") : text.index("</style>")], "").split("<script>")[0]
    assert "How sure" not in page
    assert "onfidence" not in page
    empty = one_field(confidence=CONFIDENCE, agreement=NucleiAgreement(0, 0, 0, 0, 0))
    assert [row.value for row in trust_rows(empty)][3:] == ["0", "0", "0"]


def test_the_fields_to_look_at_come_first() -> None:
    sure = dict.fromkeys(CONFIDENCE, 0.9)
    fields = [
        (one_field("sure", sure, look_distance=0.1), "f1"),
        (one_field("plain"), "f2"),
        (one_field("less sure", {**sure, 1: 0.8, 2: 0.8, 3: 0.8}, look_distance=0.1), "f3"),
        (one_field("unlike", sure, look_distance=2.0), "f4"),
        (one_field("unsure", CONFIDENCE | {1: 0.2}, look_distance=1.5), "f5"),
    ]
    overview = trust_overview(fields)
    assert overview is not None
    assert [heading for heading, _ in overview.headings] == ["Median confidence", "Below 0.7", "Look"]
    assert [row.name for row in overview.rows] == ["unsure", "unlike", "less sure", "sure"]
    assert [cell.text for cell in overview.rows[0].cells] == ["0.50", "3 (75%)", "1.50"]
    assert [cell.doubt for cell in overview.rows[1].cells] == [False, False, True]
    text = render_report(Report(title="t", fields=[field for field, _ in fields]))
    assert re.findall(r'href="#(field-\d)">(?:un|le|su)', text) == [
        "field-5",
        "field-4",
        "field-3",
        "field-1",
    ]


def test_a_condensed_field_says_the_same() -> None:
    field = one_field(confidence=CONFIDENCE, agreement=AGREEMENT, look_distance=0.4, rounds_agree=0.9)
    assert trust_rows(field.condense()) == trust_rows(field)


def test_a_cell_has_the_colour_of_its_confidence() -> None:
    text = render_report(Report(title="t", fields=[one_field(confidence=CONFIDENCE)]))
    drawn = re.findall(r'<path data-c="(\d)" data-a="100" data-s="([\d.]+)" style="--sure:(#\w+)"', text)
    assert sorted(drawn) == [
        ("1", "0.95", COLOURS[5]),
        ("2", "0.83", COLOURS[4]),
        ("3", "0.70", COLOURS[2]),  # 0.699
        ("4", "0.31", COLOURS[0]),
    ]
    assert 'data-layer="confidence" aria-pressed="false"' in text
    assert '<div class="viewer hide-confidence"' in text
    assert f'<i style="background:{COLOURS[0]}"></i>below 0.5' in text


def test_less_sure_is_darker() -> None:
    light = [np.dot((0.2126, 0.7152, 0.0722), list(bytes.fromhex(colour[1:]))) for colour in COLOURS]
    assert light == sorted(light)
    assert [confidence_colour(value) for value in (0, 0.55, 0.65, 0.75, 0.85, 1)] == list(COLOURS)


def test_very_many_cells_have_their_confidence_as_pixels() -> None:
    labels = np.pad(np.arange(1, 4201).reshape(60, 70).repeat(4, 0).repeat(4, 1), 4).astype(np.uint32)
    rows = rows_of(labels, dict.fromkeys(range(1, 4201), 0.95))
    field = FieldReport(name="w", image=np.zeros(labels.shape), labels=labels, measurements=rows)
    text = render_report(Report(title="t", fields=[field]))
    assert 'class="layer confidence"' in text
    assert "data-s=" not in text
    data = base64.b64decode(confidence_uri(four_cells(), {1: 0.95, 4: 0.1}, 2048).split(",")[1])
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels[8, 8, 2::-1].tolist() == list(bytes.fromhex(COLOURS[5][1:]))
    assert pixels[18, 18, 2::-1].tolist() == list(bytes.fromhex(COLOURS[0][1:]))
    assert pixels[[0, 8], [0, 18], 3].tolist() == [0, 0]
    assert pixels[8, 8, 3] == pytest.approx(0.67 * 255, abs=1)  # as the style sheet has it


def _near(shot: Path, colour: str) -> int:
    """Pixels of a screenshot that are this colour, laid over black."""
    pixels = cv2.imread(str(shot))[..., ::-1].astype(int)
    veiled = 0.67 * np.array(list(bytes.fromhex(colour[1:])))
    return int((np.abs(pixels - veiled).max(-1) < 6).sum())


@pytest.mark.slow
def test_browser_colours_cells_when_asked(tmp_path: Path, browse: Callable[..., str]) -> None:
    """Also while outlines are hidden, of which the colours are made."""
    page, shot = tmp_path / "report.html", tmp_path / "shot.png"
    text = render_report(Report(title="t", fields=[one_field(confidence=CONFIDENCE)]))
    page.write_text(text, "utf-8")
    browse(page, f"--screenshot={shot}")
    assert [_near(shot, COLOURS[i]) for i in (0, 2, 4, 5)] == [0, 0, 0, 0]
    press = """<script>addEventListener("load", () => { for (const key of "co")
      document.querySelector(".stage").dispatchEvent(new KeyboardEvent("keydown", {key})); });</script></head>"""
    page.write_text(text.replace("</head>", press, 1), "utf-8")
    browse(page, f"--screenshot={shot}")
    assert min(_near(shot, COLOURS[i]) for i in (0, 2, 4, 5)) > 5000
