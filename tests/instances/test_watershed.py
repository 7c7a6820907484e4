"""h-maxima and watershed: against scikit-image on thousands of small maps, and on shapes that ruin other ways."""

import time

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import h_maxima as skimage_h_maxima
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed as skimage_watershed

from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.instances.watershed import h_maxima, watershed


def integer_maps(n, seed):
    """Small maps of integers with many plateaus and equal maxima, and an h for each."""
    rng = np.random.default_rng(seed)
    for k in range(n):
        top = int(rng.integers(2, 60))
        heights = rng.integers(-top, top, rng.integers(1, 26, 2))
        if k % 3:
            heights = np.round(ndimage.gaussian_filter(heights * 4.0, rng.uniform(0.5, 2))).astype(int)
        yield heights, int(rng.integers(1, 15)), rng.random(heights.shape) < 0.8


def in_reading_order(heights, seeds):
    """-f, lowered at seeds so that scikit-image takes equally high seed pixels in reading order, as we do."""
    lowered = -heights.astype(float)
    at = np.flatnonzero(seeds)
    lowered.ravel()[at] -= 0.5 - 0.4 * np.arange(len(at)) / max(len(at), 1)
    return lowered


def same_partition(one, other):
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return all(len(np.unique(pairs[i])) == pairs.shape[1] for i in (0, 1)) and np.array_equal(
        one > 0, other > 0
    )


def test_maxima_of_integer_maps_are_those_of_scikit_image():
    found = 0
    for heights, h, _ in integer_maps(500, seed=1):
        expected = skimage_h_maxima(heights, h) > 0
        assert np.array_equal(h_maxima(heights, h) > 0, expected)
        found += expected.sum()
    assert found > 3000
    for heights, h, _ in integer_maps(100, seed=2):
        small = (heights - heights.min()).clip(0, 255).astype(np.uint8)
        assert np.array_equal(h_maxima(small, h) > 0, skimage_h_maxima(small, h) > 0)


def test_inside_a_mask_as_if_the_rest_lay_far_below():
    for heights, h, mask in integer_maps(300, seed=3):
        if mask.any():
            sunk = np.where(mask, heights, heights.min() - h - 1)
            expected = skimage_h_maxima(sunk, h) > 0 if not mask.all() else h_maxima(heights, h, mask) > 0
            assert np.array_equal(h_maxima(heights, h, mask) > 0, expected & mask)
            parts, n = ndimage.label(mask, np.ones((3, 3)))
            assert set(parts[h_maxima(heights, h, mask) > 0]) == set(range(1, n + 1))


def test_equal_tops_of_one_regional_maximum_are_one_seed():
    joined = 0
    for heights, h, _ in integer_maps(300, seed=4):
        h -= 0.5  # so that no maximum stands out by exactly h, which the two definitions take differently
        if np.ptp(heights) < h:
            continue
        seeds = h_maxima(heights, h)
        rebuilt = reconstruction(heights - h, heights.astype(float), method="dilation")
        regional = label(local_maxima(rebuilt), connectivity=2)
        tops = (seeds > 0) & (regional > 0)
        pairs = np.unique(np.stack([seeds[tops], regional[tops]]), axis=1)
        assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1] == regional.max()
        joined += label(seeds > 0).max() - seeds.max()
        first = np.unique(seeds[seeds > 0], return_index=True)
        assert first[0].tolist() == list(range(1, seeds.max() + 1))
        assert (np.diff(first[1]) > 0).all()
    assert joined > 50
    assert h_maxima([[9, 7, 9, 6, 9]], 3).tolist() == [[1, 0, 1, 0, 2]]
    assert h_maxima([[9, 7, 9, 6, 9, 0]], 3.5).tolist() == [[1, 0, 1, 0, 1, 0]]


def test_cells_of_integer_maps_are_those_of_scikit_image():
    grown = 0
    for heights, h, mask in integer_maps(600, seed=5):
        seeds = label(h_maxima(heights, h) > 0) * mask
        expected = skimage_watershed(in_reading_order(heights, seeds), seeds, mask=mask)
        assert np.array_equal(watershed(heights, seeds, mask), expected)
        grown += np.count_nonzero(expected) - np.count_nonzero(seeds)
    assert grown > 50_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_way_on_smooth_maps_of_floats(dtype):
    rng = np.random.default_rng(6)
    cells = 0
    for k in range(60):
        heights = ndimage.gaussian_filter(rng.standard_normal((60, 70)), 1 + k % 3)
        heights = (100 * (heights - heights.min()) / np.ptp(heights)).astype(dtype)
        mask = heights > 30
        seeds = h_maxima(heights, 10.0)
        theirs = label(skimage_h_maxima(heights, 10.0))
        expected = skimage_watershed(-heights, theirs, mask=mask)
        assert same_partition(watershed(heights, seeds, mask), expected)
        cells += seeds.max()
    assert cells > 600


def test_plateaus_are_shared_from_both_sides():
    assert watershed([[5, 3, 3, 3, 3, 5]], [[1, 0, 0, 0, 0, 2]]).tolist() == [[1, 1, 1, 2, 2, 2]]
    flat = np.zeros((31, 31))
    seeds = np.zeros((31, 31), int)
    seeds[15, 5], seeds[15, 25] = 1, 2
    assert np.array_equal(watershed(flat, seeds), skimage_watershed(flat, seeds))
    assert not h_maxima(flat, 1).any()
    assert (h_maxima(flat, 1, np.ones(flat.shape, bool)) == 1).all()


