"""Write a large image tile by tile, without holding it in memory."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import WrongShape
from frugalseg.images.pixel_size import PixelSize
from frugalseg.images.write import atomic_file, tiff_options

ALIGNED = 16
"""The sides of tiles in a TIFF are multiples of this."""
CLASSIC_BYTES = 2**32 - 2**26
"""Larger images are written as BigTIFF."""


def write_tiles(
    path: str | Path,
    tiles: Iterable[NDArray[Any]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    side: int,
    channels: Sequence[str] = (),
    pixel_size: PixelSize = None,
    overwrite: bool = False,
) -> None:
    """Write a plane or channels as a zlib-compressed, tiled TIFF.

    Parameters
    ----------
    path
        The new file; its folder is created if missing.
    tiles
        (y, x) each, row by row, and channel by channel; those at the lower and right edge may be smaller.
    shape
        (Y, X) or (C, Y, X) of the image.
    dtype
        Type of the values.
    side
        Side of the tiles, px; a multiple of 16.
    channels
        One name per channel.
    pixel_size
        (y, x) in um.
    overwrite
        Replace an existing file.

    Raises
    ------
    OutputExists, OutputFailed
        See `frugalseg.images.write.atomic_file`; an error while making a tile leaves no file either.
    WrongShape
        `side` is not a multiple of 16.

    Examples
    --------
    >>> import tempfile
    >>> tiles = [np.zeros((16, 16), np.uint16), np.ones((16, 4), np.uint16)]
    >>> write_tiles(tempfile.mkdtemp() + "/a.tif", tiles, (16, 20), np.dtype(np.uint16), side=16)
    """
    import tifffile

    if side < 1 or side % ALIGNED:
        raise WrongShape(f"`side` must be a multiple of {ALIGNED} px, not {side}")
    height, width = (min(side, math.ceil(size / ALIGNED) * ALIGNED) for size in shape[-2:])
    with atomic_file(path, overwrite) as file:
        tifffile.imwrite(
            file,
            _padded(tiles, (height, width), dtype),
            shape=shape,
            dtype=dtype,
            tile=(height, width),
            bigtiff=math.prod(shape) * dtype.itemsize > CLASSIC_BYTES,
            **tiff_options("YX" if len(shape) == 2 else "CYX", channels, pixel_size),
        )


def _padded(
    tiles: Iterable[NDArray[Any]], size: tuple[int, int], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    """Pad all tiles to one size, as the format requires."""
    for tile in tiles:
        whole = np.zeros(size, dtype)
        whole[: tile.shape[0], : tile.shape[1]] = tile
        yield whole
