"""Files of every format with random damage: bytes flipped, cut off, repeated, moved, replaced."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.images.read import read_image

pytestmark = pytest.mark.fuzz
VALUES = np.random.default_rng(1).integers(0, 60000, (2, 24, 30)).astype(np.uint16)
LABELS = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((8, 10), int)).astype(np.uint16)


def tiff(path: Path) -> None:
    tifffile.imwrite(path, VALUES, photometric="minisblack", compression="zlib", tile=(16, 16))


def plain_tiff(path: Path) -> None:
    tifffile.imwrite(path, VALUES, imagej=True, resolution=(2.0, 2.0), metadata={"axes": "CYX", "unit": "um"})


def ome_tiff(path: Path) -> None:
    names = {
        "axes": "CYX",
        "Channel": {"Name": ["phase", "DAPI"]},
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.5,
    }
    tifffile.imwrite(path, VALUES, metadata=names)


def png(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(VALUES[0]))


def npy(path: Path) -> None:
    np.save(path, LABELS)


def seg_npy(path: Path) -> None:
    content = {
        "masks": LABELS,
        "outlines": LABELS,
        "filename": "a.tif",
        "diameter": 30.0,
        "flows": [LABELS, None],
    }
    np.save(path, content, allow_pickle=True)  # type: ignore[arg-type]


def roi_zip(path: Path) -> None:
    import roifile

    with zipfile.ZipFile(path, "w") as archive:
        for i in range(3):
            square = np.array([[1, 1], [9, 1], [9, 9], [1, 9]], np.float32) + 3 * i
            archive.writestr(f"{i}.roi", roifile.ImagejRoi.frompoints(square).tobytes())


def roi(path: Path) -> None:
    import roifile

    path.write_bytes(roifile.ImagejRoi.frompoints(np.array([[1, 1], [9, 1], [9, 9]], np.float32)).tobytes())


def csv(path: Path) -> None:
    path.write_text('field,split,phase,cells\na,train,a.tif#0,a.png\nb,test,"a.tif#1",\n')


def tsv(path: Path) -> None:
    path.write_text("field\tphase\tnote\na\ta.tif#0\tfirst\nb\ta.tif#1\tsecond\n")


FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "TIFF": ("a.tif", tiff),
    "ImageJ TIFF": ("a.tif", plain_tiff),
    "OME-TIFF": ("a.ome.tif", ome_tiff),
    "PNG": ("a.png", png),
    "npy": ("a.npy", npy),
    "_seg.npy": ("a_seg.npy", seg_npy),
    "ROI zip": ("a.zip", roi_zip),
    "ROI": ("a.roi", roi),
    "CSV table": ("fields.csv", csv),
    "TSV table": ("fields.csv", tsv),
}


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the bytes with one or two random damages."""
    for _ in range(int(rng.integers(1, 3))):
        n = len(content)
        if n < 2:
            return content
        a, b = sorted(int(v) for v in rng.integers(0, n, 2))
        kind = int(rng.integers(0, 10))
        if kind == 0:
            content = content[:a]
        elif kind == 1:
            content = content[:a] + content[b:]
        elif kind == 2:
            content = content[:b] + content[a:]
        elif kind == 3:
            content = rng.bytes(int(rng.integers(0, 400)))
        elif kind == 4:
            content = content[: int(rng.integers(0, min(n, 64)))] + rng.bytes(200)
        elif kind in (5, 6):  # a number of a header becomes extreme
            width = int(rng.choice([1, 2, 4, 8]))
            at = int(rng.integers(0, min(n, 400)))
            value = bytes([int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))]) * width
            content = content[:at] + value + content[at + width :]
        else:
            changed = bytearray(content)
            for at in rng.integers(0, n, int(rng.integers(1, 5))):
                changed[at] = int(rng.integers(0, 256))
            content = bytes(changed)
    return content


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_file_is_read_or_refused_in_one_sentence(
    cases: Any, read_all: Any, tmp_path: Path, kind: str
) -> None:
    name, write = FORMATS[kind]
    tiff(tmp_path / "a.tif")
    png(tmp_path / "a.png")
    path = tmp_path / name if "table" in kind else tmp_path / "in" / name
    path.parent.mkdir(exist_ok=True)
    write(path)
    is_label_file = path.suffix in (".npy", ".zip", ".roi")

    def read() -> None:
        if is_label_file:
            read_image(path).plane(0)
        else:
            read_all(path)

    read()
    content = path.read_bytes()
    tried = cases(kind)
    for seed in tried.count(5):
        path.write_bytes(damage(content, np.random.default_rng(seed)))
        tried.attempt(f"seed {seed}", read)


@pytest.mark.parametrize("version", [2, 3])
def test_damaged_chunks_are_read_or_refused_in_one_sentence(
    cases: Any, read_all: Any, tmp_path: Path, version: int
) -> None:
    folder = tmp_path / "a.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.create_array("0", data=VALUES, chunks=(1, 16, 16))
    scale = {"axes": [{"name": axis} for axis in "cyx"], "datasets": [{"path": "0"}]}
    group.attrs.update({"ome": {"multiscales": [scale]}} if version == 3 else {"multiscales": [scale]})
    read_all(folder)
    chunks = sorted(
        path
        for path in (folder / "0").rglob("*")
        if path.is_file() and path.name[0] != "." and path.suffix != ".json"
    )
    tried = cases("OME-Zarr chunks")
    for seed in tried.count(5):
        path = chunks[seed % len(chunks)]
        content = path.read_bytes()
        path.write_bytes(damage(content, np.random.default_rng(seed)))
        tried.attempt(f"version {version}, seed {seed}", lambda: read_all(folder))
        path.write_bytes(content)
