"""Uneven light of images without a stain: measured as a smooth surface, by which grey values are divided.

A lamp that is not centred, or the meniscus of a well, makes one side of an image brighter. Background and contrast of cells rise alike, so
they are divided by the light, and not lowered by it.
"""

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.tiles import ReadWindow, Window

#: The light is measured as the medians of so many blocks along each side of the image, at most.
BLOCKS = 16
#: Blocks are at least so many cells wide, and of fewer than LEAST along a side the light is not known: cells would pass for it.
NARROWEST, LEAST = 2.0, 4
#: Times that blocks which do not fit the surface, such as a dark border or one full of debris, are given less weight.
ROUNDS = 10
#: Blocks beyond this many standard deviations have none (the usual constant of Tukey's biweight), and those within SAME of the surface fit.
TUKEY, SAME = 4.685, 0.01


@dataclass(frozen=True)
class Light:
    """The light on an image, relative to that on a typical block: the exponential of a quadratic polynomial of the position.

    Attributes
    ----------
    shape
        (Y, X) of the image, px.
    terms
        Logarithm of the light in the middle, and coefficients of y, x, y², yx and x², which run from -1 to 1 over the image.
    ends
        Logarithm of the least and the most light on any block; there is no less and no more.
    """

    shape: tuple[int, int]
    terms: tuple[float, ...]
    ends: tuple[float, float]

    def within(self, window: Window) -> NDArray[np.float32]:
        """Return the light (y,x) on a window of the image."""
        y, x = (
            2 * (np.arange(span.start or 0, side if span.stop is None else span.stop) + 0.5) / side - 1
            for span, side in zip(window, self.shape, strict=True)
        )
        middle, along_y, along_x, bent_y, twisted, bent_x = self.terms
        rows, columns = middle + along_y * y + bent_y * y**2, along_x * x + bent_x * x**2
        level = rows[:, None] + columns[None] + twisted * y[:, None] * x[None]
        return np.exp(np.clip(level, *self.ends)).astype(np.float32)


def measure_light(read: ReadWindow, shape: tuple[int, int], diameter: float) -> tuple[Light | None, ...]:
    """Measure the light on every channel of an image that is read window by window.

    Parameters
    ----------
    read
        Returns (C, y, x) of a window.
    shape
        (Y, X) of the image.
    diameter
        Of a cell, px.

    Returns
    -------
    tuple
        One `Light` for each channel; None where the image is too small to tell the light from cells, or the grey values of a block are
        not above 0, so that they are no brightness, but what a program has made of it.

    Examples
    --------
    >>> plane = np.full((256, 256), 1000.0) * np.linspace(0.5, 1.5, 256)
    >>> (light,) = measure_light(lambda window: plane[None][:, *window], plane.shape, 20)
    >>> round(float(light.within((slice(0, 1), slice(0, 256)))[0, -1]), 1)
    1.5
    """
    rows, columns = (_edges(side, NARROWEST * diameter) for side in shape)
    if min(len(rows), len(columns)) <= LEAST:
        return (None,) * len(read((slice(0, 1), slice(0, 1))))
    windows = [
        [(slice(top, bottom), slice(left, right)) for left, right in pairwise(columns)]
        for top, bottom in pairwise(rows)
    ]
    medians = np.array([[np.median(read(window), axis=(1, 2)) for window in row] for row in windows])
    return tuple(_fitted(medians[..., channel], shape) for channel in range(medians.shape[2]))


def even_light(plane: NDArray[np.float32], diameter: float) -> NDArray[np.float32]:
    """Return a plane (Y,X) as if the light on it were that on a typical block everywhere; itself where the light is not known.

    `diameter` is that of a cell, px.
    """
    shape = (int(plane.shape[0]), int(plane.shape[1]))
    (light,) = measure_light(lambda window: plane[None][:, *window], shape, diameter)
    return plane if light is None else plane / light.within((slice(0, shape[0]), slice(0, shape[1])))


def read_in_even_light(
    read: ReadWindow, lights: tuple[Light | None, ...], window: Window
) -> NDArray[np.float32]:
    """Read a window (C, y, x) of an image, each channel as `even_light` returns it; `lights` are those of `measure_light`."""
    planes = read(window)
    return np.stack(
        [
            plane if light is None else plane / light.within(window)
            for plane, light in zip(planes, lights, strict=True)
        ]
    )


def _edges(side: int, narrowest: float) -> list[int]:
    """Return where the blocks along a side begin and end."""
    count = max(1, min(BLOCKS, int(side // max(1.0, narrowest))))
    return [round(end) for end in np.linspace(0, side, count + 1).tolist()]


def _fitted(medians: NDArray[np.floating[Any]], shape: tuple[int, int]) -> Light | None:
    """Return the light by the medians (n,m) of blocks, by Tukey's biweight (Beaton and Tukey 1974, The fitting of power series)."""
    if not (medians > 0).all():
        return None
    y, x = (
        np.ravel(one)
        for one in np.meshgrid(*(2 * (np.arange(n) + 0.5) / n - 1 for n in medians.shape), indexing="ij")
    )
    powers = _powers(y, x)
    level = np.log(medians.astype(np.float64)).ravel()
    level -= np.median(level)
    off = np.abs(level)
    for _ in range(ROUNDS):
        usual = TUKEY * max(SAME, 1.4826 * float(np.median(off)))
        weights = np.maximum(0.0, 1 - (off / usual) ** 2)
        found = np.linalg.lstsq(powers * weights[:, None], level * weights, rcond=None)[0]
        off = np.abs(level - powers @ found)
    half = [1 / n for n in medians.shape]
    corners = [_powers(y + up * half[0], x + right * half[1]) for up, right in product((-1, 1), (-1, 1))]
    fitted = np.stack(corners)[:, weights > 0] @ found
    return Light(shape, tuple(found.tolist()), (float(fitted.min()), float(fitted.max())))


def _powers(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(y), y, x, y * y, y * x, x * x], axis=1)
