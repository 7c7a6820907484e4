"""Names of channels: repeated, empty, with commas and brackets; and an order that differs between files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.errors import MissingChannel, SettingsError
from frugalseg.images.axes import channel_names
from frugalseg.images.channels import input_names, model_inputs, parse_channels, read_inputs
from frugalseg.images.fields import open_fields
from frugalseg.images.image import find_channel
from frugalseg.images.read import read_image
from frugalseg.runs.provenance import check_channels

PLANES = np.random.default_rng(0).integers(0, 4000, (4, 20, 24)).astype(np.uint16)


def write(path: Path, names: list[str], planes: Any = PLANES) -> Path:
    """An OME-TIFF with these channel names."""
    metadata = {"axes": "CYX", "Channel": {"Name": names}}
    tifffile.imwrite(path, planes[: len(names)], ome=True, photometric="minisblack", metadata=metadata)
    return path


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["DAPI", "GFP", "DAPI", "DAPI"], ("DAPI", "GFP", "DAPI (2)", "DAPI (3)")),
        (["DAPI", "DAPI", "DAPI (2)"], ("DAPI", "DAPI (3)", "DAPI (2)")),
        (["DAPI", " ", "GFP"], ("DAPI", "1", "GFP")),
        (["1", ""], ("1", "1 (2)")),
        (["", ""], ("0", "1")),
        (["a\x1b[2Jb", "c\0"], ("a\\x1b[2Jb", "c\\x00")),
    ],
)
def test_one_bad_name_costs_no_other(given: list[str], names: tuple[str, ...]) -> None:
    assert channel_names(len(given), given, False) == names


def test_cyclic_imaging_keeps_its_names_and_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ome.tif", ["DAPI", "CD3", "DAPI", "CD8"])
    image = read_image(path)
    assert image.channels == ("DAPI", "CD3", "DAPI (2)", "CD8")
    np.testing.assert_array_equal(image.plane("DAPI (2)"), PLANES[2])
    field = open_fields([path])[0]
    np.testing.assert_array_equal(field.planes(["CD8", "DAPI"]), PLANES[[3, 0]])


def test_names_with_commas_and_brackets_are_quoted(tmp_path: Path) -> None:
    names = ["CD3,CD4", "DAPI [1]", 'so-called "X"', "plain"]
    field = open_fields([write(tmp_path / "a.ome.tif", names)])[0]
    text = '"CD3,CD4","DAPI [1]"[1], "so-called ""X""",plain'
    channels = parse_channels(text)
    assert [(one.channel, one.planes) for one in channels] == [
        ("CD3,CD4", None), ("DAPI [1]", (1,)), ('so-called "X"', None), ("plain", None)
    ]  # fmt: skip
    assert parse_channels(",".join(map(str, channels))) == channels
    np.testing.assert_array_equal(read_inputs(field, channels), PLANES)
    found = input_names(field, channels)
    assert found == ('"CD3,CD4"', '"DAPI [1]"[1]', '"so-called ""X"""', "plain")
    assert model_inputs(found) == channels
    assert [one.channel for one in model_inputs(names)][:1] == ["CD3,CD4"]
    for quoted, plane in zip(('"CD3,CD4"', "CD3,CD4", '"DAPI [1]"', "DAPI [1]"), (0, 0, 1, 1), strict=True):
        np.testing.assert_array_equal(field.plane(quoted), PLANES[plane])


def test_a_name_with_brackets_is_found_without_quotes_unless_it_can_be_a_plane(tmp_path: Path) -> None:
    field = open_fields([write(tmp_path / "a.ome.tif", ["DAPI [1]", "GFP"])])[0]
    np.testing.assert_array_equal(read_inputs(field, parse_channels("DAPI[1]")), PLANES[:1])
    field = open_fields([write(tmp_path / "b.ome.tif", ["DAPI [1]", "DAPI"])])[0]
    with pytest.raises(
        SettingsError, match=r'can be channel .DAPI \[1\]. or a focal plane of .DAPI.; write "DAPI'
    ):
        read_inputs(field, parse_channels("DAPI[1]"))
    np.testing.assert_array_equal(read_inputs(field, parse_channels('"DAPI [1]"')), PLANES[:1])


@pytest.mark.parametrize("text", ['"a', 'a"b",', '""', '"a"b'])
def test_unbalanced_quotes_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="stand in double quotes"):
        parse_channels(text)


def test_an_order_that_differs_between_files_is_said_and_an_index_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.ome.tif", ["DAPI", "GFP"])
    write(tmp_path / "b.ome.tif", ["GFP", "DAPI"], PLANES[1::-1])
    table = open_fields([tmp_path])
    assert table.notes == (
        "channels stand in another order in 1 of 2 fields (DAPI, GFP in 'a', GFP, DAPI in 'b'); give channels by name, not "
        "by index",
    )
    check_channels(table, ["DAPI", "GFP"])
    np.testing.assert_array_equal(table["a"].plane("DAPI"), table["b"].plane("DAPI"))
    with pytest.raises(SettingsError, match="channel '0' is 'DAPI' in field 'a' and 'GFP' in field 'b'"):
        check_channels(table, ["0"])
    (tmp_path / "fields.csv").write_text("field,raw,dapi,gfp\na,a.ome.tif,a.ome.tif#0,a.ome.tif#GFP\n"
                                         "b,b.ome.tif,b.ome.tif#0,b.ome.tif#GFP\n")  # fmt: skip
    table = open_fields([tmp_path])
    check_channels(table, ["raw#DAPI", "gfp"])
    for channel in ("raw#0", "dapi"):
        with pytest.raises(SettingsError, match="give its name in the file, such as DAPI"):
            check_channels(table, [channel])


def test_names_that_only_one_file_has_are_no_other_order(tmp_path: Path) -> None:
    write(tmp_path / "a.ome.tif", ["slice 1 of a", "slice 2 of a"])
    write(tmp_path / "b.ome.tif", ["slice 1 of b", "slice 2 of b"])
    table = open_fields([tmp_path])
    assert table.notes == ()
    check_channels(table, ["0", "1"])


def test_files_of_single_channels_need_a_pattern() -> None:
    with pytest.raises(
        MissingChannel,
        match=r"it has 0: 0\. Give 0 if this one is meant; if each channel has a file of its own, say so with `pattern`",
    ):
        find_channel("phase", ["0"], "field 'a_phase'")
