"""Resizing of planes, label maps and points."""

import numpy as np
import pytest

from frugalseg.errors import SettingsError
from frugalseg.images.resize import resize_labels, resize_planes, resize_points

PLANES = np.random.default_rng(6).gamma(2.0, 1000.0, (2, 40, 50)).astype(np.float32) * np.array(
    [[[1]], [[7]]], np.float32
)


def test_shrinking_averages_over_area() -> None:
    halves = resize_planes(PLANES, 0.5)
    np.testing.assert_allclose(halves, PLANES.reshape(2, 20, 2, 25, 2).mean(axis=(2, 4)), rtol=1e-5)
    # A pattern finer than the new pixels must vanish, not alias.
    stripes = np.zeros((1, 60, 60), np.float32)
    stripes[..., ::2] = 1
    small = resize_planes(stripes, 0.3)
    assert small.shape == (1, 18, 18)
    assert np.ptp(small) < 0.35
    np.testing.assert_allclose(small.mean(), 0.5, atol=0.01)


def test_many_channels_and_types() -> None:
    planes = np.random.default_rng(7).integers(0, 9, (7, 10, 12)).astype(np.int64)
    assert resize_planes(planes, 2.0).shape == (7, 20, 24)
    np.testing.assert_array_equal(resize_planes(planes, 1.0), planes)
    assert resize_planes(PLANES, (11, 13)).shape == (2, 11, 13)
    assert resize_planes(PLANES, 0.001).shape == (2, 1, 1)


def test_resizing_moves_nothing() -> None:
    """The centre of mass of a blob, in um, stays where it is; so do labels and points."""
    y, x = np.mgrid[:101, :90]
    blob = np.exp(-((y - 40.0) ** 2 + (x - 61.0) ** 2) / 50)[None]
    for factor in (0.37, 0.5, 1.7):
        small = resize_planes(blob, factor)[0]
        weights = small / small.sum()
        rows, columns = np.mgrid[: small.shape[0], : small.shape[1]]
        centre = [(weights * rows).sum(), (weights * columns).sum()]
        expected = resize_points(np.array([[40.0, 61.0]]), (101, 90), factor)[0]
        np.testing.assert_allclose(centre, expected, atol=0.02)
        disk = resize_labels((blob[0] > 0.3).astype(np.uint32) * 70000, factor)
        assert disk.dtype == np.uint32
        assert set(np.unique(disk)) == {0, 70000}
        np.testing.assert_allclose(np.argwhere(disk).mean(axis=0), expected, atol=0.5)


def test_labels_come_back_to_their_shape() -> None:
    labels = np.kron(np.arange(1, 5).reshape(2, 2), np.ones((20, 20), int)).astype(np.int32)
    there = resize_labels(labels, 2.0)
    assert there.shape == (80, 80)
    np.testing.assert_array_equal(resize_labels(there, (40, 40)), labels)
    mask = labels > 2
    assert resize_labels(mask, 0.5).dtype == bool
    assert resize_labels(mask, 0.5).mean() == 0.5


def test_points_come_back() -> None:
    points = np.random.default_rng(8).uniform(0, 100, (50, 2))
    there = resize_points(points, (101, 133), (43, 57))
    np.testing.assert_allclose(resize_points(there, (43, 57), (101, 133)), points)
    assert resize_points(np.empty((0, 2)), (5, 5), 2.0).shape == (0, 2)


@pytest.mark.parametrize("factor", [0, -1, np.nan, (0, 5)])
def test_wrong_factors_are_refused(factor: float) -> None:
    with pytest.raises(SettingsError):
        resize_planes(PLANES, factor)
