"""Mean and spread of the grey values of an image that is read tile by tile, outliers left out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.outliers import (
    PASSES,
    SOLID,
    TailLimits,
    are_harmful,
    replace_outliers,
    sampling_step,
    tail_limits,
)
from frugalseg.images.tiles import ReadWindow, Window, streamed_moments

NO_LIMITS = TailLimits(-np.inf, np.inf, np.inf)


@dataclass(frozen=True)
class StreamedGreys:
    """Grey values of every channel of an image.

    Attributes
    ----------
    mean, sd
        (C,) float64, without outliers.
    limits
        (P, C, 3) float64, one `TailLimits` per channel for each time that outliers were found; infinite where a channel has none.
    """

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    limits: NDArray[np.float64]


def measure_greys(read: ReadWindow, shape: tuple[int, int], core: int = 1024) -> StreamedGreys:
    """Measure every channel as `frugalseg.images.outliers.without_outliers` and numpy measure whole planes.

    The image is read once, and twice more for each time that outliers are found.

    Parameters
    ----------
    read
        Returns (C, y, x) of a window.
    shape
        (Y, X) of the image.
    core
        Side of the tiles, px.

    Raises
    ------
    BadPixels
        The image has no pixels.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(100, 5, (1, 64, 64)).astype(np.float32)
    >>> image[0, 20, 30] = 1e30
    >>> greys = measure_greys(lambda window: image[:, *window], (64, 64), core=40)
    >>> round(float(greys.mean[0])), round(float(greys.sd[0]))
    (100, 5)
    """
    passes: list[NDArray[np.float64]] = []

    def repaired(window: Window) -> NDArray[np.float32]:
        return read_without_outliers(read, window, shape, np.array(passes)) if passes else read(window)

    mean, sd, possible = _measure(repaired, shape, core)
    while len(passes) < PASSES and not np.isinf(possible).all():
        passes.append(possible)
        moments = streamed_moments(repaired, shape, core)
        harmful = np.array([are_harmful(*pair) for pair in zip(sd, *moments, strict=True)])
        passes[-1] = np.where(harmful[:, None], possible, np.array(NO_LIMITS))
        if not harmful.any():
            passes.pop()
            break
        mean, sd, possible = _measure(repaired, shape, core)
    return StreamedGreys(mean, sd, np.array(passes).reshape(-1, len(mean), 3))


def _measure(
    read: ReadWindow, shape: tuple[int, int], core: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (C,), standard deviation (C,) and the limits (C,3) beyond which values can be outliers, infinite where none are."""
    step, samples, extremes = sampling_step(shape), [], []

    def observed(window: Window) -> NDArray[np.float32]:
        planes = read(window)
        grid = (slice(-span.start % step, None, step) for span in window)
        samples.append(planes[:, *grid].reshape(len(planes), -1))
        extremes.append((planes.min(axis=(1, 2)), planes.max(axis=(1, 2))))
        return planes

    mean, sd = streamed_moments(observed, shape, core)
    lowest = np.min([low for low, _ in extremes], axis=0)
    highest = np.max([high for _, high in extremes], axis=0)
    found = [tail_limits(channel) for channel in np.concatenate(samples, axis=1)]
    possible = [
        limits if limits.exceeded_by(float(low), float(high)) else NO_LIMITS
        for limits, low, high in zip(found, lowest, highest, strict=True)
    ]
    return mean, sd, np.array(possible)


def read_without_outliers(
    read: ReadWindow, window: Window, shape: tuple[int, int], limits: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Read a window (C, y, x) of an image of `shape`, outliers replaced as in the whole image.

    `limits` are those of `StreamedGreys`.
    """
    if np.isinf(limits).all():
        return read(window)
    margin = SOLID * len(limits)  # at the edges of what is read, each time leaves as much unknown
    rows, columns = (
        slice(max(0, span.start - margin), min(side, span.stop + margin))
        for span, side in zip(window, shape, strict=True)
    )
    inner = (
        slice(span.start - wide.start, span.stop - wide.start)
        for span, wide in zip(window, (rows, columns), strict=True)
    )
    planes = list(read((rows, columns)))
    for one in limits.tolist():
        planes = [replace_outliers(plane, TailLimits(*own)) for plane, own in zip(planes, one, strict=True)]
    return np.stack(planes)[:, *inner]
