"""Labels put together from tiles are those of the whole image, pixel by pixel and id by id."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from frugalseg.errors import WrongShape
from frugalseg.images.read import read_image
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import plan_tiles
from frugalseg.instances.maps import instances_from_maps
from frugalseg.instances.stitch import label_tiles, stitch_tiles, write_stitched

Labeller = Callable[[np.ndarray], np.ndarray]
SHAPE = (300, 350)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of small tiles, none of which has to survive a power cut."""
    monkeypatch.setattr("os.fsync", lambda _: None)


def cells(shape: tuple[int, int], count: int, largest: int, seed: int = 0) -> np.ndarray:
    """Map of many round cells of a diameter of at most `largest`, most of them touching others."""
    rng = np.random.default_rng(seed)
    heights = np.zeros(shape, np.float32)
    for _ in range(count):
        radius = rng.uniform(4, largest / 2 - 1)
        y, x = rng.uniform((0, 0), shape)
        box = tuple(slice(max(0, int(v - radius)), int(v + radius) + 2) for v in (y, x))
        rows, columns = (np.arange(n)[part] for n, part in zip(shape, box, strict=True))
        away = np.hypot(rows[:, None] - y, columns - x) / radius
        heights[box] = np.maximum(heights[box], (1 - away**2) * rng.uniform(0.7, 1.0))
    # No two pixels are of the same height, so that a watershed has no ties to break.
    return np.maximum(heights, 0)[None] + rng.uniform(0, 1e-4, shape).astype(np.float32) * (heights > 0)


def components(maps: np.ndarray) -> np.ndarray:
    labels: np.ndarray = ndimage.label(maps[0] > 0.2)[0]
    return labels


def split(maps: np.ndarray) -> np.ndarray:
    """Watershed from the strict local maxima of a smooth map: an object depends on those it touches."""
    from skimage.segmentation import watershed

    smooth = maps[0]
    peaks = (smooth == ndimage.maximum_filter(smooth, 9, mode="constant")) & (smooth > 0.2)
    labels: np.ndarray = watershed(-smooth, ndimage.label(peaks, np.ones((3, 3)))[0], mask=smooth > 0.2)
    return labels


def in_raster_order(labels: np.ndarray) -> np.ndarray:
    """Independent renumbering: ids by first pixel."""
    flat = labels.ravel().tolist()
    ids = {0: 0}
    for label in flat:
        ids.setdefault(label, len(ids))
    return np.array([ids[label] for label in flat]).reshape(labels.shape)


def tiled(maps: np.ndarray, to_labels: Labeller, core: int, largest: int, folder: Path) -> TileStore:
    store = TileStore(folder, maps.shape[1:], core, {})
    for tile in plan_tiles(maps.shape[1:], core, 0):
        store.save("maps", tile, maps[:, *tile.core])
    label_tiles(store, to_labels, largest)
    return store


def extent(labels: np.ndarray) -> int:
    return max(s.stop - s.start for box in ndimage.find_objects(labels) if box for s in box)


@pytest.mark.parametrize(("core", "seed"), [(64, 0), (24, 1), (97, 2), (200, 3), (1024, 4)])
def test_touching_cells_are_those_of_the_whole_image(tmp_path: Path, core: int, seed: int) -> None:
    maps = cells(SHAPE, 300, 30, seed)
    expected = in_raster_order(split(maps))
    assert expected.max() > 150
    stitched = stitch_tiles(tiled(maps, split, core, extent(expected), tmp_path / "work"))
    assert stitched.count == expected.max()
    np.testing.assert_array_equal(stitched.whole(), expected)


@pytest.mark.parametrize("core", [64, 150])
def test_cells_cut_by_h_maxima_are_those_of_the_whole_image(tmp_path: Path, core: int) -> None:
    maps = cells(SHAPE, 300, 30, seed=5)

    def cut(maps: np.ndarray) -> np.ndarray:
        return instances_from_maps(maps[0] * 100, maps[0] > 0.2, h=10, min_area=20)

    expected = in_raster_order(cut(maps))
    assert expected.max() > 150
    stitched = stitch_tiles(tiled(maps, cut, core, extent(expected), tmp_path / "work"))
    np.testing.assert_array_equal(stitched.whole(), expected)


def test_without_a_margin_the_comparison_fails(tmp_path: Path) -> None:
    maps = cells(SHAPE, 300, 30)
    expected = in_raster_order(split(maps))
    whole = stitch_tiles(tiled(maps, split, 64, 1, tmp_path / "work")).whole()
    assert (whole != expected).mean() > 0.01


@pytest.mark.parametrize(("core", "largest"), [(32, 1), (33, 8), (100, 16), (256, 3)])
def test_connected_components_of_any_size_come_out_whole(tmp_path: Path, core: int, largest: int) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=SHAPE), 4)
    maps = (noise / noise.max() + 0.2)[None].astype(np.float32)
    expected = in_raster_order(components(maps))
    assert extent(expected) > 150
    assert expected.max() > 20
    np.testing.assert_array_equal(
        stitch_tiles(tiled(maps, components, core, largest, tmp_path / "work")).whole(), expected
    )


