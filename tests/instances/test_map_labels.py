"""Numbered objects from the maps of a network."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from frugalseg.errors import SettingsError
from frugalseg.images.tile_store import TileStore
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.instances.maps import PEAK, distance_target
from frugalseg.instances.stitch import label_tiles, stitch_tiles


def discs(*centres: tuple[int, int], radius: float = 10) -> np.ndarray:
    """A label map (60, 80) of discs; where they overlap the nearer centre wins."""
    y, x = np.mgrid[:60, :80]
    away = np.stack([np.hypot(y - cy, x - cx) for cy, cx in centres])
    return np.where(away.min(0) <= radius, away.argmin(0) + 1, 0)


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


def test_touching_nuclei_are_split_where_the_mask_is_narrow() -> None:
    truth = discs((30, 20), (30, 37), (30, 65))
    logit = np.where(truth > 0, 2.0, -2.0).astype(np.float32)
    found = labels_from_maps(logit[None], "nuclei")
    assert found.max() == 3
    agreement = [np.mean(found[truth == i] == np.bincount(found[truth == i]).argmax()) for i in (1, 2, 3)]
    assert min(agreement) > 0.97


def small_nuclei(count: int) -> list[np.ndarray]:
    """Logits (1, 20, 20) of one uneven nucleus of 6 to 12 px each."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        radius, (cy, cx), turn = rng.uniform(3, 6), rng.uniform(9.5, 10.5, 2), rng.uniform(0, 2 * np.pi, 2)
        y, x = np.mgrid[:20, :20] - np.array([cy, cx])[:, None, None]
        angle = np.arctan2(y, x)
        border = radius * (1 + 0.2 * np.cos(2 * angle + turn[0]) + 0.05 * np.cos(3 * angle + turn[1]))
        made.append(np.where(np.hypot(y, x) <= border, 4.0, -4.0).astype(np.float32)[None])
    return made


def test_small_nuclei_are_not_split_by_the_steps_of_the_pixel_grid() -> None:
    nuclei = small_nuclei(300)
    assert sum(labels_from_maps(one, "nuclei").max() != 1 for one in nuclei) <= 3
    assert sum(labels_from_maps(one, "nuclei", 5.0).max() != 1 for one in nuclei) >= 10


def disks(shape: tuple[int, int], *of: tuple[float, float, float]) -> np.ndarray:
    """Logits (1, Y, X) of disks at (y, x) of a radius."""
    rows, columns = np.indices(shape)
    inside = np.any([np.hypot(rows - y, columns - x) <= radius for y, x, radius in of], axis=0)
    return np.where(inside, 4.0, -4.0).astype(np.float32)[None]


def chain() -> tuple[np.ndarray, np.ndarray]:
    """Seventy touching nuclei of 20 px with one object of 130 px at their end, and their centres (70, 2)."""
    x = 20 + 18.0 * np.arange(70)
    centres = np.stack([80 + 8 * np.sin(x / 40), x], axis=1)
    end = (centres[-1, 0], centres[-1, 1] + 73, 65)
    return disks((160, 1420), *((cy, cx, 10) for cy, cx in centres), end), centres


@pytest.mark.parametrize("diameter", [20, 40, 60, None])
def test_small_nuclei_that_touch_a_large_one_are_split_off(diameter: float | None) -> None:
    around = [(100 + 38 * np.sin(a), 100 + 38 * np.cos(a), 10) for a in (0.3, 2.4, 4.5)]
    labels = labels_from_maps(disks((200, 200), (100, 100, 30), *around), "nuclei", diameter=diameter)
    assert sorted(np.bincount(labels.ravel())[1:] > 1000) == [False, False, False, True]


@pytest.mark.parametrize("diameter", [20, None])
def test_what_is_at_the_end_of_a_chain_does_not_matter(diameter: float | None) -> None:
    maps, centres = chain()
    whole = labels_from_maps(maps, "nuclei", diameter=diameter)
    assert whole.max() == 71
    at = np.rint(centres).astype(int)
    assert len(set(whole[at[:, 0], at[:, 1]])) == 70
    alone = labels_from_maps(maps[..., : int(centres[-10, 1])], "nuclei", diameter=diameter)
    seen = np.s_[:, : int(centres[-12, 1])]
    assert same_partition(whole[seen], alone[seen])


def test_a_chain_in_tiles_is_the_chain_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    maps, _ = chain()
    store = TileStore(tmp_path / "work", maps.shape[1:], 64, {})
    cut = partial(labels_from_maps, target="nuclei", diameter=20)
    label_tiles(store, cut, 140, lambda window: maps[:, *window])
    assert same_partition(stitch_tiles(store).whole(), labels_from_maps(maps, "nuclei", diameter=20))


