"""What a student finds in the images that it learned from."""

import numpy as np
import pytest

from frugalseg.models.seeded_cells import SeededCells
from frugalseg.models.student_images import StudentImage
from frugalseg.models.trained_student import Measured, rounds_agree, usual_values


def found(labels: np.ndarray, **known: float) -> SeededCells:
    return SeededCells(labels.astype(np.uint32), [], {int(cell[1:]): sure for cell, sure in known.items()})


def named(name: str) -> StudentImage:
    nuclei, cells = np.zeros((2, 4, 8), np.uint32)
    nuclei[0, 0] = 1  # the second cell has no nucleus
    return StudentImage(name, np.zeros((1, 4, 8), np.float32), nuclei, cells, False, f"sum of {name}")


def two_cells(wide: int) -> np.ndarray:
    labels = np.zeros((4, 8), np.uint32)
    labels[:2, :wide], labels[2:, :4] = 1, 2
    return labels


def test_rounds_agree_where_they_find_the_same_cells() -> None:
    last = [two_cells(8), two_cells(8), np.zeros((4, 8), np.uint32), two_cells(3)]
    measured = [Measured(None, found(one), found(one)) for one in last]
    numbered = np.where(two_cells(8) == 2, 7, 0)  # another number is no other cell; the first cell is new
    before = {0: two_cells(6), 1: numbered, 2: two_cells(8)}
    images = [named(name) for name in "abcd"]
    # (6/8 + 1) / 2; (0 + 1) / 2; nothing is said of an image without a cell, or one that has its teacher's cells
    agree = rounds_agree(images, measured, before)
    assert agree.mean == {"a": 0.875, "b": 0.5}
    assert agree.cells == {"a": {1: 0.75}, "b": {1: 0.0}}


def test_cells_in_which_rounds_differ_are_listed_at_their_middle_in_both() -> None:
    last = [two_cells(8), two_cells(4), np.zeros((4, 8), np.uint32)]
    measured = [Measured(None, found(one), found(one)) for one in last]
    before = {0: two_cells(6), 1: two_cells(4), 2: two_cells(8)}
    differ = rounds_agree([named(name) for name in "abc"], measured, before).differ
    assert differ["sum of a"] == [
        (0.5, 3.5, 0.125),
        (0.5, 2.5, 0.125),
    ]  # 6 of 8 columns, middles at 3.5 and 2.5
    assert differ["sum of b"] == []
    assert differ["sum of c"] == [(0.5, 3.5, 0.5), (2.5, 1.5, 0.5)]  # two cells that the last round has lost


def test_sizes_and_confidence_are_of_all_images_together() -> None:
    maps = [np.stack([two_cells(8), two_cells(8)]).astype(np.float32) - 0.5]
    one = SeededCells(two_cells(8), maps, {1: 0.5, 2: 1.0})
    measured = [Measured(20.0, one, one), Measured(None, one, one), Measured(30.0, one, one)]
    assert usual_values(measured, 40.0) == {
        "found_diameter": 25.0,
        "usual_confidence": 0.5,
        "copes_with_finer": True,
    }
    assert usual_values(measured[1:2], 40.0)["found_diameter"] == pytest.approx(40.0)
