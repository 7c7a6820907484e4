"""Cells to maps and back: against scipy label by label, and round trips over cells of any size."""

import time

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import reconstruction

from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.evaluation.scores import score_labels
from frugalseg.instances.maps import cell_maps, distance_target, instances_from_maps
from frugalseg.instances.watershed import h_maxima
from frugalseg.synthetic.cells import make_cells


def slow_target(labels):
    """One Euclidean distance transform of the whole image per label."""
    expected = np.zeros(labels.shape)
    for number in np.unique(labels[labels > 0]):
        cell = labels == number
        border = ~cell & (labels >= 0)
        distance = ndimage.distance_transform_edt(~border) if border.any() else np.ones(labels.shape)
        deepest = distance[cell].max() - 1
        expected[cell] = 100 * (distance[cell] - 1) / deepest if deepest else 100
    return expected


def disc(shape, y, x, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


@pytest.mark.parametrize("seed", range(40))
def test_distance_is_exact_for_touching_labels(seed):
    rng = np.random.default_rng(seed)
    blocks = rng.integers(-1, rng.integers(2, 9), rng.integers(1, 9, 2))
    labels = np.kron(blocks, np.ones(rng.integers(1, 8, 2), int))
    labels[rng.random(labels.shape) < rng.choice([0, 0.02, 0.3])] = rng.integers(-1, 9)
    target = distance_target(labels, single_peak=False)
    assert target.dtype == np.float32
    assert target == pytest.approx(slow_target(labels), abs=1e-4)


def test_distance_of_believable_cells_is_exact():
    labels = make_cells((160, 190), density=0.9, seed=3).cells
    assert distance_target(labels, single_peak=False) == pytest.approx(slow_target(labels), abs=1e-4)


def test_further_peaks_are_lowered_to_their_pass():
    """As a reconstruction, cell by cell, from the deepest pixel."""
    labels = make_cells((200, 200), density=0.9, diameter=24, seed=4).cells
    plain, target = distance_target(labels, single_peak=False), distance_target(labels)
    for number in np.unique(labels[labels > 0]):
        cell = labels == number
        alone = np.where(cell, plain, 0)
        top = np.zeros(labels.shape, np.float32)
        top.ravel()[alone.argmax()] = alone.max()
        cross = ndimage.generate_binary_structure(2, 1)
        expected = reconstruction(top, alone, method="dilation", footprint=cross)
        assert target[cell] == pytest.approx(expected[cell], abs=1e-4)
        assert h_maxima(target, 0.01, cell).max() == 1
    assert np.count_nonzero(target < plain - 5) > 200


def test_the_image_edge_is_no_boundary():
    labels = np.zeros((40, 40), int)
    labels[disc((40, 40), 0, 20, 15)] = 4
    target = distance_target(labels)
    assert np.argwhere(target == 100).tolist() == [[0, 20]]
    assert (distance_target(np.full((3, 4), 2)) == 100).all()


def test_ids_may_be_large_and_a_cell_may_be_one_pixel():
    labels = np.array([[0, 4_000_000_000, 0, 2**40, 2**40, 2**40]])
    assert distance_target(labels).tolist() == [[0, 100, 0, 0, 50, 100]]


def test_what_was_not_annotated_is_marked_and_is_no_boundary():
    maps = cell_maps(np.array([[0, 5, 5, 5, 5, 5, -2, -1]]))
    assert maps.annotated.tolist() == [[True, True, True, True, True, True, False, False]]
    assert maps.mask.tolist() == [[False, True, True, True, True, True, False, False]]
    assert maps.distance.tolist() == [[0, 0, 25, 50, 75, 100, 0, 0]]
    assert (distance_target([[3, 3, -1], [3, 3, -1]])[:, :2] == 100).all()


def test_a_window_of_annotation_teaches_what_the_image_s_edge_would():
    labels = make_cells((160, 160), density=0.9, diameter=24, seed=5).cells.astype(int)
    window = np.full(labels.shape, -1)
    window[40:120, 30:130] = labels[40:120, 30:130]
    within = distance_target(window)[40:120, 30:130]
    assert within == pytest.approx(distance_target(labels[40:120, 30:130]), abs=1e-4)


def test_thousands_of_labels_take_one_pass():
    labels = np.kron(np.arange(1, 62_501).reshape(250, 250), np.ones((6, 6), int))
    distance_target(labels[:12, :12])  # compiles
    start = time.process_time()
    target = distance_target(labels)
    assert time.process_time() - start < 5
    inner = target[600:606, 600:606]
    assert inner == pytest.approx(slow_target(np.pad(np.ones((6, 6), int), 1))[1:-1, 1:-1], abs=1e-4)


def test_small_and_large_discs_come_back_from_one_image():
    labels = np.zeros((520, 560), np.uint32)
    labels[disc(labels.shape, 210, 210, 200)] = 1
    for k, (y, x) in enumerate([(440, 50), (440, 61), (452, 55), (480, 300), (30, 500)]):
        labels[disc(labels.shape, y, x, 5) & (labels == 0)] = k + 2
    found = instances_from_maps(distance_target(labels), labels > 0)
    assert found.dtype == np.uint32
    scores = score_labels(labels, found)
    assert (scores.n_predicted, scores.ap[0.95]) == (6, 1.0)


def test_touching_discs_are_parted_and_a_waist_alone_is_not():
    shape = (60, 120)
    left, right = disc(shape, 30, 40, 20), disc(shape, 30, 72, 20)
    distance = ndimage.distance_transform_edt(left | right)
    distance *= 100 / distance.max()
    assert instances_from_maps(distance, left | right).max() == 2
    assert instances_from_maps(distance, left | right, h=60).max() == 1


@pytest.mark.parametrize(("diameter", "least"), [(12.0, 0.95), (30.0, 0.99), (50.0, 0.99)])
def test_round_trip_of_synthetic_cells(diameter, least):
    """No cell is lost, split or joined; what changes hands is pixels along the borders of touching cells."""
    for seed in range(2):
        side = int(10 * diameter)
        truth = make_cells((side, side), density=0.85, diameter=diameter, seed=seed).cells
        again = instances_from_maps(distance_target(truth), truth > 0)
        assert np.array_equal(again > 0, truth > 0)
        scores = score_labels(truth, again)
        assert scores.n_predicted == scores.n_true > 100
        assert scores.ap[0.5] == 1
        assert scores.matched_miou > least


def test_each_piece_of_the_mask_is_a_cell_if_it_is_high_enough():
    distance = np.array([[50, 60, 0, 9, 5, 0, 12, 0]])
    mask = distance > 0
    assert instances_from_maps(distance, mask).tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]]
    assert instances_from_maps(distance, mask, 10).tolist() == [[1, 1, 0, 0, 0, 0, 2, 0]]
    assert instances_from_maps(distance, mask, min_peak=0).tolist() == [[1, 1, 0, 2, 2, 0, 3, 0]]
    assert instances_from_maps(distance, mask, min_peak=12).tolist() == [[1, 1, 0, 0, 0, 0, 2, 0]]
    # the lower piece touches the higher at a corner: no seed of its own, and no way to it
    corner = np.array([[90, 80, 0], [0, 0, 70], [0, 0, 75]])
    assert instances_from_maps(corner, corner > 0).tolist() == [[1, 1, 0], [0, 0, 2], [0, 0, 2]]
    assert instances_from_maps(corner, corner > 0, min_peak=80).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_probabilities_are_cut_and_small_cells_removed():
    distance = np.array([[50, 60, 50, 0, 90, 0, 80, 80]])
    probability = np.array([[0.5, 0.9, 0.4, 0.1, 1.0, 0.0, 0.7, 0.8]], np.float32)
    assert instances_from_maps(distance, probability).tolist() == [[1, 1, 0, 0, 2, 0, 3, 3]]
    assert instances_from_maps(distance, probability, threshold=0.75).tolist() == [[0, 1, 0, 0, 2, 0, 0, 3]]
    assert instances_from_maps(distance, probability, min_area=2).tolist() == [[1, 1, 0, 0, 0, 0, 2, 2]]


