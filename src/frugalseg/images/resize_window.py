"""Resize one window of a large image, with the result of `resize_planes` on the whole image.

A pixel of the resized image is a weighted sum over a few pixels of the old image, axis by axis. A window thus needs a
small rectangle of the old image and two sparse matrices, whose weights depend on the position of the window.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import SettingsError
from frugalseg.images.resize import nearest_pixels
from frugalseg.images.tiles import ReadWindow, Window

MOST_PIXELS = 8_000_000
"""Most pixels of the old image that are read at once; a window that needs more is resized strip by strip."""

NEGLIGIBLE = 1e-3
"""Share of an old pixel below which OpenCV leaves it out of the mean over an area."""


def resize_window(
    read: ReadWindow, old: tuple[int, int], new: tuple[int, int], window: Window
) -> NDArray[np.float32]:
    """Return a window of an image that is resized as a whole.

    Parameters
    ----------
    read
        Returns the channels (C, y, x) of a window of the old image.
    old, new
        (Y, X) of the old and of the resized image.
    window
        Rows and columns in the resized image.

    Returns
    -------
    (C, y, x) float32
        `resize_planes(image, new)[:, rows, columns]` up to rounding: the mean over the area of a new pixel where the
        image shrinks, linear between the centres of old pixels where it grows.

    Raises
    ------
    SettingsError
        A size is below 1 px, one side shrinks while the other grows, or the window is empty or not in the image.

    Examples
    --------
    >>> image = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    >>> resize_window(lambda w: image[:, w[0], w[1]], (4, 4), (2, 2), (slice(1, 2), slice(0, 2))).tolist()
    [[[10.5, 12.5]]]
    """
    rows, columns = window
    _check(old, new, window)
    if old == new:
        return np.asarray(read(window), dtype=np.float32)
    shrinks = new[0] * new[1] < old[0] * old[1]
    source_columns, across = _weights(columns, old[1], new[1], shrinks)
    width = source_columns.stop - source_columns.start
    strip = max(1, int(MOST_PIXELS / width * new[0] / old[0]))
    out: NDArray[np.float32] | None = None
    for start in range(rows.start, rows.stop, strip):
        part = slice(start, min(start + strip, rows.stop))
        source_rows, down = _weights(part, old[0], new[0], shrinks)
        planes = np.asarray(read((source_rows, source_columns)), dtype=np.float32)
        if out is None:
            size = rows.stop - rows.start, columns.stop - columns.start
            out = np.empty((len(planes), *size), np.float32)
        for plane, into in zip(planes, out, strict=True):
            into[part.start - rows.start : part.stop - rows.start] = (across @ (down @ plane).T).T
    assert out is not None  # the window is not empty
    return out


def resize_labels_in_strips(
    read: ReadWindow, old: tuple[int, int], new: tuple[int, int]
) -> NDArray[np.float32 | np.uint32]:
    """Return `resize_labels` of a map (Y, X) that is read strip by strip; `read` returns (1, y, x).

    >>> labels = np.array([[[1, 1, 2, 2], [1, 1, 2, 2]]])
    >>> resize_labels_in_strips(lambda w: labels[:, w[0], w[1]], (2, 4), (1, 2)).tolist()
    [[1, 2]]
    """
    rows, columns = (nearest_pixels(size, stored) for size, stored in zip(new, old, strict=True))
    strip = max(1, MOST_PIXELS // old[1])
    parts = []
    for start in range(0, old[0], strip):
        stop = min(start + strip, old[0])
        wanted = rows[(rows >= start) & (rows < stop)] - start
        if wanted.size:
            parts.append(read((slice(start, stop), slice(0, old[1])))[0][wanted[:, None], columns])
    return np.concatenate(parts)


def _check(old: tuple[int, int], new: tuple[int, int], window: Window) -> None:
    if min(*old, *new) < 1 or (old[0] - new[0]) * (old[1] - new[1]) < 0:
        raise SettingsError(
            f"an image of {old} px can't be resized to {new} px in windows: both sides must shrink, or both grow"
        )
    if any(not 0 <= span.start < span.stop <= size for span, size in zip(window, new, strict=True)):
        raise SettingsError(f"`window` {window} does not lie in an image of {new} px")


def _weights(wanted: slice, old: int, new: int, shrinks: bool) -> tuple[slice, Any]:
    """Return the old pixels that the new ones of an axis need, and the sparse matrix (new, old) of their weights."""
    from scipy.sparse import csr_array

    at = np.arange(wanted.start, wanted.stop)
    scale = 1.0 / (new / old)  # not old / new: rounded as OpenCV does it
    row, column, value = _area(at, scale, old) if shrinks else _linear(at, scale, old)
    first, last = int(column.min()), int(column.max()) + 1
    shape = len(at), last - first
    matrix = csr_array((value.astype(np.float32), (row, column - first)), shape=shape)
    return slice(first, last), matrix


def _area(
    at: NDArray[np.int64], scale: float, old: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the shares of old pixels in the area of each new one: row, column and value of the matrix."""
    low = at * scale
    high = low + scale
    area = np.minimum(scale, old - low)
    last = np.minimum(np.floor(high).astype(np.int64), old - 1)
    first = np.minimum(np.ceil(low).astype(np.int64), last)
    index = np.arange(len(at))
    # Whole pixels in the middle, and a part of a pixel at either end.
    whole = last - first
    row = np.repeat(index, whole)
    column = (
        np.arange(int(whole.sum())) - np.repeat(np.cumsum(whole) - whole, whole) + np.repeat(first, whole)
    )
    before, after = first - low > NEGLIGIBLE, high - last > NEGLIGIBLE
    return (
        np.concatenate([row, index[before], index[after]]),
        np.concatenate([column, first[before] - 1, last[after]]),
        np.concatenate(
            [
                np.repeat(1 / area, whole),
                ((first - low) / area)[before],
                (np.minimum(np.minimum(high - last, 1.0), area) / area)[after],
            ]
        ),
    )


def _linear(
    at: NDArray[np.int64], scale: float, old: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the weights of the two old pixels around each new centre: row, column and value of the matrix."""
    centre = (at + 0.5) * scale - 0.5
    first = np.floor(centre).astype(np.int64)
    part = centre - first
    part[(first < 0) | (first >= old - 1)] = 0.0
    first = np.clip(first, 0, old - 1)
    index = np.arange(len(at))
    return (
        np.concatenate([index, index]),
        np.concatenate([first, np.minimum(first + 1, old - 1)]),
        np.concatenate([1 - part, part]),
    )
