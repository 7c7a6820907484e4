"""The sigmoid of eq. 1 of paper A, fitted to the stain that a start predicts and the mask that is to become of it."""

import numpy as np
from numpy.typing import NDArray

#: A sigmoid that is steeper is a threshold: only where a stain tells nuclei without any error.
STEEPEST = 100.0
FLATTEST = 0.01
#: Pixels that are looked at, evenly spaced.
MOST_PIXELS = 1_000_000


def fit_sigmoid(stain: NDArray[np.floating], mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and midpoint of the sigmoid that makes the best mask of a stain.

    Parameters
    ----------
    stain : (N,) float
        Predicted stain of annotated pixels, on the scale of training.
    mask : (N,) bool
        Whether they belong to nuclei.

    Returns
    -------
    slope, midpoint
        The midpoint is the threshold with the best Jaccard index. With it, the slope makes the mask most likely (logistic
        regression): the steeper the better for the Jaccard loss, but where both are sure, nothing can be learned. Slope 1
        and midpoint 0.5, as in the paper, where there are only nuclei or none.

    Examples
    --------
    >>> stain = np.array([0.1, 0.2, 0.3, 0.5, 0.4, 0.8])
    >>> slope, midpoint = fit_sigmoid(stain, np.array([False, False, False, False, True, True]))
    >>> round(slope, 1), round(midpoint, 2)
    (8.1, 0.35)
    """
    from scipy.optimize import minimize_scalar

    step = max(1, -(-len(stain) // MOST_PIXELS))
    values, inside = np.asarray(stain, np.float64)[::step], np.asarray(mask, bool)[::step]
    if inside.all() or not inside.any():
        return 1.0, 0.5
    midpoint = _best_threshold(values, inside)
    right = np.where(inside, values - midpoint, midpoint - values)  # above 0 where the threshold is right
    found = minimize_scalar(
        lambda log_slope: np.logaddexp(0, -np.exp(log_slope) * right).mean(),
        bounds=(np.log(FLATTEST), np.log(STEEPEST)),
        method="bounded",
    )
    return float(np.exp(found.x)), midpoint


def _best_threshold(values: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    """Return the threshold with the best Jaccard index, between two values."""
    order = np.argsort(-values, kind="stable")
    ordered, hits = values[order], np.cumsum(inside[order])
    jaccard = hits / (np.arange(1, len(hits) + 1) + hits[-1] - hits)
    last_of_its_value = np.append(ordered[1:] < ordered[:-1], True)
    best = int(np.argmax(np.where(last_of_its_value, jaccard, -1.0)))
    return float((ordered[best] + ordered[min(best + 1, len(ordered) - 1)]) / 2)
