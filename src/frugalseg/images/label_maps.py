"""Label maps of any stored type as 32-bit integers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels

LARGEST_EXACT_FLOAT = 2**24
"""float32 holds every whole number up to this; above, two ids may be stored as the same number."""


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
        whole = bool(np.isfinite(values).all()) and bool((values == np.rint(values)).all())
        if not whole or (values.size and np.abs(values).max() > LARGEST_EXACT_FLOAT):
            raise BadPixels(
                f"{owner} are not whole numbers ({values.dtype}); a label map holds one integer per cell"
            )
        values = values.astype(np.int64)
    if values.dtype.kind not in "iub":
        raise BadPixels(f"{owner} are of type {values.dtype}; a label map holds one integer per cell")
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    signed = values.dtype.kind == "i" and high <= np.iinfo(np.int32).max
    limits = np.iinfo(np.int32 if signed else np.uint32)
    if low < limits.min or high > limits.max:
        raise BadPixels(
            f"{owner} have ids from {low} to {high}; ids from {limits.min} to {limits.max} are allowed"
        )
    return values.astype(np.int32) if signed else values.astype(np.uint32)
