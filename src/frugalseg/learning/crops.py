"""Positions of training crops: anywhere in the fields where the target has signal.

Paper A skips crops without a nucleus, by a sum of grey values that fits its own camera. Here signal is what stands out
of the noise of the training set's background, and a crop has signal when at least `SHARE` of its pixels do. Where
confluent cells leave no background, every crop is taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, SettingsError

Grey = NDArray[np.floating]

#: Share of a crop that must lie above the threshold: one nucleus of 9 px diameter in 256 x 256 px, of 18 px in 512.
SHARE = 0.001
#: Signal begins this many standard deviations above the background.
ABOVE_NOISE = 5.0
#: Grey values are averaged over blocks of up to this side, px: less noise, no hot pixels, a sixteenth of the memory.
BLOCK = 4
#: The threshold is computed from at most this many blocks of each field.
MAX_VALUES = 40_000
#: Bins of the histogram for Otsu's threshold.
BINS = 256
#: A field with a smaller share of crops with signal may be confluent ...
CONFLUENT_BELOW = 0.5
#: ... it is, if blocks this far apart, in blocks, ...
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
    threshold = float(np.exp(_otsu(np.log(np.maximum(flat - black, 0) + floor))) - floor + black)
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


def _otsu(values: Grey) -> float:
    """Return Otsu's threshold: an edge between two bins, or the middle of a gap between the classes.

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
    blocks = _block_means(plane, BLOCK)
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
        middle.append(float(np.median(np.abs(_sample([second])))))
    return float(1.4826 / np.sqrt(6) * np.mean(middle))


@dataclass(frozen=True)
class _Corners:
    """Upper left corners, in blocks, of the crops of one field that have signal."""

    shape: tuple[int, int]  # of the field, px
    allowed: NDArray[np.uint8]  # (rows, columns) bits, packed along columns
    up_to: NDArray[np.int64]  # (rows,) number of corners up to each row

    def at(self, number: int) -> tuple[int, int]:
        """Return corner number `number`, (y, x) in blocks."""
        row = int(np.searchsorted(self.up_to, number, side="right"))
        before = int(self.up_to[row - 1]) if row else 0
        return row, int(np.flatnonzero(np.unpackbits(self.allowed[row]))[number - before])


