"""The baselines do what their names say; propagation is checked against its definition."""

import heapq
import time

import numpy as np
import pytest
from scipy import ndimage

from frugalseg.errors import BadPixels, InputError, SettingsError, WrongShape
from frugalseg.evaluation.baselines import (
    BASELINES,
    propagation,
    voronoi,
    watershed_gradient,
    watershed_intensity,
)
from frugalseg.evaluation.propagate import propagate
from frugalseg.evaluation.scores import score_labels
from frugalseg.images.seeds import resize_seeds
from frugalseg.synthetic.cells import make_cells


def slow_propagate(image, seeds, mask, regularization):
    """Dijkstra's algorithm with a heap; the cost of each step from the definition, pixel by pixel."""
    height, width = image.shape

    def at(y, x):
        return image[min(max(y, 0), height - 1), min(max(x, 0), width - 1)]

    def cost(y, x, v, u):
        around = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        change = sum(abs(at(y + dy, x + dx) - at(v + dy, u + dx)) for dy, dx in around)
        return (change**2 + (abs(y - v) + abs(x - u)) * regularization**2) ** 0.5

    distance = np.full(image.shape, np.inf)
    labels = np.zeros(image.shape, dtype=int)
    heap = [(0.0, int(seeds[y, x]), int(y), int(x)) for y, x in np.argwhere((seeds > 0) & mask)]
    heapq.heapify(heap)
    while heap:
        so_far, label, y, x = heapq.heappop(heap)
        if labels[y, x]:
            continue
        labels[y, x], distance[y, x] = label, so_far
        for v in range(max(y - 1, 0), min(y + 2, height)):
            for u in range(max(x - 1, 0), min(x + 2, width)):
                if mask[v, u] and not labels[v, u]:
                    heapq.heappush(heap, (so_far + cost(y, x, v, u), label, v, u))
    return labels, distance


@pytest.mark.parametrize("regularization", [0.001, 0.05, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_propagation_is_its_definition(seed, regularization):
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.random((23, 31)), 1.5)
    mask = ndimage.gaussian_filter(rng.random((23, 31)), 2) > 0.47
    seeds = np.zeros(image.shape, dtype=int)
    for i in range(1, 9):
        seeds[tuple(rng.integers(0, image.shape))] = 10 * i
    seeds[:2, :2] = 7  # a seed of several pixels
    seeds[:, 27:], mask[:, 27], mask[:, 28:] = 0, False, True  # a piece of the mask that no seed reaches
    labels, distance = propagate(image, seeds, mask, regularization)
    slow_labels, slow_distance = slow_propagate(image, seeds, mask, regularization)
    assert distance == pytest.approx(slow_distance, rel=1e-9)
    assert np.array_equal(labels, slow_labels)  # random pixels: no ties
    assert (labels > 0).sum() > 100
    assert not labels[:, 28:].any()
    assert np.isinf(distance[:, 28:]).all()


def test_propagation_on_an_even_image_counts_steps():
    seeds = np.zeros((5, 9), dtype=int)
    seeds[2, 0] = 1
    distance = propagate(np.zeros((5, 9)), seeds, np.ones((5, 9), bool), 0.5)[1]
    assert distance[2, 8] == pytest.approx(8 * 0.5)
    assert distance[0, 2] == pytest.approx(2 * np.sqrt(2) * 0.5)


def seeds_at(points, shape):
    """Single pixels as seeds; of several on one pixel the first wins."""
    return resize_seeds(None, np.asarray(points, float).reshape(-1, 2), shape, shape)


def test_propagation_depends_on_contrast_not_on_units():
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.random((40, 40)), 2)
    seeds, mask = seeds_at(rng.integers(0, 40, (6, 2)), image.shape), np.ones((40, 40), bool)
    first = propagation(image, seeds, mask)
    assert np.array_equal(first, propagation(40000 * image + 7000, seeds, mask))
    assert not np.array_equal(first, propagation(image, seeds, mask, regularization=5.0))
    even = propagation(np.full((40, 40), 3), seeds, mask)  # no contrast at all: just the way
    assert set(np.unique(even)) == set(range(1, 7))


def test_voronoi_is_the_nearest_outline_and_not_the_nearest_centre():
    rng = np.random.default_rng(3)
    seeds, mask = np.zeros((40, 40), int), rng.random((40, 40)) < 0.7
    for label in range(1, 9):
        y, x, height, width = rng.integers((0, 0, 1, 1), (36, 36, 9, 9))
        seeds[y : y + height, x : x + width] = label
    labels = voronoi(np.zeros((40, 40)), seeds, mask)
    pixels = np.argwhere(seeds)
    for y, x in np.ndindex(40, 40):
        distance = ((pixels - (y, x)) ** 2).sum(axis=1)
        nearest = {seeds[tuple(pixel)] for pixel in pixels[distance == distance.min()]}
        assert labels[y, x] in (nearest if mask[y, x] or seeds[y, x] else {0})


