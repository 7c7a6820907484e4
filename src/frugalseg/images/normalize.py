"""Scaling of grey values for networks and thresholds; models store it."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.images.light import even_light
from frugalseg.images.outliers import planes_without_outliers, without_outliers

Plane = NDArray[np.float32]
Modality = Literal["fluorescent", "label-free"]

#: Sigma of the Gaussian that estimates the illumination, in cell diameters.
ILLUMINATION = 1.33
#: Sigma, px, from which on `blur` works in strips, and their width.
WIDE_BLUR, STRIP = 30.0, 256
#: Scaled logarithms beyond these bounds, a whole range on either side, are clipped before they become grey values.
LOG_RANGE = (-1.0, 2.0)


class IntensityScale(BaseModel):
    """Scale of the grey values of each channel: ``(value - centre) / spread``.

    Attributes
    ----------
    how
        ``zscore``: centre and spread are mean and standard deviation, outliers left out. ``percentile``: centre is the lower
        percentile, and spread the difference to the upper one, so most values lie in 0..1 (they are not clipped).
        ``field``: the same, but percentiles differ from field to field; these are the median over fields. ``log``: as
        ``percentile``, of the logarithm ``log(max(value - black, 0) + floor)``. ``mask``: 1 above centre, else 0; scaled
        values are probabilities and have no grey value.
    centre, spread
        One number per channel, in grey values (with ``log``, in their logarithm).
    channels
        Names of the channels, where known.
    percentiles
        The lower and the upper percentile.
    black, floor
        One number per channel, in grey values; of ``log`` only.

    Examples
    --------
    >>> import numpy as np
    >>> scale = IntensityScale.fit(np.array([[[1.0, 3.0]]]))
    >>> scale.apply(np.array([[[1.0, 5.0]]])).tolist()
    [[[-1.0, 3.0]]]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["zscore", "percentile", "field", "log", "mask"] = "zscore"
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    channels: tuple[str, ...] = ()
    percentiles: tuple[float, float] = (1.0, 99.8)
    black: tuple[float, ...] = ()
    floor: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not (len(self.centre) == len(self.spread) > 0 and len(self.channels) in (0, len(self.centre))):
            raise ValueError("centre, spread and channels must have one entry per channel")
        if not all(np.isfinite(self.centre)) or not all(np.isfinite(s) and s > 0 for s in self.spread):
            raise ValueError("centre must be finite, and spread finite and above 0")
        of_log = len(self.centre) if self.how == "log" else 0
        if not len(self.black) == len(self.floor) == of_log:
            raise ValueError("black and floor must have one entry per channel with `log`, and none otherwise")
        if not all(np.isfinite(self.black)) or not all(np.isfinite(f) and f > 0 for f in self.floor):
            raise ValueError("black must be finite, and floor finite and above 0")
        return self

    @classmethod
    def fit(
        cls,
        planes: NDArray[Any] | Sequence[NDArray[Any]],
        how: Literal["zscore", "percentile"] = "zscore",
        percentiles: tuple[float, float] = (1.0, 99.8),
        channels: Sequence[str] = (),
    ) -> Self:
        """Measure centre and spread of each channel.

        Parameters
        ----------
        planes
            (C, Y, X), or several such stacks of any size, whose pixels are pooled.
        how, percentiles
            See the attributes. Where both percentiles of a channel are equal, its minimum and maximum replace them.
        channels
            Names of the channels.

        Raises
        ------
        BadPixels
            A channel is constant, has no pixels, or holds NaN or infinite values.
        WrongShape
            The stacks are not (C, Y, X), or differ in the number of channels.
        SettingsError
            `how` or `percentiles` has a value that is not allowed.
        """
        if how not in ("zscore", "percentile"):
            raise SettingsError(f"`how` must be 'zscore' or 'percentile', not {how!r}")
        if not 0 <= percentiles[0] < percentiles[1] <= 100:
            raise SettingsError(f"`percentiles` must be two rising numbers in 0..100, not {percentiles}")
        stacks = [planes] if isinstance(planes, np.ndarray) else list(planes)
        if not stacks or any(s.ndim != 3 or len(s) != len(stacks[0]) for s in stacks) or not len(stacks[0]):
            shapes = ", ".join(str(stack.shape) for stack in stacks)
            raise WrongShape(
                f"`planes` must be (C, Y, X) with the same number of channels in each stack, not {shapes or 'empty'}"
            )
        names = [repr(name) for name in channels] or [str(i) for i in range(len(stacks[0]))]
        if how == "zscore":
            stacks = [
                planes_without_outliers(stack.astype(np.result_type(stack.dtype, np.float32), copy=False))
                for stack in stacks
            ]
        pairs = [
            _measure(np.concatenate([stack[i].ravel() for stack in stacks]), how, percentiles, name)
            for i, name in enumerate(names)
        ]
        centre, spread = zip(*pairs, strict=True)
        return cls(how=how, centre=centre, spread=spread, channels=tuple(channels), percentiles=percentiles)

    def apply(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Scale (C, Y, X) planes; `WrongShape` where they have another number of channels."""
        values = self._checked(planes)
        centre, spread = _column(self.centre), _column(self.spread)
        if self.how == "mask":
            return (values > centre).astype(np.float32)
        if self.how == "log":
            values = np.log(np.maximum(values - _column(self.black), 0) + _column(self.floor))
        return ((values - centre) / spread).astype(np.float32)

    def undo(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Return scaled (C, Y, X) planes to grey values; probabilities of a mask stay what they are."""
        values = self._checked(planes)
        if self.how == "mask":
            return values
        if self.how == "log":  # a network's outliers would become infinite
            values = np.clip(values, *LOG_RANGE)
        grey = values * _column(self.spread) + _column(self.centre)
        if self.how == "log":
            grey = np.exp(grey) - _column(self.floor) + _column(self.black)
        return grey.astype(np.float32)

    @property
    def range(self) -> tuple[float, ...]:
        """How much of each channel, in the units of `undo`, becomes 0..1."""
        if self.how != "log":
            return self.spread
        ends = (
            (np.exp(low), np.exp(low + spread)) for low, spread in zip(self.centre, self.spread, strict=True)
        )
        return tuple(float(high - low) for low, high in ends)

    def _checked(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        if planes.ndim != 3 or len(planes) != len(self.centre):
            raise WrongShape(
                f"this scale is for {len(self.centre)} channels (C, Y, X), not for {planes.shape}"
            )
        return planes.astype(np.float32)


def zscore(
    planes: NDArray[np.float32], channels: Sequence[str] = (), owner: str = "the image"
) -> NDArray[np.float32]:
    """Scale every channel of (C, Y, X) to mean 0 and standard deviation 1 over this image (paper A, "each z-scored").

    Outliers are replaced before (`frugalseg.images.outliers`). A constant channel raises `BadPixels`, whose message names `channels` and `owner`.

    >>> zscore(np.array([[[1.0, 3.0]]], np.float32)).tolist()
    [[[-1.0, 1.0]]]
    """
    try:
        ordinary = planes_without_outliers(np.asarray(planes, np.float32))
        return IntensityScale.fit(ordinary, channels=channels).apply(ordinary)
    except BadPixels as error:
        raise BadPixels(f"{owner}: {error}") from error


def _column(values: tuple[float, ...]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)[:, None, None]


def _measure(
    values: NDArray[Any], how: str, percentiles: tuple[float, float], name: str
) -> tuple[float, float]:
    """Return centre and spread of one channel, in float64: float32 sums lose digits on 16-bit images."""
    if values.size == 0:
        raise BadPixels(f"channel {name} has no pixels")
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadPixels(f"channel {name} holds NaN or infinite values; replace them with numbers first")
    if low == high:
        raise BadPixels(
            f"channel {name} is constant (every pixel is {low:g}); choose another channel or leave the field out"
        )
    if how == "zscore":
        return float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    lower, upper = (float(v) for v in np.percentile(values, percentiles))
    return (lower, upper - lower) if upper > lower else (low, high - low)


def blur(plane: NDArray[Any], sigma: float) -> Plane:
    """Smooth a plane with a Gaussian of `sigma` px; pixels beyond the edge are reflected."""
    plane = np.asarray(plane, dtype=np.float32)
    if sigma < WIDE_BLUR:
        smooth = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
        return np.asarray(smooth, dtype=np.float32)
    # The same in two passes, the second in strips: as many rows as a wide Gaussian needs do not fit into a CPU's cache.
    weights, one = (
        cv2.getGaussianKernel(round(8 * sigma + 1) | 1, sigma, cv2.CV_32F),
        np.ones((1, 1), np.float32),
    )
    wide = cv2.sepFilter2D(plane, cv2.CV_32F, weights, one, borderType=cv2.BORDER_REFLECT)
    for left in range(0, wide.shape[1], STRIP):
        strip = np.ascontiguousarray(wide[:, left : left + STRIP])
        wide[:, left : left + STRIP] = cv2.sepFilter2D(
            strip, cv2.CV_32F, one, weights, borderType=cv2.BORDER_REFLECT
        )
    return np.asarray(wide, dtype=np.float32)


def flatten(plane: Plane, diameter: float) -> Plane:
    """Put a plane into even light (`frugalseg.images.light`), subtract what is left of it, and scale to unit variance."""
    plane = even_light(plane, diameter)
    flat = plane - blur(plane, ILLUMINATION * diameter)
    result: Plane = (flat / max(float(flat.std()), 1e-12)).astype(np.float32)
    return result


def log_level(plane: Plane, diameter: float) -> Plane:
    """Return the logarithm of the slightly smoothed grey values above black, the 0.5 percentile of the plane."""
    smooth = blur(plane, max(0.7, diameter / 40.0))
    black, white = np.quantile(smooth, (0.005, 0.995))
    least = max(0.02 * (white - black), 1e-6 * min(float(np.ptp(plane)), 1.0))
    level: Plane = np.log(np.maximum(smooth - black, 0.0) + least).astype(np.float32)
    return level


def normalize_plane(plane: Plane, modality: Modality, diameter: float) -> Plane:
    """Normalise a plane for a network: even illumination or logarithm, then zero mean and unit variance.

    Parameters
    ----------
    plane : (Y,X) float32
        Grey values.
    modality : {"fluorescent", "label-free"}
        Logarithm for "fluorescent", because stain differs between cells by factors; even illumination for
        "label-free".
    diameter : float
        Cell diameter, px.

    Examples
    --------
    >>> plane = np.random.default_rng(0).normal(100, 5, (64, 64)).astype(np.float32)
    >>> values = normalize_plane(plane, "label-free", 20)
    >>> round(float(values.mean()), 3) + 0, round(float(values.std()), 3)
    (0.0, 1.0)
    """
    plane = without_outliers(plane)
    if float(np.ptp(plane)) == 0.0:  # rounding would be scaled up to unit variance
        return np.zeros_like(plane, dtype=np.float32)
    values = log_level(plane, diameter) if modality == "fluorescent" else flatten(plane, diameter)
    result: Plane = ((values - values.mean()) / max(float(values.std()), 1e-12)).astype(np.float32)
    return result
