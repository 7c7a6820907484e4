"""What is taken for a label map and is none: masks, classes, unsigned -1, damaged numbers; and what only looks odd."""

from typing import Any

import cv2
import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import BadPixels
from frugalseg.images.label_checks import check_objects, find_label_faults
from frugalseg.images.label_maps import as_labels

Labels = np.ndarray[Any, Any]
SHAPE = (120, 160)


def disks(radius: int = 8, step: int = 20, gap: int = 20) -> Labels:
    """Disks with ids 1, 2, ... in a grid of `step` x `gap` px."""
    y, x = np.indices(SHAPE)
    labels = np.zeros(SHAPE, np.int32)
    centres = [(a, b) for a in range(10, 115, step) for b in range(10, 155, gap)]
    for number, (a, b) in enumerate(centres, start=1):
        labels[np.hypot(y - a, x - b) < radius] = number
    return labels


CELLS = disks()
N = int(CELLS.max())


def kinds(labels: Labels) -> list[tuple[str, bool]]:
    return [(fault.kind, fault.certain) for fault in find_label_faults(labels)]


def one_object() -> Labels:
    return np.where(CELLS == 12, 1, 0)


def split_object() -> Labels:
    """One cell whose other half lies far away: an error of one id, which may have been meant."""
    labels = CELLS.copy()
    labels[CELLS == 40] = 3
    return labels


def cut_object() -> Labels:
    """A cell that bends through what is not annotated."""
    labels = unknown(-1)
    labels[10:110, 90:110] = 0
    labels[20:30, 85:100] = labels[90:100, 85:100] = 200
    labels[10:110, 100:] = -1
    return labels


def stray_bit() -> Labels:
    labels = one_object()
    labels[0, :3] = 1
    return labels


