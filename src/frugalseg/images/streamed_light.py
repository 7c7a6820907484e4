"""Even light in an image that is read tile by tile."""

from collections.abc import Sequence

import numpy as np

from frugalseg.images.light import Light, measure_light, read_in_even_light
from frugalseg.images.streamed_greys import measure_greys, read_without_outliers
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import ReadWindow, plan_tiles


def reader_in_even_light(
    read: ReadWindow, shape: tuple[int, int], channels: Sequence[bool], diameter: float, store: TileStore
) -> ReadWindow:
    """Return a function that reads windows of an image without outliers and, in some channels, in even light.

    Parameters
    ----------
    read
        Returns (C, y, x) of a window.
    shape
        (Y, X) of the image.
    channels
        Whether each channel is to be in even light.
    diameter
        Of a cell, px.
    store
        Keeps the light, because measuring it means reading the whole image.
    """
    first = plan_tiles(store.shape, store.core, 0)[0]
    if not store.has("light", first):
        limits = measure_greys(read, shape).limits
        found = measure_light(
            lambda window: read_without_outliers(read, window, shape, limits), shape, diameter
        )
        numbers = [
            (*one.terms, *one.ends) if one is not None and even else (np.nan,) * 8
            for one, even in zip(found, channels, strict=True)
        ]
        store.save_parts("light", first, limits=limits, lights=np.array(numbers))
    limits, known = store.load_parts("light", first, "limits", "lights")
    lights = tuple(
        None if np.isnan(numbers[0]) else Light(shape, tuple(numbers[:6]), (numbers[6], numbers[7]))
        for numbers in known.tolist()
    )
    return lambda window: read_in_even_light(
        lambda inner: read_without_outliers(read, inner, shape, limits), lights, window
    )
