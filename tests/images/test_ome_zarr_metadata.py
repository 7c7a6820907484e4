"""Damaged OME-Zarr metadata: one sentence that names the place, and what only describes an image is never a reason."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.errors import FrugalsegError
from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image

VALUES = np.arange(1200, dtype=np.uint16).reshape(2, 20, 30)
IMAGE: dict[str, Any] = {
    "multiscales": [
        {
            "axes": [{"name": "c"}, {"name": "y", "unit": "micrometer"}, {"name": "x", "unit": "micrometer"}],
            "datasets": [
                {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.5, 0.25]}]}
            ],
        }
    ],
    "omero": {"channels": [{"label": "phase"}, {"label": "dapi"}]},
}


def write(folder: Path, version: int, content: Any) -> Path:
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.create_array("0", data=VALUES, chunks=(1, 20, 30))
    file = folder / (".zattrs" if version == 2 else "zarr.json")
    whole = content if version == 2 else {**json.loads(file.read_text()), "attributes": {"ome": content}}
    file.write_text(whole if isinstance(whole, str) else json.dumps(whole))
    return folder


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content = copy.deepcopy(IMAGE)
    change(content)
    return content


def scale(content: dict[str, Any]) -> Any:
    return content["multiscales"][0]


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "multiscales null": (lambda c: c.update(multiscales=None), "multiscales: Input should be a valid tuple"),
    "multiscales empty": (
        lambda c: c.update(multiscales=[]),
        "multiscales: Tuple should have at least 1 item",
    ),
    "multiscales text": (lambda c: c.update(multiscales="0"), "multiscales: Input should be a valid tuple"),
    "multiscales number": (
        lambda c: c.update(multiscales=[3]),
        "multiscales.0: Input should be a valid dictionary",
    ),
    "axes missing": (lambda c: scale(c).pop("axes"), "multiscales.0.axes: Field required"),
    "axes null": (lambda c: scale(c).update(axes=None), "multiscales.0.axes: Input should be a valid tuple"),
    "axes empty": (
        lambda c: scale(c).update(axes=[]),
        "multiscales.0.axes: Tuple should have at least 2 items",
    ),
    "axes numbers": (lambda c: scale(c).update(axes=[1, 2, 3]), "multiscales.0.axes.0: "),
    "axes too few": (lambda c: scale(c)["axes"].pop(), r"names 2 axes \(cy\) and its array has 3"),
    "axes too many": (lambda c: scale(c)["axes"].extend([{"name": n} for n in "abdefg"]), "at most 8 items"),
    "axes twice": (lambda c: scale(c).update(axes=list("cyy")), "axes must differ"),
    "axis without a name": (lambda c: scale(c)["axes"][1].pop("name"), "axes.1.name: Field required"),
    "axis with an empty name": (
        lambda c: scale(c)["axes"][1].update(name=""),
        "axes.1.name: String should have",
    ),
    "axis named by a list": (
        lambda c: scale(c)["axes"][1].update(name=["y"]),
        "axes.1.name: Input should be a valid",
    ),
    "no x": (lambda c: scale(c).update(axes=list("cyz")), "Y and X are needed"),
    "datasets missing": (lambda c: scale(c).pop("datasets"), "multiscales.0.datasets: Field required"),
    "datasets empty": (lambda c: scale(c).update(datasets=[]), "multiscales.0.datasets: Tuple should have"),
    "datasets texts": (
        lambda c: scale(c).update(datasets=["0"]),
        "datasets.0: Input should be a valid dictionary",
    ),
    "path missing": (lambda c: scale(c)["datasets"][0].pop("path"), "datasets.0.path: Field required"),
    "path empty": (lambda c: scale(c)["datasets"][0].update(path=""), "datasets.0.path: String should have"),
    "path null": (
        lambda c: scale(c)["datasets"][0].update(path=None),
        "datasets.0.path: Input should be a valid",
    ),
    "path of nothing": (
        lambda c: scale(c)["datasets"][0].update(path="7"),
        "can't be opened as a zarr array",
    ),
    "path endless": (
        lambda c: scale(c)["datasets"][0].update(path="x" * 9999),
        "path: String should have at most",
    ),
    "path outside": (lambda c: scale(c)["datasets"][0].update(path="../0"), "outside its own folder"),
    "channels a number": (
        lambda c: c["omero"].update(channels=3),
        "channels: Input should be a valid tuple|omero",
    ),
    "label a list": (
        lambda c: c["omero"]["channels"][0].update(label=[1]),
        "label: Input should be a valid string",
    ),
}


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_metadata_are_one_sentence(tmp_path: Path, version: int, name: str) -> None:
    change, says = DAMAGE[name]
    path = write(tmp_path / "a.zarr", version, changed(change))
    with pytest.raises(FrugalsegError, match=says) as error:
        read_image(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    problems = [one.text for one in inspect_inputs([path]).problems if one.severity == "error"]
    assert problems == [str(error.value)]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "content", ["[" * 50_000, "3", '["multiscales"]', "null", "{", '{"a": ' * 100 + "1" + "}" * 100]
)
def test_files_that_are_no_metadata_at_all(tmp_path: Path, version: int, content: str) -> None:
    path = write(tmp_path / "a.zarr", version, IMAGE)
    (path / (".zattrs" if version == 2 else "zarr.json")).write_text(content)
    with pytest.raises(FrugalsegError, match=r"(zarr\.json|\.zattrs) can't be read"):
        read_image(path)


@pytest.mark.parametrize(
    ("change", "channels", "size"),
    [
        (lambda c: c, ("phase", "dapi"), (0.5, 0.25)),
        (lambda c: c.pop("omero"), ("0", "1"), (0.5, 0.25)),
        (lambda c: c["omero"].update(channels=None), ("0", "1"), (0.5, 0.25)),
        (lambda c: c["omero"]["channels"][0].update(label=None), ("0", "dapi"), (0.5, 0.25)),
        (lambda c: scale(c)["datasets"][0].update(coordinateTransformations=None), ("phase", "dapi"), None),
        (lambda c: scale(c)["datasets"][0].update(coordinateTransformations=3), ("phase", "dapi"), None),
        (
            lambda c: scale(c)["datasets"][0]["coordinateTransformations"][0].update(scale=["a", "b"]),
            ("phase", "dapi"),
            None,
        ),
        (
            lambda c: scale(c)["datasets"][0]["coordinateTransformations"][0].update(scale=[1]),
            ("phase", "dapi"),
            None,
        ),
        (lambda c: scale(c)["axes"][1].update(unit=["um"]), ("phase", "dapi"), None),
        (lambda c: scale(c)["datasets"][0].update(path=0), ("phase", "dapi"), (0.5, 0.25)),
    ],
)
def test_what_only_describes_an_image_is_unknown(
    tmp_path: Path, change: Any, channels: tuple[str, ...], size: tuple[float, float] | None
) -> None:
    image = read_image(write(tmp_path / "a.zarr", 3, changed(change)))
    assert (image.channels, image.pixel_size) == (channels, size)
    np.testing.assert_array_equal(image.pixels[:, 0], VALUES)


@pytest.mark.parametrize(
    ("plate", "says"),
    [
        (None, "plate.wells: "),
        ({}, "plate.wells: Field required"),
        ({"wells": None}, "plate.wells: Input should be a valid tuple"),
        ({"wells": {"A/1": 1}}, "plate.wells: "),
        ({"wells": ["A/1"]}, "plate.wells.0: Input should be a valid dictionary"),
        ({"wells": [{}]}, "plate.wells.0.path: Field required"),
        ({"wells": [{"path": ["A"]}]}, "plate.wells.0.path: Input should be a valid string"),
        ({"wells": [{"path": "x" * 9999}]}, "plate.wells.0.path: String should have at most 1000"),
    ],
)
def test_damaged_plates(tmp_path: Path, plate: Any, says: str) -> None:
    path = write(tmp_path / "p.zarr", 3, {"plate": plate})
    with pytest.raises(FrugalsegError, match=says) as error:
        open_fields([path])
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("labels", "says"), [("cells", "labels: "), ([["cells"]], r"labels\.0: "), ([""], r"labels\.0: ")]
)
def test_damaged_lists_of_label_images(tmp_path: Path, labels: Any, says: str) -> None:
    path = write(tmp_path / "a.zarr", 2, IMAGE)
    (path / "labels").mkdir()
    (path / "labels" / ".zattrs").write_text(json.dumps({"labels": labels}))
    with pytest.raises(FrugalsegError, match=says):
        open_fields([path])
    (path / "labels" / ".zattrs").write_text(json.dumps({"labels": None}))
    assert list(open_fields([path])[0].channels) == ["phase", "dapi"]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("key", ["shape", "chunks", "dtype", "fill_value", "dimension_separator", "codecs"])
@pytest.mark.parametrize("value", [None, -1, [0, 0, 0], [-1, 20, 30], "x", [10**30] * 3, {"a": 1}])
def test_damaged_arrays(tmp_path: Path, version: int, key: str, value: Any) -> None:
    path = write(tmp_path / "a.zarr", version, IMAGE)
    file = path / "0" / (".zarray" if version == 2 else "zarr.json")
    names = (
        {"chunks": "chunk_grid", "dtype": "data_type", "dimension_separator": "chunk_key_encoding"}
        if version == 3
        else {}
    )
    content = json.loads(file.read_text())
    content[names.get(key, key)] = value
    file.write_text(json.dumps(content))
    said, shape = "", (20, 30)
    try:  # some of these values mean the same as the right ones
        shape = read_image(path).plane(0).shape
    except FrugalsegError as error:
        said = str(error)
    assert shape == (20, 30)
    assert "\n" not in said
    assert len(said) < 500
