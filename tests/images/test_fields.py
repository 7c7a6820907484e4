"""Fields and their channels from files, folders, patterns, tables and OME-Zarr."""

import errno
import os
import re
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from frugalseg.errors import BadPixels, InputError, MissingChannel, SettingsError, UnreadableFile, WrongShape
from frugalseg.images.fields import FieldTable, open_fields
from frugalseg.images.read import read_image

RNG = np.random.default_rng(5)
PHASE, DAPI = RNG.integers(1, 999, (2, 12, 14)).astype(np.uint16)
CELLS = np.kron(np.arange(6).reshape(2, 3), np.ones((6, 5), int))[:, :14].astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three fields with two channels each; only the first has labels. Values tell fields apart."""
    lines = ["field,split,cell line,phase,dapi,cells"]
    for i, name in enumerate(["hela_1", "hela_2", "hela_10"]):
        tifffile.imwrite(tmp_path / f"{name}_phase.tif", PHASE + i)
        tifffile.imwrite(tmp_path / f"{name}_dapi.tif", DAPI + i)
        cells = f"{name}_cells.tif" if i == 0 else ""
        lines.append(f"{name},{'test' if i == 2 else 'train'},HeLa,{name}_phase.tif,{name}_dapi.tif,{cells}")
    tifffile.imwrite(tmp_path / "hela_1_cells.tif", CELLS)
    (tmp_path / "fields.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def names(table: FieldTable) -> list[str]:
    return [field.name for field in table]


def replace_in_table(folder: Path, old: str, new: str) -> Path:
    table = folder / "fields.csv"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))
    return table


class TestTable:
    def test_rows_and_channels(self, folder: Path) -> None:
        for given in (folder, folder / "fields.csv", str(folder)):
            table = open_fields([given])
            assert names(table) == ["hela_1", "hela_2", "hela_10"]
            assert table.channels == ("phase", "dapi", "cells")
        field = table["hela_2"]
        assert field.row["cell line"] == "HeLa"
        np.testing.assert_array_equal(field.plane("dapi"), DAPI + 1)
        np.testing.assert_array_equal(field.plane(0), PHASE + 1)
        np.testing.assert_array_equal(field.planes(["dapi", "phase"]), np.stack([DAPI + 1, PHASE + 1]))
        assert field.shape == (12, 14)

    def test_labels_or_none(self, folder: Path) -> None:
        table = open_fields([folder])
        labels = table["hela_1"].labels("cells")
        assert labels is not None
        assert labels.dtype == np.uint32
        np.testing.assert_array_equal(labels, CELLS)
        assert table["hela_2"].labels("cells") is None
        assert table["hela_2"].labels(2) is None
        assert table["hela_2"].labels("cells#0") is None
        np.testing.assert_array_equal(table["hela_1"].labels("cells#0"), labels)
        assert not table["hela_2"].has("cells")
        with pytest.raises(MissingChannel, match="Did you mean 'cells'"):
            table["hela_2"].labels("cell")

    def test_an_empty_cell_does_not_shift_indices(self, folder: Path) -> None:
        replace_in_table(folder, "train,HeLa,hela_2_phase.tif", "train,HeLa,")
        field = open_fields([folder])["hela_2"]
        np.testing.assert_array_equal(field.plane(1), DAPI + 1)
        with pytest.raises(
            MissingChannel, match=r"'hela_2' has no channel 'phase'; add it.*with `where` field!=hela_2"
        ):
            field.plane(0)

    def test_conditions(self, folder: Path) -> None:
        plain = open_fields([folder], where=["split=train"])
        assert (names(plain), plain.notes) == (["hela_1", "hela_2"], ())
        typo = open_fields([folder], where=["field!=hela_1,hela_1O"])
        assert names(typo) == ["hela_2", "hela_10"]
        assert typo.notes == (
            "`where` 'field!=hela_1,hela_1O': no field has 'hela_1O', did you mean 'hela_1'",
        )
        assert names(open_fields([folder], where=["split=train", "field!=hela_1,x"])) == ["hela_2"]
        assert names(open_fields([folder], where=["cell line=HeLa", "split!=train"])) == ["hela_10"]

    def test_values_with_commas(self, folder: Path) -> None:
        replace_in_table(folder, "hela_1,train,HeLa", '"a, b",train,"x,y"')
        replace_in_table(folder, "hela_2,train,HeLa", 'a,train,"y,z"')
        table = open_fields([folder])
        assert names(table.where(["field=a, b"])) == ["a, b"]
        assert names(table.where(["field!=a, b"])) == ["a", "hela_10"]
        assert names(table.where(["field=a,hela_10"])) == ["a", "hela_10"]
        assert names(table.where(['field="a, b",hela_10'])) == ["a, b", "hela_10"]
        assert names(table.where(['cell line!="x,y","y,z"'])) == ["hela_10"]
        assert names(table.where(["field!=hela_10", "field!=a, b"])) == ["a"]

    @pytest.mark.parametrize(
        ("condition", "error", "word"),
        [
            ("split=tset", InputError, "leaves no field; 'split' is test, train"),
            ("splt=test", SettingsError, "did you mean 'split'"),
            ("split", SettingsError, "neither column=a,b nor column!=a,b"),
        ],
    )
    def test_wrong_conditions_are_refused(self, folder: Path, condition: str, error: type, word: str) -> None:
        with pytest.raises(error, match=word):
            open_fields([folder], where=[condition])

    def test_a_missing_file_is_named_with_its_row(self, folder: Path) -> None:
        replace_in_table(folder, "hela_2_dapi.tif", "helo_2_dapi.tif")
        table = open_fields([folder])
        assert table["hela_2"].plane("phase").shape == PHASE.shape
        with pytest.raises(
            UnreadableFile,
            match=r"'hela_2': .*helo_2_dapi\.tif does not exist \(row 3 of fields\.csv, column 'dapi'\)",
        ):
            table["hela_2"].plane("dapi")

    def test_a_missing_channel_is_named(self, folder: Path) -> None:
        with pytest.raises(MissingChannel, match="no channel 'nuclear'; it has 0: phase, 1: dapi, 2: cells"):
            open_fields([folder])["hela_1"].plane("nuclear")
        with pytest.raises(
            MissingChannel, match=r"'hela_2' has no channel 'cells'; add it \(in a table, fill its cell\)"
        ):
            open_fields([folder])["hela_2"].plane("cells")

    @pytest.mark.parametrize(
        ("old", "new", "word"),
        [
            ("field,", "name,", "needs a first line with the column 'field'"),
            ("hela_2,train", "hela_1,train", "rows 2 and 3 both are field 'hela_1'"),
            (
                "hela_2_phase.tif",
                "hela_2_phase.jpg",
                r"row 3 of fields.csv: 'hela_2_phase.jpg' in column 'phase'",
            ),
            ("hela_2,train,", "hela_2,", "row 3 of fields.csv has 5 cells for 6 columns"),
            ("hela_2,train", "hela/2,train", "can't name a result file"),
            (
                "hela_2,train",
                f"{'µ' * 101},train",
                "µ[.]{3}' can't name a result file: its name is 202 bytes",
            ),
        ],
    )
    def test_a_wrong_table_is_refused(self, folder: Path, old: str, new: str, word: str) -> None:
        replace_in_table(folder, old, new)
        with pytest.raises(InputError, match=word):
            open_fields([folder])

    @pytest.mark.parametrize("asked", ["", "fields.csv", "hela_2_phase.tif"])
    def test_what_may_not_be_opened_is_one_sentence(self, folder: Path, monkeypatch, asked: str) -> None:
        do = Path.stat

        def stat(path: Path, **options: object) -> os.stat_result:
            if path == folder / asked:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return do(path, **options)

        monkeypatch.setattr(Path, "stat", stat)
        with pytest.raises(UnreadableFile, match=r"can't be opened \(Permission denied\); allow reading it"):
            open_fields([folder])["hela_2"].plane("phase")
        with pytest.raises(UnreadableFile, match=r"can't be opened \(Permission denied\); allow reading it"):
            read_image(folder / asked)

    def test_the_longest_name(self, folder: Path) -> None:
        replace_in_table(folder, "hela_2,train", f"{'a' * 200},train")
        assert names(open_fields([folder]))[1] == "a" * 200

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_a_cell_may_hold_a_line_break(self, folder: Path, end: str) -> None:
        table = replace_in_table(folder, "hela_1,train,HeLa", 'hela_1,"two\nlines\u2028of it",HeLa')
        table.write_bytes(table.read_text(encoding="utf-8").replace("\n", end).encode())
        fields = open_fields([folder])
        assert names(fields) == ["hela_1", "hela_2", "hela_10"]
        assert fields["hela_1"].row["split"] == f"two{end}lines\u2028of it"

    def test_tables_as_spreadsheets_save_them(self, folder: Path) -> None:
        table = folder / "fields.csv"
        table.write_bytes(
            b"\xef\xbb\xbf" + table.read_text().replace(",", ";").replace("\n", "\r\n").encode()
        )
        assert names(open_fields([table])) == ["hela_1", "hela_2", "hela_10"]
        table.write_bytes("field,phase\nzürich,a.tif\n".encode("latin-1"))
        with pytest.raises(UnreadableFile, match="UTF-8"):
            open_fields([table])
        table.write_text("field,split\n")
        with pytest.raises(UnreadableFile, match="no row below"):
            open_fields([table])
        table.write_text("field,split\na,b\n")
        with pytest.raises(UnreadableFile, match="no column of"):
            open_fields([table])

    def test_a_channel_of_a_file_with_several(self, folder: Path) -> None:
        tifffile.imwrite(
            folder / "both.ome.tif",
            np.stack([PHASE, DAPI]),
            metadata={"axes": "CYX", "Channel": {"Name": ["p", "d"]}},
        )
        replace_in_table(folder, "hela_2_phase.tif", "both.ome.tif#p")
        replace_in_table(folder, "hela_2_dapi.tif", "both.ome.tif")
        field = open_fields([folder])["hela_2"]
        np.testing.assert_array_equal(field.plane("phase"), PHASE)
        with pytest.raises(
            MissingChannel, match=r"both.ome.tif has 2 channels \(0: p, 1: d\); say which one by adding #"
        ):
            field.plane("dapi")
        np.testing.assert_array_equal(field.plane("dapi#d"), DAPI)
        np.testing.assert_array_equal(field.plane("dapi#1"), DAPI)
        with pytest.raises(MissingChannel, match="has no channel 'x'; it has 0: p, 1: d"):
            field.plane("dapi#x")

    def test_names_with_hashes(self, folder: Path) -> None:
        tifffile.imwrite(
            folder / "a#1.ome.tif",
            np.stack([PHASE, DAPI]),
            metadata={"axes": "CYX", "Channel": {"Name": ["Ch#1", "Ch#2"]}},
        )
        tifffile.imwrite(folder / "b#2.tif", PHASE)
        replace_in_table(folder, "hela_2_phase.tif", "a#1.ome.tif#Ch#2")
        replace_in_table(folder, "hela_2_dapi.tif", "a#1.ome.tif")
        replace_in_table(folder, "hela_10_phase.tif", "b#2.tif")
        replace_in_table(folder, "phase,dapi,", "ph#0,dapi,")
        table = open_fields([folder])
        field = table["hela_2"]
        np.testing.assert_array_equal(field.plane("ph#0"), DAPI)
        np.testing.assert_array_equal(field.plane("ph#0#Ch#1"), PHASE)
        np.testing.assert_array_equal(field.plane("dapi#Ch#2"), DAPI)
        np.testing.assert_array_equal(field.plane("1#Ch#2"), DAPI)
        np.testing.assert_array_equal(field.plane('"ph#0"#0'), PHASE)
        np.testing.assert_array_equal(table["hela_10"].plane("ph#0"), PHASE)
        with pytest.raises(MissingChannel, match=r"a#1.ome.tif has no channel ''; it has 0: Ch#1, 1: Ch#2"):
            field.plane("dapi#")
        replace_in_table(folder, "b#2.tif", "b#3.tif")
        with pytest.raises(UnreadableFile, match=r"b#3\.tif does not exist"):
            open_fields([folder])["hela_10"].plane(0)
        replace_in_table(folder, "a#1.ome.tif,", "a#1.ome.tif#,")
        with pytest.raises(InputError, match=r"row 3 of .* 'a#1.ome.tif#' names no channel behind #; give"):
            open_fields([folder])


class TestPattern:
    def test_a_folder(self, folder: Path) -> None:
        table = open_fields([folder], pattern="{field}_{channel}.tif")
        assert names(table) == ["hela_1", "hela_2", "hela_10"]
        assert set(table.channels) == {"phase", "dapi", "cells"}
        np.testing.assert_array_equal(table["hela_10"].plane("phase"), PHASE + 2)
        assert table["hela_2"].labels("cells") is None

    def test_files_and_further_names(self, folder: Path) -> None:
        files = sorted(folder.glob("*_phase.tif")) + sorted(folder.glob("*_dapi.tif"))
        table = open_fields(files, pattern="{line}_{field}_{channel}.tif")
        assert {field.name for field in table} == {"1", "2", "10"}
        assert table["2"].row["line"] == "hela"
        assert len(table.where(["line=hela"])) == 3
        np.testing.assert_array_equal(table["2"].plane("dapi"), DAPI + 1)

    def test_hidden_copies_are_no_fields(self, folder: Path) -> None:
        (folder / "._hela_1_phase.tif").write_bytes(b"resource fork")
        assert len(open_fields([folder], pattern="{field}_{channel}.tif")) == 3

    def test_folders_in_the_pattern(self, tmp_path: Path) -> None:
        for channel, pixels in (("phase", PHASE), ("dapi", DAPI)):
            (tmp_path / channel).mkdir()
            tifffile.imwrite(tmp_path / channel / "a.tif", pixels)
        table = open_fields([tmp_path], pattern="{channel}/{field}.tif")
        assert names(table) == ["a"]
        np.testing.assert_array_equal(table["a"].plane("dapi"), DAPI)

    def test_without_channel_each_file_is_a_field(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            tifffile.imwrite(tmp_path / f"img_{name}.tif", np.stack([PHASE, DAPI]))
        table = open_fields([tmp_path], pattern="img_{field}.tif")
        assert names(table) == ["a", "b"]
        np.testing.assert_array_equal(table["b"].plane(1), DAPI)

    @pytest.mark.parametrize(
        "pattern", ["{channel}.tif", "{field}_{field}.tif", "{field}_{0}.tif", "{field", "a.tif"]
    )
    def test_wrong_patterns_are_refused(self, folder: Path, pattern: str) -> None:
        with pytest.raises(SettingsError, match=r"needs \{field\}"):
            open_fields([folder], pattern=pattern)

    def test_nothing_fits(self, folder: Path) -> None:
        with pytest.raises(
            UnreadableFile, match=r"no file fits the pattern '\{field\}-\{channel\}.png' in .* for example"
        ):
            open_fields([folder], pattern="{field}-{channel}.png")

    def test_files_of_different_wells_in_one_field_are_named(self, tmp_path: Path) -> None:
        """They may be of one place, as where a further name stands for a random number in each file's name."""
        for name in ("s1_wA_phase", "s1_wA_dapi", "s2_wA_phase", "s2_wa_dapi"):
            tifffile.imwrite(tmp_path / f"{name}.tif", PHASE)
        pattern = "{field}_{well}_{channel}.tif"
        table = open_fields([tmp_path], pattern=pattern)
        assert [field.row["well"] for field in table] == ["wA", "wA"]
        assert table.notes == ()
        (tmp_path / "s1_wA_dapi.tif").rename(tmp_path / "s1_wB_dapi.tif")
        table = open_fields([tmp_path], pattern=pattern)
        (note,) = table.notes
        assert re.match(r"The files of field 's1' differ .*: \{well\} is 'w[AB]' and 'w[AB]'\. If", note)
        assert table[0].row["well"] in note
        assert names(open_fields([tmp_path], pattern="{field}_{channel}.tif"))[:2] == ["s1_wA", "s1_wB"]

    def test_a_table_needs_no_pattern(self, folder: Path) -> None:
        pattern = "{field}_{channel}.tif"
        with pytest.raises(
            SettingsError, match=r"^`pattern` '.*' tells fields .*fields\.csv lists them itself; leave"
        ):
            open_fields([folder / "fields.csv"], pattern=pattern)
        (folder / "more").mkdir()
        tifffile.imwrite(folder / "more" / "b_phase.tif", PHASE)
        both = open_fields([folder / "fields.csv", folder / "more"], pattern=pattern)
        assert names(both) == ["hela_1", "hela_2", "hela_10", "b"]

    def test_two_files_for_one_channel(self, folder: Path) -> None:
        with pytest.raises(InputError, match="are both channel 'dapi' of field 'hela'"):
            open_fields([folder], pattern="{field}_{number}_{channel}.tif")


