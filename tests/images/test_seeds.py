"""Seeds of cells in resized images."""

import time

import numpy as np

from frugalseg.images.seeds import resize_every_label


def test_each_lost_label_is_left_as_the_pixel_of_its_middle() -> None:
    labels = np.zeros((8, 12), np.int64)
    labels[:4, :4] = 900_000  # large enough to stay
    labels[6, 1] = 5
    labels[6, 2] = 3  # on the same pixel as 5, and lower
    labels[4, 8] = labels[6, 8] = 7  # in two pieces, with its middle between them
    labels[3, 2] = 11  # on a pixel of another label
    small = resize_every_label(labels, (2, 3))
    assert small.tolist() == [[900_000, 0, 0], [3, 0, 7]]


def test_many_dots_take_no_longer_than_the_image() -> None:
    labels = np.zeros((2000, 2000), np.uint32)
    labels[3::40, 5::40] = np.arange(1, 2501).reshape(50, 50)
    start = time.perf_counter()
    small = resize_every_label(labels, (500, 500))
    assert time.perf_counter() - start < 5
    np.testing.assert_array_equal(small[0::10, 1::10], np.arange(1, 2501).reshape(50, 50))
    assert np.count_nonzero(small) == 2500
