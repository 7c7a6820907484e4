"""Positions of training crops: anywhere in the fields where the target has signal.

Paper A skips crops without a nucleus, by a sum of grey values that fits its own camera. Here signal is what stands out
of the noise of the training set's background, and a crop has signal when at least `SHARE` of its pixels do. Where
confluent cells leave no background, every crop is taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, SettingsError
from frugalseg.learning.signal_level import (
    BLOCK,
    Grey,
    block_means,
    is_confluent,
    sample_blocks,
    signal_threshold,
)

#: Share of a crop that must lie above the threshold: one nucleus of 9 px diameter in 256 x 256 px, of 18 px in 512.
SHARE = 0.001
#: A field with a smaller share of crops with signal may be confluent; then every crop is taken.
CONFLUENT_BELOW = 0.5


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

    In each round every field with signal gives one crop, in random order, or as many as its weight says; within a field all
    crops with signal are equally likely.

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
    weights
        How often each field is drawn, compared with the others; None: equally often.
    masks
        Whether targets are 0 and 1, so that small objects can be counted by the pixel where none reaches the threshold.

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
        If `size` or `share` is out of range, or there is not one weight above 0 per field.

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
        weights: Sequence[float] | None = None,
        masks: bool = False,
    ) -> None:
        if size < 1 or not 0 <= share <= 1:
            raise SettingsError(
                f"`size` is {size} and `share` is {share}; give a size of 1 px or more and a share of 0 to 1"
            )
        self.size, self.seed, self.share = size, seed, share
        self.masks = masks
        self.block = min(BLOCK, max(1, size // 32))
        shapes, planes, confluent = [], [], []
        for target in targets:
            shapes.append((int(target.shape[0]), int(target.shape[1])))
            planes.append(block_means(np.asarray(target), self.block))
            confluent.append(threshold is None and is_confluent(np.asarray(target, np.float32)))
        if not planes:
            raise BadPixels("there is no field to take crops from")
        self.threshold = signal_threshold(sample_blocks(planes)) if threshold is None else float(threshold)
        corners = [self._corners(*one) for one in zip(planes, shapes, confluent, strict=True)]
        counts = np.array([int(allowed.up_to[-1]) for allowed, _ in corners])
        self.empty = tuple(int(i) for i in np.flatnonzero(counts == 0))
        self.skipped = float(1 - counts.sum() / sum(total for _, total in corners))
        self._fields = np.flatnonzero(counts)
        self._corners_of = [allowed for allowed, _ in corners]
        self._shares = _shares(weights, len(planes))[self._fields]
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
        order = np.random.default_rng([self.seed, 0, lap]).permutation(self._fields_of(lap))
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

    def _fields_of(self, lap: int) -> NDArray[np.intp]:
        """Return the fields of one round, each as often as its weight says.

        With equal weights each of them once. Else rounded up or down by a random offset, so that the number of crops of a
        field is right on average and never off by more than one in a round.
        """
        if (self._shares == self._shares[0]).all():
            return self._fields
        offset = np.random.default_rng([self.seed, 2, lap]).random()
        up_to = np.cumsum(self._shares) / self._shares.sum() * len(self._fields)
        up_to[-1] = len(self._fields)  # whatever was lost in rounding
        counts = np.diff(np.floor(up_to + offset), prepend=0.0).astype(np.intp)
        return np.repeat(self._fields, counts)

    def _corners(self, plane: Grey, shape: tuple[int, int], confluent: bool) -> tuple[_Corners, int]:
        """Return the corners of crops with signal in one field, and the number of all corners.

        Only blocks inside the crop count, wherever in its first block it begins, so that every crop has the signal it
        was chosen for. An integral image gives each sum from four values.
        """
        rows, columns = (max(side - self.size, 0) // self.block + 1 for side in shape)
        if self.share == 0:
            allowed = np.ones((rows, columns), bool)
        else:
            pixels = min(self.size, shape[0]) * min(self.size, shape[1])
            needed, area = max(self.share * pixels, 1), self.block**2
            allowed = self._sums(plane > self.threshold, shape, rows, columns) * area >= needed
            if self.masks and not allowed.any():  # objects so small that they fill half of no block
                allowed = self._sums(plane.astype(np.float64), shape, rows, columns) * area >= needed
            if confluent and allowed.mean() < CONFLUENT_BELOW:
                allowed[:] = True
        up_to = np.cumsum(allowed.sum(axis=1)).astype(np.int64)
        return _Corners(shape, np.packbits(allowed, axis=1), up_to), rows * columns

    def _sums(
        self, blocks: NDArray[np.generic], shape: tuple[int, int], rows: int, columns: int
    ) -> NDArray[np.number]:
        """Return the sums of the blocks (Y,X) that lie in every crop that starts in one block: (rows, columns)."""
        kind = np.int64 if blocks.dtype == bool else np.float64
        total = np.zeros((blocks.shape[0] + 1, blocks.shape[1] + 1), kind)
        total[1:, 1:] = np.cumsum(np.cumsum(blocks, axis=0), axis=1)
        (top, bottom), (left, right) = (
            self._ends(count, side, length)
            for count, side, length in zip((rows, columns), shape, blocks.shape, strict=True)
        )
        inside = total[np.ix_(bottom, right)] - total[np.ix_(top, right)]
        return inside + total[np.ix_(top, left)] - total[np.ix_(bottom, left)]

    def _ends(self, count: int, side: int, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the first and the last block + 1 along an axis inside every crop that starts in block 0, 1, ..."""
        start = np.arange(count)
        if side <= self.size:
            return np.zeros(count, np.int64), np.full(count, length)
        latest = np.minimum(start * self.block + self.block - 1, side - self.size)
        first = -(-latest // self.block)
        last = (start * self.block + self.size) // self.block
        return first, np.minimum(np.maximum(last, first), length)


def _shares(weights: Sequence[float] | None, n_fields: int) -> NDArray[np.float64]:
    """Return a number per field in proportion to how often it is drawn; `SettingsError` where weights make none."""
    shares = np.ones(n_fields) if weights is None else np.asarray(weights, np.float64)
    if shares.shape != (n_fields,) or not np.isfinite(shares).all() or not (shares > 0).all():
        raise SettingsError(
            f"`weights` are {weights}; give one number above 0 for each of the {n_fields} fields"
        )
    return shares
