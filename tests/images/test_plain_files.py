"""Pipes, devices and sockets are refused by their kind, without being opened: a pipe without a writer never answers."""

import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.commands.score_files import score_files
from frugalseg.errors import BadModel, FrugalsegError, OutputFailed, UnreadableFile
from frugalseg.images.fields import open_fields
from frugalseg.images.plain_files import parse_json, read_text
from frugalseg.images.read import read_image
from frugalseg.images.write import write_text
from frugalseg.networks.store import CARD, WEIGHTS, load_card
from frugalseg.runs.records import read_json

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
PLANE = np.arange(600, dtype=np.uint16).reshape(20, 30)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("the_pipe"))
    path.symlink_to("the_pipe")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(before)


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (pipe, "is a named pipe (FIFO), not a file"),
    "link": (link_to_pipe, "is a link to a named pipe (FIFO), not a file"),
    "device": (device, "is a link to a device, not a file"),
    "socket": (a_socket, "is a socket, not a file"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.npy", "a.zip", "a.roi", "fields.csv"])
def test_an_input_of_that_kind(tmp_path: Path, kind: str, name: str) -> None:
    make, says = KINDS[kind]
    make(tmp_path / name)
    with pytest.raises(UnreadableFile) as error:
        [field.labels(0) for field in open_fields([tmp_path / name])]
    assert str(error.value) == f"{tmp_path / name} {says}; give a file or a folder"


def test_one_in_a_folder_is_a_problem_of_that_file(tmp_path: Path) -> None:
    pipe(tmp_path / "b.tif")
    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    found = inspect_inputs([tmp_path])
    assert found.fields == ("a",)
    assert [problem.text.split(" is ")[1] for problem in found.problems if problem.severity == "error"] == [
        "a named pipe (FIFO), not a file; give a file or a folder"
    ]
    with pytest.raises(UnreadableFile, match="named pipe"):
        [field.plane(0) for field in open_fields([tmp_path], pattern="{field}.tif")]


def test_a_table_in_a_folder_and_a_file_in_a_table(tmp_path: Path) -> None:
    pipe(tmp_path / "b.tif")
    (tmp_path / "fields.csv").write_text("field,phase,cells\na,b.tif,b.roi\n")
    pipe(tmp_path / "b.roi")
    (field,) = open_fields([tmp_path])
    for read in (lambda: field.plane("phase"), lambda: field.labels("cells")):
        with pytest.raises(UnreadableFile, match="named pipe"):
            read()
    (tmp_path / "fields.csv").unlink()
    pipe(tmp_path / "fields.csv")
    with pytest.raises(UnreadableFile, match="named pipe"):
        open_fields([tmp_path])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("place", ["chunk", "array", "image", "labels"])
def test_a_part_of_an_ome_zarr(tmp_path: Path, version: int, place: str) -> None:
    folder = tmp_path / "a.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.create_array("0", data=PLANE, chunks=(10, 30))
    scale = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}
    group.attrs.update({"ome": {"multiscales": [scale]}} if version == 3 else {"multiscales": [scale]})
    np.testing.assert_array_equal(read_image(folder).plane(0), PLANE)
    (folder / "labels").mkdir()
    names = {"chunk": "0/1.0", "array": "0/.zarray", "image": ".zattrs", "labels": "labels/.zattrs"}
    if version == 3:
        names = {
            "chunk": "0/c/1/0",
            "array": "0/zarr.json",
            "image": "zarr.json",
            "labels": "labels/zarr.json",
        }
    path = folder / names[place]
    path.unlink(missing_ok=True)
    pipe(path)
    with pytest.raises(UnreadableFile, match="named pipe"):
        open_fields([folder])[0].plane(0)


