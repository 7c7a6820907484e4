"""Nuclei in a network's maps: they mend splits and merges, and a cell without one is not lost."""

import numpy as np
import pytest

from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.instances.maps import PEAK, distance_target
from frugalseg.instances.seeded_maps import labels_from_seeded_maps

DIAMETER = 20.0


def maps_of(labels: np.ndarray) -> np.ndarray:
    """The maps of a perfect network."""
    return np.stack([distance_target(labels) / np.float32(PEAK), np.where(labels > 0, 4.0, -4.0)]).astype(
        np.float32
    )


def disks(*centres: tuple[int, int], radius: float = 10.0, side: int = 64) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int64)
    for number, (y, x) in enumerate(centres, start=1):
        labels[np.hypot(rows - y, columns - x) < radius] = number
    return labels


def test_a_merged_cell_is_cut_between_its_nuclei() -> None:
    both = (disks((30, 20), (30, 38)) > 0).astype(np.int64)  # one blob to the network
    maps = maps_of(both)
    rows, columns = np.mgrid[:64, :64]
    two_peaks = np.maximum(
        1 - np.hypot(rows - 30, columns - 20) / 12, 1 - np.hypot(rows - 30, columns - 38) / 12
    )
    maps[0] = np.where(both > 0, 0.6 + 0.15 * two_peaks, 0)  # h = 20 per cent does not tell its peaks apart
    assert labels_from_maps(maps, "cells", 20.0, DIAMETER).max() == 1
    nuclei = disks((30, 20), (30, 38), radius=3).astype(np.uint32)
    labels = labels_from_seeded_maps(maps, nuclei, DIAMETER)
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels[30, 14], labels[30, 44]) == (1, 2)
    np.testing.assert_array_equal(labels > 0, both > 0)


def test_a_split_cell_is_kept_whole() -> None:
    one = disks((30, 30))
    maps = maps_of(one)
    maps[0, :, 30] *= 0.2  # the network sees a line across the cell
    assert labels_from_maps(maps, "cells", 20.0, DIAMETER).max() == 2
    nuclei = disks((30, 30), radius=4).astype(np.uint32)
    np.testing.assert_array_equal(labels_from_seeded_maps(maps, nuclei, DIAMETER), one)


def test_nuclei_without_a_dip_between_them_share_their_cell_equally() -> None:
    one = disks((30, 30))
    nuclei = disks((30, 26), (30, 32), radius=2).astype(np.uint32)  # the second is on the slope of the first
    labels = labels_from_seeded_maps(maps_of(one), nuclei, DIAMETER)
    np.testing.assert_array_equal(labels[one == 0], 0)
    columns = np.nonzero(labels == 1)[1], np.nonzero(labels == 2)[1]
    assert columns[0].max() <= 29 <= columns[1].min()  # equally far from both
    assert len(columns[0]) + len(columns[1]) == np.count_nonzero(one)


def test_a_cell_without_a_nucleus_is_found_and_a_speck_is_not() -> None:
    truth = disks((16, 16), (44, 44))
    truth[5:7, 50:52] = 3
    nuclei = np.where(disks((16, 16), radius=3) > 0, 7, 0).astype(np.uint32)
    labels = labels_from_seeded_maps(maps_of(truth), nuclei, DIAMETER)
    assert labels[16, 16] == 7
    assert labels[44, 44] > 7
    assert labels[5, 50] == 0
    assert len(np.unique(labels)) == 3


@pytest.mark.parametrize("filled", [True, False])
def test_a_nucleus_outside_of_the_mask_is_a_cell(filled: bool) -> None:
    """What is known of a nucleus counts more than the network's doubt."""
    truth = disks((16, 16)) if filled else np.zeros((64, 64), np.int64)
    nuclei = disks((16, 16), (48, 48), radius=3).astype(np.uint32)
    labels = labels_from_seeded_maps(maps_of(truth), nuclei, DIAMETER)
    np.testing.assert_array_equal(labels == 2, nuclei == 2)
    assert (labels[nuclei == 1] == 1).all()


def test_nothing_gives_nothing() -> None:
    empty = np.zeros((16, 16), np.uint32)
    assert not labels_from_seeded_maps(maps_of(empty.astype(np.int64)), empty, DIAMETER).any()


def test_nuclei_that_another_cell_lies_between_keep_their_own() -> None:
    x = np.arange(40)
    maps = np.full((2, 15, 40), -1.0, np.float32)
    maps[1, 2:13] = 1.0
    maps[0, 2:7] = 0.9 - 0.01 * x  # one slope, no dip from the first nucleus to the second
    maps[0, 7:13] = 0.9 - 0.02 * np.abs(x - 20)
    maps[0, 6] -= 0.3  # the dip between both
    nuclei = np.zeros((15, 40), np.uint32)
    nuclei[3:5, 2:5], nuclei[3:5, 35:38], nuclei[2:13, 18:23] = 1, 2, 3
    labels = labels_from_seeded_maps(maps, nuclei, DIAMETER)
    np.testing.assert_array_equal(labels[nuclei > 0], nuclei[nuclei > 0])
    assert (labels[3, 10], labels[10, 20]) == (1, 3)
    apart = nuclei.copy()
    apart[nuclei == 3] = 0  # nothing lies between
    labels = labels_from_seeded_maps(maps, apart, DIAMETER)
    assert (labels[3, 18], labels[3, 21]) == (1, 2)  # midway between columns 4 and 35


@pytest.mark.parametrize(("width", "alone"), [(15, False), (19, True)])
def test_a_nucleus_that_another_cell_surrounds_shares_that_cell(width: int, alone: bool) -> None:
    """A ring in which the distance dips cuts off hardly more than the nucleus, or a cell of its own."""
    maps = np.full((2, 50, 80), -4.0, np.float32)
    maps[1, 5:45, 5:75] = 4.0
    maps[0, 5:45, 5:75] = 0.9 - 0.01 * np.abs(np.arange(70) - 10)
    half = width // 2
    maps[0, 24 - half : 27 + half, 49 - half : 52 + half] = 0.05
    maps[0, 25 - half : 26 + half, 50 - half : 51 + half] = 0.2
    nuclei = np.zeros((50, 80), np.uint32)
    nuclei[18:33, 8:23], nuclei[18:33, 43:58] = 1, 2
    labels = labels_from_seeded_maps(maps, nuclei, DIAMETER)
    assert set(np.unique(labels)) == {0, 1, 2}
    if alone:
        assert width**2 <= np.count_nonzero(labels == 2) <= (width + 2) ** 2
    else:
        assert (labels[25, 31], labels[25, 34]) == (1, 2)  # midway between columns 22 and 43
        assert labels[6, 70] == 2
