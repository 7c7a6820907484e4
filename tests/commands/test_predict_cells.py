"""`predict` with a model of cells and nuclei: which planes it reads, and what it does where something is missing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from skimage.measure import label

from frugalseg.commands.command_settings import PredictSettings
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.errors import MissingChannel
from frugalseg.images.fields import open_fields
from frugalseg.images.outliers import planes_without_outliers
from frugalseg.images.read import read_image
from frugalseg.models.cell_prediction import INVERTED
from frugalseg.models.image_cues import find_cues
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.predictions import ObjectPrediction
from frugalseg.models.self_training import self_train
from frugalseg.models.stain_model import StainModel
from frugalseg.runs.field_cues import sources_of
from frugalseg.runs.options import RunOptions
from frugalseg.synthetic.cells import make_cells

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 4, "max_steps": 2, "device": "cpu"}
QUIET = RunOptions(device="cpu", quiet=True, overwrite=True)
CELLS = make_cells((128, 128), n_cells=14, dim_nuclei=0.0, seed=1)
STACK = np.stack([CELLS.phase, CELLS.phase[::-1], CELLS.phase.T]).astype(np.uint16)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields; the second has no nuclear stain."""
    folder = tmp_path_factory.mktemp("set")
    tifffile.imwrite(folder / "z.tif", STACK, metadata={"axes": "ZYX"}, imagej=True)
    tifffile.imwrite(folder / "phase.tif", CELLS.phase)
    tifffile.imwrite(folder / "dapi.tif", CELLS.nuclear)
    left = np.zeros((128, 128), np.uint8)
    left[:, :70] = 255
    tifffile.imwrite(folder / "mask.tif", left)
    tifffile.imwrite(folder / "own.tif", CELLS.nuclei.astype(np.uint16))
    rows = ["a,z.tif,phase.tif,dapi.tif,mask.tif,own.tif", "b,z.tif,phase.tif,,mask.tif,"]
    (folder / "fields.csv").write_text("\n".join(["field,z,phase,dapi,mask,own", *rows, ""]))
    return folder


