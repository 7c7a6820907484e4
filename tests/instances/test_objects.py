"""Numbered objects from the maps of a network."""

import numpy as np
import pytest

from frugalseg.instances.maps import PEAK, distance_target
from frugalseg.instances.objects import labels_of_maps


def discs(*centres: tuple[int, int], radius: float = 10) -> np.ndarray:
    """A label map (60, 80) of discs; where they overlap the nearer centre wins."""
    y, x = np.mgrid[:60, :80]
    away = np.stack([np.hypot(y - cy, x - cx) for cy, cx in centres])
    return np.where(away.min(0) <= radius, away.argmin(0) + 1, 0)


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


def test_touching_nuclei_are_cut_where_the_mask_is_narrow() -> None:
    truth = discs((30, 20), (30, 37), (30, 65))
    logit = np.where(truth > 0, 2.0, -2.0).astype(np.float32)
    found = labels_of_maps(logit[None], "nuclei")
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


def test_small_nuclei_are_not_cut_by_the_steps_of_the_pixel_grid() -> None:
    nuclei = small_nuclei(300)
    assert sum(labels_of_maps(one, "nuclei").max() != 1 for one in nuclei) <= 3
    assert sum(labels_of_maps(one, "nuclei", 10.0).max() != 1 for one in nuclei) >= 10


def test_cells_come_from_distance_0_to_1_and_the_masks_logit() -> None:
    truth = discs((30, 20), (30, 37))
    maps = np.stack([distance_target(truth) / PEAK, np.where(truth > 0, 3.0, -3.0)]).astype(np.float32)
    assert same_partition(labels_of_maps(maps, "cells"), truth)
    flat = np.stack([np.zeros_like(maps[0]), maps[1]])
    assert labels_of_maps(flat, "cells").max() == 0  # a mask without any height holds no cell


def test_a_nucleus_is_where_the_logit_is_above_0() -> None:
    maps = np.linspace(-1, 1, 41, dtype=np.float32)[None, None].repeat(21, axis=1)
    labels = labels_of_maps(maps, "nuclei")
    np.testing.assert_array_equal(labels > 0, maps[0] > 0)
    assert labels.dtype == np.uint32


def test_the_mask_decides_where_cells_are() -> None:
    truth = discs((30, 20), (30, 60))
    maps = np.stack([distance_target(truth) / PEAK, np.where(truth > 0, 3.0, -3.0)]).astype(np.float32)
    maps[1, :, :40] = -0.1
    assert same_partition(labels_of_maps(maps, "cells"), np.where(np.arange(80) < 40, 0, truth))


def test_h_is_per_cent_of_the_distance() -> None:
    x = np.abs(np.arange(81) - 40.0)
    height = np.where(x > 20, 1.0 - (x - 20) / 20, 0.8 + 0.01 * x)  # 0.8 between two peaks of 1.0
    maps = np.stack([np.tile(height, (9, 1)), np.full((9, 81), 3.0)]).astype(np.float32)
    assert [int(labels_of_maps(maps, "cells", h).max()) for h in (10.0, 19.0, 21.0, 40.0)] == [2, 2, 1, 1]


@pytest.mark.parametrize(("target", "count"), [("nuclei", 1), ("cells", 2)])
def test_an_empty_mask_gives_nothing(target: str, count: int) -> None:
    labels = labels_of_maps(np.full((count, 12, 14), -3.0, np.float32), target)
    assert (labels.shape, bool(labels.any())) == ((12, 14), False)
