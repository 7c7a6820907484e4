"""Windows of a resized image are those of the image that is resized as a whole.

Only an image of a single row differs, by up to 2e-4: OpenCV computes its columns in float32.
"""

import numpy as np
import pytest

from frugalseg.errors import SettingsError
from frugalseg.images import resize_window as module
from frugalseg.images.resize import resize_labels, resize_planes, scaled_shape
from frugalseg.images.resize_window import resize_labels_in_strips, resize_window
from frugalseg.images.tiles import Window, plan_tiles


def image(shape: tuple[int, int]) -> np.ndarray:
    """Noise on a large offset, as of a bright camera."""
    return (np.random.default_rng(3).normal(size=(2, *shape)) + 7).astype(np.float32)


def everywhere(whole: np.ndarray, new: tuple[int, int], core: int) -> np.ndarray:
    """The resized image, put together from windows."""
    out = np.full((len(whole), *new), np.nan, np.float32)
    for tile in plan_tiles(new, core, 0):
        out[:, *tile.core] = resize_window(lambda window: whole[:, *window], whole.shape[1:], new, tile.core)
    return out


@pytest.mark.parametrize("scale", [0.1, 0.25, 0.37, 0.5, 0.68, 0.999, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("shape", [(301, 403), (24, 6000)])
def test_windows_are_those_of_the_whole(scale: float, shape: tuple[int, int]) -> None:
    whole = image(shape)
    small = resize_planes(whole, scaled_shape(shape, scale))
    np.testing.assert_allclose(everywhere(whole, small.shape[1:], 211), small, atol=1e-5)
    back = resize_planes(small, shape)
    np.testing.assert_allclose(everywhere(small, shape, 211), back, atol=1e-5)


def test_slivers_of_pixels_are_left_out_as_in_opencv() -> None:
    """6001 / 3000 px: the new pixels' borders are off the old ones' by less than a thousandth at first."""
    whole = image((8, 6001))
    small = resize_planes(whole, (4, 3000))
    np.testing.assert_allclose(everywhere(whole, (4, 3000), 500), small, atol=1e-5)


def test_strips_give_the_same_with_little_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = image((400, 300))
    monkeypatch.setattr(module, "MOST_PIXELS", 9000)
    sizes = []

    def read(window: Window) -> np.ndarray:
        part = whole[:, *window]
        sizes.append(part[0].size)
        return part

    new = scaled_shape((400, 300), 0.37)
    window = slice(3, 140), slice(0, new[1])
    np.testing.assert_allclose(
        resize_window(read, (400, 300), new, window), resize_planes(whole, new)[:, *window], atol=1e-5
    )
    assert len(sizes) > 10
    assert max(sizes) < 2 * 9000


def test_only_what_a_window_needs_is_read() -> None:
    whole = image((400, 300))
    asked = []

    def read(window: Window) -> np.ndarray:
        asked.append(window)
        return whole[:, *window]

    resize_window(read, (400, 300), (100, 75), (slice(10, 20), slice(30, 40)))
    assert asked == [(slice(40, 80), slice(120, 160))]


@pytest.mark.parametrize("new", [(37, 61), (400, 300), (801, 599)])
def test_labels_in_strips_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, new: tuple[int, int]
) -> None:
    labels = np.random.default_rng(0).integers(0, 70000, (400, 300)).astype(np.uint32)
    monkeypatch.setattr(module, "MOST_PIXELS", 300 * 7)
    small = resize_labels_in_strips(lambda window: labels[None][:, *window], (400, 300), new)
    assert small.dtype == np.uint32
    np.testing.assert_array_equal(small, resize_labels(labels, new))


def test_what_can_not_be_resized_is_refused() -> None:
    read = lambda window: image((20, 20))[:, *window]  # noqa: E731
    with pytest.raises(SettingsError, match="both sides must shrink, or both grow"):
        resize_window(read, (20, 20), (10, 30), (slice(0, 5), slice(0, 5)))
    for window in [(slice(0, 11), slice(0, 5)), (slice(3, 3), slice(0, 5))]:
        with pytest.raises(SettingsError, match="does not lie in an image of"):
            resize_window(read, (20, 20), (10, 10), window)