class TestFiles:
    def test_each_file_is_a_field_with_its_channels(self, tmp_path: Path) -> None:
        tifffile.imwrite(
            tmp_path / "x.ome.tif",
            np.stack([PHASE, DAPI]),
            metadata={"axes": "CYX", "Channel": {"Name": ["phase", "DAPI"]}},
        )
        (tmp_path / "y.png").write_bytes(imagecodecs.png_encode(np.dstack([PHASE] * 3).astype(np.uint8)))
        table = open_fields([tmp_path / "x.ome.tif", tmp_path / "y.png"])
        assert names(table) == ["x", "y"]
        np.testing.assert_array_equal(table["x"].plane("DAPI"), DAPI)
        np.testing.assert_array_equal(table["x"].plane("1"), DAPI)
        assert list(table["y"].channels) == ["red", "green", "blue"]
        assert names(open_fields([tmp_path])) == ["x", "y"]

    def test_a_star_the_shell_left(self, folder: Path) -> None:
        assert names(open_fields([folder / "*_phase.tif"])) == [
            "hela_1_phase",
            "hela_2_phase",
            "hela_10_phase",
        ]
        with pytest.raises(UnreadableFile, match="no file fits"):
            open_fields([folder / "*.png"])

    def test_a_star_behind_a_folder_with_brackets(self, tmp_path: Path, monkeypatch) -> None:
        for sub in ("x[1]", "x1"):
            (tmp_path / sub / "deep").mkdir(parents=True)
            tifffile.imwrite(tmp_path / sub / "deep" / f"{sub[:2]}.tif", PHASE)
        assert names(open_fields([tmp_path / "x[1]" / "*" / "*.tif"])) == ["x["]
        assert names(open_fields([tmp_path / "x?" / "deep" / "*.tif"])) == ["x1"]
        monkeypatch.chdir(tmp_path / "x1")
        assert names(open_fields(["deep/*.tif", "../x[[]1]/deep/*.tif"])) == ["x1", "x["]
        with pytest.raises(UnreadableFile, match=r"x\[1\]/b\.tif does not exist"):
            open_fields([tmp_path / "x[1]" / "b.tif"])

    def test_equal_names_in_two_folders(self, tmp_path: Path) -> None:
        for sub in ("a", "b"):
            (tmp_path / sub).mkdir()
            tifffile.imwrite(tmp_path / sub / "img.tif", PHASE)
        assert names(open_fields([tmp_path / "a", tmp_path / "b"])) == ["a_img", "b_img"]
        with pytest.raises(InputError, match="two fields are called"):
            open_fields([tmp_path / "a" / "img.tif", tmp_path / "a" / "img.tif"])

    def test_links_are_called_by_the_folder_that_they_lie_in(self, tmp_path: Path, monkeypatch) -> None:
        (tmp_path / "store").mkdir()
        for i, sub in enumerate(("rep1", "rep2")):
            tifffile.imwrite(tmp_path / "store" / f"{i}.tif", PHASE + i)
            (tmp_path / sub).mkdir()
            (tmp_path / sub / "img.tif").symlink_to(tmp_path / "store" / f"{i}.tif")
        table = open_fields([tmp_path / "rep1", tmp_path / "rep2"])
        assert names(table) == ["rep1_img", "rep2_img"]
        np.testing.assert_array_equal(table["rep2_img"].plane(0), PHASE + 1)
        monkeypatch.chdir(tmp_path / "rep1")
        assert names(open_fields(["img.tif", "../rep1/../rep2/img.tif"])) == ["rep1_img", "rep2_img"]

    def test_missing_inputs(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableFile, match="does not exist"):
            open_fields([tmp_path / "nowhere"])
        with pytest.raises(UnreadableFile, match=r"holds no image and no fields\.csv"):
            open_fields([tmp_path])
        with pytest.raises(UnreadableFile, match="no input was given"):
            open_fields([])

    def test_one_broken_file_can_be_set_aside(self, tmp_path: Path) -> None:
        tifffile.imwrite(tmp_path / "a.tif", PHASE)
        (tmp_path / "b.tif").write_bytes(b"")
        problems: list = []
        assert names(open_fields([tmp_path], problems=problems)) == ["a"]
        assert [type(problem) for problem in problems] == [UnreadableFile]

    @pytest.mark.parametrize("pattern", [None, "{field}.tif"])
    def test_one_broken_file_fails_when_it_is_used(self, tmp_path: Path, pattern: str | None) -> None:
        (tmp_path / "a.tif").write_bytes(b"")
        with pytest.raises(UnreadableFile, match="is empty"):
            open_fields([tmp_path], pattern=pattern)
        tifffile.imwrite(tmp_path / "b.tif", np.stack([PHASE, PHASE]), photometric="minisblack")
        broken, whole = open_fields([tmp_path], pattern=pattern)
        assert (broken.name, whole.name) == ("a", "b")
        assert broken.columns == whole.columns
        np.testing.assert_array_equal(whole.plane("1"), PHASE)
        with pytest.raises(UnreadableFile, match="is empty"):
            broken.plane("1")


