"""A field that is predicted in tiles gives what it gives in one piece, and an interrupted run goes on."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr
from torch import nn

from frugalseg.commands.command_settings import PredictSettings
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.errors import Interrupted
from frugalseg.images.image import Image
from frugalseg.images.normalize import IntensityScale, zscore
from frugalseg.images.read import read_image
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.images.tile_store import TileStore
from frugalseg.instances.maps import cell_maps
from frugalseg.models.looks import image_look
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.stain_model import StainModel
from frugalseg.networks.cards import ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.object_net import object_network
from frugalseg.networks.store import load_card, save_model
from frugalseg.networks.unet import Unet
from frugalseg.prediction import tiled
from frugalseg.runs import map_process, tiled_fields, tiled_numbers
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.run_log import RunLog

SHAPE, SCALE = (150, 801), 0.7
CHANNELS = ("phase", "bf")


def done(target: str) -> dict[str, Any]:
    """What a card says of the training."""
    summary = TrainingSummary(steps=1, stopped_because="test", seconds=0, seed=0, fields=("a",))
    if target == "stain":
        return {"settings": {}, "training": summary}
    # Cells in one orientation: a whole image would be seen at a finer scale as well, and cells get a confidence there.
    return {
        "settings": {"target": target, "orientations": 1 if target == "cells" else 4},
        "training": summary,
    }


def labelled(shape: tuple[int, int]) -> np.ndarray:
    """Discs of 9..13 px radius on a grid, some of which touch."""
    rng = np.random.default_rng(5)
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for number, (cy, cx) in enumerate(np.ndindex(-(-shape[0] // 28), -(-shape[1] // 28)), start=1):
        away = np.hypot(y - cy * 28 - rng.uniform(3, 25), x - cx * 28 - rng.uniform(3, 25))
        labels[(away < rng.uniform(9, 13)) & (labels == 0)] = number
    return labels


def field_of(labels: np.ndarray) -> np.ndarray:
    """Two channels (C,Y,X) uint16 that show the cells; the second on a large offset."""
    rng = np.random.default_rng(6)
    maps = cell_maps(labels)
    one = 500 + 900 * maps.mask + 12 * maps.distance + rng.normal(0, 60, labels.shape)
    two = 30000 - 6 * maps.distance + rng.normal(0, 100, labels.shape)
    return np.stack([one, two]).astype(np.uint16)


def fitted(network: nn.Module, targets: Callable[[np.ndarray], np.ndarray]) -> nn.Module:
    """A few steps of training, so that maps look like maps."""
    torch.manual_seed(0)
    labels = labelled((128, 128))
    planes = field_of(labels).astype(np.float32)
    planes = (planes - planes.mean((1, 2), keepdims=True)) / planes.std((1, 2), keepdims=True)
    images, wanted = torch.from_numpy(planes)[None], torch.from_numpy(targets(labels))[None]
    adam = torch.optim.Adam(network.train().parameters(), lr=4e-3)
    for step in range(24):
        y, x = step % 2 * 64, step // 2 % 2 * 64
        part = (..., slice(y, y + 64), slice(x, x + 64))
        adam.zero_grad()
        nn.functional.mse_loss(network(images[part]), wanted[part]).backward()
        adam.step()
    return network.eval()


def of_cells(labels: np.ndarray) -> np.ndarray:
    maps = cell_maps(labels)
    return np.stack([maps.distance / 100, 2.0 * maps.mask - 1]).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of cells, nuclei and a stain, and one field."""
    folder = tmp_path_factory.mktemp("large")
    cells = fitted(object_network("cells", "small", 2), of_cells)
    nuclei = object_network("nuclei", "small", 2)
    nuclei.unet = fitted(nuclei.unet, lambda labels: (labels[None] > 0).astype(np.float32))
    for kind, network in {"cells": cells, "nuclei": nuclei.eval()}.items():
        card = ObjectCard(kind=kind, channels=CHANNELS, scale=SCALE, diameter=24, **done(kind))
        save_model(folder / kind, card, network)
    stain = IntensityScale(how="percentile", centre=(200.0,), spread=(5000.0,))
    card = StainCard(channels=CHANNELS, scale=SCALE, target="dapi", target_scale=stain, **done("stain"))
    save_model(folder / "stain", card, nuclei.unet)
    labels = labelled(SHAPE)
    planes = field_of(labels)
    (folder / "fields").mkdir()
    for name, plane in zip(CHANNELS, planes, strict=True):
        tifffile.imwrite(
            folder / f"fields/a_{name}.tif", plane, tile=(64, 64), compression="zlib",
            resolution=(1e4 / 0.5, 1e4 / 0.5), resolutionunit="CENTIMETER",
        )  # fmt: skip
    tifffile.imwrite(folder / "fields/a_truth.tif", labels.astype(np.uint16))
    dapi = 200 + 40 * cell_maps(labels).distance + np.random.default_rng(1).normal(0, 300, SHAPE)
    tifffile.imwrite(folder / "fields/a_dapi.tif", dapi.clip(0).astype(np.uint16), tile=(64, 64))
    return folder


