"""Labels that a model of nuclei or cells learns from: of a part of an image, and what is no label map."""

import math

import numpy as np
import pytest

from frugalseg.errors import BadPixels
from frugalseg.models.object_dataset import read_labelled_images, typical_diameter


def test_objects_that_the_annotation_cuts_do_not_count_for_the_diameter() -> None:
    labels = np.zeros((60, 90), np.int32)
    labels[10:30, 10:30] = 1  # whole, 20 x 20 px
    labels[40:50, 0:60], labels[:, 60:] = 2, -1  # cut at x = 60
    labels[2:4, 58:60] = 3  # cut, too
    assert typical_diameter([labels]) == pytest.approx(math.sqrt(4 * 400 / math.pi))
    only_cut = np.where(labels == 1, 0, labels)  # better than nothing
    assert typical_diameter([only_cut]) == pytest.approx(math.sqrt(4 * (600 + 4) / 2 / math.pi))
    whole_elsewhere = np.zeros((60, 90), np.int32)
    whole_elsewhere[10:20, 10:20] = 1  # the same number as a cut object of the other image
    only_cut[only_cut == 2] = 1
    found = typical_diameter([only_cut, whole_elsewhere])
    assert found == pytest.approx(math.sqrt(4 * 100 / math.pi))


def test_what_is_no_label_map_is_refused_before_anything_is_learned() -> None:
    random = np.random.default_rng(0)
    mask = np.zeros((64, 64), np.uint16)
    mask[4:20, 4:20] = mask[30:50, 30:50] = 255
    grey = random.integers(1, 4000, mask.shape).astype(np.uint16)
    for target in ("cells", "nuclei"):
        with pytest.raises(
            BadPixels, match="field 'a': `labels` has one label in 2 separate pieces, so it is a mask"
        ):
            read_labelled_images(grey, mask, target, names=["a"])
        with pytest.raises(BadPixels, match="field 'a': `labels` looks like a grey image"):
            read_labelled_images(grey, grey, target, names=["a"])
        with pytest.raises(BadPixels, match="field 'a': `labels`: nothing is annotated"):
            read_labelled_images(grey, np.full(grey.shape, -1), target, names=["a"])
    mask[30:50, 30:50] = 7
    (kept,) = read_labelled_images(grey, mask, "cells", names=["a"])
    assert (kept.name, kept.index) == ("a", 0)
    np.testing.assert_array_equal(kept.labels, mask)
    mask[30:50, 30:50] = 0  # a single object is no mask
    assert len(read_labelled_images(grey, mask, "cells")) == 1
