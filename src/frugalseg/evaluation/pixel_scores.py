"""Scores of predicted images and masks, pixel by pixel."""

from typing import Any

import numpy as np
import numpy.typing as npt

from frugalseg.errors import BadPixels, WrongShape

Image = npt.NDArray[Any]


def pearson_correlation(predicted: Image, target: Image) -> float:
    """Pearson's correlation of two images over all pixels (paper A, eq. 3).

    Parameters
    ----------
    predicted, target
        (Y, X) finite numbers. Neither scale nor offset matters, so the units may differ.

    Returns
    -------
    float
        -1 to 1. NaN where an image is constant, since it is then undefined: such a field must be left out of
        a mean, and said so.

    Raises
    ------
    WrongShape
        The images are not (Y, X) of one shape, or have no pixels.
    BadPixels
        There are NaN or infinite pixels.

    Examples
    --------
    >>> pearson_correlation(np.array([[1, 2, 3]]), np.array([[10, 30, 20]]))
    0.5
    """
    ours, true = np.asarray(predicted), np.asarray(target)
    if ours.ndim != 2 or ours.shape != true.shape or ours.size == 0:
        raise WrongShape(f"The prediction is {ours.shape} and the target {true.shape}; give the same (Y, X).")
    ours, true = ours.astype(np.float64), true.astype(np.float64)
    if not (np.isfinite(ours).all() and np.isfinite(true).all()):
        raise BadPixels("An image has NaN or infinite pixels; crop them before comparing.")
    if ours.min() == ours.max() or true.min() == true.max():  # rounding would make the deviations noise
        return float("nan")
    ours, true = ours - ours.mean(), true - true.mean()
    ours, true = ours / np.abs(ours).max(), true / np.abs(true).max()  # no square over- or underflows
    value = np.vdot(ours, true) / np.sqrt(np.vdot(ours, ours) * np.vdot(true, true))
    return float(np.clip(value, -1, 1))


def mask_iou(predicted: Image, truth: Image) -> float:
    """Intersection over union of two masks (paper A, eq. 4); 1 when both are empty.

    Parameters
    ----------
    predicted
        (Y, X) bool, or labels, of which every number above 0 counts as inside.
    truth
        The same; negative labels are not annotated and, with what is predicted there, count nowhere.

    Raises
    ------
    WrongShape
        The masks are not (Y, X) integers or bool of one shape, or a predicted label is negative.

    Examples
    --------
    >>> mask_iou(np.array([[True, True, False, True]]), np.array([[0, 5, 5, -1]]))
    0.3333333333333333
    """
    from frugalseg.evaluation.scores import foreground_iou

    return foreground_iou(truth, predicted)
