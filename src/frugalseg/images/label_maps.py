"""Label maps of any stored type as 32-bit integers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels


def as_labels(values: NDArray[Any], owner: str) -> NDArray[np.int32] | NDArray[np.uint32]:
    """Convert a stored label map to 32-bit integers without changing an id.

    Parameters
    ----------
    values
        Label map of any shape: integers, booleans, or floats that are whole numbers.
    owner
        What the values are, for the message of `BadPixels`.

    Returns
    -------
    int32 for signed types, where a negative id means "not annotated", else uint32; the shape is kept.

    Raises
    ------
    BadPixels
        The values are not whole numbers, or do not fit into 32 bits.

    Examples
    --------
    >>> as_labels(np.array([[0.0, 7.0]]), "labels").tolist()
    [[0, 7]]
    """
    if values.dtype.kind == "f":
        values = _whole_numbers(values, owner)
    if values.dtype.kind not in "iub":
        raise BadPixels(f"{owner} are of type {values.dtype}; a label map holds one integer per cell")
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    signed = values.dtype.kind == "i" and high <= np.iinfo(np.int32).max
    limits = np.iinfo(np.int32 if signed else np.uint32)
    if low < limits.min or high > limits.max:
        hint = ", and -1, 'not annotated', needs a signed type" if high == np.iinfo(np.uint64).max else ""
        raise BadPixels(
            f"{owner} have ids from {low} to {high}; ids from {limits.min} to {limits.max} are allowed{hint}"
        )
    return values.astype(np.int32) if signed else values.astype(np.uint32)


def _whole_numbers(values: NDArray[Any], owner: str) -> NDArray[np.int64]:
    """Return floats as integers; `BadPixels` says what they look like where they are none."""
    needed = "a label map holds one integer per cell"
    if not np.isfinite(values).all():
        raise BadPixels(
            f"{owner} are not whole numbers but also NaN or infinite; {needed}, 0 for background, -1 for 'not annotated'"
        )
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if (values != np.rint(values)).any():
        looks = "resized with interpolation or saved with losses, so use the original"
        if low >= 0 and high <= 1:
            looks = "scaled to 0..1, or probabilities, so save the numbers of the objects themselves"
        raise BadPixels(f"{owner} are not whole numbers ({values.dtype}); they look {looks}: {needed}")
    exact = 2.0 ** (np.finfo(values.dtype).nmant + 1)
    if max(-low, high) > exact:
        raise BadPixels(
            f"{owner} go up to {high:g}, and {values.dtype} holds every whole number up to {exact:g} only, so different ids "
            "may have become one; save integers"
        )
    return values.astype(np.int64)