@pytest.fixture(scope="module")
def of_planes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that learned from the first and the last focal plane."""
    folder = tmp_path_factory.mktemp("models") / "planes"
    ObjectModel.fit(STACK[[0, 2]], CELLS.cells, channels=("z[1]", "z[3]"), **QUICK).save(folder)
    return folder


@pytest.fixture(scope="module")
def of_phase(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "phase"
    ObjectModel.fit(CELLS.phase, CELLS.cells, channels=("phase",), **QUICK).save(folder)
    return folder


def predicted(model: Path, images: Path, out: Path, where: str = "a", **settings: Any) -> tuple[Any, Any]:
    """Return the record of one field and its labels."""
    options = QUIET.model_copy(update={"where": (f"field={where}",)} if where else {})
    result = predict_fields(model, [images], out, PredictSettings(baselines=False, **settings), options)
    assert result.record.failed == {}
    name = where or "b"
    return result.record.fields[name], np.asarray(read_image(out / f"{name}_labels.tif").pixels[0, 0])


@pytest.mark.parametrize("cells", [(), ("z[1,3]",), ("z[1]", "z[3]")], ids=["of the model", "list", "single"])
def test_focal_planes_with_nuclei(of_planes: Path, images: Path, tmp_path: Path, cells: Any) -> None:
    record, labels = predicted(of_planes, images, tmp_path / "out", nuclei="dapi", cells=cells)
    model = ObjectModel.load(of_planes, "cpu")
    expected = model.segment(find_cues(STACK[[0, 2]], CELLS.nuclear)).labels
    assert expected.any()
    np.testing.assert_array_equal(labels, expected)
    assert {"mean_z[1]", "mean_z[3]", "mean_dapi"} <= set(record.measurements[0])
    read = sources_of(open_fields([images]), PredictSettings(cells=("z[1]",), nuclei="dapi"))["a"].read
    assert {Path(state[0]).name for state in read} == {"z.tif", "dapi.tif"}  # what `resume` compares


@pytest.mark.parametrize(("source", "channel"), [("nuclei", "dapi"), ("markers", "own")])
def test_a_field_without_the_nuclear_channel_is_segmented_alone(
    of_phase: Path, images: Path, tmp_path: Path, source: str, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ObjectPrediction(
        CELLS.cells.astype(np.uint32), np.zeros((1, 128, 128)), None, None, (INVERTED,), True, contrast=-1
    )
    monkeypatch.setattr(ObjectModel, "find_objects", lambda *_, **__: found)
    record, labels = predicted(of_phase, images, tmp_path / "out", where="", **{source: channel})
    expected = CELLS.cells
    assert (record.adapted, record.inverted, record.contrast) == (True, True, -1)
    assert INVERTED in record.warnings
    assert record.n_cells == len(np.unique(expected[expected > 0]))
    np.testing.assert_array_equal(labels, expected)
    said = f"There is no file for channel {channel!r}. These cells are found without nuclei."
    assert said in record.warnings
    with pytest.raises(MissingChannel, match=f"channel {channel!r}"):  # no field has it: a typing error
        predicted(of_phase, images, tmp_path / "none", where="b", **{source: channel})


def test_cells_end_where_the_mask_of_the_user_does(of_phase: Path, images: Path, tmp_path: Path) -> None:
    model, inside = ObjectModel.load(of_phase, "cpu"), np.broadcast_to(np.arange(128) < 70, (128, 128))
    whole = model.segment(find_cues(CELLS.phase, CELLS.nuclear, diameter=20)).labels
    _, labels = predicted(of_phase, images, tmp_path / "out", nuclei="dapi", mask="mask", diameter=20)
    assert (whole[~inside] > 0).any()
    assert labels.any()
    inner = np.where(inside, whole, 0)
    np.testing.assert_array_equal(labels[labels > 0], inner[labels > 0])
    assert set(np.unique(labels)) == set(np.unique(inner))
    assert all(label(labels == cell, connectivity=1).max() == 1 for cell in np.unique(labels[labels > 0]))


def test_cells_found_alone_end_there_too(
    of_phase: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = {int(cell): 1.0 if cell == CELLS.cells[:, 70:].max() else 0.5 for cell in np.unique(CELLS.cells)}
    found = ObjectPrediction(CELLS.cells.astype(np.uint32), np.zeros((1, 128, 128)), sure, None, ())
    monkeypatch.setattr(ObjectModel, "find_objects", lambda *_, **__: found)
    record, labels = predicted(of_phase, images, tmp_path / "out", where="", nuclei="dapi", mask="mask")
    expected = np.where(np.arange(128)[None, :] < 70, CELLS.cells, 0)
    np.testing.assert_array_equal(labels, expected)
    assert record.n_cells == len(np.unique(expected)) - 1 < CELLS.cells.max()
    assert record.confidence == 0.5


@pytest.mark.parametrize(("foreground", "named"), [("auto", False), ("texture", True)])
def test_a_way_to_find_the_foreground_that_changes_no_cell_is_named(
    of_phase: Path, images: Path, tmp_path: Path, foreground: str, named: bool
) -> None:
    record, _ = predicted(of_phase, images, tmp_path / "out", nuclei="dapi", foreground=foreground)
    assert ("The model itself tells" in " ".join(record.warnings)) is named


def test_brightness_is_that_without_hot_pixels_also_where_no_nucleus_is_found(
    of_phase: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ObjectPrediction(CELLS.cells.astype(np.uint32), np.zeros((1, 128, 128)), None, None, ())
    monkeypatch.setattr(ObjectModel, "find_objects", lambda *_, **__: found)
    hot = CELLS.phase.copy()
    for cell in np.unique(CELLS.cells)[1:]:
        pixels = np.argwhere(CELLS.cells == cell)
        hot[tuple(pixels[len(pixels) // 2])] = 65535
    tifffile.imwrite(tmp_path / "phase.tif", hot)
    tifffile.imwrite(
        tmp_path / "dapi.tif", np.random.default_rng(0).normal(100, 1, hot.shape).astype(np.float32)
    )
    (tmp_path / "fields.csv").write_text("field,phase,dapi\na,phase.tif,dapi.tif\n")
    record, _ = predicted(of_phase, tmp_path, tmp_path / "out", nuclei="dapi")
    said = {int(row["label"]): float(row["mean_phase"]) for row in record.measurements}
    assert said[3] == pytest.approx(
        planes_without_outliers(hot[None].astype(np.float32))[0][CELLS.cells == 3].mean()
    )
    assert said[3] < hot[CELLS.cells == 3].mean() - 30


def test_a_dot_that_tells_no_size_is_a_nucleus_and_the_scale_is_left_to_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu"}
    model = self_train(CELLS.phase, CELLS.nuclear, channels=["phase"], **fast)
    model.save(tmp_path / "model")
    dot = np.zeros((128, 128), np.uint8)
    place = tuple(np.argwhere(CELLS.nuclei == 5).mean(axis=0).astype(int))
    dot[place] = 1
    tifffile.imwrite(tmp_path / "phase.tif", CELLS.phase)
    tifffile.imwrite(tmp_path / "dots.tif", dot)
    (tmp_path / "fields.csv").write_text("field,phase,dots\na,phase.tif,dots.tif\n")
    seen: list[Any] = []
    segment = ObjectModel.segment
    monkeypatch.setattr(
        ObjectModel,
        "segment",
        lambda self, cues, **how: seen.append((cues, how)) or segment(self, cues, **how),
    )
    record, labels = predicted(tmp_path / "model", tmp_path, tmp_path / "out", markers="dots")
    (cues, how), diameter = seen[0], model.card.diameter
    assert (cues.diameter, cues.size_factor, len(cues.markers)) == (pytest.approx(diameter), 2.0, 1)
    assert how == {"pixel_size": None, "diameter": None}
    assert labels[place] > 0
    assert record.n_cells >= 1
    assert (record.diameter, record.markers) == (pytest.approx(diameter), "labels")


def test_measurements_name_the_label_of_each_cells_marker(of_phase: Path, tmp_path: Path) -> None:
    """Labels with gaps, as after a filter: cells are numbered from 1, and a column has the labels."""
    kept = np.where(np.isin(CELLS.nuclei, (2, 5, 7)), CELLS.nuclei * 10, 0).astype(np.uint16)
    tifffile.imwrite(tmp_path / "phase.tif", CELLS.phase)
    tifffile.imwrite(tmp_path / "found.tif", kept)
    (tmp_path / "fields.csv").write_text("field,phase,found\na,phase.tif,found.tif\n")
    record, labels = predicted(of_phase, tmp_path, tmp_path / "out", markers="found")
    places = {20: 1, 50: 2, 70: 3}
    for given, cell in places.items():
        assert np.bincount(labels[kept == given]).argmax() == cell
    rows = {row["label"]: row["marker"] for row in record.measurements}
    assert {cell: rows[cell] for cell in places.values()} == {1: 20, 2: 50, 3: 70}
    assert all(marker is None for cell, marker in rows.items() if cell > 3)


def test_a_model_finds_a_channel_with_brackets_again(tmp_path: Path) -> None:
    name = "Phase [20]"  # no focal plane
    model = ObjectModel.fit(CELLS.phase, CELLS.cells, channels=(name,), **QUICK)
    model.save(tmp_path / "model")
    metadata = {"axes": "CYX", "Channel": {"Name": [name, "dapi"]}}
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        np.stack([CELLS.phase, CELLS.nuclear]),
        metadata=metadata,
        photometric="minisblack",
    )
    settings = PredictSettings(baselines=False)
    result = predict_fields(tmp_path / "model", [tmp_path / "a.ome.tif"], tmp_path / "out", settings, QUIET)
    assert (list(result.fields), result.failed) == (["a"], {})


def test_a_wrong_diameter_of_the_user_is_never_replaced(of_phase: Path, images: Path, tmp_path: Path) -> None:
    settings = PredictSettings(baselines=False, nuclei="dapi", diameter=3.0)
    one = QUIET.model_copy(update={"where": ("field=a",)})
    result = predict_fields(of_phase, [images], tmp_path / "out", settings, one)
    assert list(result.failed) == ["a"]
    assert "`diameter` is 3.0 px and nuclei are" in result.failed["a"]


def test_the_stain_model_computes_on_the_device_of_the_command(
    of_phase: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StainModel.fit(CELLS.phase, CELLS.nuclear, target="dapi", channels=("phase",), **QUICK).save(
        tmp_path / "stain"
    )
    asked: list[Any] = []
    load = StainModel.load.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        StainModel, "load", classmethod(lambda cls, *given: asked.append(given[1:]) or load(cls, *given))
    )
    predicted(of_phase, images, tmp_path / "out", nuclei_from=str(tmp_path / "stain"), cells=("phase",))
    assert asked
    assert set(asked) == {("cpu",)}
