"""Tidy labels: one piece per cell, no holes, and the id stays the marker's number."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from frugalseg.errors import WrongShape
from frugalseg.instances.clean import clean_labels


def _drawn(*rows: str) -> NDArray[np.uint32]:
    """Label map from one digit per pixel; a dot is background."""
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows], np.uint32)


TWO_PIECES = _drawn(
    "11....222",
    "11..1.222",
    ".........",
    "2....1111",
)


def test_the_piece_with_the_marker_is_kept_however_small() -> None:
    tidy = clean_labels(TWO_PIECES, points=[[1, 4], [3, 0]])
    assert tidy.dtype == np.uint32
    assert tidy.tolist() == _drawn(".........", "....1....", ".........", "2........").tolist()


def test_without_points_or_with_a_marker_outside_the_largest_piece_is_kept() -> None:
    labels = _drawn("11....222", "1...1.222", ".........", "2....1111")
    expected = _drawn("......222", "......222", ".........", ".....1111").tolist()
    assert clean_labels(labels).tolist() == expected
    assert clean_labels(labels, points=[[2, 2], [0, 5]]).tolist() == expected
    # More labels than points: those without one are treated the same.
    assert clean_labels(labels, points=[[2, 2]]).tolist() == expected


def test_pieces_that_meet_at_a_corner_are_two() -> None:
    labels = _drawn("11..", "..1.", "....")
    assert clean_labels(labels, points=[[1, 2]]).tolist() == _drawn("....", "..1.", "....").tolist()


@pytest.mark.parametrize("swapped", [False, True], ids=["outer first", "inner first"])
def test_holes_are_filled_but_no_other_cell_is_eaten(swapped: bool) -> None:
    labels = _drawn(
        "1111111",
        "1.11221",
        "1111221",
        "1111111",
        "3333...",
        "3..3...",
        "3333...",
    )
    points = [[0, 0], [1, 4], [4, 0]]
    new_id = np.array([0, 2, 1, 3] if swapped else [0, 1, 2, 3])
    tidy = clean_labels(new_id[labels], [points[1], points[0], points[2]] if swapped else points)
    expected = _drawn("1111111", "1111221", "1111221", "1111111", "3333...", "3333...", "3333...")
    assert tidy.tolist() == new_id[expected].tolist()


def test_a_bay_open_to_the_outside_is_no_hole() -> None:
    bay = _drawn("111", "1..", "111")
    assert clean_labels(bay).tolist() == bay.tolist()


@pytest.mark.parametrize("with_background", [True, False])
def test_ids_are_kept_with_gaps_and_in_any_order(with_background: bool) -> None:
    labels = _drawn("9933", "9933", "5577", "5577")
    if with_background:
        labels[0, 0] = 0
    assert clean_labels(labels).tolist() == labels.tolist()


def test_small_cells_go_and_the_others_keep_their_ids() -> None:
    labels = _drawn("1.22", "..22", "333.", "333.")
    tidy = clean_labels(labels, points=[[0, 0], [0, 2], [2, 0]], min_area=4)
    assert tidy.tolist() == _drawn("..22", "..22", "333.", "333.").tolist()
    assert clean_labels(labels, min_area=5).tolist() == _drawn("....", "....", "333.", "333.").tolist()


def test_ids_beyond_sixteen_bits_are_kept() -> None:
    labels = np.array([[70_000, 70_000, 0, 4_464], [0, 0, 0, 4_000_000_000]])
    assert clean_labels(labels).tolist() == labels.tolist()
    assert clean_labels(np.arange(1, 70_001).reshape(1, -1)[:, 65_500:]).tolist() == [
        list(range(65_501, 70_001))
    ]


def test_thousands_of_cells_each_with_a_hole_and_a_fragment() -> None:
    rows, columns = 50, 60
    number = np.arange(1, rows * columns + 1, dtype=np.uint32).reshape(rows, columns)
    expected = np.zeros((rows * 6, columns * 4), np.uint32)
    for y, x in np.ndindex(3, 3):
        expected[y::6, x::4] = number
    labels = expected.copy()
    labels[1::6, 1::4] = 0
    labels[4::6, 1::4] = number
    points = np.argwhere(np.ones_like(number)) * (6, 4)
    start = time.perf_counter()
    assert np.array_equal(clean_labels(labels, points), expected)
    assert time.perf_counter() - start < 10


def test_no_cell_gives_no_cell() -> None:
    tidy = clean_labels(np.zeros((3, 4), int), points=np.zeros((0, 2)))
    assert tidy.shape == (3, 4)
    assert tidy.dtype == np.uint32
    assert not tidy.any()


def test_what_is_no_label_map_is_refused() -> None:
    with pytest.raises(WrongShape, match="Y,X"):
        clean_labels(np.zeros((2, 3, 4), int))
    with pytest.raises(WrongShape, match="0 and above"):
        clean_labels([[0, -1]])


def test_no_hole_is_left_where_a_fragment_of_another_cell_lay() -> None:
    labels = np.array([[1, 1, 1], [1, 2, 1], [1, 1, 1], [0, 0, 0], [2, 2, 2]])
    assert clean_labels(labels, [[0, 0], [4, 1]]).tolist()[:3] == [[1, 1, 1]] * 3


def test_an_array_without_pixels_stays_one() -> None:
    assert clean_labels(np.zeros((0, 5), int)).shape == (0, 5)


def test_a_marker_between_two_pixels_belongs_to_the_second() -> None:
    """As where it is drawn as a seed: `frugalseg.images.seeds`."""
    assert clean_labels(_drawn(".1.11"), points=[[0, 0.5]]).tolist() == [[0, 1, 0, 0, 0]]
    assert clean_labels(_drawn(".1.11"), points=[[0, 2.5]]).tolist() == [[0, 0, 0, 1, 1]]
