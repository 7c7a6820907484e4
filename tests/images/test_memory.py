"""What does not fit into the memory is said in one sentence, before any of it is taken."""

import struct
import tracemalloc
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.errors import NotEnoughMemory, UnreadableFile, WrongShape
from frugalseg.images import memory
from frugalseg.images.fields import open_fields
from frugalseg.images.image import LazyPixels, project_channel
from frugalseg.images.memory import check_memory, free_memory, memory_error, memory_errors
from frugalseg.images.read import read_image

PLANE = np.arange(600, dtype=np.uint16).reshape(20, 30)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with 1000 bytes of memory."""
    monkeypatch.setattr(memory, "UNASKED", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)


def test_what_is_free_is_less_than_the_machine_has() -> None:
    free = free_memory()
    assert free is not None
    assert 10**6 < free < 10**14


def test_the_sentence_says_what_is_needed_and_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 4_000_000_000)
    check_memory(4_000_000_000, "a.tif")
    with pytest.raises(NotEnoughMemory) as error:
        check_memory(80_000_000_000, "a.tif")
    assert str(error.value) == (
        "a.tif needs 80 GB of memory, and 4 GB are free; cut the image into parts, close other programs, or use a machine "
        "with more memory"
    )
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    check_memory(10**18, "where the system does not say")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError(), "field 'a' needs more memory than there is, and 0.001 GB are free"),
        (
            MemoryError("Unable to allocate 7.45 GiB for an array"),
            "field 'a' needs 7.45 GiB of memory at once, and",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000 bytes."),
            "needs 8000 bytes of",
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB."),
            "needs 20.00 GiB of memory at once",
        ),
    ],
)
def test_an_error_in_the_middle_becomes_that_sentence(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 1_000_000)
    assert says in str(memory_error(error, "field 'a'"))
    with pytest.raises(NotEnoughMemory, match="field 'a' needs"), memory_errors("field 'a'"):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError), memory_errors("field 'a'"):
        raise ZeroDivisionError
    with pytest.raises(UnreadableFile, match="damaged"), memory_errors("field 'a'"):
        raise UnreadableFile("damaged")


def write(folder: Path, kind: str) -> Path:
    path = folder / f"a.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, PLANE, compression="zlib", tile=(16, 16))
    elif kind == "png":
        path.write_bytes(imagecodecs.png_encode(PLANE))
    elif kind == "npy":
        np.save(path, PLANE)
    else:
        group = zarr.open_group(path, mode="w")
        group.create_array("0", data=PLANE, chunks=(10, 10))
        scale = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}
        group.attrs["ome"] = {"multiscales": [scale]}
    return path


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("kind", ["tif", "png", "npy", "zarr"])
def test_every_format_asks_first(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, kind)
    with pytest.raises(NotEnoughMemory, match=r"needs .* of memory, and 1e-06 GB are free"):
        read_image(path).plane(0)
    if kind == "zarr":  # its metadata do not fit either, so there is no field
        return
    (problem,) = (one for one in inspect_inputs([path]).problems if one.severity == "error")
    assert problem.kind == "NotEnoughMemory"
    monkeypatch.setattr(memory, "free_memory", lambda: 10**6)
    np.testing.assert_array_equal(read_image(path).plane(0), PLANE)


def test_the_size_in_a_png_is_checked_before_it_is_decoded(tmp_path: Path) -> None:
    content = bytearray(imagecodecs.png_encode(PLANE))
    content[16:24] = struct.pack(">II", 900_000, 900_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(NotEnoughMemory, match=r"a PNG of 900000 x 900000 px, needs 12960 GB"):
        read_image(path)


def test_an_array_that_is_shorter_than_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    header = b"{'descr': '<u2', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + PLANE.tobytes())
    with pytest.raises(UnreadableFile, match=r"shape is \(1000000, 1000000\) and it has 1200 bytes"):
        read_image(path)
    with path.open("r+b") as file:
        file.truncate(128 + 2 * 10**12)  # takes no room on the disk
    with pytest.raises(NotEnoughMemory, match=r"needs 4000 GB"):
        read_image(path)


def test_an_ome_zarr_without_chunks_may_be_of_any_size(tmp_path: Path) -> None:
    path = write(tmp_path, "zarr")
    zarr.open_group(path).create_array(
        "0", shape=(10**6, 10**6), chunks=(4096, 4096), dtype="u2", overwrite=True
    )
    tracemalloc.start()
    with pytest.raises(NotEnoughMemory, match=r"1000000 x 1000000 px, needs 8000 GB"):
        open_fields([path])[0].plane(0)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_a_window_needs_only_its_own_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "UNASKED", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 4000)
    pixels = LazyPixels(
        (1, 2, 1000, 1000),
        np.dtype("u2"),
        lambda c, z, y, x: np.full((y.stop - y.start, 10), z, "u2"),
        "a.tif",
    )
    assert pixels[0, 1, 0:10, 0:10].tolist() == [[1] * 10] * 10
    says = r"a\.tif, of which 2 planes of 1000 x 1000 px \(uint16\) are read, needs 0\.008 GB of memory, and 4e-06 GB"
    with pytest.raises(NotEnoughMemory, match=says):
        pixels[0]
    with pytest.raises(NotEnoughMemory, match=r"channel 'phase', 1000 x 1000 px, needs 0\.016 GB"):
        project_channel(pixels, 0, "max", "channel 'phase'")


def chunked(folder: Path, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Path:
    group = zarr.open_group(folder, mode="w")
    group.create_array("0", shape=shape, chunks=chunks, dtype="u2", fill_value=7)
    scale = {"axes": [{"name": axis} for axis in "zyx"[-len(shape) :]], "datasets": [{"path": "0"}]}
    group.attrs["ome"] = {"multiscales": [scale]}
    return folder


@pytest.mark.parametrize(("chunks", "count"), [((1, 1), 160_000), ((1, 13), 12_400), ((7, 1), 23_200)])
def test_thousands_of_tiny_chunks_are_refused(tmp_path: Path, chunks: tuple[int, int], count: int) -> None:
    says = f"stored in {count} chunks of {chunks[0]} x {chunks[1]} px a plane, which takes minutes to read"
    with pytest.raises(UnreadableFile, match=says):
        read_image(chunked(tmp_path / "a.zarr", (400, 400), chunks))


def test_few_tiny_chunks_are_read(tmp_path: Path) -> None:
    image = read_image(chunked(tmp_path / "a.zarr", (40, 40), (1, 1)))
    assert image.plane(0).tolist() == [[7.0] * 40] * 40
    assert read_image(chunked(tmp_path / "b.zarr", (40_000, 40_000), (64, 64))).shape == (40_000, 40_000)


def test_more_planes_than_any_stack_has(tmp_path: Path) -> None:
    with pytest.raises(WrongShape, match="1 channels and 1000000 focal planes, and up to 10000 are read"):
        read_image(chunked(tmp_path / "a.zarr", (10**6, 20, 20), (1, 20, 20)))
    tifffile.imwrite(
        tmp_path / "a.tif",
        PLANE,
        description='{"shape": [1000000000, 20, 30], "truncated": true}',
        metadata=None,
    )
    with pytest.raises(UnreadableFile, match=r"cut short \(1199999998800 bytes of its pixels are missing\)"):
        read_image(tmp_path / "a.tif")
