"""Densities of doubt and misfits: what they sum up to, and where."""

import numpy as np
import pytest
from tests.models.square_cells import Contrasting, field, student_of

from frugalseg.images.normalize import zscore
from frugalseg.models.looks import image_look
from frugalseg.studies.suggestions.crop_scores import (
    _misfit_density,
    _resized,
    _sums,
    disagreement,
    free_windows,
    score_crops,
    spread,
)


def test_maps_that_are_alike_do_not_differ_and_others_by_their_objects() -> None:
    one = np.zeros((6, 12), int)
    one[:, 0:3], one[:, 4:8] = 1, 2
    assert disagreement(one, one * 7).max() == 0
    assert disagreement(one, np.zeros_like(one)).sum() == pytest.approx(1)  # 2 objects, of one map alone
    split = np.where((one == 2) & (np.arange(12) >= 6), 3, one)
    density = disagreement(one, split)
    assert density[:, :4].max() == 0
    assert density.sum() == pytest.approx((0.5 + 0.5 + 0.5) / 2)  # each half has an IoU of 0.5 with the whole
    assert disagreement(split, one).sum() == pytest.approx(density.sum())


def test_a_window_without_a_trace_of_a_density_sums_up_to_exactly_0() -> None:
    density = np.full((8, 9), 0.1)
    density[3:6, 2:5] = 0
    windows = np.array([[3, 2, 3, 3], [0, 0, 8, 9], [2, 2, 2, 1]])
    assert _sums(density, windows).tolist() == pytest.approx([0, 6.3, 0.1])
    assert _sums(density, windows)[0] == 0


def test_misfits_count_once_each_and_not_at_the_border() -> None:
    objects, nuclei = np.zeros((12, 30), int), np.zeros((12, 30), int)
    objects[0:4, 1:5] = 1  # at the border: its nucleus may be outside
    objects[5:10, 1:8], objects[5:10, 10:20] = 2, 3  # without a nucleus; with two
    nuclei[6:8, 11:13], nuclei[6:8, 15:17] = 1, 2
    nuclei[6:8, 24:27] = 3  # in no object
    density = _misfit_density(objects, nuclei)
    for number, expected in ((1, 0), (2, 1), (3, 1)):
        assert density[objects == number].sum() == pytest.approx(expected)
    assert density[nuclei == 3].sum() == pytest.approx(1)
    assert density.sum() == pytest.approx(3)


def test_an_image_of_the_other_contrast_is_scored_as_it_is_predicted() -> None:
    """With the looks, objects and doubts of the image inverted back."""
    student, image = student_of(Contrasting()), (field() > 0).astype(np.float32)
    student.card = student.card.model_copy(update={"looks": (image_look(zscore(image[None])),)})
    one, other = (score_crops(student, sign * image, crop=64) for sign in (1, -1))
    assert one.objects.max() > 3
    np.testing.assert_array_equal(one.objects, other.objects)
    np.testing.assert_array_equal(one.disagreement, other.disagreement)
    assert one.looks == other.looks


def test_an_object_spreads_its_value_over_its_pixels() -> None:
    labels = np.array([[4, 4, 0, 9]])
    assert spread(labels, np.array([9])).tolist() == [[0, 0, 0, 1]]
    assert spread(np.zeros((1, 2), int), np.zeros(0, int)).tolist() == [[0, 0]]


def test_windows_reach_the_far_border_and_keep_clear_of_labels() -> None:
    labelled = np.zeros((10, 21), bool)
    windows = free_windows(labelled, 8)
    assert sorted({*windows[:, 0].tolist()}) == [0, 2]
    assert sorted({*windows[:, 1].tolist()}) == [0, 2, 4, 6, 8, 10, 12, 13]
    labelled[0, 9] = True
    kept = {(y, x) for y, x, *_ in free_windows(labelled, 8).tolist()}
    assert kept == {(0, 0), (0, 10), (0, 12), (0, 13)} | {(2, x) for x in (0, 2, 4, 6, 8, 10, 12, 13)}


def test_windows_of_a_resized_image_show_the_same() -> None:
    windows = np.array([[0, 0, 10, 10], [90, 40, 10, 10], [99, 0, 1, 1]])
    found = _resized(windows, (100, 50), (50, 25))
    assert found.tolist() == [[0, 0, 5, 5], [45, 20, 5, 5], [49, 0, 1, 1]]