class TestPixels:
    def test_shapes_must_agree(self, folder: Path) -> None:
        tifffile.imwrite(folder / "hela_1_dapi.tif", DAPI[:6])
        tifffile.imwrite(folder / "hela_1_cells.tif", CELLS[:, :7])
        field = open_fields([folder])[0]
        with pytest.raises(WrongShape, match="'phase' is 12 x 14 px but 'dapi' is 6 x 14 px"):
            field.planes(["phase", "dapi"])
        with pytest.raises(WrongShape, match="'phase' is 12 x 14 px but 'cells' is 12 x 7 px"):
            field.labels("cells")
        with pytest.raises(WrongShape):
            field.image()

    def test_labels_do_not_need_the_first_channel(self, folder: Path) -> None:
        (folder / "hela_1_phase.tif").unlink()
        field = open_fields([folder])["hela_1"]
        np.testing.assert_array_equal(field.labels("cells"), CELLS)
        assert field.shape == (12, 14)
        tifffile.imwrite(folder / "hela_1_cells.tif", CELLS[:, :7])
        with pytest.raises(WrongShape, match="'dapi' is 12 x 14 px but 'cells' is 12 x 7 px"):
            field.labels("cells")
        for name in ("dapi", "cells"):
            (folder / f"hela_1_{name}.tif").unlink()
        with pytest.raises(UnreadableFile, match=r"hela_1_phase\.tif does not exist"):
            _ = field.shape

    @pytest.mark.parametrize(
        ("stored", "dtype"),
        [
            (CELLS.astype(np.uint8), np.uint32),
            (CELLS.astype(np.uint32) * 800_000_000, np.uint32),
            (CELLS.astype(np.int32) - 1, np.int32),
            (CELLS.astype(np.int16) - 1, np.int32),
            (CELLS.astype(np.float32), np.int32),
        ],
    )
    def test_labels_are_exact(self, folder: Path, stored: np.ndarray, dtype: type) -> None:
        tifffile.imwrite(folder / "hela_1_cells.tif", stored)
        labels = open_fields([folder])[0].labels("cells")
        assert labels is not None
        assert labels.dtype == dtype
        np.testing.assert_array_equal(labels.astype(np.int64), stored.astype(np.int64))

    @pytest.mark.parametrize(
        ("stored", "error", "word"),
        [
            (CELLS + 0.5, BadPixels, "not whole numbers"),
            (np.where(CELLS > 0, np.nan, 0).astype(np.float32), BadPixels, "not whole numbers"),
            (CELLS.astype(np.uint64) << np.uint64(40), BadPixels, "ids from 0 to 4294967295 are allowed"),
            (np.stack([CELLS] * 8), WrongShape, "8 focal planes"),
        ],
    )
    def test_other_values_than_labels_are_refused(
        self, folder: Path, stored: np.ndarray, error: type, word: str
    ) -> None:
        tifffile.imwrite(folder / "hela_1_cells.tif", stored)
        with pytest.raises(error, match=word):
            open_fields([folder])[0].labels("cells")

    def test_a_colour_image_is_no_single_channel(self, folder: Path) -> None:
        (folder / "grey.png").write_bytes(
            imagecodecs.png_encode(np.dstack([PHASE % 256] * 3).astype(np.uint8))
        )
        replace_in_table(folder, "hela_1_phase.tif", "grey.png")
        field = open_fields([folder])[0]
        with pytest.raises(MissingChannel, match="is a colour image with 3 channels"):
            field.plane("phase")
        np.testing.assert_array_equal(field.plane("phase#red"), PHASE % 256)

    def test_nan_is_named_with_its_field(self, folder: Path) -> None:
        tifffile.imwrite(folder / "hela_1_dapi.tif", np.where(DAPI > 500, np.nan, DAPI).astype(np.float32))
        with pytest.raises(BadPixels, match=r"channel 'dapi' of field 'hela_1' has .* NaN"):
            open_fields([folder])[0].planes(["phase", "dapi"])

    def test_pixel_size_of_any_of_its_files(self, folder: Path) -> None:
        field = open_fields([folder])[0]
        assert field.pixel_size is None
        tifffile.imwrite(
            folder / "hela_1_dapi.tif", DAPI, resolution=(20000, 10000), resolutionunit="CENTIMETER"
        )
        assert field.pixel_size == pytest.approx((1.0, 0.5))

    def test_one_lazy_image_of_all_channels(self, folder: Path) -> None:
        image = open_fields([folder])["hela_2"].image()
        assert image.channels == ("phase", "dapi")
        assert image.name == "hela_2"
        np.testing.assert_array_equal(image.pixels[:, 0], np.stack([PHASE + 1, DAPI + 1]))
        np.testing.assert_array_equal(image.plane("dapi"), DAPI + 1)


