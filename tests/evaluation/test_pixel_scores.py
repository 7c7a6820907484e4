"""Correlation of images and IoU of masks, against numpy and by hand."""

import numpy as np
import pytest

from frugalseg.errors import BadPixels, WrongShape
from frugalseg.evaluation.pixel_scores import mask_iou, pearson_correlation


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_correlation_is_that_of_numpy(dtype):
    rng = np.random.default_rng(0)
    target = (rng.random((40, 50)) * 60_000).astype(dtype)
    predicted = (target * 0.3 + rng.random((40, 50)) * 10_000).astype(dtype)
    expected = np.corrcoef(predicted.ravel().astype(float), target.ravel().astype(float))[0, 1]
    assert 0.5 < expected < 0.95
    assert pearson_correlation(predicted, target) == pytest.approx(expected, abs=1e-12)


def test_neither_scale_nor_offset_matters():
    image = np.random.default_rng(1).random((9, 9))
    assert pearson_correlation(image, 1e-200 * image) == pytest.approx(1)
    assert pearson_correlation(image + 1e6, 500 - 3 * image) == pytest.approx(-1, abs=1e-9)
    assert pearson_correlation(image * 1e200, image) == pytest.approx(1)
    assert -1 <= pearson_correlation(image, image) <= 1


def test_a_constant_image_has_no_correlation():
    image = np.arange(6.0).reshape(2, 3)
    assert np.isnan(pearson_correlation(image, np.full((2, 3), 0.1)))
    assert np.isnan(pearson_correlation(np.full((2, 3), 7, np.uint8), image))


def test_correlation_refuses_what_it_cannot_compare():
    image = np.ones((2, 3))
    for second in (np.ones((3, 2)), np.ones(6), np.ones((1, 2, 3))):
        with pytest.raises(WrongShape, match="same"):
            pearson_correlation(image, second)
    with pytest.raises(WrongShape):
        pearson_correlation(np.ones((0, 3)), np.ones((0, 3)))
    for bad in (np.nan, np.inf):
        with pytest.raises(BadPixels, match="NaN"):
            pearson_correlation(image, np.array([[bad, 1, 2], [3, 4, 5]]))


def test_iou_of_masks():
    first, second = np.array([[1, 1, 0, 0, 1]], bool), np.array([[1, 0, 1, 0, 0]], bool)
    assert mask_iou(first, second) == pytest.approx(1 / 4)
    assert mask_iou(first, np.array([[7, 0, 9, 0, -1]])) == pytest.approx(1 / 3)
    none = np.zeros((2, 2), bool)
    assert mask_iou(none, none) == 1
    assert mask_iou(~none, none) == mask_iou(none, ~none) == 0
    assert mask_iou(~none, np.full((2, 2), -1)) == 1
    with pytest.raises(WrongShape, match="float64"):
        mask_iou(none.astype(float), none)
    with pytest.raises(WrongShape, match="same field"):
        mask_iou(none, np.zeros((2, 3), bool))
