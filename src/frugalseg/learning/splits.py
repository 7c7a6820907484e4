"""Training and validation sets: whole fields, or parts of a field where there are few."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Share of the fields that becomes the validation set, at least one.
SHARE = 0.2
#: With so many fields or more, whole fields are taken; with fewer that would cost half of the labels or more.
FIELDS_TO_SPLIT = 3
#: Share of a field's longer side that becomes the validation set where a field has to be split.
STRIP = 0.25
#: px; narrower strips would be too little to choose weights by, but in fields that are hardly larger.
NARROWEST = 16


class Part(NamedTuple):
    """One field, or the part of it between two positions along one axis.

    Attributes
    ----------
    field
        Index of the field.
    axis
        0: y, 1: x.
    start, stop
        Positions along the axis, as shares of the side, 0..1.
    """

    field: int
    axis: int = 0
    start: float = 0.0
    stop: float = 1.0

    def area(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Return the pixels (y, x) of this part in a field of a shape (Y, X).

        >>> Part(0, 1, 0.75, 1.0).area((10, 20))
        (slice(0, 10, None), slice(15, 20, None))
        """
        spans = [slice(0, side) for side in shape]
        side = shape[self.axis]
        spans[self.axis] = slice(round(self.start * side), round(self.stop * side))
        return spans[0], spans[1]

    def name(self, field: str) -> str:
        """Return the name of this part in records, from the name of its field."""
        if (self.start, self.stop) == (0.0, 1.0):
            return field
        return f"{field} ({'yx'[self.axis]} {self.start:.0%} to {self.stop:.0%})"


class Split(NamedTuple):
    """Parts of the training set, and parts of the validation set, which are held out of training."""

    train: tuple[Part, ...]
    held_out: tuple[Part, ...]


def split_fields(
    shapes: Sequence[tuple[int, int]],
    seed: int,
    hold_out: bool = True,
    contents: Sequence[NDArray[np.bool_]] | None = None,
) -> Split:
    """Return a training and a validation set: whole fields where there are enough, else the last strip of one field.

    A field whose labels all lie at its end along both axes has no such strip; then nothing is held out. No pixel is in both.
    The same seed gives the same split.

    Parameters
    ----------
    shapes
        (Y, X) of every field.
    seed
        Of the random order of the fields.
    hold_out
        Whether there is a validation set; False: all fields are training set.
    contents
        (Y, X) of every field, True in labels. Only fields with labels can be held out, and a strip holds about a quarter
        of the field's labels, because an area without labels can't evaluate a network.

    Examples
    --------
    >>> [len(part) for part in split_fields([(64, 64)] * 10, seed=0)]
    [8, 2]
    >>> split_fields([(64, 80)], seed=0).held_out
    (Part(field=0, axis=1, start=0.75, stop=1.0),)
    """
    everything = tuple(Part(index) for index in range(len(shapes)))
    if not hold_out or not shapes:
        return Split(everything, ())
    order = [int(index) for index in np.random.default_rng([seed, 77]).permutation(len(shapes))]
    filled = [index for index in order if contents is None or contents[index].any()]
    if len(filled) >= FIELDS_TO_SPLIT:
        chosen = set(filled[: max(1, round(SHARE * len(filled)))])
        return Split(
            tuple(part for part in everything if part.field not in chosen),
            tuple(part for part in everything if part.field in chosen),
        )
    index = (filled or order)[0]
    longer = int(shapes[index][1] >= shapes[index][0])
    for axis in (longer, 1 - longer):
        cut = 1 - STRIP if contents is None else _cut(contents[index].sum(axis=1 - axis))
        side = shapes[index][axis]
        wide = side - round(cut * side)
        if min(NARROWEST, STRIP * side / 2) <= wide < side:
            kept, strip = Part(index, axis, 0.0, cut), Part(index, axis, cut, 1.0)
            return Split(tuple(kept if part.field == index else part for part in everything), (strip,))
    return Split(everything, ())


def _cut(profile: NDArray[np.integer[Any]]) -> float:
    """Return where the strip begins, as a share of the side: at `1 - STRIP`, unless it had too much or too little then."""
    up_to = np.cumsum(profile)
    side, total = len(up_to), int(up_to[-1])
    behind = total - int(up_to[round((1 - STRIP) * side) - 1])
    if total == 0 or STRIP / 2 <= behind / total <= 2 * STRIP:
        return 1 - STRIP
    at = int(np.searchsorted(up_to, (1 - STRIP) * total)) + 1
    return min(at, side - 1) / side
