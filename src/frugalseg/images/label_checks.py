"""Is a label map what it is said to be? Masks, grey images and damaged label maps are easily taken for one.

The only place that decides this: labels to learn from, markers, truths and predictions to score, and ``inspect`` ask here.
What is surely wrong is refused; what may be right is said.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels
from frugalseg.images.label_pieces import LabelPieces, find_pieces, touching_objects

NUMBER_THEM = "number its pieces first, for example with skimage.measure.label or MorphoLibJ in Fiji"
UNSIGNED = {255: "8", 65535: "16", 2**32 - 1: "32"}
"""-1 stored as an unsigned integer of so many bits; also what programs write into a mask."""

ENOUGH_PAIRS = 20
"""Neighbours that are compared at least before an image is called grey."""
MANY_PIECES = 3
"""Pieces per label, on average, that no label map of objects has; real ones have up to 1.3."""
MUCH_LARGER = 4
TOUCHING_SHARE = 0.1
"""Share of labels shaped like touching objects above which it is said; in real label maps it is up to 0.07."""


@dataclass(frozen=True)
class LabelFault:
    """What a label map looks like.

    Attributes
    ----------
    kind
        A short name for it.
    text
        What was found, what it looks like and what to do, without a subject.
    certain
        Whether it is surely no label map; otherwise it may be right.
    """

    kind: str
    text: str
    certain: bool


def find_label_faults(labels: NDArray[np.integer[Any]]) -> tuple[LabelFault, ...]:
    """Return why numbers may not be the labels of objects; nothing where they look right.

    Parameters
    ----------
    labels
        (Y,X) integers, 0 background, negative not annotated.

    Examples
    --------
    >>> mask = np.zeros((20, 30), int)
    >>> mask[2:8, 2:8] = mask[10:18, 20:28] = 255
    >>> [(fault.kind, fault.certain) for fault in find_label_faults(mask)]
    [('mask', True)]
    >>> find_label_faults(np.where(mask & (np.arange(30) > 15), 2, mask > 0))
    ()
    """
    if looks_grey(labels):
        text = "looks like a grey image; give a label map, in which each object has a number of its own"
        return (LabelFault("grey", text, True),)
    pieces = find_pieces(labels)
    if len(pieces.ids) == 0:
        return ()
    checks: tuple[Callable[[NDArray[Any], LabelPieces], Iterator[LabelFault]], ...]
    checks = (_one_label,) if len(pieces.ids) == 1 else (_unsigned, _repeated, _numbered_background)
    found = [fault for check in checks for fault in check(labels, pieces)]
    return tuple(found or _touching(labels, pieces))


def check_objects(labels: NDArray[np.integer[Any]], what: str) -> tuple[str, ...]:
    """Refuse numbers (Y,X) that are surely no label map, and return doubts on others as sentences.

    Raises
    ------
    BadPixels
        `what` is named in the message.
    """
    faults = find_label_faults(labels)
    for fault in faults:
        if fault.certain:
            raise BadPixels(f"{what} {fault.text}")
    return tuple(f"{what} {fault.text}" for fault in faults)


def warn_of_doubts(labels: NDArray[np.integer[Any]], what: str) -> None:
    """Refuse as `check_objects` does, and give doubts as Python warnings: for functions that return no warnings."""
    for doubt in check_objects(labels, what):
        warnings.warn(doubt, stacklevel=3)


def looks_grey(labels: NDArray[Any]) -> bool:
    """Return whether neighbours mostly differ, which they never do inside of objects.

    Examples
    --------
    >>> looks_grey(np.array([[1, 1, 2, 2]] * 9)), looks_grey(np.array([[7, 3, 9, 4]] * 9))
    (False, True)
    """
    left, right = labels[:, :-1], labels[:, 1:]
    inside = (left > 0) & (right > 0)
    pairs = int(inside.sum())
    return pairs >= ENOUGH_PAIRS and float((left == right)[inside].mean()) < 0.5


def _one_label(labels: NDArray[Any], pieces: LabelPieces) -> Iterator[LabelFault]:
    """One object, or a mask of all objects?"""
    value, count = int(pieces.ids[0]), int(pieces.large.sum())
    if count > 1:
        text = f"has one label in {count} separate pieces, so it is a mask; {NUMBER_THEM}"
        yield LabelFault("mask", text, True)
    elif pieces.surrounds[0] and _holes(labels) > 1:
        text = "has one label that surrounds all the rest, so it looks like a mask whose objects are 0; invert it, and "
        yield LabelFault("mask", text + NUMBER_THEM, True)
    elif len(pieces.owner) > 1:
        text = f"has one label in {len(pieces.owner)} pieces of very different sizes, so it may be a mask; if it is, "
        yield LabelFault("mask", text + NUMBER_THEM, False)
    elif value in UNSIGNED:
        text = f"has one label, {value}, so it looks like a mask; if it shows several objects that touch, number each"
        yield LabelFault("mask", text, bool(touching_objects(labels, pieces)))


def _unsigned(_: NDArray[Any], pieces: LabelPieces) -> Iterator[LabelFault]:
    """-1 for "not annotated", saved without a sign."""
    value, below = int(pieces.ids[-1]), int(pieces.ids[-2])
    if value not in UNSIGNED or 2 * below > value:
        return
    # 8 bits are few: there a single object may well have got the highest number.
    odd = pieces.counts[-1] > 1 or pieces.areas[-1] > MUCH_LARGER * pieces.areas[:-1].max()
    yield LabelFault(
        "unsigned",
        f"has the label {value} far above all others (the next is {below}): it looks like -1, 'not annotated', saved as "
        f"unsigned {UNSIGNED[value]}-bit integers; save it as signed integers, or put 0 or a label of its own there",
        bool(value > 255 or odd),
    )


def _repeated(_: NDArray[Any], pieces: LabelPieces) -> Iterator[LabelFault]:
    """One number in several places: classes, numbers that wrapped around, or values changed by saving."""
    n, spread = len(pieces.ids), int(pieces.spread.sum())
    scattered = len(pieces.owner) >= MANY_PIECES * n and bool(pieces.spread_at_all.any())
    if spread == 0 and not scattered:
        return
    full = n == int(pieces.ids[-1]) == 255
    if full:
        looks = "it looks like more than 255 objects saved in 8 bits; save 16 bits"
    elif len(pieces.owner) >= MANY_PIECES * n and spread * 2 < n:
        looks = "it looks like a label map that was resized with interpolation or saved with losses; use the original"
    else:
        looks = f"the numbers look like classes, not like objects; {NUMBER_THEM}"
    if scattered or full or spread * 2 > n:
        text = f"has {n} labels in {len(pieces.owner)} separate pieces: {looks}"
        yield LabelFault("repeated", text, True)
        return
    example = int(pieces.ids[np.argmax(pieces.spread)])
    yield LabelFault(
        "repeated",
        f"has {spread} of {n} labels in several places far apart (label {example}, for example), and each counts as one "
        "object; give each object a number of its own",
        False,
    )


def _numbered_background(_: NDArray[Any], pieces: LabelPieces) -> Iterator[LabelFault]:
    for position in np.flatnonzero(pieces.surrounds):
        yield LabelFault(
            "background",
            f"has the label {int(pieces.ids[position])} all around the others, so it looks like background with a number; "
            "set it to 0",
            False,
        )


def _touching(labels: NDArray[Any], pieces: LabelPieces) -> Iterator[LabelFault]:
    """Numbers given to connected areas, so that objects that touch share one."""
    merged = touching_objects(labels, pieces)
    if len(merged) > TOUCHING_SHARE * len(pieces.ids):
        yield LabelFault(
            "touching",
            f"has {len(merged)} of {len(pieces.ids)} labels shaped like several objects that touch (label {merged[0]}, for "
            "example), so it may be a mask whose pieces were numbered; give each object a number of its own",
            False,
        )


def _holes(labels: NDArray[Any]) -> int:
    count, _ = cv2.connectedComponents((labels <= 0).astype(np.uint8), connectivity=4)
    return count - 1