def test_nuclei_of_thrice_and_of_a_third_of_the_typical_size_stay_whole() -> None:
    for factor in (1 / 3, 3):
        for radius in (6.0, 10.0, 30.0):
            rng = np.random.default_rng(int(radius))
            for _ in range(20):
                rows, columns = np.indices((int(4 * radius),) * 2) - 2 * radius - rng.uniform(-0.5, 0.5)
                angle, turn = np.arctan2(rows, columns), rng.uniform(0, 2 * np.pi, 3)
                border = 1 + 0.2 * np.cos(2 * angle + turn[0]) + 0.05 * np.cos(3 * angle + turn[1])
                inside = np.hypot(rows, columns) <= radius * (border + 0.04 * np.cos(9 * angle + turn[2]))
                logit = np.where(inside, 4.0, -4.0).astype(np.float32)[None]
                labels = labels_from_maps(logit, "nuclei", diameter=2 * radius * factor)
                np.testing.assert_array_equal(labels > 0, inside)
                assert labels.max() == 1, (factor, radius)


@pytest.mark.parametrize("target", ["nuclei", "cells"])
def test_specks_are_no_objects(target: str) -> None:
    logit = disks((60, 80), (30, 20, 10), (30, 60, 10), (10, 40, 2.1), (50, 40, 1.6), (5, 5, 0.5))[0]
    maps = np.stack([np.where(logit > 0, 1.0, 0.0), logit]).astype(np.float32)
    of = maps if target == "cells" else maps[1:]
    # 3 % of the area of a disk of 20 px is 9.4 px: that of 9 px goes, that of 13 px stays.
    assert np.bincount(labels_from_maps(of, target, diameter=20).ravel())[1:].tolist() == [13, 317, 317]
    assert labels_from_maps(of, target, diameter=12).max() == 4


def test_specks_beside_nuclei_are_dropped_without_a_diameter_too() -> None:
    specks = [(4, x, 0.5) for x in range(4, 76, 4)]
    assert labels_from_maps(disks((60, 80), (30, 20, 10), (30, 60, 10), *specks), "nuclei").max() == 2


@pytest.mark.parametrize("h", [0.0, 100.0, float("nan")])
def test_a_share_of_the_depth_that_can_not_be_is_refused(h: float) -> None:
    with pytest.raises(SettingsError, match="above 0 and below 100"):
        labels_from_maps(disks((20, 20), (10, 10, 5)), "nuclei", h)


def test_cells_come_from_distance_0_to_1_and_the_masks_logit() -> None:
    truth = discs((30, 20), (30, 37))
    maps = np.stack([distance_target(truth) / PEAK, np.where(truth > 0, 3.0, -3.0)]).astype(np.float32)
    assert same_partition(labels_from_maps(maps, "cells"), truth)
    flat = np.stack([np.zeros_like(maps[0]), maps[1]])
    assert labels_from_maps(flat, "cells").max() == 0  # a mask without any height holds no cell


def test_a_nucleus_is_where_the_logit_is_above_0() -> None:
    maps = np.linspace(-1, 1, 41, dtype=np.float32)[None, None].repeat(21, axis=1)
    labels = labels_from_maps(maps, "nuclei")
    np.testing.assert_array_equal(labels > 0, maps[0] > 0)
    assert labels.dtype == np.uint32


def test_the_mask_decides_where_cells_are() -> None:
    truth = discs((30, 20), (30, 60))
    maps = np.stack([distance_target(truth) / PEAK, np.where(truth > 0, 3.0, -3.0)]).astype(np.float32)
    maps[1, :, :40] = -0.1
    assert same_partition(labels_from_maps(maps, "cells"), np.where(np.arange(80) < 40, 0, truth))


def test_h_is_per_cent_of_the_distance() -> None:
    x = np.abs(np.arange(81) - 40.0)
    height = np.where(x > 20, 1.0 - (x - 20) / 20, 0.8 + 0.01 * x)  # 0.8 between two peaks of 1.0
    maps = np.stack([np.tile(height, (9, 1)), np.full((9, 81), 3.0)]).astype(np.float32)
    assert [int(labels_from_maps(maps, "cells", h).max()) for h in (10.0, 19.0, 21.0, 40.0)] == [2, 2, 1, 1]


@pytest.mark.parametrize(("target", "count"), [("nuclei", 1), ("cells", 2)])
def test_an_empty_mask_gives_nothing(target: str, count: int) -> None:
    labels = labels_from_maps(np.full((count, 12, 14), -3.0, np.float32), target)
    assert (labels.shape, bool(labels.any())) == ((12, 14), False)