@pytest.fixture
def in_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits so low that the field is a large one, in 2 x 6 tiles of the network and 2 x 7 of the image."""
    monkeypatch.setattr(tiled_fields, "LARGEST_AT_MODEL_SCALE", 10_000)
    monkeypatch.setattr(tiled_fields, "CORE_AT_MODEL_SCALE", 96)
    monkeypatch.setattr(tiled_fields, "CORE", 128)
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def without_network(in_tiles: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps made of the first channel, where it does not matter which."""

    def maps(network: nn.Module, planes: np.ndarray) -> np.ndarray:
        return planes[:1] if isinstance(network, Unet) else np.stack([planes[0] / 2, planes[0]])

    monkeypatch.setattr(tiled, "predict_maps_whole", maps)


def predicted(folder: Path, kind: str, out: Path, truth: str | None = None, **more: object) -> RunResult:
    settings = PredictSettings(cells=CHANNELS, truth=truth)
    return predict_fields(folder / kind, [folder / "fields"], out, settings, options=RunOptions(pattern="{field}_{channel}.tif", device="cpu", quiet=True, **more))  # fmt: skip


def result(out: Path, ending: str) -> np.ndarray:
    return np.asarray(read_image(out / f"a_{ending}.tif").pixels[0, 0])


def by_first_pixel(labels: np.ndarray) -> np.ndarray:
    """The same objects, numbered in reading order of their first pixels, as tiles number them."""
    ids, first, index = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(np.where(ids == 0, -1, first)))
    return order[index].reshape(labels.shape)


def rows_of(out: Path) -> list[str]:
    """Measurements without the cells' numbers, in the order of the cells' places."""
    rows = (out / "measurements.csv").read_text().splitlines()
    return [rows[0], *sorted(row.split(",", 2)[2] for row in rows[1:])]


