"""Numbered objects from the maps of a network."""

import numpy as np

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


def test_cells_come_from_distance_0_to_1_and_the_masks_logit() -> None:
    truth = discs((30, 20), (30, 37))
    maps = np.stack([distance_target(truth) / PEAK, np.where(truth > 0, 3.0, -3.0)]).astype(np.float32)
    assert same_partition(labels_of_maps(maps, "cells"), truth)
    flat = np.stack([np.zeros_like(maps[0]), maps[1]])
    assert labels_of_maps(flat, "cells").max() == 0  # a mask without any height holds no cell
