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


def test_propagation_depends_on_contrast_not_on_units():
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.random((40, 40)), 2)
    points, mask = rng.integers(0, 40, (6, 2)), np.ones((40, 40), bool)
    first = propagation(image, points, mask)
    assert np.array_equal(first, propagation(40000 * image + 7000, points, mask))
    assert not np.array_equal(first, propagation(image, points, mask, regularization=5.0))
    even = propagation(np.full((40, 40), 3), points, mask)  # no contrast at all: just the way
    assert set(np.unique(even)) == set(range(1, 7))


def test_voronoi_is_the_nearest_marker():
    rng = np.random.default_rng(3)
    points, mask = rng.uniform(0, 39, (12, 2)), rng.random((40, 40)) < 0.7
    labels = voronoi(np.zeros((40, 40)), points, mask)
    for y, x in np.ndindex(40, 40):
        nearest = 1 + np.argmin(((points - (y, x)) ** 2).sum(axis=1))
        assert labels[y, x] == (nearest if mask[y, x] else 0)


def test_watersheds_meet_where_they_should():
    columns = np.arange(40)
    points, mask = np.array([[10, 5], [10, 34]]), np.ones((20, 40), bool)
    edge = np.repeat([np.where(columns < 28, 1.0, 5.0)], 20, axis=0)
    assert np.flatnonzero(watershed_gradient(edge, points, mask)[10] == 2)[0] in (27, 28)
    valley = np.repeat([np.abs(columns - 12.0)], 20, axis=0)  # dark at 12
    assert np.flatnonzero(watershed_intensity(valley, points, mask)[10] == 2)[0] in (12, 13)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_keeps_ids_and_mask(name):
    field = make_cells((128, 128), seed=1, density=0.7)
    order = np.random.default_rng(0).permutation(len(field.markers))
    mask = field.cells > 0
    labels = BASELINES[name](field.cytoplasm, field.markers[order], mask)
    assert labels.dtype == np.uint32
    assert not labels[~mask].any()
    y, x = np.rint(field.markers[order]).astype(int).T
    assert labels[y, x].tolist() == list(range(1, len(order) + 1))
    truth = np.concatenate([[0], 1 + np.argsort(order)])[field.cells]
    scores = score_labels(truth, labels)
    assert scores.cell_miou > 0.5  # of a chance assignment: below 0.05
    assert scores.n_predicted == scores.n_true


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_takes_no_markers_no_mask_and_markers_beside_it(name):
    baseline = BASELINES[name]
    image = np.random.default_rng(0).random((12, 14))
    everything = np.ones((12, 14), bool)
    assert not baseline(image, np.zeros((0, 2)), everything).any()
    assert not baseline(image, np.array([[3, 3]]), ~everything).any()
    left = np.zeros((12, 14), bool)
    left[:, :7] = True
    labels = baseline(image, np.array([[5.0, 12.0], [5.0, 2.0], [5.2, 2.2]]), left)
    assert labels[5, 0] == 2
    if name != "voronoi":
        assert set(np.unique(labels)) == {0, 2}  # 1 is beside the mask, 3 on the pixel of 2


@pytest.mark.parametrize("name", BASELINES)
def test_inputs_that_do_not_fit_are_named(name):
    baseline, image, mask = BASELINES[name], np.zeros((6, 8)), np.ones((6, 8), bool)
    with pytest.raises(WrongShape, match="mask"):
        baseline(image, np.zeros((1, 2)), mask[1:])
    with pytest.raises(InputError, match="outside"):
        baseline(image, np.array([[7.0, 2.0]]), mask)
    with pytest.raises(BadPixels, match="NaN"):
        baseline(image + np.nan, np.zeros((1, 2)), mask)


def test_wrong_settings_are_named():
    image, points, mask = np.zeros((6, 8)), np.zeros((1, 2)), np.ones((6, 8), bool)
    with pytest.raises(SettingsError, match="`regularization` is 0"):
        propagation(image, points, mask, regularization=0)


def test_a_whole_camera_field_takes_seconds():
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(rng.random((1080, 1280)), 3)
    points = rng.uniform(0, (1079, 1279), (600, 2))
    started = time.process_time()
    propagation(image, points, np.ones(image.shape, bool))  # the slowest of them
    assert time.process_time() - started < 10
