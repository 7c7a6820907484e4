"""Tables of crops, as `learn labels` and people read them."""

import csv
import io
import json
from pathlib import Path

from frugalseg.runs.whole_folder import checksums
from frugalseg.studies.suggestions.crop_files import (
    CROPS,
    crop_names,
    doubts_on_proposals,
    field_table,
    suggestion_table,
)
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


def test_proposals_that_nobody_corrected_and_outlines_that_are_not_read(tmp_path: Path) -> None:
    crops = tmp_path / "out" / CROPS
    crops.mkdir(parents=True)
    names = ["1_a_labels.tif", "2_b_labels.tif"]
    for at, name in enumerate(names):
        (crops / name).write_bytes(bytes([at]))
    record = {"command": "suggest", "results": checksums(tmp_path / "out")}
    (tmp_path / "out" / "run.json").write_text(json.dumps(record))
    maps = [crops / name for name in names]
    (one,) = doubts_on_proposals(maps)
    assert one.startswith(
        f"2 of 2 label maps in {crops} are what the model proposed, unchanged since `suggest` wrote them; "
    )
    (crops / names[0]).write_bytes(b"corrected")
    (crops / "2_b_seg.npy").write_bytes(b"corrected elsewhere")
    same, beside = doubts_on_proposals(maps)
    assert same.startswith("1 of 2 label maps in ")
    assert beside.startswith(
        f"Files in {crops} that are not read: 2_b_seg.npy. If they hold corrected outlines, name them in "
    )
    assert doubts_on_proposals([maps[0], crops / "2_b_seg.npy"]) == []
    assert doubts_on_proposals([tmp_path / "elsewhere" / names[0]]) == []
