"""Tell cells from background by how the texture of empty background is distributed."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from frugalseg.cues.two_classes import TwoClasses

#: A mode counts if the density there is at least this share of the highest; lower ones are ripples.
LEAST_MODE = 0.1
#: The density is estimated in this many bins.
BINS = 512
#: Half of a normal distribution's values lie within this many standard deviations of its mean.
QUARTILE = 0.6745
#: Log odds of what is as smooth as the most frequent background, or smoother than that.
BACKGROUND = -4.0


def empty_log_odds(
    feature: NDArray[np.floating], sample: NDArray[np.floating]
) -> tuple[NDArray[np.float64], TwoClasses]:
    """Return the log odds of "cell" against the distribution of the background, which is found without cells.

    Nothing is smoother than empty background, so what lies below the lowest mode of the sample is background alone. Its
    mirror image is background above the mode, and what the density has beyond that is cells, of whatever shape: unlike a
    second Gaussian it holds flat lamellae and bodies at once. The log odds are those of the local false discovery rate.

    Parameters
    ----------
    feature : (Y,X) float
        Texture, higher for cells.
    sample : (N,) float
        Texture of those pixels that the distribution is estimated from.

    Returns
    -------
    log_odds : (Y,X) float64
        Never decreasing with the feature.
    classes : TwoClasses
        Mean and spread of both.

    References
    ----------
    Efron, "Large-scale simultaneous hypothesis testing: the choice of a null hypothesis", JASA 99, 2004.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> values = np.concatenate([random.normal(0, 1, 60_000), random.normal(6, 2, 40_000)])
    >>> odds, classes = empty_log_odds(np.array([-3.0, 0.0, 6.0]), values)
    >>> (odds > 0).tolist(), bool(abs(classes.share - 0.4) < 0.05)
    ([False, False, True], True)
    """
    values = np.asarray(sample, dtype=np.float64).ravel()
    density, at = _density(values)
    mode = at[_lowest_mode(density)]
    below = values[values <= mode]
    # by the median, as a corner without light is smoother still
    spread = float(np.median(mode - below)) / QUARTILE + 1e-3
    step = at[1] - at[0]
    # twice what lies below the mode, spread over bins
    height = 2 * len(below) * step / (spread * np.sqrt(2 * np.pi))
    background = height * np.exp(-0.5 * ((at - mode) / spread) ** 2)
    beyond = np.where(at > mode, np.maximum(density - background, 0.0), 0.0)
    log_odds = np.log(np.maximum(beyond, 1e-9)) - np.log(np.maximum(background, 1e-9))
    log_odds = np.where(at > mode, np.clip(log_odds, BACKGROUND, -BACKGROUND), BACKGROUND)
    log_odds = np.maximum.accumulate(log_odds)
    mean = float((beyond * at).sum() / max(beyond.sum(), 1e-9))
    variance = float((beyond * (at - mean) ** 2).sum() / max(beyond.sum(), 1e-9))
    share = float(np.clip(beyond.sum() / density.sum(), 0.01, 0.99))
    classes = TwoClasses(float(mode), spread, mean, float(np.sqrt(variance)) + 1e-3, share)
    odds = np.interp(feature, at, log_odds)
    smoother = np.maximum(mode - feature, 0.0) / spread
    return np.asarray(odds - 0.5 * smoother**2, dtype=np.float64), classes


def _density(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values per bin, smoothed by Silverman's rule, and the centres of bins."""
    low, high = np.quantile(values, (0.0005, 0.9995))
    high = max(high, low + 1e-6)
    counts, edges = np.histogram(values, BINS, (low, high))
    quarter, three_quarters = np.quantile(values, (0.25, 0.75))
    width = 0.9 * min(values.std(), (three_quarters - quarter) / 1.34) * len(values) ** -0.2
    smooth = gaussian_filter1d(
        counts.astype(np.float64), max(2.0, width / (edges[1] - edges[0])), mode="constant"
    )
    return smooth, (edges[1:] + edges[:-1]) / 2


def _lowest_mode(density: NDArray[np.float64]) -> int:
    """Return the bin of the lowest mode that is no ripple."""
    padded = np.pad(density, 1, constant_values=-1.0)
    peaks = (density >= padded[:-2]) & (density > padded[2:]) & (density > LEAST_MODE * density.max())
    return int(np.flatnonzero(peaks)[0])