def test_smoothing_is_off_by_default():
    rng = np.random.default_rng(0)
    distance = distance_target(disc((60, 60), 30, 30, 20).astype(int)) + rng.normal(0, 12, (60, 60))
    mask = disc((60, 60), 30, 30, 20)
    assert instances_from_maps(distance, mask, 10).max() > 5
    assert instances_from_maps(distance, mask, 10, sigma=3).max() == 1


def test_no_mask_no_cells():
    none = instances_from_maps(np.ones((4, 6)), np.zeros((4, 6), bool))
    assert none.dtype == np.uint32
    assert none.shape == (4, 6)
    assert not none.any()
    assert instances_from_maps(np.zeros((0, 6)), np.zeros((0, 6), bool)).shape == (0, 6)
    assert distance_target(np.zeros((0, 6), int)).shape == (0, 6)


def test_what_does_not_fit_is_refused():
    good, mask = np.ones((3, 3)), np.ones((3, 3), bool)
    with pytest.raises(WrongShape, match="same"):
        instances_from_maps(good, mask[:2])
    with pytest.raises(BadPixels, match="finite"):
        instances_from_maps(good * np.nan, mask)
    for logits in (good * 3, good * -0.1, good * np.nan):
        with pytest.raises(BadPixels, match="apply a sigmoid to logits first"):
            instances_from_maps(good, logits)
    with pytest.raises(BadPixels, match="give `mask > 0` for whole numbers"):
        instances_from_maps(good, np.ones((3, 3), int))
    with pytest.raises(SettingsError, match="`h` is 0"):
        instances_from_maps(good, mask, h=0)
    with pytest.raises(SettingsError, match="`threshold` is 0"):
        instances_from_maps(good, good, threshold=0)
    for settings in ({"sigma": -1.0}, {"sigma": np.nan}, {"min_area": -1}):
        with pytest.raises(SettingsError, match="`sigma`"):
            instances_from_maps(good, mask, **settings)
    for labels in (good, np.ones(3, int)):
        with pytest.raises(WrongShape, match="integers"):
            distance_target(labels)


def test_what_is_no_label_map_is_refused():
    with pytest.raises(BadPixels, match=r"go up to 9223372036854775813; number cells below 2\*\*63"):
        distance_target(np.array([[0, 2**63 + 5]], np.uint64))
    with pytest.raises(BadPixels, match="mask"):
        distance_target(np.ma.masked_equal(np.array([[0, 1, 7]]), 7))
    with pytest.raises(SettingsError, match="`min_peak` is nan"):
        instances_from_maps([[0.0, 3.0]], [[True, True]], min_peak=float("nan"))