def test_a_flood_passes_a_bump_that_is_no_seed():
    heights = np.array([[9, 1, 7, 2, 3, 8]])
    seeds = np.array([[1, 0, 0, 0, 0, 2]])
    assert watershed(heights, seeds).tolist() == [[1, 1, 2, 2, 2, 2]]


def serpentine(size):
    inside = np.zeros((size, size), bool)
    inside[::2] = True
    inside[1::4, -1] = inside[3::4, 0] = True
    row, column = np.nonzero(inside)
    forward = np.where(row % 4 == 0, column, size - 1 - column)
    along = np.where(row % 2 == 0, row // 2 * (size + 1) + forward, row // 2 * (size + 1) + size)
    heights = np.zeros((size, size))
    heights[inside] = 100 - 90 * along / along.max()
    return heights, inside


def test_a_serpentine_ridge_takes_no_longer():
    heights, inside = serpentine(361)  # a way of 65 000 px, always falling: one maximum
    tiny = np.array([[1.0, 0.0, 2.0]])
    watershed(tiny, h_maxima(tiny, 0.5))  # compiles
    start = time.process_time()
    seeds = h_maxima(heights, 10, inside)
    labels = watershed(heights, seeds, inside)
    assert time.process_time() - start < 2
    assert np.argwhere(seeds).tolist() == [[0, 0]]
    assert np.array_equal(labels > 0, inside)
    rising = h_maxima(-heights, 10, inside)
    assert rising.max() == 1
    assert heights[rising > 0] == pytest.approx(10.0)


@pytest.mark.parametrize("outlier", [1e12, -1e300, 1e300])
def test_an_outlier_spoils_neither_result_nor_time(outlier):
    rng = np.random.default_rng(7)
    heights = ndimage.gaussian_filter(rng.standard_normal((300, 300)), 2) * 100
    heights[0, 0] = outlier
    seeds = h_maxima(heights, 10)
    start = time.process_time()
    assert np.array_equal(watershed(heights, seeds), skimage_watershed(-heights, seeds.astype(int)))
    assert time.process_time() - start < 5


def test_more_than_sixteen_bits_of_cells():
    heights = np.zeros((600, 600))
    heights[::2, ::2] = 5
    seeds = h_maxima(heights, 2)
    assert seeds.dtype == np.uint32
    assert seeds[::2, ::2].ravel().tolist() == list(range(1, 90_001))
    labels = watershed(heights, seeds)
    assert np.array_equal(labels[::2, ::2], seeds[::2, ::2])
    assert len(np.unique(labels)) == 90_000
    high = np.array([[2**32 - 1, 0, 0, 7]], np.uint32)
    assert watershed(np.zeros((1, 4)), high).tolist() == [[2**32 - 1, 2**32 - 1, 7, 7]]


def test_nothing_to_cut():
    none = np.zeros((4, 5), bool)
    assert not h_maxima(np.ones((4, 5)), 1, none).any()
    assert not watershed(np.ones((4, 5)), np.ones((4, 5), int), none).any()
    assert (
        h_maxima(np.zeros((0, 5)), 1).shape
        == watershed(np.zeros((0, 5)), np.zeros((0, 5), int)).shape
        == (0, 5)
    )
    assert not watershed(np.ones((4, 5)), np.zeros((4, 5), int)).any()


def test_pixels_outside_the_mask_may_be_anything():
    heights = np.array([[np.nan, 1.0, 5.0, np.inf]])
    mask = np.array([[False, True, True, False]])
    assert h_maxima(heights, 1, mask).tolist() == [[0, 0, 1, 0]]
    assert watershed(heights, [[3, 0, 4, 0]], mask).tolist() == [[0, 4, 4, 0]]


@pytest.mark.parametrize("h", [0, -1, np.nan, np.inf, None])
def test_h_must_be_above_zero(h):
    with pytest.raises(SettingsError, match="above 0"):
        h_maxima(np.ones((3, 3)), h)


def test_what_is_no_map_is_refused():
    good = np.ones((3, 3))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(BadPixels, match="NaN or infinite"):
            h_maxima(np.where(np.eye(3), bad, 1), 1)
        with pytest.raises(BadPixels, match="NaN or infinite"):
            watershed(np.where(np.eye(3), bad, 1), np.eye(3, dtype=int))
    with pytest.raises(BadPixels, match="real numbers"):
        h_maxima(good.astype(complex), 1)
    with pytest.raises(WrongShape, match="Y, X"):
        h_maxima(np.ones((3, 3, 3)), 1)
    with pytest.raises(WrongShape, match="mask"):
        h_maxima(good, 1, np.ones((3, 4), bool))
    with pytest.raises(WrongShape, match="True and False"):
        h_maxima(good, 1, good)
    with pytest.raises(WrongShape, match="seeds"):
        watershed(good, np.ones((3, 4), int))
    for seeds in (good, -np.eye(3, dtype=int)):
        with pytest.raises(WrongShape, match="integers of 0"):
            watershed(good, seeds)
