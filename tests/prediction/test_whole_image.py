"""A whole field's stain or objects, at the field's own scale and in its own units."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frugalseg.images.normalize import IntensityScale
from frugalseg.images.resize import resize_planes
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.instances.maps import distance_target
from frugalseg.prediction.stain_values import in_original_units, learned_values
from frugalseg.prediction.whole_image import (
    cell_confidence,
    objects_from_maps,
    oriented_maps,
    predict_stain,
)


class Linear(nn.Module):
    """Says a times what it is given, plus b: of each channel."""

    def __init__(self, a: float = 1.0, b: float = 0.0) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), b
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape))
        return self.a * images + self.b


def smooth(channels: int, shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    planes = [np.sin(y / (9 + 3 * i)) + np.cos(x / 11) for i in range(channels)]
    return np.stack(planes).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 0.5, 1.5])
def test_a_stain_comes_back_at_the_fields_own_scale(scale: float) -> None:
    planes, network = smooth(1, (61, 84)), Linear(2.0, 0.25)
    stain = predict_stain(network, planes, scale)
    assert (stain.shape, stain.dtype) == ((61, 84), np.float32)
    assert network.seen == [(1, 1, round(61 * scale), round(84 * scale))]
    expected = 2.0 * planes[0] + 0.25
    assert np.abs(stain - expected).max() < (1e-6 if scale == 1.0 else 0.25)  # at the corners
    assert np.corrcoef(stain.ravel(), expected.ravel())[0, 1] > 0.998


def test_grey_values_are_those_of_the_camera() -> None:
    real = np.array([[100, 350], [1100, 65535]], np.uint16)
    scale = IntensityScale(how="percentile", centre=(100.0,), spread=(1000.0,))
    grey = in_original_units(scale.apply(real[None])[0], scale)
    assert grey.dtype == np.uint16
    np.testing.assert_array_equal(grey, real)


def test_what_16_bits_can_not_hold_is_clipped_and_not_wrapped() -> None:
    scale = IntensityScale(how="percentile", centre=(100.0,), spread=(1000.0,))
    stain = np.array([[-0.5, -0.1], [0.0004, 0.0006], [65.4, 70.0]], np.float32)
    np.testing.assert_array_equal(in_original_units(stain, scale), [[0, 0], [100, 101], [65500, 65535]])


@pytest.mark.parametrize(
    ("how", "centre", "spread", "dtype"),
    [
        ("percentile", 100.0, 1000.0, np.uint16),
        ("percentile", 0.0, 65535.0, np.uint16),
        ("percentile", 100.0, 65436.0, np.float32),  # up to 65536
        ("percentile", 50_000.0, 200_000.0, np.float32),
        ("percentile", -500.0, 3000.0, np.float32),
        ("field", -1.0, 3000.0, np.float32),
        ("log", 7.0, 4.0, np.uint16),  # 100 up to about 58900
        ("log", 7.0, 5.0, np.float32),  # up to about 161800
    ],
)
def test_a_stain_is_written_in_16_bits_only_where_its_grey_values_lie_in_them(
    how: Any, centre: float, spread: float, dtype: type
) -> None:
    about: dict[str, Any] = {"black": (100.0,), "floor": (float(np.exp(7)),)} if how == "log" else {}
    scale = IntensityScale(how=how, centre=(centre,), spread=(spread,), **about)
    grey = in_original_units(np.array([[0.0, 0.5, 1.0]], np.float32), scale)
    expected = centre + spread * np.array([[0.0, 0.5, 1.0]])
    if how == "log":
        expected = np.exp(expected) - np.exp(7) + 100
    assert grey.dtype == dtype
    np.testing.assert_allclose(grey, expected, rtol=1e-5, atol=0.51 if dtype is np.uint16 else 0.05)


def test_masks_and_small_ranges_are_written_as_fractions() -> None:
    mask = IntensityScale(how="mask", centre=(700.0,), spread=(1.0,))
    output = np.array([[0.5, 0.5 + np.log(3)]], np.float32)
    probability = learned_values(output, mask)
    np.testing.assert_allclose(probability, [[0.5, 0.75]], rtol=1e-6)
    written = in_original_units(probability, mask)
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written, probability)
    linear = IntensityScale(how="percentile", centre=(100.0,), spread=(1000.0,))
    assert learned_values(output, linear) is output


def test_the_range_of_a_logarithm_decides_how_it_is_written() -> None:
    spread = float(np.log(50))
    for floor, dtype, value in ((20.0, np.uint16, 1080), (0.1, np.float32, 104.9)):
        scale = IntensityScale(
            how="log", centre=(float(np.log(floor)),), spread=(spread,), black=(100.0,), floor=(floor,)
        )
        grey = in_original_units(np.ones((1, 1), np.float32), scale)
        assert grey.dtype == dtype
        assert float(grey[0, 0]) == pytest.approx(value, rel=1e-5)


def test_cells_are_found_at_the_networks_scale_and_given_at_the_fields() -> None:
    y, x = np.mgrid[:60, :80]
    truth = np.where(np.hypot(y - 30, x - 20) < 14, 1, np.where(np.hypot(y - 30, x - 55) < 17, 2, 0))
    maps = np.stack([distance_target(truth) / 100, np.where(truth > 0, 4.0, -4.0)]).astype(np.float32)
    for scale in (1.0, 0.5):
        network = Linear()
        labels, found = objects_from_maps(oriented_maps(network, maps, scale), (60, 80), "cells")
        assert network.seen == [(1, 2, round(60 * scale), round(80 * scale))]
        assert (labels.shape, labels.dtype, found.shape) == ((60, 80), np.uint32, (2, 60, 80))
        np.testing.assert_array_equal(labels, labels_from_maps(found, "cells"))
        assert int(labels.max()) == 2
        overlap = np.count_nonzero((labels > 0) & (truth > 0)) / np.count_nonzero((labels > 0) | (truth > 0))
        assert overlap > (0.999 if scale == 1.0 else 0.93)
    np.testing.assert_allclose(found, resize_planes(resize_planes(maps, 0.5), (60, 80)), atol=1e-6)


def test_h_reaches_the_watershed() -> None:
    x = np.abs(np.arange(81) - 40.0)
    height = np.where(x > 20, 1.0 - (x - 20) / 20, 0.8 + 0.01 * x)
    maps = np.stack([np.tile(height, (9, 1)), np.ones((9, 81))]).astype(np.float32)
    counts = [int(objects_from_maps([maps], maps.shape[1:], "cells", h)[0].max()) for h in (10.0, 30.0)]
    assert counts == [2, 1]


def test_a_stain_that_was_stored_as_fractions_stays_fractions() -> None:
    real = np.linspace(0, 1, 101, dtype=np.float32)[None]
    scale = IntensityScale.fit(real[None], "percentile", (0, 100))
    grey = in_original_units(scale.apply(real[None])[0], scale)
    assert grey.dtype == np.float32
    np.testing.assert_allclose(grey, real, atol=1e-6)


def test_confidence_of_cells_around_points_is_that_around_areas() -> None:
    """The image is three times as large as what the network sees, so most of its pixels are lost; nuclei alone part the cells."""
    small = np.zeros((20, 40), np.int64)
    small[4:16, 3:20], small[4:16, 20:37] = 1, 2
    slopes = 0.5 + 0.3 * np.abs(np.arange(40) - 19.5) / 17
    maps = np.stack([np.where(small > 0, slopes, 0), np.where(small > 0, 4.0, -4.0)])
    areas = np.zeros((60, 120), np.uint32)
    areas[26:34, 15:24], areas[26:34, 96:105] = 1, 2
    points = np.zeros_like(areas)
    points[29, 20], points[29, 99] = 1, 2
    labels = np.kron(small, np.ones((3, 3), np.int64)).astype(np.uint32)
    for nuclei in (areas, points):
        found = cell_confidence(labels, [maps.astype(np.float32)] * 2, 20.0, 40.0, nuclei)
        assert found == {1: pytest.approx(1.0), 2: pytest.approx(1.0)}