def test_watersheds_meet_where_they_should():
    columns = np.arange(40)
    seeds, mask = seeds_at([[10, 5], [10, 34]], (20, 40)), np.ones((20, 40), bool)
    edge = np.repeat([np.where(columns < 28, 1.0, 5.0)], 20, axis=0)
    assert np.flatnonzero(watershed_gradient(edge, seeds, mask)[10] == 2)[0] in (27, 28)
    valley = np.repeat([np.abs(columns - 12.0)], 20, axis=0)  # dark at 12
    assert np.flatnonzero(watershed_intensity(valley, seeds, mask)[10] == 2)[0] in (12, 13)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_keeps_ids_and_mask(name):
    field = make_cells((128, 128), seed=1, density=0.7)
    order = np.random.default_rng(0).permutation(len(field.markers))
    mask = field.cells > 0
    labels = BASELINES[name](field.cytoplasm, seeds_at(field.markers[order], mask.shape), mask)
    assert labels.dtype == np.uint32
    assert not labels[~mask].any()
    y, x = np.rint(field.markers[order]).astype(int).T
    assert labels[y, x].tolist() == list(range(1, len(order) + 1))
    truth = np.concatenate([[0], 1 + np.argsort(order)])[field.cells]
    scores = score_labels(truth, labels)
    assert scores.cell_miou > 0.5  # of a chance assignment: below 0.05
    assert scores.n_predicted == scores.n_true


@pytest.mark.parametrize("name", BASELINES)
def test_every_nucleus_is_own_cell_whatever_mask_and_image_say(name):
    """Two nuclei touch, the image has its edge inside one of them, and half of the mask is missing."""
    seeds = np.zeros((20, 30), int)
    seeds[5:15, 4:14], seeds[5:15, 14:20], seeds[2:4, 25:29] = 7, 9, 3
    image = np.where(np.arange(30) < 9, 1.0, 5.0) + np.random.default_rng(0).random((20, 30))
    mask = np.zeros((20, 30), bool)
    mask[:, :12] = True
    labels = BASELINES[name](image, seeds, mask)
    assert np.array_equal(labels[seeds > 0], seeds[seeds > 0])
    assert set(np.unique(labels[mask])) <= {7, 9, 3}
    assert labels[10, 1] == 7
    assert not labels[~mask & (seeds == 0)].any()


@pytest.mark.parametrize("method", [voronoi, propagation])
def test_larger_nuclei_have_larger_cells(method):
    """From their centres alone, both cells would be of one size."""
    seeds = np.zeros((31, 60), int)
    seeds[8:23, 5:25], seeds[14:17, 44:47] = 1, 2
    sizes = np.bincount(method(np.zeros(seeds.shape), seeds, np.ones(seeds.shape, bool)).ravel())
    assert sizes[1] > 1.25 * sizes[2]  # the boundary is at column 34 in the middle, not 30


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_takes_no_seeds_and_no_mask(name):
    baseline = BASELINES[name]
    image, nothing = np.random.default_rng(0).random((12, 14)), np.zeros((12, 14), int)
    assert not baseline(image, nothing, nothing == 0).any()
    seeds = seeds_at([[3, 3], [5.0, 2.0], [5.2, 2.2]], (12, 14))  # the third is on the pixel of the second
    assert np.array_equal(baseline(image, seeds, nothing > 0), seeds)
    assert set(np.unique(baseline(image, seeds, nothing == 0))) == {1, 2}


@pytest.mark.parametrize("name", BASELINES)
def test_inputs_that_do_not_fit_are_named(name):
    baseline, image, mask = BASELINES[name], np.zeros((6, 8)), np.ones((6, 8), bool)
    seeds = seeds_at([[2, 2]], (6, 8))
    with pytest.raises(WrongShape, match="mask"):
        baseline(image, seeds, mask[1:])
    with pytest.raises(WrongShape, match=r"`seeds` \(5, 8\)"):
        baseline(image, seeds[1:], mask)
    for wrong in (seeds * 0.5, seeds.astype(int) - 1):
        with pytest.raises(InputError, match="no label map"):
            baseline(image, wrong, mask)
    with pytest.raises(BadPixels, match="NaN"):
        baseline(image + np.nan, seeds, mask)


def test_wrong_settings_are_named():
    with pytest.raises(SettingsError, match="`regularization` is 0"):
        propagation(np.zeros((6, 8)), seeds_at([[2, 2]], (6, 8)), np.ones((6, 8), bool), regularization=0)


def test_a_whole_camera_field_takes_seconds():
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.random((1080, 1280)), 3)
    seeds = seeds_at(rng.uniform(0, (1079, 1279), (600, 2)), image.shape)
    started = time.process_time()
    propagation(image, seeds, np.ones(image.shape, bool))  # the slowest of them
    assert time.process_time() - started < 10
