"""Uneven light is measured as a smooth surface, and taken away; cells are not."""

import numpy as np
import pytest

from frugalseg.images.light import BLOCKS, even_light, measure_light, read_in_even_light
from frugalseg.images.tiles import Window
from frugalseg.synthetic.cells import make_cells

SHAPE = (300, 360)


def ramp(by: float = 0.5) -> np.ndarray:
    return (1 + by * np.linspace(-1, 1, SHAPE[1], dtype=np.float32))[None] * np.ones(
        (SHAPE[0], 1), np.float32
    )


def vignette() -> np.ndarray:
    y, x = (np.linspace(0, 1, side, dtype=np.float32) for side in SHAPE)
    return ((1 + 1.2 * ((y[:, None] - 0.5) ** 2 + (x[None] - 0.4) ** 2)) ** -2).astype(np.float32)


def phase() -> np.ndarray:
    return make_cells(SHAPE, density=0.4, diameter=24, vignette=0.0, seed=4).phase.astype(np.float32)


@pytest.mark.parametrize("light", [ramp(), ramp(-0.3), vignette()], ids=["ramp", "other way", "vignette"])
def test_what_is_left_is_the_image_in_even_light(light: np.ndarray) -> None:
    plane = phase()
    expected, found = even_light(plane, 24), even_light(plane * light, 24)
    ratio = found / expected
    assert ratio.max() / ratio.min() < 1.25
    assert (plane * light / expected).max() / (plane * light / expected).min() > 1.5


def test_hardly_anything_changes_in_even_light() -> None:
    plane = phase()
    ratio = even_light(plane, 24) / plane
    assert 0.9 < ratio.min() < ratio.max() < 1.1


def test_a_corner_full_of_debris_is_no_light() -> None:
    plane = phase()
    spoilt = plane.copy()
    spoilt[:60, :60] *= 6
    there = np.s_[60:, 60:]
    ratio = (even_light(spoilt, 24) / even_light(plane, 24))[there]
    assert ratio.max() / ratio.min() < 1.15


@pytest.mark.parametrize(
    "plane", [phase() - phase().mean(), np.zeros(SHAPE, np.float32)], ids=["around 0", "black"]
)
def test_values_that_are_no_brightness_stay(plane: np.ndarray) -> None:
    assert even_light(plane, 24) is plane


@pytest.mark.parametrize(("side", "told"), [(191, False), (192, True)])
def test_images_of_few_cells_stay(side: int, told: bool) -> None:
    """Cells of 24 px: blocks are two cells wide, and four along each side tell the light from cells."""
    plane = (phase() * ramp())[:side, :300]
    assert (even_light(plane, 24) is not plane) == told


def test_windows_are_those_of_the_whole_image() -> None:
    planes = np.stack([phase() * ramp(), phase() - phase().mean()])
    lights = measure_light(lambda window: planes[:, *window], SHAPE, 24)
    assert (lights[0] is None, lights[1] is None) == (False, True)
    window: Window = (slice(17, 130), slice(200, 360))
    found = read_in_even_light(lambda inner: planes[:, *inner], lights, window)
    np.testing.assert_array_equal(found[0], even_light(planes[0], 24)[window])
    np.testing.assert_array_equal(found[1], planes[1][window])


def test_a_large_image_is_read_in_blocks() -> None:
    sizes = []

    def read(window: Window) -> np.ndarray:
        sizes.append((window[0].stop - window[0].start, window[1].stop - window[1].start))
        return np.ones((1, *sizes[-1]), np.float32)

    measure_light(read, (5000, 4000), 10)
    assert len(sizes) == BLOCKS**2
    assert max(sizes) <= (313, 250)


@pytest.mark.parametrize(
    "dark", [np.s_[:, 290:], np.s_[:150, 220:], np.s_[:40]], ids=["side", "corner", "border"]
)
def test_a_dark_part_is_no_light(dark: tuple[slice, ...]) -> None:
    """The rim of a round field of view, or what lies around a stitched one: nothing was dimmed there."""
    plane = phase() * ramp(0.2)
    spoilt = plane.copy()
    spoilt[dark] *= 0.01
    ratio = even_light(spoilt, 24) / spoilt / (even_light(plane, 24) / plane)
    assert ratio.max() / ratio.min() < 1.15