def touching() -> Labels:
    """Pairs of disks that overlap a little share an id."""
    return np.where(disks(gap=15) > 0, (disks(gap=15) + 1) // 2, 0)


def unknown(value: int, labels: Labels = CELLS) -> Labels:
    changed = labels.astype(np.int64)
    changed[:, 100:] = value
    return changed


def interpolated() -> Labels:
    return (
        cv2.resize(CELLS.astype(np.float32), (200, 150), interpolation=cv2.INTER_LINEAR).round().astype(int)
    )


@pytest.mark.parametrize(
    "labels",
    [
        CELLS,
        CELLS.astype(np.uint8),
        np.where(CELLS > 0, CELLS * 1000 + 7, 0),  # large gaps between ids
        unknown(-1),
        one_object(),
        one_object() * 7,
        one_object().astype(bool),
        np.zeros(SHAPE, int),
        np.full(SHAPE, 1),  # a crop inside of one cell
        np.kron(np.arange(1, 31).reshape(5, 6), np.ones((24, 26), int)),  # no background at all
        np.where(CELLS == 12, 12, -1),
        np.where((np.indices(SHAPE) % 20 == 10).all(axis=0), CELLS, 0),  # points
        cut_object(),
        np.arange(1, 301).reshape(15, 20).repeat(5, 0).repeat(5, 1),  # 300 ids, 255 among them
        np.where(CELLS > 0, CELLS + 65535 - N, 0),  # ids up to 65535 that follow each other
    ],
)
def test_label_maps_raise_no_doubt(labels: Labels) -> None:
    assert kinds(labels) == []
    assert check_objects(labels, "it") == ()


@pytest.mark.parametrize(
    ("labels", "kind", "says"),
    [
        ((CELLS > 0) * 1, "mask", f"it has one label in {N} separate pieces, so it is a mask"),
        ((CELLS > 0) * 255, "mask", f"it has one label in {N} separate pieces"),
        (CELLS > 0, "mask", f"it has one label in {N} separate pieces"),
        ((CELLS > 0) * 65535, "mask", f"it has one label in {N} separate pieces"),
        (np.where(np.isin(CELLS, (1, 2)), 255, 0), "mask", "it has one label in 2 separate pieces"),
        ((CELLS == 0) * 255, "mask", "surrounds all the rest, so it looks like a mask whose objects are 0; invert it"),
        (np.where(CELLS < 1, -1, 255), "mask", f"one label in {N} separate pieces"),
        ((touching() == 5) * 255, "mask", "one label, 255, so it looks like a mask"),
        ((CELLS == 0) + 1, "repeated", "2 labels in 49 separate pieces: the numbers look like classes"),
        (np.where(CELLS > 0, CELLS % 4 + 1, 0), "repeated", "4 labels in 48 separate pieces: the numbers look like cl"),
        (unknown(65535), "unsigned", "the label 65535 far above all others (the next is 45): it looks like -1"),
        (unknown(2**32 - 1), "unsigned", "unsigned 32-bit integers; save it as signed integers"),
        (unknown(255), "unsigned", "the label 255 far above all others (the next is 45): it looks like -1"),
        (interpolated(), "repeated", "resized with interpolation or saved with losses; use the original"),
        (np.random.default_rng(0).integers(1, 99, SHAPE), "grey", "looks like a grey image"),
    ],
)  # fmt: skip
def test_what_is_surely_no_label_map_is_refused_and_said(labels: Labels, kind: str, says: str) -> None:
    assert kinds(labels)[0] == (kind, True)
    with pytest.raises(BadPixels) as error:
        check_objects(labels, "it")
    assert says in str(error.value)


def test_more_than_255_objects_saved_in_8_bits_are_found() -> None:
    many = np.arange(1, 321).reshape(16, 20).repeat(6, 0).repeat(6, 1)
    many[::6] = many[:, ::6] = 0
    assert kinds(many) == []
    wrapped = np.where(many > 0, (many - 1) % 255 + 1, 0)
    assert kinds(wrapped) == [("repeated", True)]
    with pytest.raises(BadPixels, match=r"255 labels in 320 .* more than 255 objects saved in 8 bits"):
        check_objects(wrapped, "it")


@pytest.mark.parametrize(
    ("labels", "kind", "says"),
    [
        (one_object() * 255, "mask", "it has one label, 255, so it looks like a mask; if it shows several objects"),
        (stray_bit(), "mask", "one label in 2 pieces of very different sizes"),
        (split_object(), "repeated", "it has 1 of 47 labels in several places far apart (label 3, for example)"),
        (touching(), "touching", "labels shaped like several objects that touch (label 1, for example)"),
        ((touching() == 5) * 1, "touching", "1 of 1 labels shaped like several objects that touch"),
        (np.where(CELLS == 45, 255, np.minimum(CELLS, 44) * (CELLS < 45)), "unsigned", "the next is 44"),
        (CELLS + 1, "background", "the label 1 all around the others, so it looks like background with a number"),
    ],
)  # fmt: skip
def test_what_may_be_right_is_said_and_used(labels: Labels, kind: str, says: str) -> None:
    assert kinds(labels) == [(kind, False)]
    (doubt,) = check_objects(labels, "it")
    assert says in doubt


def test_functions_for_arrays_refuse_masks_and_warn_of_doubts() -> None:
    mask = (CELLS > 0) * 255
    for given in ((mask, CELLS), (CELLS, mask)):
        with pytest.raises(BadPixels, match=r"`(truth|predicted)` has one label in 48 separate pieces"):
            fs.score_labels(*given)
    with pytest.warns(UserWarning, match="`predicted` has 1 of 47 labels in several places"):
        assert fs.score_labels(CELLS, split_object()).n_true == N
    with pytest.raises(BadPixels, match="`labels` has one label in 48 separate pieces"):
        fs.markers_from_labels(mask)
    with pytest.warns(UserWarning, match="`labels` has 1 of 47 labels"):
        assert len(fs.markers_from_labels(split_object())) == N - 1
    plane = np.random.default_rng(0).normal(100, 5, SHAPE) + 200 * (CELLS > 0)
    with pytest.raises(
        BadPixels, match="the image: `markers` has one label in 48 separate pieces, so it is a mask"
    ):
        fs.find_cues(plane, markers=mask, diameter=16)
    with pytest.raises(BadPixels, match="the image: `markers` has one label in 48"):
        fs.self_train(plane, markers=mask, diameter=16, max_steps=1, encoder="small")
    cues = fs.find_cues(plane, markers=split_object(), diameter=16)
    assert cues.warnings[0] == cues.doubts[0]
    assert "the image: `markers` has 1 of 47 labels in several places" in cues.doubts[0]
    assert fs.find_cues(plane, markers=CELLS, diameter=16).doubts == ()


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_that_are_whole_numbers_are_labels(kind: type) -> None:
    labels = as_labels(unknown(-1).astype(kind), "labels")
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, unknown(-1))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (CELLS / N, "they look scaled to 0..1, or probabilities"),
        (
            CELLS + 0.5 * (CELLS > 3),
            "they look resized with interpolation or saved with losses, so use the original",
        ),
        (np.where(CELLS > 0, CELLS, np.nan), "not whole numbers but also NaN or infinite"),
        (
            np.float32(CELLS) * 2**24,
            "labels go up to .* float32 holds every whole number up to 1.67772e\\+07 only",
        ),
        (np.float16(CELLS) * 64, "float16 holds every whole number up to 2048 only"),
        (np.where(CELLS > 0, 2**64 - 1, 0).astype(np.uint64), "and -1, 'not annotated', needs a signed type"),
    ],
)
def test_other_floats_are_refused_by_what_they_look_like(values: Labels, says: str) -> None:
    with pytest.raises(BadPixels, match=says):
        as_labels(values, "labels")


def test_large_numbers_in_double_precision_are_exact() -> None:
    assert as_labels(np.array([[0.0, 2.0**24 + 1]]), "labels").tolist() == [[0, 2**24 + 1]]
