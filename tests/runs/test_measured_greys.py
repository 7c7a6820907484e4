"""Hot pixels are not measured: in `segment` as in `predict`, of whole fields as of those that are read in tiles."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.commands.command_settings import OutlineSettings
from frugalseg.commands.outline_nuclei import outline_nuclei
from frugalseg.images.field import ChannelRef, Field
from frugalseg.runs.options import RunOptions
from frugalseg.runs.tiled_numbers import real_stain
from frugalseg.synthetic.cells import make_cells


@pytest.fixture
def hot(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A nuclear stain with hot pixels within nuclei: its file, itself, and itself without them."""
    cells = make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
    stain, clean = cells.nuclear.astype(np.float32), cells.nuclear.astype(np.float32)
    for number in range(1, 10):
        y, x = np.argwhere(cells.nuclei == number)[20]
        stain[y, x] = 1e30
    tifffile.imwrite(tmp_path / "a.tif", stain)
    return tmp_path / "a.tif", stain, clean


def test_intensities_of_nuclei(hot: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path) -> None:
    path, _, clean = hot
    tifffile.imwrite(tmp_path / "b.tif", clean)
    result = outline_nuclei(
        [path, tmp_path / "b.tif"],
        tmp_path / "out",
        OutlineSettings(nuclei="0"),
        RunOptions(device="cpu", quiet=True),
    )
    spoilt, wanted = (result.fields[name].measurements for name in ("a", "b"))
    assert len(spoilt) == len(wanted) == 9
    for column in [name for name in wanted[0] if "mean" in str(name)]:
        for one, other in zip(spoilt, wanted, strict=True):
            assert one[column] == pytest.approx(other[column], rel=0.05)


def test_the_real_stain_of_a_large_field(hot: tuple[Path, np.ndarray, np.ndarray]) -> None:
    path, stain, clean = hot

    class Run:
        truth = "dapi"

    class Card:
        project = "max"

    field = Field("a", {}, {"dapi": ChannelRef(path)})
    read, _ = real_stain(Run(), field, (96, 104), Card())  # type: ignore[arg-type]
    assert read is not None
    window = read((slice(0, 96), slice(0, 104)))[0]
    ordinary = stain < 1e29
    np.testing.assert_array_equal(window[ordinary], clean[ordinary])
    assert window.max() <= clean.max()
