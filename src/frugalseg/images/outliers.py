"""Outliers among grey values: hot, dead and damaged pixels, which would flatten everything else after scaling.

A pixel is an outlier if it fulfils all three conditions:

- its value lies beyond the `TAIL` quantiles of the plane, which a few pixels can't move, by more than their distance;
- it is as far from everything around it that is `SOLID` px wide: the few bright nuclei of a large field are solid;
- the outliers together widen the standard deviation of the plane by more than a quarter (`HARM`): a few bright specks are
  ordinary, and no result changes because of them.

Outliers get the value of what is solid around them. A plane without outliers stays exactly as it is. Where hot pixels are many, the
quantiles lie among them, and others show once the worst are gone: that is repeated until there are none, so that a plane that was
repaired stays as it is, too.
"""

import math
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = TypeVar("Floats", bound=np.floating[Any])

TAIL = 0.002
"""Share of the pixels at each end of the grey values that may be outliers."""

SOLID = 5
"""px; hot pixels, their clusters and lines are narrower, cells and nuclei are not."""

HARM = 1.25
"""Standard deviation of all pixels, as a multiple of that without outliers, above which there are outliers. In 94 real planes
without hot pixels it is at most 1.21."""

CONSTANT = 1e-8
"""Standard deviation, as a share of the mean, below which a plane is constant but for rounding."""

PASSES = 10
"""Times that outliers are looked for, at most."""

SAMPLED = 1_000_000
"""Quantiles are those of about this many pixels of a regular grid."""


class TailLimits(NamedTuple):
    """Values beyond which a pixel can be an outlier, and the distance of the quantiles that they were made of."""

    low: float
    high: float
    spread: float

    def exceeded_by(self, lowest: float, highest: float) -> bool:
        """Return whether values lie beyond the limits."""
        return lowest < self.low or highest > self.high


def sampling_step(shape: tuple[int, int]) -> int:
    """Return the step, px, of the grid of pixels on which quantiles are measured."""
    return max(1, math.ceil(math.sqrt(shape[0] * shape[1] / SAMPLED)))


def tail_limits(sample: NDArray[np.floating[Any]]) -> TailLimits:
    """Return the limits beyond which values can be outliers, from the pixels of a regular grid.

    Of fewer than 500 pixels none is an outlier.
    """
    last = sample.size - 1
    first = math.floor(TAIL * last)
    ordered = np.partition(sample, (first, last - first), axis=None)
    low, high = float(ordered[first]), float(ordered[last - first])
    return TailLimits(2 * low - high, 2 * high - low, high - low)


def replace_outliers(plane: NDArray[Floats], limits: TailLimits) -> NDArray[Floats]:
    """Return a plane (Y,X) whose possible outliers have the value of what is solid around them; itself if there are none.

    Pixels up to `SOLID` px away decide on it.
    """
    repaired = plane
    for extreme, how, sign in (
        (plane > limits.high, cv2.MORPH_OPEN, 1),
        (plane < limits.low, cv2.MORPH_CLOSE, -1),
    ):
        if extreme.any():
            padded = cv2.copyMakeBorder(plane, SOLID, SOLID, SOLID, SOLID, cv2.BORDER_REFLECT_101)
            solid = cv2.morphologyEx(padded, how, np.ones((SOLID, SOLID), np.uint8))
            solid = solid[SOLID:-SOLID, SOLID:-SOLID]
            with np.errstate(over="ignore"):
                extreme &= sign * (plane - solid) > limits.spread
            repaired = np.where(extreme, solid, repaired) if extreme.any() else repaired
    return repaired


def are_harmful(sd: float, repaired_mean: float, repaired_sd: float) -> bool:
    """Return whether outliers have to be replaced, by the standard deviation with and the moments without them.

    Where nothing but outliers would differ from the rest, they are all there is, and stay.
    """
    return sd > HARM * repaired_sd and repaired_sd > CONSTANT * abs(repaired_mean)


def without_outliers(plane: NDArray[Floats]) -> NDArray[Floats]:
    """Return a plane (Y,X) whose outliers have the value of what is solid around them; itself if there are none.

    A plane with NaN or infinite values is returned as it is.

    Examples
    --------
    >>> plane = np.random.default_rng(0).normal(100, 5, (64, 64)).astype(np.float32)
    >>> hot = plane.copy()
    >>> hot[20, 30] = 1e30
    >>> round(float(without_outliers(hot)[20, 30]))
    97
    >>> without_outliers(plane) is plane
    True
    """
    for _ in range(PASSES):
        lowest, highest = float(plane.min(initial=np.inf)), float(plane.max(initial=-np.inf))
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            return plane  # refused elsewhere
        limits = _limits(plane)
        if not limits.exceeded_by(lowest, highest):
            return plane
        repaired = replace_outliers(plane, limits)
        if not are_harmful(_moments(plane)[1], *_moments(repaired)):
            return plane
        plane = repaired
    return plane


def planes_without_outliers(planes: NDArray[Floats]) -> NDArray[Floats]:
    """Return planes (C,Y,X), each without its outliers; the very same array where no plane has any."""
    repaired = [without_outliers(plane) for plane in planes]
    same = all(np.shares_memory(new, old) for new, old in zip(repaired, planes, strict=True))
    return planes if same else np.stack(repaired)


def find_outliers(plane: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Return which pixels (Y,X) are outliers."""
    found: NDArray[np.bool_] = without_outliers(plane) != plane
    return found


def constant_but_for_outliers(plane: NDArray[np.floating[Any]]) -> bool:
    """Return whether a plane (Y,X) has one value everywhere but at outliers.

    >>> plane = np.full((40, 40), 7, np.float32)
    >>> plane[3, 3] = 65535
    >>> constant_but_for_outliers(plane)
    True
    """
    limits = _limits(plane)
    varies = plane.min() < plane.max()
    return bool(limits.spread == 0 and varies and np.ptp(replace_outliers(plane, limits)) == 0)


def _limits(plane: NDArray[np.floating[Any]]) -> TailLimits:
    step = sampling_step((plane.shape[0], plane.shape[1]))
    return tail_limits(plane[::step, ::step])


def _moments(plane: NDArray[np.floating[Any]]) -> tuple[float, float]:
    with np.errstate(over="ignore"):
        return float(plane.mean(dtype=np.float64)), float(plane.std(dtype=np.float64))
