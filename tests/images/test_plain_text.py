"""Names from files, cleaned for terminals and spreadsheets."""

import csv
import io

import pytest

from frugalseg.evaluation.measurements import measurements_csv
from frugalseg.images.plain_text import printable, spreadsheet_cell


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hela 1_dapi µm é 核 e\u0301 👩\u200d🔬", "hela 1_dapi µm é 核 e\u0301 👩\u200d🔬"),
        ("a\x1b[31mb\x1b]0;title\x07", "a\\x1b[31mb\\x1b]0;title\\x07"),
        ("a\0b\x7f\x9bc", "a\\x00b\\x7f\\x9bc"),
        ("line\r\nnext\ttab", "line\\r\\nnext\\ttab"),
        ("gnp\u202egpj.exe", "gnp\\u202egpj.exe"),
        ("\ufeffa\u2028b", "\\ufeffa\\u2028b"),
        ("caf\udce9", "caf\\udce9"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_only_what_a_terminal_obeys_or_hides_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_line_ends_are_kept_where_asked() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", " =1", "\r=2", "＝1+1", "=cmd|' /C calc'!A0"]
)
def test_formulas_stay_texts_in_a_spreadsheet(text: str) -> None:
    assert spreadsheet_cell(text) == "'" + printable(text)


@pytest.mark.parametrize("text", ["hela_1", "a=1", "a-1", "1", "", "'=1"])
def test_other_names_stay_as_they_are(text: str) -> None:
    assert spreadsheet_cell(text) == text


def test_measurements_hold_no_formula_and_keep_their_numbers() -> None:
    rows = {
        "=1+1": [{"label": 1, "x": -2.5, "@SUM(1)": 3}],
        "a\x1b": [{"label": 2, "x": 1.0, "@SUM(1)": None}],
    }
    assert list(csv.reader(io.StringIO(measurements_csv(rows)))) == [
        ["field", "label", "x", "'@SUM(1)"],
        ["'=1+1", "1", "-2.5", "3"],
        ["a\\x1b", "2", "1", ""],
    ]