@pytest.mark.parametrize("kind", ["cells", "nuclei"])
def test_labels_are_those_of_one_piece(
    folder: Path, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole = predicted(folder, kind, tmp_path / "whole", "truth").fields["a"]
    request.getfixturevalue("in_tiles")
    in_pieces = predicted(folder, kind, tmp_path / "tiled", "truth").fields["a"]
    assert whole.n_cells > 60
    one, other = (result(tmp_path / name, "labels") for name in ("whole", "tiled"))
    np.testing.assert_array_equal(other, by_first_pixel(one))
    assert in_pieces.n_cells == whole.n_cells
    assert in_pieces.scores == whole.scores
    assert in_pieces.mask_iou == whole.mask_iou
    assert rows_of(tmp_path / "tiled") == rows_of(tmp_path / "whole")
    assert read_image(tmp_path / "tiled/a_labels.tif").pixel_size == pytest.approx((0.5, 0.5))
    assert not list((tmp_path / "tiled").glob(".*"))
    assert (tmp_path / "tiled/report.html").stat().st_size > 10_000


@pytest.mark.parametrize("how", ["log", "mask"])
def test_a_stain_of_another_scale_is_that_of_one_piece(
    folder: Path, how: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    more = {"black": (200.0,), "floor": (100.0,)} if how == "log" else {}
    scale = IntensityScale(how=how, centre=(4.6,), spread=(4.0,), **more)
    card = load_card(folder / "stain").model_copy(update={"target_scale": scale})
    save_model(tmp_path / "models/stain", card, StainModel.load(folder / "stain").network)
    (tmp_path / "models/fields").symlink_to(folder / "fields")
    whole = predicted(tmp_path / "models", "stain", tmp_path / "whole", "dapi").fields["a"]
    request.getfixturevalue("in_tiles")
    in_pieces = predicted(tmp_path / "models", "stain", tmp_path / "tiled", "dapi").fields["a"]
    one, other = (result(tmp_path / name, "dapi").astype(float) for name in ("whole", "tiled"))
    assert np.abs(one - other).max() <= 2e-3 * np.ptp(one)
    assert (float(one.max()) <= 1) == (how == "mask")
    assert whole.pcc > 0.1
    assert in_pieces.pcc == pytest.approx(whole.pcc, abs=1e-3)


def test_a_stain_is_that_of_one_piece(folder: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    whole = predicted(folder, "stain", tmp_path / "whole", "dapi").fields["a"]
    request.getfixturevalue("in_tiles")
    in_pieces = predicted(folder, "stain", tmp_path / "tiled", "dapi").fields["a"]
    one, other = (result(tmp_path / name, "dapi").astype(float) for name in ("whole", "tiled"))
    assert np.ptp(one) > 1000
    assert np.abs(one - other).max() <= 1e-3 * np.ptp(one)
    assert whole.pcc > 0.5
    assert in_pieces.pcc == pytest.approx(whole.pcc, abs=1e-6)
    assert read_image(tmp_path / "tiled/a_dapi.tif").channels == ("dapi",)


def test_the_moments_are_those_of_the_whole_image(
    folder: Path, tmp_path: Path, in_tiles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with those of the windows the stain would be another: this is what makes the test above one."""
    predicted(folder, "stain", tmp_path / "right")

    def of_windows(image: object, store: object, **_: object) -> Callable[[object], np.ndarray]:
        def read(window: object) -> np.ndarray:
            planes = tiled.read_window(image.pixels, [0, 1], window)  # type: ignore[attr-defined]
            return (planes - planes.mean((1, 2), keepdims=True)) / planes.std((1, 2), keepdims=True)

        return read

    monkeypatch.setattr(tiled_fields, "make_scaled_reader", of_windows)
    predicted(folder, "stain", tmp_path / "wrong")
    one, other = (result(tmp_path / name, "dapi").astype(float) for name in ("right", "wrong"))
    assert np.abs(one - other).max() > 5e-3 * np.ptp(one)


@pytest.mark.parametrize(("kind", "ending"), [("cells", "labels"), ("stain", "dapi")])
def test_an_interrupted_run_goes_on_with_the_missing_tiles(
    folder: Path,
    kind: str,
    ending: str,
    tmp_path: Path,
    without_network: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save, saved, stop = TileStore.save, [], [7]

    def counted(self: TileStore, name: str, tile: object, core: np.ndarray) -> None:
        if len(saved) == stop[0]:
            raise KeyboardInterrupt
        saved.append((tile.row, tile.column))  # type: ignore[attr-defined]
        save(self, name, tile, core)

    monkeypatch.setattr(TileStore, "save", counted)
    with pytest.raises(Interrupted, match=r"field 'a'; finished tiles are kept in .*\.a\.tiles.*`resume`"):
        predicted(folder, kind, tmp_path / "out")
    assert json.loads((tmp_path / "out/run.json").read_text())["state"] == "interrupted"
    assert not (tmp_path / f"out/a_{ending}.tif").exists()
    assert not list((tmp_path / "out").rglob("*.part"))
    stop[0] = -1
    predicted(folder, kind, tmp_path / "out", resume=True)
    assert len(saved) == len(set(saved)) > 7
    assert not (tmp_path / "out/.a.tiles").exists()
    saved.clear()
    predicted(folder, kind, tmp_path / "out", resume=True)  # only the report is made again
    assert saved == []
    predicted(folder, kind, tmp_path / "again")
    np.testing.assert_array_equal(result(tmp_path / "out", ending), result(tmp_path / "again", ending))


def test_interrupted_while_writing_leaves_no_half_file(
    folder: Path, tmp_path: Path, without_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo, calls = tiled.in_original_units, []

    def stopped(*given: object) -> np.ndarray:
        calls.append(given)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return undo(*given)

    monkeypatch.setattr(tiled, "in_original_units", stopped)
    with pytest.raises(Interrupted):
        predicted(folder, "stain", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".a.tiles",
        "a_record.json",
        "measurements.csv",
        "run.json",
    ]
    assert json.loads((tmp_path / "out" / "a_record.json").read_text())["unfinished"] is True
    predicted(folder, "stain", tmp_path / "out", resume=True)
    assert result(tmp_path / "out", "dapi").shape == SHAPE


def test_tiles_of_a_changed_image_and_of_no_resume_are_dropped(
    folder: Path, tmp_path: Path, without_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, stop = tiled_fields.write_stitched, [True]

    def stopped(*given: object, **more: object) -> None:
        if stop[0]:
            raise KeyboardInterrupt
        write(*given, **more)

    monkeypatch.setattr(tiled_fields, "write_stitched", stopped)
    for _ in range(2):
        with pytest.raises(Interrupted):
            predicted(folder, "cells", tmp_path / "out", overwrite=True)
    maps = sorted((tmp_path / "out/.a.tiles/maps").glob("maps_*.npy"))
    first = maps[0].stat().st_mtime_ns
    with pytest.raises(Interrupted):
        predicted(folder, "cells", tmp_path / "out", resume=True)
    assert maps[0].stat().st_mtime_ns == first
    (folder / "fields/a_bf.tif").touch()
    with pytest.raises(Interrupted):
        predicted(folder, "cells", tmp_path / "out", resume=True)
    assert maps[0].stat().st_mtime_ns > first
    second = maps[0].stat().st_mtime_ns
    with pytest.raises(Interrupted):
        predicted(folder, "cells", tmp_path / "out", overwrite=True)
    assert maps[0].stat().st_mtime_ns > second


def test_a_run_that_was_killed_after_it_wrote_its_labels_goes_on(
    folder: Path, tmp_path: Path, without_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tiled_fields, "measure_large", killed)
        with pytest.raises(Interrupted):
            predicted(folder, "cells", tmp_path / "out")
    assert (tmp_path / "out" / "a_labels.tif").exists()
    assert list(predicted(folder, "cells", tmp_path / "out", resume=True).fields) == ["a"]


def test_tiles_of_an_ome_zarr_whose_chunks_changed_are_dropped(
    folder: Path, tmp_path: Path, without_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = tmp_path / "fields"
    inputs.mkdir()
    group = zarr.open_group(inputs / "a.ome.zarr", mode="w", zarr_format=2)
    array = group.create_array("0", shape=(2, *SHAPE), chunks=(1, *SHAPE), dtype="uint16")
    axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    scale = [{"type": "scale", "scale": [1, 1, 1]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": levels}]
    group.attrs["omero"] = {"channels": [{"label": name} for name in CHANNELS]}
    planes = field_of(labelled(SHAPE))

    def found(out: str, **more: object) -> np.ndarray:
        settings = PredictSettings(cells=CHANNELS)
        options = RunOptions(device="cpu", quiet=True, **more)
        predict_fields(folder / "cells", [inputs], tmp_path / out, settings, options=options)
        return result(tmp_path / out, "labels")

    array[:] = planes
    write = tiled_fields.write_stitched
    monkeypatch.setattr(
        tiled_fields, "write_stitched", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(Interrupted):
        found("out")
    monkeypatch.setattr(tiled_fields, "write_stitched", write)
    array[:] = planes[:, :, ::-1]
    np.testing.assert_array_equal(found("out", resume=True), found("fresh"))


@pytest.mark.parametrize("bad", ["shape", "fractions"])
def test_a_truth_that_can_not_be_used_fails_before_anything_is_written(
    folder: Path, tmp_path: Path, without_network: None, bad: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    truth = tifffile.imread(copy / "fields/a_truth.tif")
    # the first channel of the field, which other channels are compared with
    tifffile.imwrite(copy / "fields/a_areas.tif", truth[:99] if bad == "shape" else truth + np.float32(0.5))
    predicted(copy, "cells", tmp_path / "out", "areas")
    failed = json.loads((tmp_path / "out/run.json").read_text())["failed"]["a"]
    said = "the inputs are 150 x 801 px and 'areas' is 99 x 801 px; both must show the same pixels"
    assert (said in failed) == (bad == "shape")
    assert not list((tmp_path / "out").glob("*_labels.tif"))
    assert not (tmp_path / "out/.a.tiles").exists()


def test_what_is_said_in_one_piece_is_said_of_tiles(
    folder: Path, tmp_path: Path, in_tiles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = load_card(folder / "cells").model_copy(update={"pixel_size": (0.25, 0.25)})
    copy = tmp_path / "copy"
    shutil.copytree(folder / "fields", copy / "fields")
    save_model(copy / "cells", card, ObjectModel.load(folder / "cells", "cpu").network)
    monkeypatch.setattr(
        tiled, "predict_maps_whole", lambda _, planes: np.full((2, *planes.shape[1:]), -1, np.float32)
    )
    record = predicted(copy, "cells", tmp_path / "out").fields["a"]
    assert record.tiled
    assert record.warnings[0] == "Nothing was found."
    assert record.warnings[1].startswith("Its pixels are stated to be 0.5 um wide")


def test_a_finished_field_is_shown_again_as_it_was_shown_first(
    folder: Path, tmp_path: Path, without_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted(folder, "cells", tmp_path / "out")
    shown = list[str]()
    show = map_process.show_large_objects
    monkeypatch.setattr(
        map_process, "show_large_objects", lambda *given: shown.append(given[1].name) or show(*given)
    )
    monkeypatch.setattr(tiled_fields, "LARGEST_AT_MODEL_SCALE", 10**9)  # another scale tells it so
    predicted(folder, "cells", tmp_path / "out", resume=True)
    assert shown == ["a"]


def test_what_is_not_scored_or_measured_is_said(
    folder: Path, tmp_path: Path, without_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled_numbers, "LARGEST_SCORED", 1000)
    monkeypatch.setattr(tiled_numbers, "MOST_MEASURED", 10)
    found = predicted(folder, "cells", tmp_path / "out", "truth")
    record = found.fields["a"]
    assert record.scores is None
    assert record.measurements == ()
    said = " ".join(found.record.warnings)
    assert "150 x 801 px are too many to be compared with 'truth', so the field was not scored" in said
    assert f"There are {record.n_cells} cells, so they were counted and not measured" in said


def test_a_constant_channel_fails_like_in_one_piece(
    folder: Path, tmp_path: Path, without_network: None
) -> None:
    for name in ("x_phase", "y_phase"):
        tifffile.imwrite(tmp_path / f"{name}.tif", field_of(labelled((90, 120)))[0])
    tifffile.imwrite(tmp_path / "x_bf.tif", np.full((90, 120), 9, np.uint16))
    tifffile.imwrite(tmp_path / "y_bf.tif", field_of(labelled((90, 120)))[1])
    found = predict_fields(folder / "cells", [tmp_path], tmp_path / "out", options=RunOptions(pattern="{field}_{channel}.tif", device="cpu", quiet=True))  # fmt: skip
    assert list(found.fields) == ["y"]
    assert "channel 'bf' is constant (every pixel is 9)" in found.failed["x"]


def test_a_large_field_is_named_where_its_middle_looks_unlike(
    folder: Path, tmp_path: Path, without_network: None
) -> None:
    card = load_card(folder / "cells")
    assert isinstance(card, ObjectCard)
    planes = field_of(labelled(SHAPE)).astype(np.float32)
    seen = image_look(resize_planes(zscore(planes), scaled_shape(SHAPE, SCALE)))
    other = seen.model_copy(update={"values": tuple(-value for value in seen.values)})
    for name, look in (("known", seen), ("unlike", other)):
        model = folder / name
        save_model(model, card.model_copy(update={"looks": (look,)}), object_network("cells", "small", 2))
        predicted(folder, name, tmp_path / name)
        record = json.loads((tmp_path / name / "run.json").read_text())
        distance, warnings = record["fields"]["a"]["look_distance"], record["warnings"]
        named = [one for one in warnings if one.startswith("a: This field looks unlike every field")]
        assert (distance > 1, len(named)) == (name == "unlike", int(name == "unlike"))
        if name == "known":
            assert distance < 0.1


def test_the_middle_tells_the_scale_of_a_field(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = read_image(folder / "fields/a_phase.tif")
    model = ObjectModel.load(folder / "cells", "cpu")
    assert tiled_fields.scale_of_field(image, model, None, None) == (SCALE, None)
    model.card = model.card.model_copy(update={"self_trained": True, "channels": ("phase",)})
    seen: list[tuple[int, ...]] = []
    maps = np.ones((2, 4, 4), np.float32)
    known = ImageScale(0.9, maps)
    monkeypatch.setattr(model, "image_scale", lambda planes, _size: seen.append(planes.shape) or known)
    monkeypatch.setattr(tiled_fields, "MIDDLE", 70)
    assert tiled_fields.scale_of_field(image, model, None, None) == (0.9, None)
    assert seen == [(1, 100, 100)]  # 70 px at the scale of the network
    given = tiled_fields.scale_of_field(image, model, None, model.card.diameter * 2)
    assert given.scale == pytest.approx(SCALE / 2)
    assert len(seen) == 1
    monkeypatch.setattr(tiled_fields, "MIDDLE", 1000)
    assert tiled_fields.scale_of_field(image, model, None, None).maps is maps  # the middle is the whole field


def test_channels_in_quotes_have_the_columns_of_small_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card names Hoechst [405] in quotes, for brackets are focal planes there."""
    planes = np.ones((1, 8, 8), np.float32)
    image = Image(planes[:, None], ("x",), name="a")
    seen: list[tuple[str, ...]] = []
    monkeypatch.setattr(tiled_numbers, "measure_tiles", lambda *given: seen.append(given[3]) or [])
    run = SimpleNamespace(outputs=SimpleNamespace(result_path=lambda _: Path("none")), log=RunLog(quiet=True))
    stitched = SimpleNamespace(count=1, store=SimpleNamespace(core=8))
    card = SimpleNamespace(channels=('"Hoechst [405]"',), kind="cells")
    field = SimpleNamespace(name="a", pixel_size=None)
    tiled_numbers.measure_large(run, field, image, card, stitched, 4)  # type: ignore[arg-type]
    assert seen == [("Hoechst [405]",)]