def test_finding_fields(folder: Path) -> None:
    table = open_fields([folder])
    assert len(table) == 3
    assert "hela_1" in table
    assert "hela" not in table
    assert [field.name for field in table.where(["split=test"])] == ["hela_10"]
    assert table[-1].name == "hela_10"
    with pytest.raises(InputError, match="no field is called 'hela1', did you mean 'hela_1'"):
        table["hela1"]


def test_a_file_may_lack_a_named_channel_that_others_have(tmp_path: Path) -> None:
    """As a row of a table may: its labels are None, and not an error."""
    for name, channels in (("a", ["phase", "dapi", "cells"]), ("b", ["dapi", "phase"])):
        planes = np.stack([np.full((16, 20), 5 + index, np.uint16) for index in range(len(channels))])
        planes[0, 0, 0] = 1
        metadata = {"axes": "CYX", "Channel": {"Name": channels}}
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", planes, metadata=metadata, photometric="minisblack")
    a, b = open_fields(tmp_path)
    assert (a.labels("cells") is None, b.labels("cells"), b.has("cells")) == (False, None, False)
    assert [b.plane(index).max() for index in ("0", "1")] == [5, 6]  # its own order
    assert b.reference("phase").index == 1
    with pytest.raises(MissingChannel, match="'b' has no channel 'cells'; add it"):
        b.plane("cells")
    with pytest.raises(MissingChannel, match="no channel 'nosuch'"):
        b.labels("nosuch")


def test_two_files_of_one_field_are_named(tmp_path: Path) -> None:
    for name in ("a.tif", "a.tiff"):
        tifffile.imwrite(tmp_path / name, np.eye(20, dtype=np.uint16))
    with pytest.raises(InputError, match=r"two fields are called .*\(.*a\.tif and .*a\.tiff\)"):
        open_fields(tmp_path)
