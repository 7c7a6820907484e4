"""Tables of crops, as `learn labels` and people read them."""

import csv
import io

from frugalseg.studies.suggestions.crop_files import crop_names, field_table, suggestion_table
from frugalseg.studies.suggestions.suggest import Suggestion

CROP = Suggestion(1, "b, c", 3, 4, 20, 30, 0.75, 6.5, 1.25, None, 2.5, 0.4)


def test_ranks_have_as_many_digits_as_the_last() -> None:
    assert crop_names([CROP] * 2) == ["1_b, c", "2_b, c"]
    assert crop_names([CROP] * 10)[::9] == ["01_b, c", "10_b, c"]


def test_the_list_holds_every_number_under_its_name() -> None:
    rows = list(csv.DictReader(io.StringIO(suggestion_table([CROP, CROP]))))
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert rows[0] == {
        "rank": "1",
        "field": "b, c",
        "y": "3",
        "x": "4",
        "height": "20",
        "width": "30",
        "score": "0.75",
        "objects": "6.5",
        "disagreement": "1.25",
        "misfits": "",
        "rounds": "2.5",
        "look_distance": "0.4",
    }


def test_columns_are_found_by_the_names_of_inputs() -> None:
    """Quotes are those of the list of inputs, and no part of a column; a plane is a column of its own."""
    header = next(csv.reader(io.StringIO(field_table(["1_a"], ['"a, b"', "phase[1]"]))))
    assert header == ["field", "a, b", "phase[1]", "labels"]
