"""What of a folder becomes a field, what is left out, and that it is said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.errors import InputError
from frugalseg.images.fields import FieldTable, open_fields
from frugalseg.images.left_out import results_among

PLANE = np.random.default_rng(0).integers(100, 900, (24, 30)).astype(np.uint16)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def go(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            if name.lower().endswith((".tif", ".tiff")):
                tifffile.imwrite(tmp_path / name, PLANE, metadata=None)
            else:
                (tmp_path / name).write_bytes(b"something")
        return tmp_path

    return go


def names(table: FieldTable) -> list[str]:
    return [field.name for field in table]


def test_case_and_tiff_suffix_do_not_matter_to_a_pattern(write: Any) -> None:
    folder = write(
        "a_dapi.tif", "b_dapi.TIF", "c_DAPI.tiff", "d_dapi.Tif", "e_dapi.ome.tif", "F_dapi.OME.TIFF"
    )
    table = open_fields([folder], pattern="{field}_{channel}.tif")
    assert names(table) == ["F", "a", "b", "c", "d", "e"]
    assert table.channels == ("dapi",)
    assert table.notes == ()
    np.testing.assert_array_equal(table["c"].plane("dapi"), PLANE)
    assert names(open_fields([folder], pattern="{field}_dapi.TIFF")) == names(table)
    upper = write("sub/IMG_1.TIF", "sub/img_2.tif") / "sub"
    assert names(open_fields([upper], pattern="img_{field}.tif")) == ["1", "2"]


def test_two_suffixes_of_one_channel_are_no_choice(write: Any) -> None:
    with pytest.raises(InputError, match=r"a_dapi.TIF and a_dapi.tiff are both channel 'dapi' of field 'a'"):
        open_fields([write("a_dapi.TIF", "a_dapi.tiff")], pattern="{field}_{channel}.tif")


def test_what_a_pattern_does_not_fit_is_counted_and_listed(write: Any) -> None:
    folder = write("a_dapi.tif", "overview.tif", "x.png", "b_dapi.czi", "notes.txt", ".hidden.tif")
    table = open_fields([folder], pattern="{field}_{channel}.tif")
    assert names(table) == ["a"]
    (note,) = table.notes
    assert note.startswith(f"3 files in {folder} left out, which do not fit the pattern")
    assert note.endswith(": b_dapi.czi, overview.tif, x.png")
    given = sorted(folder.glob("[a-z]*.tif"))
    assert (
        "1 file in the files given left out" in open_fields(given, pattern="{field}_{channel}.tif").notes[0]
    )


RESULTS = ("a_labels.tif", "a_cp_masks.tif", "a_flows.tif", "a_seg.npy", "a_masks.tif", "a_cp_outlines.TIF", "a_mask.tif",
           "a_Simple Segmentation.tiff", "a-Probabilities.tif", "a_seg.tif", "b_labels.tif")  # fmt: skip


def test_results_of_other_runs_are_no_fields(write: Any) -> None:
    folder = write("a.tif", "a_cells.tif", *RESULTS)
    table = open_fields([folder])
    assert names(table) == ["a", "a_cells"]
    (note,) = table.notes
    assert note.startswith(f"11 files in {folder} left out, which look like results")
    assert {name for name in RESULTS if name in note} == set(RESULTS)
    one = open_fields([folder], pattern="{field}.tif")
    assert names(one) == ["a", "a_cells"]
    assert any("look like results" in note and "a_cp_masks.tif" in note for note in one.notes)
    assert names(open_fields([folder], pattern="{field}_labels.tif")) == ["a", "b"]


def test_results_that_are_meant_are_taken(write: Any) -> None:
    folder = write("a_labels.tif", "b_labels.tif")
    assert names(open_fields([folder])) == ["a_labels", "b_labels"]  # nothing else is there
    assert names(open_fields([folder / "a_labels.tif"])) == ["a_labels"]
    write("a.tif")
    both = open_fields(sorted(folder.glob("*.tif")))  # what a shell makes of *.tif
    assert names(both) == ["a", "b_labels"]
    assert "1 file in the files given left out" in both.notes[0]
    assert "a_labels.tif" in both.notes[0]


def test_stains_that_an_earlier_run_predicted_are_known_by_its_records(write: Any) -> None:
    folder = write("a.tif", "a_dapi.tif", "b_dapi.tif")
    (folder / "a_record.json").write_text(json.dumps({"result": "a_dapi.tif"}))
    (folder / "b_record.json").write_text("no record")
    table = open_fields([folder])
    assert names(table) == ["a", "b_dapi"]
    assert "1 file" in table.notes[0]
    assert "a_dapi.tif" in table.notes[0]


def test_other_formats_and_folders_below_are_told(write: Any) -> None:
    folder = write("a.tif", "b.czi", "c.JPG", "notes.txt", "fields.xlsx", "below/d.tif", "texts/readme.md")
    table = open_fields([folder])
    assert names(table) == ["a"]
    assert table.notes[0].startswith(f"2 files in {folder} left out, which are no images that are read")
    assert table.notes[0].endswith(": b.czi, c.JPG")
    assert table.notes[1].endswith("are not searched without a pattern that has a /: below")


def test_long_lists_are_cut_and_counted(write: Any) -> None:
    folder = write("a.tif", *(f"x{i:02}.czi" for i in range(30)))
    (note,) = open_fields([folder]).notes
    assert note.startswith("30 files")
    assert note.endswith("x19.czi and 10 more")


def test_only_files_whose_image_is_there_are_results_among_files_that_were_named() -> None:
    files = [Path("a.tif"), Path("a_seg.tif"), Path("c_masks.tif")]
    assert results_among(files, beside=True) == [Path("a_seg.tif")]
    assert results_among(files[1:]) == []
