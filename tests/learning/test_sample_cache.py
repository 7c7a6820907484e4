"""Samples are loaded when asked for, the ones used last are kept, and no more bytes than allowed."""

from functools import partial

import numpy as np
import pytest

from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.sample_cache import CachedSamples

BYTES = 2 * 4 * 100 + 100  # of one sample: two planes of float32 and what is known


class Loads:
    """Functions that load samples, and count how often."""

    def __init__(self, count: int) -> None:
        self.order: list[int] = []
        self.functions = [partial(self._load, index) for index in range(count)]

    def _load(self, index: int) -> CropSample:
        self.order.append(index)
        plane = np.full((1, 10, 10), index, np.float32)
        return CropSample(str(index), plane, plane.copy(), np.ones((10, 10), bool))


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    loads = Loads(3)
    samples = CachedSamples(loads.functions)
    assert (len(samples), loads.order, bool(samples)) == (3, [], True)
    assert (samples[1].name, samples[1].name, loads.order) == ("1", "1", [1])


def test_the_one_used_longest_ago_makes_room() -> None:
    loads = Loads(4)
    samples = CachedSamples(loads.functions, budget=2 * BYTES)
    for index in (0, 1, 0, 2):  # 0 was used after 1, so 1 goes
        assert samples[index].name == str(index)
    assert loads.order == [0, 1, 2]
    assert list(samples.kept) == [0, 2]
    assert samples.bytes == 2 * BYTES
    assert samples[0].name == "0"
    assert loads.order == [0, 1, 2]
    assert samples[1].name == "1"
    assert (loads.order, list(samples.kept), samples.bytes) == ([0, 1, 2, 1], [0, 1], 2 * BYTES)


def test_one_sample_is_kept_however_large() -> None:
    loads = Loads(2)
    samples = CachedSamples(loads.functions, budget=1)
    assert [samples[index].name for index in (0, 0, 1, 1)] == ["0", "0", "1", "1"]
    assert (loads.order, len(samples.kept), samples.bytes) == ([0, 1], 1, BYTES)


def test_it_is_a_sequence() -> None:
    samples = CachedSamples(Loads(3).functions)
    assert [one.name for one in samples] == ["0", "1", "2"]
    assert [one.name for one in samples[1:]] == ["1", "2"]
    assert samples[-1].name == "2"
    for index in (3, -4, -5):
        with pytest.raises(IndexError):
            samples[index]
