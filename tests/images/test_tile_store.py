"""Tiles of a run are kept whole, never mixed with another run's, and written without being held together."""

import errno
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.errors import OutputExists, OutputFailed, UnreadableFile, WrongShape
from frugalseg.images import tile_store
from frugalseg.images.read import read_image
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import plan_tiles
from frugalseg.images.write_tiles import write_tiles

IMAGE = np.random.default_rng(0).normal(size=(2, 50, 70)).astype(np.float32)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of small tiles, none of which has to survive a power cut."""
    monkeypatch.setattr("os.fsync", lambda _: None)


def filled(folder: Path, **provenance: object) -> TileStore:
    store = TileStore(folder, (50, 70), 16, provenance)
    for tile in plan_tiles((50, 70), 16, 0):
        store.save("maps", tile, IMAGE[:, *tile.core])
    return store


@pytest.mark.parametrize(
    "window", [np.s_[0:50, 0:70], np.s_[15:17, 31:49], np.s_[40:50, 69:70], np.s_[16:32, 16:32]]
)
def test_windows_are_put_together_from_tiles(tmp_path: Path, window: tuple[slice, slice]) -> None:
    np.testing.assert_array_equal(filled(tmp_path / "work").read("maps", window), IMAGE[:, *window])


def test_the_same_run_finds_its_tiles_again(tmp_path: Path) -> None:
    first = filled(tmp_path / "work", model="a", settings={"halo": 3})
    again = TileStore(tmp_path / "work", (50, 70), 16, {"settings": {"halo": 3}, "model": "a"})
    tile = plan_tiles((50, 70), 16, 0)[3]
    assert first.has("maps", tile)
    assert again.has("maps", tile)
    assert not again.has("labels", tile)


@pytest.mark.parametrize(
    ("shape", "core", "model", "named"),
    [((50, 70), 16, "b", "model"), ((50, 71), 16, "a", "shape"), ((50, 70), 32, "a", "core")],
)
def test_tiles_of_two_runs_never_mix(
    tmp_path: Path, shape: tuple[int, int], core: int, model: str, named: str
) -> None:
    filled(tmp_path / "work", model="a")
    with pytest.raises(OutputExists, match=rf"another run \(other {named}\)"):
        TileStore(tmp_path / "work", shape, core, {"model": model})
    fresh = TileStore(tmp_path / "work", shape, core, {"model": model}, overwrite=True)
    assert not any(fresh.has("maps", tile) for tile in plan_tiles(shape, core, 0))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "maps_00000_00000.npy").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OutputExists, match="not a folder of tiles"):
            TileStore(tmp_path, (9, 9), 16, {}, overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["maps_00000_00000.npy"]


def test_a_tile_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TileStore(tmp_path / "work", (50, 70), 16, {})
    tile = plan_tiles((50, 70), 16, 0)[0]

    def half(file: object, *_: object, **__: object) -> None:
        file.write(b"\x93NUMPY")  # type: ignore[attr-defined]
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(tile_store.np, "save", half)
    with pytest.raises(OutputFailed, match="disk is full"):
        store.save("maps", tile, IMAGE[0, :16, :16])
    assert not store.has("maps", tile)
    assert [path.name for path in store.folder.iterdir()] == ["run.json"]


def test_damaged_tiles_are_named(tmp_path: Path) -> None:
    store = filled(tmp_path / "work")
    (store.folder / "maps_00000_00001.npy").write_bytes(b"\x80\x04 no numpy file")
    with pytest.raises(UnreadableFile, match=r"maps_00000_00001\.npy can't be read"):
        store.read("maps", np.s_[0:16, 0:32])
    with pytest.raises(UnreadableFile, match=r"labels_00000_00000\.npz"):
        store.load_parts("labels", plan_tiles((50, 70), 16, 0)[0], "core")


def test_what_is_discarded_is_gone_and_nothing_else(tmp_path: Path) -> None:
    store = filled(tmp_path / "work")
    store.discard()
    assert list(tmp_path.iterdir()) == []
    kept = filled(tmp_path / "other")
    (kept.folder / "notes.txt").write_text("mine")
    kept.discard()
    assert [path.name for path in kept.folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("side", [16, 48, 64, 1024])
def test_tiles_become_the_image(tmp_path: Path, side: int) -> None:
    tiles = (IMAGE[c][tile.core] for c in range(2) for tile in plan_tiles((50, 70), side, 0))
    write_tiles(
        tmp_path / "new" / "a.tif", tiles, (2, 50, 70), IMAGE.dtype, side, ["distance", "mask"], (0.5, 0.25)
    )
    image = read_image(tmp_path / "new" / "a.tif")
    assert image.channels == ("distance", "mask")
    assert image.pixel_size == pytest.approx((0.5, 0.25))
    np.testing.assert_array_equal(image.planes(["distance", "mask"]), IMAGE)
    with tifffile.TiffFile(tmp_path / "new" / "a.tif") as tif:
        assert tif.pages.first.is_tiled
        assert tif.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert (1e4 / tif.pages.first.resolution[1]) == pytest.approx(0.5)


def test_a_result_is_whole_or_absent(tmp_path: Path) -> None:
    def stopped() -> Iterator[np.ndarray]:
        yield IMAGE[0, :16, :16]
        raise KeyboardInterrupt

    path = tmp_path / "a.tif"
    with pytest.raises(KeyboardInterrupt):
        write_tiles(path, stopped(), (50, 70), IMAGE.dtype, 16)
    assert list(tmp_path.iterdir()) == []
    path.write_text("mine")
    with pytest.raises(OutputExists):
        write_tiles(path, stopped(), (50, 70), IMAGE.dtype, 16)
    assert path.read_text() == "mine"
    with pytest.raises(WrongShape, match="multiple of 16"):
        write_tiles(tmp_path / "b.tif", [], (50, 70), IMAGE.dtype, 40)