def test_the_other_file_of_an_ome_tiff(tmp_path: Path) -> None:
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="30" SizeY="20" SizeC="2" SizeZ="1" SizeT="1">'
        '<Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>'
        '<TiffData IFD="0" FirstC="1" PlaneCount="1"><UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData>'
        '<TiffData IFD="0" FirstC="0" PlaneCount="1"/></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", PLANE, description=xml, metadata=None)
    pipe(tmp_path / "b.ome.tif")
    with pytest.raises(UnreadableFile, match=r"b\.ome\.tif is a named pipe"):
        read_image(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("swapped", [False, True])
def test_a_label_file_that_is_scored(tmp_path: Path, swapped: bool) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    pipe(tmp_path / "b.tif")
    files = [tmp_path / "a.tif", tmp_path / "b.tif"]
    with pytest.raises(UnreadableFile, match=r"b\.tif is a named pipe"):
        score_files(*(files[::-1] if swapped else files))


def test_a_part_of_a_model_and_a_record(tmp_path: Path) -> None:
    for name in (CARD, WEIGHTS):
        pipe(tmp_path / name)
    with pytest.raises(BadModel, match=rf"has no {CARD}"):
        load_card(tmp_path)
    pipe(tmp_path / "run.json")
    with pytest.raises(UnreadableFile, match=r"run\.json is a named pipe .*overwrite"):
        read_json(tmp_path / "run.json")


def test_a_result_never_takes_the_place_of_one(tmp_path: Path) -> None:
    pipe(tmp_path / "a.json")
    with pytest.raises(OutputFailed, match=r"a\.json is no file, so it is not replaced"):
        write_text(tmp_path / "a.json", "x", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "can't be read as text in UTF-8"),
        (b"x" * 200, "is too large for what it is: 200 bytes, and 100 are allowed"),
    ],
)
def test_a_text_that_is_none(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=says):
        read_text(path, largest=100)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 200 + "1" + "}" * 200, "{", "1" * 5000, ""])
def test_json_that_is_damaged_is_one_kind_of_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
    assert parse_json('{"a": [[1, NaN]], "b": "é"}')["b"] == "é"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("field,phase\na,b\0.tif\n", "it holds NUL characters"),
        (
            f"field,phase,note\na,b.tif,{'x' * 140_000}\n",
            "row 2 .*field larger than field limit",
        ),
        (f'field,phase,note\na,b.tif,"{"x" * 140_000}"\n', "row 2 .*field larger than field limit"),
        (
            f"field,phase,note\na,b.tif,{'x' * 5000}\n",
            "row 2 .*a cell of 5000 characters, and 4096 are allowed",
        ),
        (f"{'x' * 5000},phase\na,b.tif\n", "row 1 .*a cell of 5000 characters"),
        (f"field,phase\na,{'x' * 300}.tif\n", "can't be opened .*File name too long"),
    ],
)
def test_tables_with_cells_that_are_none(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "fields.csv").write_text(content)
    with pytest.raises(FrugalsegError, match=says) as error:
        open_fields([tmp_path])[0].plane("phase")
    assert len(str(error.value)) < 500


def test_a_name_that_is_not_in_utf_8_is_said_at_once(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.tif"))
    tifffile.imwrite(path, PLANE)
    with pytest.raises(FrugalsegError, match=r"caf\\udce9' is not in UTF-8, .*rename"):
        open_fields([tmp_path])


@pytest.mark.parametrize("free", [10**6, 10**12])
def test_regions_of_absurd_size(tmp_path: Path, free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    roifile = pytest.importorskip("roifile")
    monkeypatch.setattr("frugalseg.images.memory.free_memory", lambda: free)
    path = tmp_path / "a.zip"
    corners = np.array([[1, 1], [1e9, 1], [1e9, 1e9]], np.float32)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.roi", roifile.ImagejRoi.frompoints(corners).tobytes())
        if free == 10**6:
            archive.writestr("b.roi", bytes(40_000_000))  # compressed to nothing
    says = "needs 0.08 GB of memory, and 0.001 GB are free" if free == 10**6 else "corners beyond 100000 px"
    with pytest.raises(FrugalsegError, match=says):
        read_image(path)
