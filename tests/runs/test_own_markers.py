"""Markers that a user drew: nuclei, or dots of any size."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.images.fields import open_fields
from frugalseg.runs.channel_settings import CueChannels
from frugalseg.runs.field_cues import read_cues

SETTINGS = CueChannels(cells=("cyto",), markers="dots")


def field_with_markers(folder: Path, every: int, size: int, shape: tuple[int, int]) -> Path:
    """Squares of `size` px every so many px, on cells of 40 px."""
    random = np.random.default_rng(0)
    dots = np.zeros(shape, np.uint16)
    for number, (y, x) in enumerate(np.ndindex(shape[0] // every, shape[1] // every), start=1):
        top, left = y * every + every // 2, x * every + every // 2
        dots[top : top + size, left : left + size] = number
    tifffile.imwrite(folder / "a_dots.tif", dots)
    cells = np.full(dots.shape, 100.0) + random.normal(0, 2, dots.shape)
    cells[10:-10, 10:-10] += 200
    tifffile.imwrite(folder / "a_cyto.tif", cells.astype(np.float32))
    return folder


@pytest.mark.parametrize(
    ("every", "size", "shape", "warned"),
    [
        (
            40,
            4,
            (120, 160),
            True,
        ),  # cues of thin dots are found in an image made larger: seconds in a small one
        (40, 7, (120, 160), False),
        (40, 20, (120, 160), False),
        (40, 1, (200, 240), False),  # points need more of them to tell how wide cells are
    ],
    ids=["thin brush", "brush", "nuclei", "points"],
)
def test_dots_that_were_taken_for_nuclei_are_told(
    tmp_path: Path, every: int, size: int, shape: tuple[int, int], warned: bool
) -> None:
    field = open_fields([field_with_markers(tmp_path, every, size, shape)], pattern="{field}_{channel}.tif")[
        0
    ]
    cues = read_cues(field, SETTINGS).image
    told = [one for one in cues.warnings if "give `diameter`" in one and "times your markers" in one]
    assert len(told) == warned
    if warned:
        assert cues.diameter == pytest.approx(6 / 1.12 * 4 * np.sqrt(4 / np.pi))
        given = read_cues(field, SETTINGS.model_copy(update={"diameter": 40.0})).image
        assert not any("times your markers" in one for one in given.warnings)
    else:
        assert cues.diameter == pytest.approx(40, rel=0.15)
