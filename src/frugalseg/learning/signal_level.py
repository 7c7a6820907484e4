"""Where a training target shows signal: the grey value above which it does, and stains without a background."""

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.floating]

#: Signal begins this many standard deviations above the background.
ABOVE_NOISE = 5.0
#: Grey values are averaged over blocks of up to this side, px: less noise, no hot pixels, a sixteenth of the memory.
BLOCK = 4
#: The threshold is computed from at most this many blocks of each field.
MAX_VALUES = 40_000
#: Bins of the histogram for Otsu's threshold.
BINS = 256
#: A stain is confluent if blocks this far apart, in blocks, ...
DISTANCE = 4
#: ... differ by more than so many times what noise would give, and by more than this share of the grey-value range.
MIN_OVER_NOISE, MIN_OF_RANGE = 3.0, 0.05


def signal_threshold(values: Grey) -> float:
    """Return the grey value above which there is signal; infinite for a constant image.

    Parameters
    ----------
    values
        Grey values of all training targets, or a sample of them; any shape.

    Notes
    -----
    Grey values below Otsu's threshold on the logarithm above black (the 0.5 percentile) are surely background. Signal
    begins `ABOVE_NOISE` standard deviations above their mode. So one bright cell does not hide the dim ones, where a
    stain differs 100-fold between cells, and noise alone is no signal.

    References
    ----------
    N. Otsu, A threshold selection method from gray-level histograms, IEEE Trans. Syst. Man Cybern. 9, 1979.

    Examples
    --------
    >>> background = np.random.default_rng(0).normal(100, 2, 5000)
    >>> 108 < signal_threshold(np.append(background, [150] * 50 + [9000] * 50)) < 114
    True
    """
    flat = np.asarray(values, np.float64).ravel()
    black, white = np.quantile(flat, 0.005), float(flat.max())
    if white <= black:
        return float("inf")
    floor = 0.02 * (white - black)
    threshold = float(np.exp(otsu(np.log(np.maximum(flat - black, 0) + floor))) - floor + black)
    below = flat[flat <= threshold]
    if not below.size:
        return threshold
    if float(np.ptp(below)) == 0.0:  # no noise at all: labels, or a prediction clipped at 0
        return threshold
    counts, edges = np.histogram(below, bins=BINS // 8, range=tuple(np.quantile(below, (0.001, 0.9))))
    at = int(np.argmax(counts))
    level, spread = _mode_and_spread(below, float(edges[at] + edges[at + 1]) / 2)
    for _ in range(3):  # Otsu cuts pure noise in halves: include what belongs to the background by its spread
        background = flat[flat <= level + ABOVE_NOISE * spread]
        level, spread = _mode_and_spread(background, float(np.median(background)))
    return level + ABOVE_NOISE * spread


def _mode_and_spread(values: Grey, mode: float) -> tuple[float, float]:
    """Return `mode` and the standard deviation below it, or on both sides where black is clipped."""
    lower = values[values <= mode]
    down = float(np.sqrt(np.mean((lower - mode) ** 2))) if lower.size else 0.0
    return mode, max(down, 1.4826 * float(np.median(np.abs(values - mode))))


def otsu(values: Grey) -> float:
    """Return Otsu's threshold of values of any shape: an edge between two bins, or the middle of a gap between the classes.

    `skimage.filters.threshold_otsu` returns the centre of the last bin of the lower class instead, which puts a part of
    that class above the threshold.
    """
    counts, edges = np.histogram(values, bins=BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    low = np.cumsum(counts)[:-1].astype(np.float64)
    high = counts.sum() - low
    sums = np.cumsum(counts * centres)
    mean_low, mean_high = sums[:-1] / np.maximum(low, 1), (sums[-1] - sums[:-1]) / np.maximum(high, 1)
    between = low * high * (mean_low - mean_high) ** 2
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float((edges[1:-1][best[0]] + edges[1:-1][best[-1]]) / 2)


def is_confluent(plane: Grey) -> bool:
    """Return whether cells cover a stain (Y,X) without gaps, so that it has no background.

    Each block is compared with the mean of two blocks `DISTANCE` away on both sides, so that uneven illumination is no
    structure. Noise is measured between pixels that are not neighbours, so that slightly smoothed noise is none either.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> cells = np.kron(random.uniform(0.5, 1.5, (12, 12)), np.ones((16, 16)))
    >>> is_confluent(cells + random.normal(0, 0.1, cells.shape)), is_confluent(random.normal(0, 0.1, (192, 192)))
    (True, False)
    """
    blocks = block_means(plane, BLOCK)
    if min(blocks.shape) <= 2 * DISTANCE:
        return False
    low, high = np.quantile(blocks, (0.005, 0.999))
    structure = _curvature(blocks, DISTANCE)
    noise = _curvature(plane, BLOCK - 1) / BLOCK
    return structure > max(MIN_OVER_NOISE * noise, MIN_OF_RANGE * float(high - low))


def _curvature(plane: Grey, distance: int) -> float:
    """Return the standard deviation of pixels from the mean of two pixels `distance` px away, by the median."""
    middle = []
    for along in (plane, plane.T):
        second = along[2 * distance :] - 2 * along[distance:-distance] + along[: -2 * distance]
        middle.append(float(np.median(np.abs(sample_blocks([second])))))
    return float(1.4826 / np.sqrt(6) * np.mean(middle))


def block_means(plane: Grey, block: int) -> Grey:
    """Return the means (Y', X') float32 of blocks; those at the lower and right edge may be smaller."""
    if block == 1:
        return plane.astype(np.float32)
    starts = [np.arange(0, side, block) for side in plane.shape]
    sums = np.add.reduceat(np.add.reduceat(plane.astype(np.float64), starts[0], axis=0), starts[1], axis=1)
    sizes = [np.minimum(block, side - start) for side, start in zip(plane.shape, starts, strict=True)]
    return np.asarray(sums / np.outer(*sizes), np.float32)


def sample_blocks(planes: list[Grey]) -> Grey:
    """Return evenly spaced values of every field, at most `MAX_VALUES` of each."""
    parts = [plane.ravel() for plane in planes]
    return np.concatenate([part[:: max(1, -(-part.size // MAX_VALUES))] for part in parts])
