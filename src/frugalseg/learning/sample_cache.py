"""Samples that are loaded when they are used, so that thousands of fields need no more memory than a few."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import overload

from frugalseg.learning.crop_batches import CropSample

#: Default upper bound of the cache, bytes.
BUDGET = 2_000_000_000


class CachedSamples(Sequence[CropSample]):
    """A sequence of samples that loads a sample when it is used, and caches those used last.

    Parameters
    ----------
    load
        One function per sample, which returns it.
    budget
        Upper bound of the cache, bytes; at least one sample is always kept.
    """

    def __init__(self, load: Sequence[Callable[[], CropSample]], budget: int = BUDGET) -> None:
        self.load, self.budget = tuple(load), budget
        self.kept: OrderedDict[int, CropSample] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.load)

    @overload
    def __getitem__(self, index: int) -> CropSample: ...
    @overload
    def __getitem__(self, index: slice) -> list[CropSample]: ...
    def __getitem__(self, index: int | slice) -> CropSample | list[CropSample]:
        """Return a sample, from the cache where possible."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no sample {index} among {len(self)}")
        index %= len(self)
        if index not in self.kept:
            self.kept[index] = self.load[index]()
            self.bytes += _bytes(self.kept[index])
            while self.bytes > self.budget and len(self.kept) > 1:
                self.bytes -= _bytes(self.kept.popitem(last=False)[1])
        self.kept.move_to_end(index)
        return self.kept[index]


def _bytes(sample: CropSample) -> int:
    valid = 0 if sample.valid is None else sample.valid.nbytes
    return sample.planes.nbytes + sample.targets.nbytes + valid
