"""Resize planes, label maps and points so that they stay aligned."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import SettingsError, WrongShape

Scalar = TypeVar("Scalar", bound=np.generic)


def scaled_shape(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """Return (Y, X) after resizing by `factor`, at least one pixel.

    >>> scaled_shape((1080, 1281), 0.5)
    (540, 640)
    """
    if not (np.isfinite(factor) and factor > 0):
        raise SettingsError(f"`factor` must be above 0, not {factor}")
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def resize_planes(planes: NDArray[Any], factor: float | tuple[int, int]) -> NDArray[np.float32]:
    """Resize (C, Y, X) planes to float32.

    Parameters
    ----------
    planes
        (C, Y, X) of any numbers.
    factor
        Factor for both sides, or the new (Y, X).

    Returns
    -------
    (C, Y', X') float32. Shrinking averages over the area of the new pixel, which avoids aliasing; growing is
    linear. The outer edges of the images coincide; see `resize_points`.

    Examples
    --------
    >>> import numpy as np
    >>> resize_planes(np.array([[[0.0, 4.0], [8.0, 12.0]]]), 0.5).tolist()
    [[[6.0]]]
    """
    import cv2

    if planes.ndim != 3 or 0 in planes.shape:
        raise WrongShape(f"`planes` must be (C, Y, X) with at least one pixel, not {planes.shape}")
    height, width = _new_shape(planes.shape[1:], factor)
    stored = np.ascontiguousarray(planes, dtype=np.float32)
    if (height, width) == stored.shape[1:]:
        return stored.copy()
    shrinks = height * width < stored.shape[1] * stored.shape[2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = [cv2.resize(plane, (width, height), interpolation=how) for plane in stored]
    return np.stack(resized).astype(np.float32, copy=False)


def resize_labels(labels: NDArray[Scalar], factor: float | tuple[int, int]) -> NDArray[Scalar]:
    """Resize a (Y, X) label map or mask by taking the nearest pixel; its type is kept.

    `factor` is as in `resize_planes`; the original shape as factor reverts a resize to that shape exactly.

    >>> import numpy as np
    >>> resize_labels(np.array([[1, 2]]), 2.0).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    if labels.ndim != 2 or 0 in labels.shape:
        raise WrongShape(f"`labels` must be (Y, X) with at least one pixel, not {labels.shape}")
    new = _new_shape(labels.shape, factor)
    rows, columns = (nearest_pixels(size, old) for size, old in zip(new, labels.shape, strict=True))
    return np.ascontiguousarray(labels[rows[:, None], columns])


def nearest_pixels(new: int, old: int) -> NDArray[np.int64]:
    """Return the old pixel that holds the centre of each new pixel, along one axis; outer edges coincide.

    >>> nearest_pixels(4, 2).tolist(), nearest_pixels(2, 6).tolist()
    ([0, 0, 1, 1], [1, 4])
    """
    return ((np.arange(new, dtype=np.int64) * 2 + 1) * old) // (2 * new)


def resize_points(
    points: NDArray[Any], shape: tuple[int, int], factor: float | tuple[int, int]
) -> NDArray[np.float64]:
    """Move (N, 2) points (y, x), in px, with an image of `shape` (Y, X) that is resized by `factor`.

    The centre of a pixel has whole coordinates, and the outer edges of both images coincide, so a point p moves to
    ``(p + 0.5) * new / old - 0.5``, with the new shape after rounding.

    >>> import numpy as np
    >>> resize_points(np.array([[0.5, 0.5]]), (2, 2), 0.5).tolist()
    [[0.0, 0.0]]
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise WrongShape(f"`points` must be (N, 2) as (y, x), not {points.shape}")
    ratio = np.asarray(_new_shape(shape, factor), dtype=np.float64) / np.asarray(shape, dtype=np.float64)
    return np.asarray((points + 0.5) * ratio - 0.5, dtype=np.float64)


def _new_shape(shape: tuple[int, ...], factor: float | tuple[int, int]) -> tuple[int, int]:
    if isinstance(factor, tuple):
        if min(factor) < 1:
            raise SettingsError(f"`factor` must be a shape of at least 1 x 1 px, not {factor}")
        return int(factor[0]), int(factor[1])
    return scaled_shape((shape[0], shape[1]), factor)
