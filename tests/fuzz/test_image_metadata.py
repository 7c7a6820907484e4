"""Metadata of images and tables with random values in random places: missing, of other types, absurd, deeply nested."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.images.read import read_image

pytestmark = pytest.mark.fuzz
VALUES = np.random.default_rng(1).integers(0, 60000, (2, 24, 30)).astype(np.uint16)


def an_image(folder: Path, version: int, labels: bool = True) -> None:
    group = zarr.open_group(folder, mode="w", zarr_format=3 if version == 5 else 2)
    values = VALUES if labels else VALUES[:1]  # a label image has one channel
    group.create_array("0", shape=values.shape, chunks=(1, 16, 16), dtype=values.dtype)[...] = values
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": a, "type": "space", "unit": "micrometer"} for a in "yx"),
    ]
    scale = [{"type": "scale", "scale": [1.0, 0.5, 0.5]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    content = {
        "multiscales": [{"name": "a", "axes": axes, "datasets": levels, "version": f"0.{version}"}],
        "omero": {"channels": [{"label": "phase", "color": "FFFFFF"}, {"label": "dapi"}][: len(values)]},
    }
    group.attrs.update({"ome": content} if version == 5 else content)
    if labels:
        inner = zarr.open_group(folder / "labels", mode="w", zarr_format=3 if version == 5 else 2)
        inner.attrs.update({"ome": {"labels": ["nuclei"]}} if version == 5 else {"labels": ["nuclei"]})
        an_image(folder / "labels" / "nuclei", version, labels=False)


def a_plate(folder: Path, version: int) -> None:
    group = zarr.open_group(folder, mode="w", zarr_format=3 if version == 5 else 2)
    plate = {
        "plate": {
            "wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}],
            "rows": [{"name": "A"}],
            "columns": [{"name": "1"}],
        }
    }
    group.attrs.update({"ome": plate} if version == 5 else plate)
    well = zarr.open_group(folder / "A" / "1", mode="w", zarr_format=3 if version == 5 else 2)
    images = {"well": {"images": [{"path": "0", "acquisition": 0}]}}
    well.attrs.update({"ome": images} if version == 5 else images)
    an_image(folder / "A" / "1" / "0", version, labels=False)


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("make", [an_image, a_plate])
def test_ome_zarr(
    cases: Any, spoil: Any, read_all: Any, tmp_path: Path, version: int, make: Callable[[Path, int], None]
) -> None:
    folder = tmp_path / "a.zarr"
    make(folder, version)
    read_all(folder)
    names = ("zarr.json",) if version == 5 else (".zattrs", ".zarray", ".zgroup")
    files = sorted(path for name in names for path in folder.rglob(name))
    tried = cases(f"OME-Zarr 0.{version} metadata")
    for seed in tried.count(12):
        rng = np.random.default_rng(seed)
        path = files[int(rng.integers(len(files)))]
        before = path.read_text()
        path.write_text(spoil(json.loads(before), seed))
        tried.attempt(f"{make.__name__} seed {seed} {path.relative_to(folder)}", lambda: read_all(folder))
        path.write_text(before)


def test_ome_xml(cases: Any, read_all: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path, VALUES, metadata={"axes": "CYX", "Channel": {"Name": ["phase", "DAPI"]}, "PhysicalSizeX": 0.5}
    )
    with tifffile.TiffFile(path) as tif:
        xml = str(tif.ome_metadata)
    quoted = xml.split('"')
    tried = cases("OME-XML")
    values = [
        "",
        "-1",
        "0",
        "1",
        "999999999",
        "1e999",
        "nan",
        "..",
        "/dev/zero",
        "XYZZZ",
        "&lt;",
        "uint128",
        "é",
        "0,325",
        "1" * 5000,
    ]
    for seed in tried.count(12):
        rng = np.random.default_rng(seed)
        parts = list(quoted)
        for _ in range(int(rng.integers(1, 3))):
            parts[2 * int(rng.integers(len(parts) // 2)) + 1] = values[int(rng.integers(len(values)))]
        text = '"'.join(parts).encode()
        tifffile.imwrite(path, VALUES, photometric="minisblack", description=text, metadata=None)
        tried.attempt(f"seed {seed}", lambda: read_all(path))


def test_tiff_descriptions(cases: Any, read_all: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    values = [
        "",
        "-1",
        "0",
        "2",
        "3",
        "999999999",
        "99999999999999999999",
        "1e99",
        "nan",
        "x",
        "[9,9]",
        "[1000000000, 24, 30]",
        "true",
    ]
    tried = cases("ImageJ and JSON descriptions")
    for seed in tried.count(12):
        rng = np.random.default_rng(seed)
        pick = lambda: values[int(rng.integers(len(values)))]  # noqa: B023, E731
        imagej = f"ImageJ=1.11a\nimages={pick()}\nchannels={pick()}\nslices={pick()}\nframes={pick()}\nhyperstack=true\nunit={pick()}\nmin={pick()}\n"
        shaped = f'{{"shape": {pick()}, "axes": "{pick()}", "truncated": {pick()}}}'
        text = imagej if rng.random() < 0.6 else shaped
        tifffile.imwrite(path, VALUES, photometric="minisblack", description=text, metadata=None)
        tried.attempt(f"seed {seed}", lambda: read_all(path))


def test_cells_of_tables(cases: Any, read_all: Any, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", VALUES, photometric="minisblack")
    path = tmp_path / "fields.csv"
    values = [
        "",
        "a.tif#0",
        "a.tif",
        "a.tif#9",
        "..",
        "/dev/zero",
        "\0.tif",
        "a\0b",
        "x" * 200_000 + ".tif",
        '"',
        '"a\nb"',
        "\x1b[31m.tif",
        "#",
        "a.tif#",
        "\r",
        "é.tif",
        "=1+1",
        ".",
    ]
    tried = cases("cells of a table")
    for seed in tried.count(12):
        rng = np.random.default_rng(seed)
        rows = [["field", "split", "phase"], ["a", "train", "a.tif#0"], ["b", "test", "a.tif#1"]]
        for _ in range(int(rng.integers(1, 3))):
            rows[int(rng.integers(3))][int(rng.integers(3))] = values[int(rng.integers(len(values)))]
        path.write_text(
            "\n".join(rng.choice([",", "\t", ";"], p=[0.8, 0.1, 0.1]).join(row) for row in rows), newline=""
        )
        tried.attempt(f"seed {seed}", lambda: read_all(path))


def test_headers_of_npy(cases: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    labels = np.arange(12, dtype=np.int32).reshape(3, 4)
    shapes = [
        "(3, 4)",
        "(1000000000, 1000000000)",
        "(3, 4, 5)",
        "()",
        "(-3, 4)",
        "(3, 0)",
        "(99999999999999999999,)",
        "(3,)",
        "x",
        "(3.5, 4)",
    ]
    types = [
        "'<i4'",
        "'<f8'",
        "'|O'",
        "'<U1000000000'",
        "'|V9'",
        "'<M8[s]'",
        "'x'",
        "[('a', '<i4')]",
        "'<c16'",
        "None",
        "'|b1'",
    ]
    tried = cases("header of npy")
    for seed in tried.count(12):
        rng = np.random.default_rng(seed)
        shape, kind = shapes[int(rng.integers(len(shapes)))], types[int(rng.integers(len(types)))]
        shape = "(3, 4)" if rng.random() < 0.3 else shape
        text = (
            f"{{'descr': {kind}, 'fortran_order': {rng.choice(['False', 'True', '3'])}, 'shape': {shape}, }}"
        )
        text = text if seed % 9 else "(" * 500 + ")" * 500
        header = text.encode() + b" " * (-len(text) % 64) + b"\n"
        path.write_bytes(
            b"\x93NUMPY\x01\x00" + (len(header) % 65536).to_bytes(2, "little") + header + labels.tobytes()
        )
        tried.attempt(f"seed {seed}: {text}", lambda: read_image(path).plane(0))
