"""Label maps of nuclei from arrays."""

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import BadPixels, SettingsError, WrongShape
from frugalseg.synthetic.cells import SyntheticField


def test_nuclei_are_found(cells: SyntheticField) -> None:
    labels = fs.segment_nuclei(cells.nuclear)
    assert (labels.dtype, labels.shape, len(np.unique(labels))) == (np.uint32, (96, 104), 10)
    assert fs.score_labels(cells.nuclei, labels).cell_miou > 0.75
    np.testing.assert_array_equal(fs.segment_nuclei(cells.nuclear[None].astype(float)), labels)
    both = fs.segment_nuclei([cells.nuclear, cells.nuclear * 3])
    np.testing.assert_array_equal(both[0], labels)
    assert len(both) == 2


def test_settings_decide_where_outlines_lie(cells: SyntheticField) -> None:
    sizes = [np.count_nonzero(fs.segment_nuclei(cells.nuclear, level=level)) for level in (0.2, 0.5, 0.8)]
    assert sizes[0] > sizes[1] > sizes[2]
    chosen = fs.segment_nuclei(cells.nuclear, fs.NucleiSettings(level=0.5))
    np.testing.assert_array_equal(chosen, fs.segment_nuclei(cells.nuclear, level=0.5))


def test_no_nucleus_is_an_empty_map() -> None:
    noise = np.random.default_rng(0).normal(100, 1, (64, 64))
    assert not fs.segment_nuclei(noise).any()


def test_stains_that_cannot_be_used(cells: SyntheticField) -> None:
    with pytest.raises(BadPixels, match="the image is constant"):
        fs.segment_nuclei(np.ones((32, 32)))
    with pytest.raises(WrongShape, match=r"images\[1\] has 2 channels; give the nuclear stain as one plane"):
        fs.segment_nuclei([cells.nuclear, np.stack([cells.nuclear] * 2)])
    with pytest.raises(SettingsError, match="`level`: Input should be less than 1"):
        fs.segment_nuclei(cells.nuclear, level=1.5)
    with pytest.raises(SettingsError, match="there is no setting `diameter`"):
        fs.segment_nuclei(cells.nuclear, diameter=9)
