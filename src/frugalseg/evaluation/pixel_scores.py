"""Scores of predicted images and masks, pixel by pixel."""

from typing import Any

import numpy as np
import numpy.typing as npt

from frugalseg.errors import BadPixels, WrongShape

Image = npt.NDArray[Any]


def pearson_correlation(predicted: Image, target: Image) -> float:
    """Return Pearson's correlation of two images over all pixels (paper A, eq. 3).

    Parameters
    ----------
    predicted, target
        (Y, X) finite numbers. Neither scale nor offset matters, so the units may differ.

    Returns
    -------
    float
        -1 to 1. NaN when an image is constant, since the correlation is then undefined; leave such a field out
        of a mean, and report that.

    Raises
    ------
    WrongShape
        When the images are not (Y, X) of one shape, or have no pixels.
    BadPixels
        When there are NaN or infinite pixels.

    Examples
    --------
    >>> pearson_correlation(np.array([[1, 2, 3]]), np.array([[10, 30, 20]]))
    0.5
    """
    x, y = np.asarray(predicted), np.asarray(target)
    if x.ndim != 2 or x.shape != y.shape or x.size == 0:
        raise WrongShape(
            f"`predicted` is {x.shape} and `target` {y.shape}; give two images of the same (Y, X)."
        )
    x, y = x.astype(np.float64), y.astype(np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadPixels("`predicted` or `target` has NaN or infinite pixels; crop them before comparing.")
    if x.min() == x.max() or y.min() == y.max():  # rounding would make the deviations noise
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    x, y = x / np.abs(x).max(), y / np.abs(y).max()  # no square over- or underflows
    value = np.vdot(x, y) / np.sqrt(np.vdot(x, x) * np.vdot(y, y))
    return float(np.clip(value, -1, 1))


def mask_iou(predicted: Image, truth: Image) -> float:
    """Return the intersection over union of two masks (paper A, eq. 4); 1 when both are empty.

    Parameters
    ----------
    predicted
        (Y, X) bool, or labels, whose numbers above 0 count as inside.
    truth
        The same; pixels with negative labels are not annotated and do not count in either mask.

    Raises
    ------
    WrongShape
        When the masks are not (Y, X) integers or bool of one shape, or a predicted label is negative.

    Examples
    --------
    >>> mask_iou(np.array([[True, True, False, True]]), np.array([[0, 5, 5, -1]]))
    0.3333333333333333
    """
    from frugalseg.evaluation.scores import foreground_iou

    return foreground_iou(truth, predicted)
