"""OME-Zarr 0.4 and 0.5 as other programs write it."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.commands.score_files import score_files
from frugalseg.errors import MissingChannel, UnreadableFile, WrongShape
from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image
from frugalseg.images.write import write_labels

VALUES = np.random.default_rng(4).integers(0, 60000, (2, 3, 20, 30)).astype(np.uint16)
AXES = "tczyx"


def write_zarr(
    folder: Path,
    values: np.ndarray = VALUES,
    version: str = "0.5",
    axes: str = "czyx",
    labels: tuple[str, ...] = ("phase", "DAPI"),
    unit: str | None = "micrometer",
) -> Path:
    """An image with two levels, the metadata spelled out as the specification has them."""
    group = zarr.open_group(folder, mode="w", zarr_format=3 if version == "0.5" else 2)
    levels = []
    for level in range(2):
        step = 2**level
        data = values[..., ::step, ::step]
        array = group.create_array(
            str(level), shape=data.shape, chunks=(*[1] * (data.ndim - 2), 16, 16), dtype=data.dtype
        )
        array[...] = data
        scale = [{"y": 0.5 * step, "x": 0.25 * step, "z": 2.0}.get(axis, 1.0) for axis in axes]
        levels.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    kinds = {"c": "channel", "t": "time"}
    described = [
        {"name": axis, "type": kinds.get(axis, "space"), **({"unit": unit} if unit and axis in "zyx" else {})}
        for axis in axes
    ]
    metadata: dict[str, Any] = {
        "multiscales": [
            {"axes": described, "datasets": levels, **({} if version == "0.5" else {"version": version})}
        ],
        "omero": {"channels": [{"label": label, "color": "FFFFFF"} for label in labels]},
    }
    group.attrs.update({"ome": {"version": version, **metadata}} if version == "0.5" else metadata)
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_is_read_lazily_at_full_resolution(tmp_path: Path, version: str) -> None:
    image = read_image(write_zarr(tmp_path / "a.ome.zarr", version=version))
    assert image.name == "a"
    assert image.channels == ("phase", "DAPI")
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    assert image.pixels.shape == VALUES.shape
    np.testing.assert_array_equal(image.pixels[1, 2], VALUES[1, 2])
    np.testing.assert_array_equal(image.plane("DAPI"), VALUES[1].max(axis=0))


@pytest.mark.parametrize(("unit", "factor"), [("nanometer", 1e-3), ("millimeter", 1e3), (None, None)])
def test_units_of_length(tmp_path: Path, unit: str | None, factor: float | None) -> None:
    image = read_image(write_zarr(tmp_path / "a.zarr", unit=unit))
    assert image.pixel_size == (pytest.approx((0.5 * factor, 0.25 * factor)) if factor else None)


def test_other_axes(tmp_path: Path) -> None:
    image = read_image(write_zarr(tmp_path / "a.zarr", VALUES[0, 0], axes="yx", labels=()))
    assert image.pixels.shape == (1, 1, 20, 30)
    assert image.channels == ("0",)
    five = read_image(write_zarr(tmp_path / "b.zarr", VALUES[None], axes="tczyx"))
    np.testing.assert_array_equal(five.pixels[...], VALUES)
    with pytest.raises(WrongShape, match="2 time points"):
        read_image(write_zarr(tmp_path / "c.zarr", VALUES, axes="tcyx", labels=()))


def write_plate(tmp_path: Path, version: str = "0.5") -> Path:
    """Two wells with two images each."""
    plate = tmp_path / "plate.ome.zarr"
    form = 3 if version == "0.5" else 2
    root = zarr.open_group(plate, mode="w", zarr_format=form)

    def describe(group: Any, content: dict[str, Any]) -> None:
        group.attrs.update({"ome": {"version": version, **content}} if version == "0.5" else content)

    describe(root, {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}})
    for i, well in enumerate(("A/1", "B/2")):
        describe(root.create_group(well), {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
        for j in range(2):
            write_zarr(plate / well / str(j), (VALUES // 10 + 10 * i + j).astype(np.uint16), version)
    return plate


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_is_one_field_per_image(tmp_path: Path, version: str) -> None:
    plate = write_plate(tmp_path, version)
    table = open_fields([plate])
    assert [field.name for field in table] == ["A1_0", "A1_1", "B2_0", "B2_1"]
    np.testing.assert_array_equal(table["B2_1"].plane("phase"), VALUES[0].max(axis=0) // 10 + 11)
    assert [field.name for field in table.where(["well=B/2"])] == ["B2_0", "B2_1"]
    with pytest.raises(UnreadableFile, match="plate or well"):
        read_image(plate)


@pytest.mark.parametrize(
    ("damage", "name", "reason"),
    [
        (lambda plate: shutil.rmtree(plate / "A/1"), "A1", "1 does not exist"),
        (lambda plate: (plate / "A/1/zarr.json").write_text("{"), "A1", "zarr.json can't be read"),
        (lambda plate: shutil.rmtree(plate / "A/1/0"), "A1_0", "0 does not exist"),
    ],
)
def test_a_plate_without_all_of_its_wells(tmp_path: Path, damage: Any, name: str, reason: str) -> None:
    plate = write_plate(tmp_path)
    damage(plate)
    table = open_fields([plate])
    assert table["B2_1"].plane("DAPI").shape == (20, 30)
    assert table[0].name == name
    assert table[0].row["well"] == "A/1"
    with pytest.raises(UnreadableFile, match=reason):
        table[0].plane("DAPI")
    found = inspect_inputs([plate])
    assert found.fields == tuple(field.name for field in table)[1:]
    (problem,) = (one for one in found.problems if one.severity == "error")
    assert re.search(f"field '{name}': .*{reason}", problem.text)


def test_a_plate_without_any_well(tmp_path: Path) -> None:
    plate = write_plate(tmp_path)
    for row in "AB":
        shutil.rmtree(plate / row)
    with pytest.raises(UnreadableFile, match=r"field 'A1': .*1 does not exist"):
        open_fields([plate])


@pytest.mark.parametrize("content", [{"plate": {"wells": []}}, {"bioformats2raw.layout": 3}])
def test_a_plate_or_series_without_images(tmp_path: Path, content: dict[str, Any]) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs.update({"ome": {"version": "0.5", **content}})
    for look in (open_fields, inspect_inputs):
        with pytest.raises(UnreadableFile, match=r"a\.zarr holds no image"):
            look([tmp_path / "a.zarr"])
    write_zarr(tmp_path / "b.zarr")
    assert [field.name for field in open_fields([tmp_path])] == ["b"]


def test_a_folder_of_images(tmp_path: Path) -> None:
    for i in (2, 10):
        write_zarr(tmp_path / f"field_{i}.ome.zarr", (VALUES // 20 + i).astype(np.uint16))
    table = open_fields([tmp_path])
    assert [field.name for field in table] == ["field_2", "field_10"]
    by_pattern = open_fields([tmp_path], pattern="field_{field}.ome.zarr")
    np.testing.assert_array_equal(by_pattern["10"].plane("DAPI"), table[1].plane("DAPI"))
    assert table[1].plane("DAPI").min() >= 10


def test_label_images_are_channels(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "a.zarr")
    cells = np.kron(np.arange(6).reshape(2, 3), np.ones((10, 10), int)).astype(np.uint32)
    with_labels(path, cells)
    field = open_fields([path])[0]
    assert list(field.channels) == ["phase", "DAPI", "cells"]
    np.testing.assert_array_equal(field.labels("cells"), cells)


def with_labels(path: Path, cells: np.ndarray) -> Path:
    """Add the label image "cells" to an image; return its folder."""
    zarr.open_group(path / "labels", mode="w").attrs.update({"ome": {"version": "0.5", "labels": ["cells"]}})
    return write_zarr(path / "labels" / "cells", cells, axes="yx", labels=())


def test_images_in_an_ome_zarr_can_be_named(tmp_path: Path) -> None:
    cells = np.kron(np.arange(6).reshape(2, 3), np.ones((10, 10), int)).astype(np.uint32)
    inner = with_labels(write_zarr(tmp_path / "a.zarr"), cells)
    table = tmp_path / "fields.csv"
    table.write_text("field,split,dapi,cells\nx,test,a.zarr/#DAPI,a.zarr/labels/cells#0\n")
    (field,) = open_fields([table])
    assert list(field.channels) == ["dapi", "cells"]
    np.testing.assert_array_equal(field.plane("dapi"), VALUES[1].max(axis=0))
    np.testing.assert_array_equal(field.labels("cells"), cells)
    table.write_text("field,image\nx,a.zarr/\n")
    np.testing.assert_array_equal(open_fields([table])[0].plane("image#phase"), VALUES[0].max(axis=0))

    write_labels(tmp_path / "y.tif", np.where(cells == 5, 0, cells))
    scores = score_files(tmp_path / "y.tif", inner).scores["y"]
    assert (scores.n_true, scores.n_predicted, scores.cell_miou) == (5, 4, pytest.approx(4 / 5))
    scores = score_files(inner, tmp_path / "y.tif").scores["cells"]
    assert (scores.n_true, scores.n_predicted) == (4, 5)


def test_a_damaged_chunk_is_an_error(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "a.zarr")
    chunk = next(file for file in (path / "0" / "c").rglob("*") if file.is_file())
    chunk.write_bytes(b"damaged")
    with pytest.raises(UnreadableFile, match="damaged or incomplete"):
        read_image(path).pixels[...]


@pytest.mark.parametrize(
    "content",
    [
        '{"attributes": {"ome": {"multiscales": []}}}',
        "{",
        '{"attributes": {"ome": {"multiscales": [{"axes": 3}]}}}',
    ],
)
def test_metadata_that_make_no_sense(tmp_path: Path, content: str) -> None:
    path = write_zarr(tmp_path / "a.zarr")
    (path / "zarr.json").write_text(content)
    with pytest.raises(UnreadableFile):
        read_image(path)


def test_a_folder_that_is_no_ome_zarr(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(UnreadableFile, match="no multiscales"):
        read_image(tmp_path / "a.zarr")


def test_nothing_stored_in_a_file_is_executed(tmp_path: Path) -> None:
    """A pickle codec runs code when a chunk is decoded; such arrays must not be decoded."""
    import pickle

    path = write_zarr(tmp_path / "evil.zarr", VALUES[0, 0], version="0.4", axes="yx", labels=())
    described = json.loads((path / "0" / ".zarray").read_text())
    described["filters"] = [{"id": "pickle", "protocol": 5}]
    described["compressor"] = None
    (path / "0" / ".zarray").write_text(json.dumps(described))
    mark = tmp_path / "executed"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (mark.write_text, ("boom",))

    for chunk in (path / "0").iterdir():
        if not chunk.name.startswith("."):
            chunk.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UnreadableFile, match="never loaded"):
        read_image(path).pixels[...]
    assert not mark.exists()


def test_a_label_image_does_not_hide_a_channel_of_its_name(tmp_path: Path) -> None:
    image = write_zarr(tmp_path / "a.zarr", labels=("phase", "nuclei"))
    group = zarr.open_group(image)
    inside = group.create_group("labels")
    inside.attrs.update({"ome": {"version": "0.5", "labels": ["nuclei", "cells"]}})
    for name in ("nuclei", "cells"):
        write_zarr(image / "labels" / name, np.full((1, 20, 30), 7, np.uint16), axes="zyx", labels=())
    [field] = open_fields([image])
    assert field.columns == ("phase", "nuclei", "nuclei (labels)", "cells")
    np.testing.assert_array_equal(field.plane("nuclei"), VALUES[1].max(axis=0))
    labels = field.labels("nuclei (labels)")
    assert labels is not None
    assert np.unique(labels).tolist() == [7]


def test_labels_of_two_channels_are_not_read_as_their_first(tmp_path: Path) -> None:
    image = write_zarr(tmp_path / "a.zarr")
    inside = zarr.open_group(image).create_group("labels")
    inside.attrs.update({"ome": {"version": "0.5", "labels": ["both"]}})
    write_zarr(image / "labels" / "both", np.ones((2, 20, 30), np.uint16), axes="cyx", labels=())
    with pytest.raises(MissingChannel, match=r"both has 2 channels .*say which one"):
        open_fields([image])[0].labels("both")


def test_two_plates_and_two_images_of_a_plate_are_told_apart(tmp_path: Path) -> None:
    one, other = write_plate(tmp_path / "x"), write_plate(tmp_path / "y")
    other = other.rename(other.with_name("second.zarr"))
    names = [field.name for field in open_fields([one, other])]
    wells = ["A1_0", "A1_1", "B2_0", "B2_1"]
    assert names == [*(f"plate_{well}" for well in wells), *(f"second_{well}" for well in wells)]
    assert [field.row["field"] for field in open_fields([one, other])] == names
    assert [field.name for field in open_fields([one])] == wells
    assert [field.name for field in open_fields([one / "A" / "1" / "0", one / "B" / "2" / "0"])] == [
        "1_0",
        "2_0",
    ]
