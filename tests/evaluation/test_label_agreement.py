"""Agreement of two segmentations, by hand."""

import numpy as np
import pytest

from frugalseg.errors import WrongShape
from frugalseg.evaluation.label_agreement import label_agreement
from frugalseg.evaluation.scores import score_labels


def test_cells_of_both_maps_count_alike() -> None:
    one = np.zeros((4, 10), int)
    one[:, :4], one[:, 6:] = 1, 2
    other = np.zeros((4, 10), int)
    other[:, :2], other[:, 2:4], other[:, 6:] = 3, 8, 5  # the first cell is split
    # one: 1/2 (best half) and 1; other: 1/2, 1/2 and 1
    assert label_agreement(one, other) == pytest.approx((0.5 + 1 + 0.5 + 0.5 + 1) / 5)
    assert label_agreement(other, one) == label_agreement(one, other)
    assert score_labels(one, other).cell_miou != score_labels(other, one).cell_miou


def test_a_cell_of_one_map_alone_counts_as_0() -> None:
    one = np.array([[1, 1, 0, 0, 0, 0]])
    other = np.array([[4, 4, 0, 0, 9, 9]])
    assert label_agreement(one, other) == pytest.approx(2 / 3)
    assert label_agreement(one, 0 * one) == 0
    assert label_agreement(0 * one, 0 * one) == 1


def test_ids_do_not_matter_and_shapes_do() -> None:
    one = np.array([[1, 1, 0, 2]])
    assert label_agreement(one, np.array([[7, 7, 0, 3]])) == 1
    with pytest.raises(WrongShape):
        label_agreement(one, one[:, :3])
