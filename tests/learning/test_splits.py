"""No pixel is both learned from and held out."""

import numpy as np
import pytest

from frugalseg.learning.splits import Part, Split, split_fields


def counted(split: Split, shapes: list[tuple[int, int]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """How often each pixel of each field is learned from, and held out."""
    found = [(np.zeros(shape, int), np.zeros(shape, int)) for shape in shapes]
    for side, parts in enumerate(split):
        for part in parts:
            found[part.field][side][part.area(shapes[part.field])] += 1
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_is_on_one_side(n: int, seed: int) -> None:
    shapes = [(61 + i, 64 - i) for i in range(n)]
    for train, held_out in counted(split_fields(shapes, seed), shapes):
        assert np.unique(train + held_out).tolist() == [1]
        if n >= 3:
            assert not (train.any() and held_out.any())  # whole fields


@pytest.mark.parametrize("side", range(4, 200, 7))
def test_strips_do_not_overlap_at_any_scale(side: int) -> None:
    """The same parts are cut from an image and from its reduced copy."""
    split = split_fields([(side, side)], 0)
    for size in (side, side // 2, side // 3 + 1):
        train, held_out = counted(split, [(size, size)])[0]
        assert (train + held_out == 1).all()
        assert abs(held_out.sum() / held_out.size - 0.25) <= 0.51 / size


@pytest.mark.parametrize(("n", "held_out"), [(3, 1), (5, 1), (8, 2), (10, 2), (50, 10)])
def test_a_fifth_of_the_fields_is_held_out(n: int, held_out: int) -> None:
    split = split_fields([(9, 9)] * n, seed=1)
    assert (len(split.train), len(split.held_out)) == (n - held_out, held_out)


def test_the_seed_decides_which() -> None:
    shapes = [(9, 9)] * 10
    chosen = [split_fields(shapes, seed).held_out for seed in range(20)]
    assert chosen[3] == split_fields(shapes, 3).held_out
    assert {part.field for parts in chosen for part in parts} == set(range(10))


@pytest.mark.parametrize(("shape", "axis"), [((40, 80), 1), ((80, 40), 0)])
def test_the_last_quarter_of_the_longer_side_is_held_out_of_few(shape: tuple[int, int], axis: int) -> None:
    split = split_fields([shape, shape], seed=0)
    (strip,) = split.held_out
    assert strip == Part(strip.field, axis, 0.75, 1.0)
    assert len(split.train) == 2
    assert strip.area(shape)[axis] == slice(60, 80)


def test_without_hold_out_everything_is_learned_from() -> None:
    assert split_fields([(9, 9)] * 4, 0, hold_out=False) == Split(tuple(Part(i) for i in range(4)), ())
    assert split_fields([], 0) == Split((), ())


def test_a_part_says_which_it_is() -> None:
    assert Part(2).name("a1") == "a1"
    assert Part(2, 1, 0.75, 1.0).name("a1") == "a1 (x 75% to 100%)"


def strip_of(*labelled: np.ndarray, seed: int = 0) -> tuple[Part, np.ndarray]:
    """What is held out, and what of the labels lies in it."""
    shapes = [(int(one.shape[0]), int(one.shape[1])) for one in labelled]
    split = split_fields(shapes, seed, contents=labelled)
    for train, held_out in counted(split, shapes):
        assert (train + held_out == 1).all()
    (strip,) = split.held_out
    return strip, labelled[strip.field][strip.area(shapes[strip.field])]


def test_a_strip_holds_a_quarter_of_what_is_labelled() -> None:
    """One outlined corner of a large image must be on both sides, or nothing could be judged."""
    corner = np.zeros((60, 100), bool)
    corner[:40, 10:50] = True
    strip, inside = strip_of(corner)
    assert (strip.axis, strip.start) == (1, 0.4)  # the last 10 of 40 columns
    assert inside.sum() / corner.sum() == 0.25
    strip, inside = strip_of(corner.T.copy())
    assert (strip.axis, strip.start, inside.sum()) == (0, 0.4, 400)


def test_labels_all_over_leave_the_strip_where_it_is() -> None:
    strip, _ = strip_of(np.random.default_rng(0).random((60, 100)) > 0.4)
    assert (strip.start, strip.stop) == (0.75, 1.0)
    assert strip_of(np.zeros((60, 100), bool))[0].start == 0.75


@pytest.mark.parametrize("seed", range(6))
def test_a_field_without_labels_is_not_the_one_that_is_cut(seed: int) -> None:
    labelled = np.ones((60, 100), bool)
    assert strip_of(labelled, np.zeros((60, 100), bool), seed=seed)[0].field == 0


def test_labels_in_one_column_only_can_not_be_divided() -> None:
    last = np.zeros((30, 50), bool)
    last[:, 49] = True
    strip, inside = strip_of(last)
    assert (strip.axis, strip.start, inside.sum()) == (0, 0.75, 8)  # but across it they can


def test_a_strip_is_never_a_line_or_nothing() -> None:
    """Labels at the very end of a field would leave a strip of one px, which is none at the scale of a network."""
    edge = np.zeros((160, 160), bool)
    edge[:, 154:] = True
    strip, inside = strip_of(edge)
    assert (strip.axis, strip.start, inside.sum()) == (0, 0.75, 40 * 6)
    edge[:154] = False
    assert split_fields([(160, 160)], 0, contents=[edge]) == (((0, 0, 0.0, 1.0),), ())
    assert split_fields([(1, 1)], 0) == (((0, 0, 0.0, 1.0),), ())
    crop = np.zeros((1000, 1280), bool)  # 64 of 1280 px are enough
    crop[400:656, 1024:] = True
    assert strip_of(crop)[0] == (0, 1, 0.95, 1.0)


@pytest.mark.parametrize("seed", range(6))
def test_only_fields_with_labels_are_held_out_and_never_all(seed: int) -> None:
    shape = (32, 48)
    contents = [np.full(shape, index in (1, 4)) for index in range(6)]
    split = split_fields([shape] * 6, seed, contents=contents)
    (strip,) = split.held_out  # two labelled fields are too few to lose one
    assert strip.field in (1, 4)
    assert (strip.axis, strip.start) == (1, 0.75)
    assert {part.field for part in split.train} == set(range(6))
    contents[5][:] = True
    (whole,) = split_fields([shape] * 6, seed, contents=contents).held_out
    assert whole.field in (1, 4, 5)
    assert whole == Part(whole.field)
