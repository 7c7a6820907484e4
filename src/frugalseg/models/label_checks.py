"""Is a label map what it is said to be? A mask or a grey image is easily taken for one."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels


def check_objects(labels: NDArray[np.integer[Any]], what: str) -> None:
    """Refuse a label map (Y,X) to learn from that is a mask, a grey image, or nowhere annotated.

    Raises
    ------
    BadPixels
        `what` is named in the message.
    """
    if not (labels >= 0).any():
        raise BadPixels(f"{what}: nothing is annotated (every label is negative); leave the image out")
    if looks_grey(labels):
        raise BadPixels(
            f"{what} looks like a grey image; give a label map, in which each object has a number of its own"
        )
    n, _ = cv2.connectedComponents((labels > 0).astype(np.uint8))
    if n > 2 and len(np.unique(labels[labels > 0])) == 1:
        raise BadPixels(
            f"{what} has one label in {n - 1} separate pieces, so it is a mask; give a label map, in which each object has a "
            "number of its own"
        )


def looks_grey(labels: NDArray[Any]) -> bool:
    """Return whether neighbours mostly differ, which they never do inside of objects.

    Examples
    --------
    >>> looks_grey(np.array([[1, 1, 2, 2]])), looks_grey(np.array([[7, 3, 9, 4]]))
    (False, True)
    """
    left, right = labels[:, :-1], labels[:, 1:]
    inside = (left > 0) & (right > 0)
    return bool(inside.any()) and float((left == right)[inside].mean()) < 0.5
