"""Holes in cells."""

import numpy as np
from scipy import ndimage

from frugalseg.instances.holes import fill_holes
from frugalseg.instances.map_labels import labels_from_maps


def test_a_hole_is_filled_with_the_one_cell_around_it() -> None:
    labels = np.full((7, 15), 0, np.uint32)
    labels[1:6, 1:6], labels[3, 3] = 70_000, 0  # a hole
    labels[1:6, 8:11], labels[1:6, 11:14] = 5, 9
    labels[3, 10:12] = 0  # between two cells
    labels[0:2, 3] = 0  # open to the image's border
    filled = fill_holes(labels)
    assert filled[3, 3] == 70_000
    assert filled[0:2, 3].tolist() == [0, 0]
    assert filled[3, 10:12].tolist() == [0, 0]
    assert labels[3, 3] == 0  # a copy
    assert np.array_equal(filled[filled != labels], [70_000])
    assert fill_holes(np.zeros((0, 4), np.uint32)).shape == (0, 4)


def test_single_cells_are_filled_as_by_scipy() -> None:
    rng = np.random.default_rng(0)
    filled = 0
    for _ in range(200):
        mask = ndimage.gaussian_filter(rng.standard_normal((24, 30)), 1) > rng.uniform(-0.2, 0.1)
        ours = fill_holes(np.where(mask, 3, 0).astype(np.uint32))
        np.testing.assert_array_equal(ours > 0, ndimage.binary_fill_holes(mask))
        filled += np.count_nonzero(ours) - np.count_nonzero(mask)
    assert filled > 1000


def test_objects_of_a_network_have_no_holes() -> None:
    y, x = np.mgrid[:40, :40] - 20.0
    away = np.hypot(y, x)
    logit = np.where(away < 14, 3.0, -3.0)
    logit[18:21, 25:28] = -3.0
    maps = np.stack([np.clip(1 - away / 14, 0, 1), logit]).astype(np.float32)
    np.testing.assert_array_equal(labels_from_maps(maps, "cells") > 0, away < 14)
    found = labels_from_maps(maps[1:], "nuclei")
    np.testing.assert_array_equal(found > 0, away < 14)
