"""Many small pictures on one sheet, such as crops that are to be outlined."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from frugalseg.images.write import atomic_file
from frugalseg.report.pixel_layers import with_outlines

#: px: longest side of a picture, height of its title, and the gap between pictures.
SIDE, TITLE, GAP = 320, 24, 8
#: px: least distance from one picture to the next, for its title, of which each letter takes about so many.
NARROWEST, LETTER = 160, 10


def contact_sheet(pictures: Sequence[tuple[str, NDArray[Any], NDArray[Any]]]) -> NDArray[np.uint8]:
    """Return a sheet of pictures, row by row, in about as many rows as columns.

    Parameters
    ----------
    pictures
        Title, preview (Y,X) or (Y,X,3), and labels (Y,X) whose outlines are drawn in. At most 320 px of a side are kept.

    Returns
    -------
    (Y,X,3) uint8
        Red, green, blue.

    Examples
    --------
    >>> sheet = contact_sheet([("1 a", np.zeros((9, 9)), np.zeros((9, 9), int))] * 3)
    >>> sheet.shape
    (90, 328, 3)
    """
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    drawn = [with_outlines(image, labels, SIDE) for _, image, labels in pictures]
    height, width = (max(one.shape[axis] for one in drawn) + GAP for axis in (0, 1))
    height, width = height + TITLE, max(width, NARROWEST)
    sheet = np.zeros((rows * height + GAP, columns * width + GAP, 3), np.uint8)
    for place, ((title, *_), shown) in enumerate(zip(pictures, drawn, strict=True)):
        row, column = divmod(place, columns)
        top, left = GAP + row * height, GAP + column * width
        below = top + TITLE
        sheet[below : below + shown.shape[0], left : left + shown.shape[1]] = shown
        # the font has ASCII only
        text = title[: width // LETTER].encode("ascii", "replace").decode()
        cv2.putText(
            sheet, text, (left, top + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA
        )
    return sheet


def write_contact_sheet(path: str | Path, pictures: Sequence[tuple[str, NDArray[Any], NDArray[Any]]]) -> None:
    """Write a sheet, see `contact_sheet`, as a PNG; `OutputFailed` where the file can't be written."""
    done, data = cv2.imencode(".png", contact_sheet(pictures)[..., ::-1])
    assert done  # a picture of this type always can be encoded
    with atomic_file(path) as file:
        file.write(data.tobytes())
