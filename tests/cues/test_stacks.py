"""The focal plane in which cells are found: the sharpest of label-free stacks, none of fluorescence."""

import numpy as np
import pytest

from frugalseg.cues.stacks import MIDDLE, cell_plane
from frugalseg.errors import BadPixels
from frugalseg.images.normalize import blur
from frugalseg.synthetic.cells import make_cells


@pytest.mark.parametrize("channel", ["phase", "brightfield"])
@pytest.mark.parametrize("sharpest", [0, 1, 3])
def test_the_sharpest_plane_of_cells_without_a_stain(channel: str, sharpest: int) -> None:
    plane = make_cells((160, 128), density=0.4, seed=sharpest).planes([channel])[0]
    planes = [plane if z == sharpest else blur(plane, 1 + abs(z - sharpest)) for z in range(4)]
    assert cell_plane(np.stack(planes)[None], 0, "a stack") == sharpest


@pytest.mark.parametrize("channel", ["cytoplasm", "membrane", "nuclear"])
def test_a_stain_has_no_such_plane(channel: str) -> None:
    plane = make_cells((160, 128), density=0.4, seed=5).planes([channel])[0]
    pixels = np.stack(
        [np.zeros((3, 160, 128), np.float32), np.stack([blur(plane, 2), plane, blur(plane, 3)])]
    )
    assert cell_plane(pixels, 1, "a stack") is None


def test_one_plane_needs_no_choice() -> None:
    assert cell_plane(np.full((1, 1, 4, 4), np.nan), 0, "an image") is None


def test_a_large_image_is_judged_by_its_middle() -> None:
    """What lies outside of it does not count, so all tiles of an image are of the same plane."""
    phase = make_cells((MIDDLE // 8, MIDDLE // 8), density=0.4, seed=1).phase.astype(np.float32)
    middle = np.tile(phase, (8, 8))
    pixels = np.pad(np.stack([middle, blur(middle, 3)])[None], ((0, 0), (0, 0), (400, 400), (0, 0)))
    pixels[0, 1, :400] = 5000 * (np.arange(400) // 5 % 2)[:, None]
    assert cell_plane(pixels, 0, "a stack") == 0


def test_values_that_are_no_numbers_are_refused() -> None:
    pixels = np.ones((1, 3, 8, 8), np.float32)
    pixels[0, 2, 4, 4] = np.nan
    with pytest.raises(BadPixels, match="a stack"):
        cell_plane(pixels, 0, "a stack")
