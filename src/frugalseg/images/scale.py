"""Scaling of intensity and of size: the one place that knows how both are done, stored with every model."""

from collections.abc import Sequence
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from frugalseg.errors import BadPixels, SettingsError, WrongShape

Scalar = TypeVar("Scalar", bound=np.generic)


class IntensityScale(BaseModel):
    """How the grey values of each channel become numbers of order 1: ``(value - centre) / spread``.

    Attributes
    ----------
    how
        ``zscore``: centre and spread are mean and standard deviation. ``percentile``: centre is the lower
        percentile, and spread the way to the upper one, so that most values lie in 0..1 (they are not clipped).
    centre, spread
        One number per channel, in grey values.
    channels
        Names of the channels, where known: for messages, and to tell a model's inputs apart.
    percentiles
        The lower and the upper one.

    Examples
    --------
    >>> import numpy as np
    >>> scale = IntensityScale.fit(np.array([[[1.0, 3.0]]]))
    >>> scale.apply(np.array([[[1.0, 5.0]]])).tolist()
    [[[-1.0, 3.0]]]
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["zscore", "percentile"] = "zscore"
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    channels: tuple[str, ...] = ()
    percentiles: tuple[float, float] = (1.0, 99.8)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not (len(self.centre) == len(self.spread) > 0 and len(self.channels) in (0, len(self.centre))):
            raise ValueError("centre, spread and channels must have one entry per channel")
        if not all(np.isfinite(self.centre)) or not all(np.isfinite(s) and s > 0 for s in self.spread):
            raise ValueError("centre must be finite, and spread finite and above 0")
        return self

    @classmethod
    def fit(
        cls,
        planes: NDArray[Any] | Sequence[NDArray[Any]],
        how: Literal["zscore", "percentile"] = "zscore",
        percentiles: tuple[float, float] = (1.0, 99.8),
        channels: Sequence[str] = (),
    ) -> Self:
        """Measure centre and spread.

        Parameters
        ----------
        planes
            (C, Y, X), or several such stacks, of any sizes, whose pixels are then taken together.
        how, percentiles
            See the attributes. Where a channel is mostly of one value, so that both percentiles agree, its minimum and
            maximum are taken.
        channels
            Names of the channels.

        Raises
        ------
        BadPixels
            A channel is constant, has no pixels, or holds NaN or infinite values.
        WrongShape
            The stacks are not (C, Y, X), or differ in the number of channels.
        SettingsError
            `how` or `percentiles` is none of the allowed.
        """
        if how not in ("zscore", "percentile"):
            raise SettingsError(f"intensity can be scaled by 'zscore' or 'percentile', not {how!r}")
        if not 0 <= percentiles[0] < percentiles[1] <= 100:
            raise SettingsError(f"percentiles must be two rising numbers in 0..100, not {percentiles}")
        stacks = [planes] if isinstance(planes, np.ndarray) else list(planes)
        if not stacks or any(s.ndim != 3 or len(s) != len(stacks[0]) for s in stacks) or not len(stacks[0]):
            shapes = ", ".join(str(stack.shape) for stack in stacks)
            raise WrongShape(
                f"planes must be (C, Y, X) with the same channels in each stack, not {shapes or 'nothing'}"
            )
        names = [repr(name) for name in channels] or [str(i) for i in range(len(stacks[0]))]
        pairs = [
            _measure(np.concatenate([stack[i].ravel() for stack in stacks]), how, percentiles, name)
            for i, name in enumerate(names)
        ]
        centre, spread = zip(*pairs, strict=True)
        return cls(how=how, centre=centre, spread=spread, channels=tuple(channels), percentiles=percentiles)

    def apply(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Scale (C, Y, X) planes; `WrongShape` where they have another number of channels."""
        centre, spread = self._columns(planes)
        return ((planes.astype(np.float32) - centre) / spread).astype(np.float32)

    def undo(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Give scaled (C, Y, X) planes their grey values back."""
        centre, spread = self._columns(planes)
        return (planes.astype(np.float32) * spread + centre).astype(np.float32)

    def _columns(self, planes: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if planes.ndim != 3 or len(planes) != len(self.centre):
            raise WrongShape(
                f"this scale is for {len(self.centre)} channels (C, Y, X), not for {planes.shape}"
            )
        centre, spread = (np.asarray(v, np.float32)[:, None, None] for v in (self.centre, self.spread))
        return centre, spread


def _measure(
    values: NDArray[Any], how: str, percentiles: tuple[float, float], name: str
) -> tuple[float, float]:
    """Centre and spread of one channel, in float64: float32 sums lose digits on 16-bit images."""
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


def scaled_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """(Y, X) after resizing by `factor`, at least one pixel.

    >>> scaled_shape((1080, 1281), 0.5)
    (540, 640)
    """
    if not (np.isfinite(factor) and factor > 0):
        raise SettingsError(f"an image can be resized by a factor above 0, not {factor}")
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def resize_planes(planes: NDArray[Any], factor: float | tuple[int, int]) -> NDArray[np.float32]:
    """Resize (C, Y, X) planes to float32.

    Parameters
    ----------
    planes
        (C, Y, X) of any numbers.
    factor
        What both sides are multiplied with, or the new (Y, X) itself.

    Returns
    -------
    (C, Y', X') float32. Shrinking averages over the area of the new pixel, so that nothing aliases; growing is
    linear. The outer edges of the images coincide: see `resize_points`.

    Examples
    --------
    >>> import numpy as np
    >>> resize_planes(np.array([[[0.0, 4.0], [8.0, 12.0]]]), 0.5).tolist()
    [[[6.0]]]
    """
    import cv2

    if planes.ndim != 3 or 0 in planes.shape:
        raise WrongShape(f"planes must be (C, Y, X) with at least one pixel, not {planes.shape}")
    height, width = _new_shape(planes.shape[1:], factor)
    stored = np.ascontiguousarray(planes, dtype=np.float32)
    if (height, width) == stored.shape[1:]:
        return stored.copy()
    shrinks = height * width < stored.shape[1] * stored.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = [cv2.resize(plane, (width, height), interpolation=how) for plane in stored]
    return np.stack(resized).astype(np.float32, copy=False)


def resize_labels(labels: NDArray[Scalar], factor: float | tuple[int, int]) -> NDArray[Scalar]:
    """Resize a (Y, X) label map, mask or other map of kinds by taking the nearest pixel; its type is kept.

    `factor` is as in `resize_planes`; give the original shape to come back to it exactly.

    >>> import numpy as np
    >>> resize_labels(np.array([[1, 2]]), 2.0).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    if labels.ndim != 2 or 0 in labels.shape:
        raise WrongShape(f"labels must be (Y, X) with at least one pixel, not {labels.shape}")
    new = _new_shape(labels.shape, factor)
    # The centre of each new pixel, in old pixels; outer edges coincide.
    rows, columns = (
        ((np.arange(n, dtype=np.int64) * 2 + 1) * old) // (2 * n)
        for n, old in zip(new, labels.shape, strict=True)
    )
    return np.ascontiguousarray(labels[rows[:, None], columns])


def resize_points(
    points: NDArray[Any], shape: tuple[int, int], factor: float | tuple[int, int]
) -> NDArray[np.float64]:
    """Move (N, 2) points (y, x), in pixels, along with an image of `shape` (Y, X) that is resized by `factor`.

    A pixel's centre has whole coordinates, and the outer edges of both images coincide, so a point p goes to
    ``(p + 0.5) * new / old - 0.5``; the rounding of the new shape is thus taken into account.

    >>> import numpy as np
    >>> resize_points(np.array([[0.5, 0.5]]), (2, 2), 0.5).tolist()
    [[0.0, 0.0]]
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise WrongShape(f"points must be (N, 2) as (y, x), not {points.shape}")
    ratio = np.asarray(_new_shape(shape, factor), dtype=np.float64) / np.asarray(shape, dtype=np.float64)
    return np.asarray((points + 0.5) * ratio - 0.5, dtype=np.float64)


def _new_shape(shape: tuple[int, ...], factor: float | tuple[int, int]) -> tuple[int, int]:
    if isinstance(factor, tuple):
        if min(factor) < 1:
            raise SettingsError(f"an image can be resized to at least 1 x 1 px, not {factor}")
        return int(factor[0]), int(factor[1])
    return scaled_shape((shape[0], shape[1]), factor)
