"""Background and cells as two distributions of one feature."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from frugalseg.images.normalize import Plane


class TwoClasses(NamedTuple):
    """Mean and standard deviation of background and cells on one feature, and the cells' share of the pixels."""

    background: float
    background_spread: float
    cells: float
    cells_spread: float
    share: float

    @property
    def separated(self) -> bool:
        """Whether the mixture has two peaks (of about equal height), and so is more than one class split in two."""
        return self.cells - self.background > self.cells_spread + self.background_spread


def fit_two_classes(
    feature: Plane, certain: NDArray[np.bool_], far: NDArray[np.bool_], rounds: int = 60
) -> TwoClasses:
    """Fit a mixture of two Gaussians by expectation maximisation, the certain pixels held in the cells' class.

    In fields that are nearly all cells or nearly all background, a free mixture would split the larger class in two.

    Parameters
    ----------
    feature : (Y,X) float32
        Higher for cells.
    certain, far : (Y,X) bool
        Pixels that certainly are cell, and pixels far from every marker, among which background is sought.
    rounds : int
        Steps of expectation maximisation.
    """
    known = feature[certain].astype(np.float64)
    values = np.sort(feature[~certain].astype(np.float64), axis=None)
    values = values[:: max(1, len(values) // 100_000)]
    cells, cells_spread = float(np.median(known)), 1.4826 * float(stats.median_abs_deviation(known)) + 1e-3
    background = float(np.quantile(values, 0.2 if far.mean() > 0.02 else 0.02))
    background_spread = max(0.1 * abs(cells - background), 0.05)
    classes = TwoClasses(background, background_spread, cells, cells_spread, 0.5)
    # The known pixels are weighted by their share among the pixels that `values` is a sample of.
    weight = certain.sum() / max(1, (~certain).sum()) * len(values) / max(1, len(known))
    for _ in range(rounds):
        odds = class_log_odds(values, classes)
        cell = 1.0 / (1.0 + np.exp(-np.clip(odds, -50, 50)))
        rest = 1.0 - cell
        amount = cell.sum() + weight * len(known)
        cells = float(((cell * values).sum() + weight * known.sum()) / amount)
        variance = ((cell * (values - cells) ** 2).sum() + weight * ((known - cells) ** 2).sum()) / amount
        background = float((rest * values).sum() / max(rest.sum(), 1e-6))
        background_variance = (rest * (values - background) ** 2).sum() / max(rest.sum(), 1e-6)
        classes = TwoClasses(
            background,
            float(np.sqrt(background_variance)) + 1e-3,
            cells,
            float(np.sqrt(variance)) + 1e-3,
            float(np.clip(cell.mean(), 0.01, 0.99)),
        )
    return classes


def class_log_odds(feature: NDArray[np.floating], classes: TwoClasses) -> NDArray[np.float64]:
    """Return the log odds of "cell", made monotonous: beyond either mean the nearer class always wins."""
    z_cells = (feature - classes.cells) / classes.cells_spread
    z_background = (feature - classes.background) / classes.background_spread
    odds = 0.5 * (z_background**2 - z_cells**2) + np.log(
        classes.share / (1 - classes.share) * classes.background_spread / classes.cells_spread
    )
    odds = np.where(feature > classes.cells, np.maximum(odds, 4.0), odds)
    return np.asarray(np.where(feature < classes.background, np.minimum(odds, -4.0), odds))