def test_a_serpentine_and_corners_are_one_object(tmp_path: Path) -> None:
    maps = np.zeros((1, 130, 130), np.float32)
    maps[0, ::4] = 1
    maps[0, :, 129] = maps[0, :, 0] = 1
    maps[0, 3::8, 0] = maps[0, 1::8, 0] = maps[0, 2::8, 0] = 0
    maps[0, 5::8, 129] = maps[0, 6::8, 129] = maps[0, 7::8, 129] = 0
    diagonal = np.eye(128, dtype=np.float32)[None]  # through the corners of tiles

    def touching_corners(maps: np.ndarray) -> np.ndarray:
        labels: np.ndarray = ndimage.label(maps[0] > 0, np.ones((3, 3)))[0]
        return labels

    for i, shape in enumerate((maps, diagonal, diagonal[:, ::-1])):
        expected = in_raster_order(touching_corners(shape))
        assert expected.max() == 1
        got = stitch_tiles(tiled(shape, touching_corners, 16, 2, tmp_path / str(i))).whole()
        np.testing.assert_array_equal(got, expected)


def test_ids_don_t_depend_on_the_tiles_or_on_large_ids(tmp_path: Path) -> None:
    maps = cells((200, 200), 60, 30)

    def far_apart(maps: np.ndarray) -> np.ndarray:
        labels = split(maps).astype(np.int64)
        return np.where(labels > 0, 10**12 - 7 * labels, 0)

    one = stitch_tiles(tiled(maps, split, 64, 40, tmp_path / "a")).whole()
    other = stitch_tiles(tiled(maps, far_apart, 48, 40, tmp_path / "b")).whole()
    np.testing.assert_array_equal(one, other)
    assert one.dtype == np.uint32


def test_neighbours_that_disagree_about_a_boundary_stay_apart(tmp_path: Path) -> None:
    """Two halves of the image, whose common border every window sees 2 px further to the right."""
    maps = np.broadcast_to(np.arange(256, dtype=np.float32), (1, 256, 256)).copy()
    maps[0, 0] -= 1000

    def halves(maps: np.ndarray) -> np.ndarray:
        upper = maps[0].min() < 0  # only windows at the first row see it
        return 1 + (maps[0] % 1000 > (120 if upper else 122)).astype(int)

    whole = stitch_tiles(tiled(maps, halves, 64, 8, tmp_path / "work")).whole()
    assert set(np.unique(whole)) == {1, 2}
    np.testing.assert_array_equal(np.unique(whole[:, :120]), [1])
    np.testing.assert_array_equal(np.unique(whole[:, 124:]), [2])


def test_finished_tiles_are_not_labelled_again(tmp_path: Path) -> None:
    maps = cells((200, 200), 60, 30)
    calls: list[tuple[int, ...]] = []

    def interrupted(maps: np.ndarray) -> np.ndarray:
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(maps.shape)
        return split(maps)

    with pytest.raises(KeyboardInterrupt):
        tiled(maps, interrupted, 64, 40, tmp_path / "work")
    store = TileStore(tmp_path / "work", (200, 200), 64, {})
    told: list[tuple[int, int]] = []
    again: list[tuple[int, ...]] = []

    def counted(maps: np.ndarray) -> np.ndarray:
        again.append(maps.shape)
        return split(maps)

    label_tiles(store, counted, 40, progress=lambda done, of: told.append((done, of)))
    assert len(again) == 16 - 5
    assert told == [(i, 16) for i in range(1, 17)]
    np.testing.assert_array_equal(stitch_tiles(store).whole(), in_raster_order(split(maps)))


@pytest.mark.parametrize("count", [0, 300, 70000])
def test_the_label_map_is_written_in_tiles(tmp_path: Path, count: int) -> None:
    shape = (540, 540)
    spots = np.zeros(shape, np.float32)
    spots[1::2, 1::2] = 1
    spots.ravel()[np.flatnonzero(spots)[count:]] = 0
    store = tiled(spots[None], components, 256, 2, tmp_path / "work")
    write_stitched(tmp_path / "a_labels.tif", stitch_tiles(store), (0.5, 0.25))
    stored = tifffile.imread(tmp_path / "a_labels.tif")
    assert stored.dtype == (np.uint32 if count > 65535 else np.uint16)
    np.testing.assert_array_equal(stored, in_raster_order(components(spots[None])))
    assert read_image(tmp_path / "a_labels.tif").pixel_size == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize("bad", [np.zeros((3, 3), int), np.zeros((40, 40)), np.full((40, 40), -1)])
def test_what_is_no_label_map_is_refused(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(WrongShape, match="labels of a window"):
        tiled(np.zeros((1, 40, 40), np.float32), lambda _: bad, 64, 4, tmp_path / "work")
