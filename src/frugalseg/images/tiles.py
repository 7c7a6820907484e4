"""Divide a large image into tiles: cores that cover it exactly once, and windows around them that overlap.

Results are computed on a window and kept on its core. The rest of the window is the margin: with it, the results on the
core equal those on the whole image.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, SettingsError
from frugalseg.images.image import PixelArray, Projection, project_channel

Window = tuple[slice, slice]
"""Rows and columns of a rectangle, each with a start and a stop, in px."""

ReadWindow = Callable[[Window], NDArray[np.float32]]
"""Returns the channels (C, y, x) of a window."""


@dataclass(frozen=True)
class Tile:
    """One tile: its place in the grid, its core and its window.

    Attributes
    ----------
    row, column
        Place in the grid of cores.
    core, window
        (rows, columns) in the image; the window holds the core.
    """

    row: int
    column: int
    core: Window
    window: Window

    @property
    def inner(self) -> Window:
        """Return the core as rows and columns of the window."""
        rows, columns = (
            slice(core.start - window.start, core.stop - window.start)
            for core, window in zip(self.core, self.window, strict=True)
        )
        return rows, columns


def plan_tiles(shape: tuple[int, int], core: int, margin: int, multiple: int = 1) -> list[Tile]:
    """Plan tiles whose cores cover an image exactly once, row by row.

    Parameters
    ----------
    shape
        (Y, X) of the image.
    core
        Side of a core, px; a multiple of `multiple`. Cores at the lower and right border may be smaller.
    margin
        Least width of the window around the core, px; windows end at the edge of the image.
    multiple
        Windows start at multiples of it, and end there unless the image ends first. A network that pools by
        `multiple` then pools the same pixels in every window as in the whole image.

    Raises
    ------
    SettingsError
        `core`, `margin` or `multiple` is too small, or `core` is not a multiple of `multiple`.

    Examples
    --------
    >>> first, second = plan_tiles((32, 90), core=64, margin=10, multiple=32)
    >>> first.core, first.window
    ((slice(0, 32, None), slice(0, 64, None)), (slice(0, 32, None), slice(0, 90, None)))
    >>> second.core[1], second.window[1], second.inner[1]
    (slice(64, 90, None), slice(32, 90, None), slice(32, 58, None))
    """
    if core < 1 or margin < 0 or multiple < 1 or core % multiple:
        raise SettingsError(
            f"`core` must be a multiple of {max(multiple, 1)} px, `margin` at least 0 px and `multiple` at least 1 px; "
            f"they are {core}, {margin} and {multiple}"
        )
    rows, columns = (
        [slice(start, min(start + core, size)) for start in range(0, size, core)] for size in shape
    )
    return [
        Tile(row, column, (here, there), window_around((here, there), shape, margin, multiple))
        for row, here in enumerate(rows)
        for column, there in enumerate(columns)
    ]


def window_around(core: Window, shape: tuple[int, int], margin: int, multiple: int) -> Window:
    """Return the window around a core; all else as of `plan_tiles`.

    >>> window_around((slice(40, 50), slice(0, 50)), (60, 60), margin=5, multiple=8)
    (slice(32, 56, None), slice(0, 56, None))
    """
    rows, columns = (
        slice(
            max(0, (span.start - margin) // multiple * multiple),
            min(size, -(-(span.stop + margin) // multiple) * multiple),
        )
        for span, size in zip(core, shape, strict=True)
    )
    return rows, columns


def read_window(
    pixels: PixelArray,
    channels: Sequence[int],
    window: Window,
    project: Projection = "max",
    owner: str = "the image",
) -> NDArray[np.float32]:
    """Read channels (C, y, x) of a window; of lazy pixels only the window is read.

    `pixels` is (C, Z, Y, X), `channels` are indices, and focal planes are projected. Raises `BadPixels` where a value
    is NaN or infinite; `owner` is the name of the image in the message.

    >>> pixels = np.arange(12).reshape(1, 1, 3, 4)
    >>> read_window(pixels, [0], (slice(1, 3), slice(0, 2))).tolist()
    [[[4.0, 5.0], [8.0, 9.0]]]
    """
    rows, columns = window
    return np.stack(
        [
            project_channel(
                np.asarray(pixels[index : index + 1, :, rows, columns]),
                0,
                project,
                f"channel {index} of {owner}",
            )
            for index in channels
        ]
    )


def streamed_moments(
    read: ReadWindow, shape: tuple[int, int], core: int = 1024
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure mean and standard deviation of every channel of an image that is read tile by tile.

    Parameters
    ----------
    read
        Returns (C, y, x) of a window.
    shape
        (Y, X) of the image.
    core
        Side of the tiles, px.

    Returns
    -------
    mean, sd : (C,) float64
        Equal, up to rounding, to numpy in float64 on the whole image (`ddof=0`). Squared deviations from the mean of
        each tile are merged (Chan, Golub, LeVeque 1979), so that bright images of low contrast lose no digits.

    Examples
    --------
    >>> image = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    >>> mean, sd = streamed_moments(lambda window: image[:, window[0], window[1]], (3, 4), core=2)
    >>> float(mean[0]), round(float(sd[0]), 6), round(float(image.std()), 6)
    (5.5, 3.452053, 3.452053)
    """
    if 0 in shape:
        raise BadPixels(f"an image of {shape[0]} x {shape[1]} px has no pixels to measure")
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for tile in plan_tiles(shape, core, margin=0):
        values = np.asarray(read(tile.core), dtype=np.float64)
        values = values.reshape(len(values), -1)
        own = values.mean(axis=1)
        values = values - own[:, None]  # not in place: they may be a view of the image itself
        added, step = values.shape[1], own - mean
        squares = squares + np.einsum("cp,cp->c", values, values) + step**2 * count * added / (count + added)
        mean = mean + step * added / (count + added)
        count += added
    return mean, np.sqrt(squares / count)
