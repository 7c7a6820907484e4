"""A written file is complete or absent."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.errors import BadPixels, OutputExists, OutputFailed, SettingsError, WrongShape
from frugalseg.images import write
from frugalseg.images.read import read_image
from frugalseg.images.write import atomic_file, write_image, write_json, write_labels, write_text

LABELS = np.arange(12, dtype=np.int64).reshape(3, 4)


@pytest.mark.parametrize(("highest", "dtype"), [(65535, "uint16"), (65536, "uint32"), (2**32 - 1, "uint32")])
def test_labels_are_as_small_as_they_can_be(tmp_path: Path, highest: int, dtype: str) -> None:
    labels = LABELS.copy()
    labels[0, 0] = highest
    write_labels(tmp_path / "a_labels.tif", labels)
    stored = tifffile.imread(tmp_path / "a_labels.tif")
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, labels)
    with tifffile.TiffFile(tmp_path / "a_labels.tif") as tif:
        assert tif.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE


@pytest.mark.parametrize("size", [(0.65, 0.65), (0.325, 1.3), (0.123456, 0.654321), (12.5, 12.5)])
@pytest.mark.parametrize("highest", [7, 70000])
def test_pixel_size_survives_a_round_trip(tmp_path: Path, size: tuple[float, float], highest: int) -> None:
    labels = LABELS.copy()
    labels[-1, -1] = highest
    write_labels(tmp_path / "first.tif", labels, pixel_size=size)
    once = read_image(tmp_path / "first.tif")
    assert once.pixel_size == pytest.approx(size, rel=1e-9)
    write_labels(tmp_path / "second.tif", np.asarray(once.pixels[0, 0]), pixel_size=once.pixel_size)
    assert read_image(tmp_path / "second.tif").pixel_size == once.pixel_size
    # Programs that know no OME-XML (ImageJ) read the resolution tags.
    with tifffile.TiffFile(tmp_path / "first.tif") as tif:
        page = tif.pages.first
        assert page.resolutionunit == tifffile.RESUNIT.CENTIMETER
        assert (1e4 / page.resolution[1], 1e4 / page.resolution[0]) == pytest.approx(size, rel=1e-6)


def test_a_pixel_size_that_can_not_be_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    labels = np.eye(4, dtype=np.uint16)
    write_labels(tmp_path / "a.tif", labels, pixel_size=0.65)
    assert read_image(tmp_path / "a.tif").pixel_size == pytest.approx((0.65, 0.65))
    with pytest.raises(SettingsError, match="`pixel_size` is"):
        write_labels(tmp_path / "b.tif", labels, pixel_size=(0, 0.5))
    assert not (tmp_path / "b.tif").exists()


def test_no_pixel_size_stays_none(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.tif", LABELS)
    assert read_image(tmp_path / "a.tif").pixel_size is None


@pytest.mark.parametrize("name", ["a.png", "a"])
def test_a_name_that_is_no_tiff_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputFailed, match=r"results are TIFF files, so give a name that ends in \.tif$"):
        write_labels(tmp_path / name, LABELS)
    assert not (tmp_path / name).exists()
    write_labels(tmp_path / "a.TIFF", LABELS)


def test_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tif", "b.tif"):
        write_labels(tmp_path / name, LABELS, pixel_size=(0.5, 0.5))
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_image_keeps_channels_and_type(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).normal(size=(2, 8, 9)).astype(np.float32)
    write_image(tmp_path / "new" / "a.ome.tif", pixels, ["phase", "dapi"], pixel_size=(0.5, 0.5))
    image = read_image(tmp_path / "new" / "a.ome.tif")
    assert image.channels == ("phase", "dapi")
    np.testing.assert_array_equal(image.planes(["phase", "dapi"]), pixels)
    write_image(tmp_path / "plane.tif", pixels[0])
    np.testing.assert_array_equal(read_image(tmp_path / "plane.tif").plane(0), pixels[0])


@pytest.mark.parametrize(
    ("given", "lowest", "highest", "stored"),
    [
        ("int64", 0, 2**32 - 1, "uint32"),
        ("int64", -5, 2**31 - 1, "int32"),
        ("uint64", 3, 70000, "uint32"),
        ("float16", 0.5, 2.25, "float32"),
    ],
)
def test_types_that_ome_does_not_know_keep_their_values(
    tmp_path: Path, given: str, lowest: float, highest: float, stored: str
) -> None:
    pixels = np.array([[lowest, highest], [highest, lowest]], dtype=given)
    for number, how in enumerate(({"pixel_size": (0.5, 0.5)}, {"channels": ["dapi"]})):
        path = tmp_path / f"{number}.tif"
        write_image(path, pixels, **how)
        assert tifffile.imread(path).dtype == stored
        np.testing.assert_array_equal(tifffile.imread(path), pixels)
    write_image(tmp_path / "plain.tif", pixels)
    assert tifffile.imread(tmp_path / "plain.tif").dtype == given


@pytest.mark.parametrize("values", [[0, 2**32], [-1, 2**31]])
def test_values_that_ome_can_not_hold_are_one_line(tmp_path: Path, values: list[int]) -> None:
    with pytest.raises(BadPixels, match=f"pixels from {values[0]} to {values[1]} are too large"):
        write_image(tmp_path / "a.tif", np.array([values], np.int64), pixel_size=(1, 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "labels", [np.ones((2, 3, 4), int), np.ones((3, 4), float), np.full((3, 4), -1), np.full((3, 4), 2**32)]
)
def test_what_is_no_label_map_is_refused(tmp_path: Path, labels: np.ndarray) -> None:
    with pytest.raises(WrongShape):
        write_labels(tmp_path / "a.tif", labels)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_by_default(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_labels(path, LABELS)
    before = path.read_bytes()
    with pytest.raises(OutputExists, match="give `overwrite` to replace it"):
        write_labels(path, LABELS * 0)
    assert path.read_bytes() == before
    write_labels(path, LABELS * 0, overwrite=True)
    assert read_image(path).plane(0).max() == 0


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("where", ["imwrite", "fsync", "replace"])
def test_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    path = tmp_path / "a.tif"
    write_labels(path, LABELS)
    before = path.read_bytes()
    target, name = {"imwrite": (tifffile, "imwrite"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[
        where
    ]
    monkeypatch.setattr(target, name, _full)
    with pytest.raises(OutputFailed, match="the disk is full; free some space"):
        write_labels(path, LABELS * 0, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]
    assert path.read_bytes() == before


def test_full_disk_in_the_middle_of_the_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A file on a disk with 100 bytes left."""

        def __init__(self, file: Any) -> None:
            self.file, self.left = file, 100

        def write(self, content: bytes) -> int:
            self.left -= len(content)
            if self.left < 0:
                _full()
            return int(self.file.write(content))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *args, **kw: Full(opened(self, *args, **kw)))
    with pytest.raises(OutputFailed, match="the disk is full"):
        write_text(tmp_path / "a.txt", "x" * 1000)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(file: Any, *_: Any, **__: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(tifffile, "imwrite", stop)
    with pytest.raises(KeyboardInterrupt):
        write_labels(tmp_path / "a.tif", LABELS)
    assert list(tmp_path.iterdir()) == []


def test_the_file_appears_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_file(path) as file:
        file.write(b"all")
        assert not path.exists()
    assert path.read_text() == "all"


@pytest.mark.skipif(os.name == "nt", reason="permissions work differently on Windows")
def test_new_files_have_the_usual_permissions(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "usual.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "usual.txt").stat().st_mode


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputFailed, match="choose another folder"):
        write_text(tmp_path / "out" / "a.txt", "x")


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputFailed):
        write_text(tmp_path / "a.txt", "x", overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_json_holds_plain_values(tmp_path: Path) -> None:
    class Told:
        def to_dict(self) -> dict[str, Any]:
            return {"inner": np.float32(0.5)}

    content = {"a": np.arange(2), "p": Path("x"), 3: (np.True_, float("inf")), "told": Told()}
    write_json(tmp_path / "a.json", content)
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "a": [0, 1],
        "p": "x",
        "3": [True, None],
        "told": {"inner": 0.5},
    }
    with pytest.raises(TypeError):
        write_json(tmp_path / "b.json", {"f": object()})
    assert not (tmp_path / "b.json").exists()
    assert write.plain(None) is None


@pytest.mark.parametrize("pixel_size", [None, 0.5])
def test_a_map_without_pixels_is_refused(tmp_path: Path, pixel_size: float | None) -> None:
    (tmp_path / "a.tif").write_bytes(b"mine")
    with pytest.raises(WrongShape, match=r"`labels` must be \(Y, X\) integers, not int64 of shape \(0, 5\)"):
        write.write_labels(tmp_path / "a.tif", np.zeros((0, 5), int), pixel_size, overwrite=True)
    assert (tmp_path / "a.tif").read_bytes() == b"mine"
