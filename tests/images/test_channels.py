"""The grammar of input channels, and the planes that are read."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.errors import BadPixels, MissingChannel, SettingsError, WrongShape
from frugalseg.images.channels import (
    InputChannel,
    input_names,
    lazy_inputs,
    parse_channels,
    read_inputs,
    shared_input_names,
)
from frugalseg.images.fields import open_fields
from frugalseg.images.normalize import zscore

STACK = np.random.default_rng(0).integers(0, 60000, (5, 12, 14)).astype(np.uint16)
FLAT = np.random.default_rng(1).integers(0, 250, (12, 14)).astype(np.uint8)
PAIR = np.random.default_rng(2).integers(0, 250, (2, 12, 14)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "phase.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "bf.tif", FLAT)
    tifffile.imwrite(tmp_path / "pair.tif", PAIR, imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "odd.tif", FLAT[:, :-1])
    table = "field,phase,brightfield,pair,odd\na,phase.tif,bf.tif,pair.tif,odd.tif\nb,bf.tif,bf.tif,pair.tif,odd.tif\n"
    (tmp_path / "fields.csv").write_text(table)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("phase", [("phase", None)]),
        ("phase[*]", [("phase", None)]),
        (" phase [ 1 , 3,5 ] ,brightfield", [("phase", (1, 3, 5)), ("brightfield", None)]),
        ("a,b[2-4,1],c", [("a", None), ("b", (2, 3, 4, 1)), ("c", None)]),
        ("pair#1[1],0[12]", [("pair#1", (1,)), ("0", (12,))]),
        ("my phase[5]", [("my phase", (5,))]),
        ("phase[1],phase[3]", [("phase", (1,)), ("phase", (3,))]),
    ],
)
def test_text_means_inputs_and_comes_back(
    text: str, inputs: list[tuple[str, tuple[int, ...] | None]]
) -> None:
    found = parse_channels(text)
    assert [(one.channel, one.planes) for one in found] == inputs
    assert parse_channels(",".join(map(str, found))) == found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "empty channel name"),
        ("phase,,b", "empty channel name"),
        ("[1]", "empty channel name"),
        ("phase[0]", "counted from 1"),
        ("phase[0-3]", "counted from 1"),
        ("phase[]", "neither a focal plane nor a range"),
        ("phase[1,]", "neither a focal plane nor a range"),
        ("phase[-1]", "neither a focal plane nor a range"),
        ("phase[1.5]", "neither a focal plane nor a range"),
        ("phase[5-1]", "lower to the higher"),
        ("phase[1-999999999]", "at most 1000 planes"),
        ("phase[1", "can't be read at"),
        ("phase]1[", "can't be read at"),
        ("phase[1][2]", "can't be read at"),
        ("phase[1,1]", "phase[1] twice"),
        ("phase,phase", "phase twice"),
    ],
)
def test_wrong_text_is_refused_with_the_reason(text: str, line: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_channels(text)
    assert line in str(raised.value)


def test_planes_are_those_of_the_files(folder: Path) -> None:
    field = open_fields([folder])["a"]
    channels = parse_channels("phase[5,1],brightfield,pair#1")
    assert input_names(field, channels) == ("phase[5]", "phase[1]", "brightfield", "pair#1")
    planes = read_inputs(field, channels)
    assert planes.dtype == np.float32
    np.testing.assert_array_equal(planes, np.stack([STACK[4], STACK[0], FLAT, PAIR[1]]).astype(np.float32))
    lazy = lazy_inputs(field, channels)
    assert lazy.channels == input_names(field, channels)
    np.testing.assert_array_equal(lazy.pixels[1:3, 0, 2:5], np.stack([STACK[0], FLAT])[:, 2:5])


def test_without_brackets_all_planes_are_inputs(folder: Path) -> None:
    field = open_fields([folder])["a"]
    names = input_names(field, parse_channels("0,brightfield"))
    assert names == ("phase[1]", "phase[2]", "phase[3]", "phase[4]", "phase[5]", "brightfield")
    np.testing.assert_array_equal(read_inputs(field, parse_channels("phase[*]")), STACK.astype(np.float32))
    assert input_names(field, parse_channels(",".join(names))) == names


def test_an_index_becomes_the_name_that_it_stands_for(folder: Path) -> None:
    """A model keeps these names; by the same index another table has another channel."""
    field = open_fields([folder])["a"]
    assert input_names(field, parse_channels("1,2#1,0[2]")) == ("brightfield", "pair#1", "phase[2]")
    with pytest.raises(SettingsError, match="brightfield is an input twice"):
        input_names(field, parse_channels("1,brightfield"))
    unnamed = open_fields([folder / "pair.tif"])[0]
    assert input_names(unnamed, parse_channels("1,0")) == ("1", "0")
    (folder / "fields.csv").write_text('field;"a, b";dapi\na;bf.tif;bf.tif\n')
    assert input_names(open_fields([folder])["a"], parse_channels("1,0")) == ("dapi", '"a, b"')


def test_a_column_called_like_a_plane_is_named_like_it(folder: Path) -> None:
    """Crops of focal planes have such columns; a model of them must work on the stack, and the other way round."""
    (folder / "fields.csv").write_text('field,phase[1],"a, b"\na,bf.tif,bf.tif\n')
    crop = open_fields([folder])["a"]
    assert input_names(crop, parse_channels('phase[1],"a, b"')) == ("phase[1]", '"a, b"')
    np.testing.assert_array_equal(read_inputs(crop, parse_channels("phase[1]"))[0], FLAT)
    (folder / "fields.csv").write_text("field,phase[1],phase\na,bf.tif,phase.tif\n")
    both = open_fields([folder])["a"]
    assert input_names(both, parse_channels('"phase[1]",phase[2]')) == ('"phase[1]"', "phase[2]")
    with pytest.raises(SettingsError, match="can be channel"):
        input_names(both, parse_channels("phase[1]"))


def test_a_plane_that_is_not_there_names_what_is(folder: Path) -> None:
    table = open_fields([folder])
    with pytest.raises(
        MissingChannel, match=r"'a': phase\[2,6\] asks for focal plane 6, .* has 5; planes 1 to 5"
    ):
        read_inputs(table["a"], parse_channels("phase[2,6]"))
    with pytest.raises(MissingChannel, match=r"has 1; only plane 1 can"):
        read_inputs(table["a"], parse_channels("brightfield[2]"))
    with pytest.raises(MissingChannel, match="Did you mean 'phase'"):
        read_inputs(table["a"], parse_channels("phse[2]"))
    with pytest.raises(SettingsError, match=r"phase\[1\] is an input twice"):
        read_inputs(table["a"], parse_channels("phase,phase[1]"))


def test_inputs_must_fit_each_other(folder: Path) -> None:
    table = open_fields([folder])
    with pytest.raises(WrongShape, match=r"'phase\[1\]' is 12 x 14 px but 'odd' is 12 x 13"):
        read_inputs(table["a"], parse_channels("phase[1],odd"))
    with pytest.raises(WrongShape, match=r"phase\[5\] and field 'b' phase; say which focal planes"):
        shared_input_names(table, parse_channels("phase"))
    assert shared_input_names(table, parse_channels("phase[1],pair#0")) == ("phase[1]", "pair#0")


def test_values_must_be_finite(folder: Path) -> None:
    bad = STACK.astype(np.float32)
    bad[2, 3, 4] = np.nan
    tifffile.imwrite(folder / "phase.tif", bad, imagej=True, metadata={"axes": "ZYX"})
    field = open_fields([folder])["a"]
    assert read_inputs(field, parse_channels("phase[1-2]")).shape == (2, 12, 14)
    with pytest.raises(BadPixels, match=r"input 'phase\[3\]' of field 'a' has 1 pixels"):
        read_inputs(field, parse_channels("phase"))


def test_zscores_are_per_channel_and_image() -> None:
    planes = np.stack([STACK[0], FLAT]).astype(np.float32)
    exact = planes.astype(np.float64)
    expected = (exact - exact.mean((1, 2), keepdims=True)) / exact.std((1, 2), keepdims=True)
    np.testing.assert_allclose(zscore(planes), expected, atol=1e-5)
    planes[1] = 7
    with pytest.raises(BadPixels, match=r"field 'a': channel 'bf' is constant \(every pixel is 7\)"):
        zscore(planes, ("phase", "bf"), "field 'a'")


def test_one_input_is_written_as_it_is_read() -> None:
    assert str(InputChannel("a#b", (3, 1))) == "a#b[3,1]"


@pytest.mark.real
def test_five_planes_of_neurons(real_data: Path) -> None:
    field = open_fields([real_data / "phase_zstack_neurons"])["neurons_1"]
    stored = tifffile.imread(real_data / "phase_zstack_neurons" / "neurons_1_phase.tif")
    planes = read_inputs(field, parse_channels("phase[1,3,5]"))
    np.testing.assert_array_equal(planes, stored[[0, 2, 4]].astype(np.float32))


def test_of_a_window_only_the_window_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole planes of a large file would not fit into memory."""
    from frugalseg.images import tiff

    field = open_fields([folder / "fields.csv"])[0]
    read, asked = tiff._read_region, []

    def spy(path: Path, plan: object, c: int, z: int, rows: slice, columns: slice) -> object:
        asked.append((path.name, c, z, rows, columns))
        return read(path, plan, c, z, rows, columns)

    monkeypatch.setattr(tiff, "_read_region", spy)
    image = lazy_inputs(field, parse_channels("phase[2,5],pair#1,brightfield"))
    window = slice(2, 9), slice(1, 12)
    got = image.pixels[:, 0, *window]
    np.testing.assert_array_equal(got, np.stack([STACK[1], STACK[4], PAIR[1], FLAT])[:, *window])
    assert asked == [
        ("phase.tif", 0, 1, *window),
        ("phase.tif", 0, 4, *window),
        ("pair.tif", 1, 0, *window),
        ("bf.tif", 0, 0, *window),
    ]