class CropSampler:
    """Crop positions for every step of a training run, the same for the same seed wherever it was interrupted.

    In each round every field with signal gives one crop, in random order; within a field all crops with signal are
    equally likely.

    Parameters
    ----------
    targets
        (Y, X) grey values per field, in the order of the samples; iterated once.
    size
        Side of a crop, px. A smaller field is taken as a whole.
    seed
        Of everything random.
    share
        Share of a crop that must have signal; 0 takes every crop.
    threshold
        Grey value above which there is signal. None: by `signal_threshold`, and every crop is taken of confluent fields
        (`is_confluent`) that would otherwise have few crops.
    advice
        What to do where no crop has signal, for the error message.

    Attributes
    ----------
    threshold
        As given or computed.
    empty
        Indices of the fields without a crop with signal; they are never drawn.
    skipped
        Share of all crops without signal.

    Raises
    ------
    BadPixels
        If no crop of any field has signal.
    SettingsError
        If `size` or `share` is out of range.

    Examples
    --------
    >>> left = np.zeros((64, 64)); left[20:30, 5:15] = 1.0
    >>> sampler = CropSampler([left, np.zeros((64, 64))], size=32, seed=0)
    >>> {field for step in range(20) for field, y, x in sampler(step, 2)}, sampler.empty
    ({0}, (1,))
    """

    def __init__(
        self,
        targets: Iterable[Grey],
        size: int,
        seed: int,
        share: float = SHARE,
        threshold: float | None = None,
        advice: str = "check the stain, or take larger crops (`crop`)",
    ) -> None:
        if size < 1 or not 0 <= share <= 1:
            raise SettingsError(
                f"`size` is {size} and `share` is {share}; give a size of 1 px or more and a share of 0 to 1"
            )
        self.size, self.seed, self.share = size, seed, share
        self.block = min(BLOCK, max(1, size // 32))
        shapes, planes, confluent = [], [], []
        for target in targets:
            shapes.append((int(target.shape[0]), int(target.shape[1])))
            planes.append(_block_means(np.asarray(target), self.block))
            confluent.append(threshold is None and is_confluent(np.asarray(target, np.float32)))
        if not planes:
            raise BadPixels("there is no field to take crops from")
        self.threshold = signal_threshold(_sample(planes)) if threshold is None else float(threshold)
        corners = [self._corners(*one) for one in zip(planes, shapes, confluent, strict=True)]
        counts = np.array([int(allowed.up_to[-1]) for allowed, _ in corners])
        self.empty = tuple(int(i) for i in np.flatnonzero(counts == 0))
        self.skipped = float(1 - counts.sum() / sum(total for _, total in corners))
        self._fields = np.flatnonzero(counts)
        self._corners_of = [allowed for allowed, _ in corners]
        if not len(self._fields):
            raise BadPixels(
                f"no crop of {size} px has signal in {share:.1%} of its pixels, in any of {len(planes)} fields, so there "
                f"is nothing to learn; {advice}"
            )

    def __call__(self, step: int, count: int) -> list[tuple[int, int, int]]:
        """Return the upper left corners of the crops of one step: (field, y, x) of each, px."""
        return [self._draw(step * count + i) for i in range(count)]

    def _draw(self, number: int) -> tuple[int, int, int]:
        """Return crop number `number` of the whole run."""
        lap, position = divmod(number, len(self._fields))
        order = np.random.default_rng([self.seed, 0, lap]).permutation(self._fields)
        field = int(order[position])
        random = np.random.default_rng([self.seed, 1, number])
        corners = self._corners_of[field]
        block = corners.at(int(random.integers(corners.up_to[-1])))
        within = random.integers(self.block, size=2)
        y, x = (
            min(at * self.block + int(offset), max(side - self.size, 0))
            for at, offset, side in zip(block, within, corners.shape, strict=True)
        )
        return field, y, x

    def _corners(self, plane: Grey, shape: tuple[int, int], confluent: bool) -> tuple[_Corners, int]:
        """Return the corners of crops with signal in one field, and the number of all corners.

        Only blocks inside the crop count, wherever in its first block it begins, so that every crop has the signal it
        was chosen for. An integral image gives each sum from four values.
        """
        rows, columns = (max(side - self.size, 0) // self.block + 1 for side in shape)
        if self.share == 0:
            allowed = np.ones((rows, columns), bool)
        else:
            total = np.zeros((plane.shape[0] + 1, plane.shape[1] + 1), np.int64)
            total[1:, 1:] = np.cumsum(np.cumsum(plane > self.threshold, axis=0), axis=1)
            (top, bottom), (left, right) = (
                self._ends(count, side, length)
                for count, side, length in zip((rows, columns), shape, plane.shape, strict=True)
            )
            inside = total[np.ix_(bottom, right)] - total[np.ix_(top, right)]
            inside += total[np.ix_(top, left)] - total[np.ix_(bottom, left)]
            pixels = min(self.size, shape[0]) * min(self.size, shape[1])
            allowed = inside * self.block**2 >= max(self.share * pixels, 1)
            if confluent and allowed.mean() < CONFLUENT_BELOW:
                allowed[:] = True
        up_to = np.cumsum(allowed.sum(axis=1)).astype(np.int64)
        return _Corners(shape, np.packbits(allowed, axis=1), up_to), rows * columns

    def _ends(self, count: int, side: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first and the last block + 1 along an axis inside every crop that starts in block 0, 1, ..."""
        start = np.arange(count)
        if side <= self.size:
            return np.zeros(count, np.int64), np.full(count, length)
        latest = np.minimum(start * self.block + self.block - 1, side - self.size)
        first = -(-latest // self.block)
        last = (start * self.block + self.size) // self.block
        return first, np.minimum(np.maximum(last, first), length)


def _block_means(plane: Grey, block: int) -> Grey:
    """Return the means (Y', X') float32 of blocks; those at the lower and right edge may be smaller."""
    if block == 1:
        return plane.astype(np.float32)
    starts = [np.arange(0, side, block) for side in plane.shape]
    sums = np.add.reduceat(np.add.reduceat(plane.astype(np.float64), starts[0], axis=0), starts[1], axis=1)
    sizes = [np.minimum(block, side - start) for side, start in zip(plane.shape, starts, strict=True)]
    return np.asarray(sums / np.outer(*sizes), np.float32)


def _sample(planes: list[Grey]) -> Grey:
    """Return evenly spaced values of every field, at most `MAX_VALUES` of each."""
    parts = [plane.ravel() for plane in planes]
    return np.concatenate([part[:: max(1, -(-part.size // MAX_VALUES))] for part in parts])
