"""``--axes`` says which axis is which, and the message about it is what to type."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.images.read import read_image
from frugalseg.images.write import write_labels
from frugalseg.synthetic.cells import make_cells


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A field whose 5 channels lie between rows and columns, one of them nuclei."""
    cells = make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
    stack = np.stack([cells.phase, cells.nuclear, cells.phase, cells.phase, cells.phase], axis=1)
    tifffile.imwrite(tmp_path / "a.tif", stack.astype(np.float32), photometric="minisblack", metadata=None)
    return tmp_path / "a.tif"


def test_inspect_says_how_to_state_axes(run, narrow: Path) -> None:
    ended = run("inspect", narrow)
    assert ended.code == 1
    assert "understood as Z 96, Y 5, X 104 it would be only 5 px high" in ended.error
    assert "such as --axes YXC, or --axes ZYX if that is right" in ended.error
    stated = json.loads(run("inspect", narrow, "--axes", "YCX", "--json").out)
    assert stated["channels"] == ["0", "1", "2", "3", "4"]
    assert {tuple(row["shape"]) for row in stated["rows"]} == {(96, 104)}


def test_a_run_takes_stated_axes_and_is_another_run_with_others(run, narrow: Path, tmp_path: Path) -> None:
    typed = (
        "segment",
        narrow,
        "--target",
        "nuclei",
        "--nuclei",
        "1",
        "-o",
        tmp_path / "out",
        "--device",
        "cpu",
        "--quiet",
    )
    assert run(*typed, "--axes", "YCX").code == 0
    found = json.loads((tmp_path / "out/run.json").read_text())
    assert (found["settings"]["axes"], found["fields"]["a"]["n_cells"]) == ("YCX", 9)
    other = run(*typed, "--axes", "ZYX", "--resume")
    assert other.code == 1


def test_a_mask_beside_needs_no_axes(run, tmp_path: Path) -> None:
    cells = np.kron(np.arange(1, 7).reshape(2, 3), np.ones((20, 20), int))
    write_labels(tmp_path / "a_cells.tif", cells)
    stack = np.random.default_rng(1).integers(0, 900, (40, 60, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a_img.tif", stack, photometric="minisblack", metadata=None)
    (tmp_path / "fields.csv").write_text("field,img,cells\na,a_img.tif#29,a_cells.tif\n")
    found = json.loads(run("inspect", tmp_path, "--axes", "YXC", "--json").out)
    assert [(row["channel"], row["shape"], row["labels"]) for row in found["rows"]] == [
        ("img", [40, 60], None),
        ("cells", [40, 60], 6),
    ]


def test_axes_that_can_not_be(run, narrow: Path) -> None:
    ended = run("inspect", narrow, "--axes", "YXT")
    assert ended.code == 1
    assert ended.error.startswith("error: --axes is 'YXT'; give the letters of the axes")


@pytest.mark.parametrize(("called", "names"), [("ZYX", "1 field, channels: 0 "), ("TYX", "0 fields")])
def test_channels_that_fiji_calls_slices_or_frames(run, tmp_path: Path, called: str, names: str) -> None:
    cells = make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
    stack = np.stack([cells.phase, cells.nuclear]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": called})
    seen = run("inspect", tmp_path / "a.tif")
    assert names in seen.out
    assert "--axes CYX" in seen.out + seen.err
    stated = json.loads(run("inspect", tmp_path / "a.tif", "--axes", "CYX", "--json").out)
    assert [(row["channel"], row["axes"], row["focal_planes"]) for row in stated["rows"]] == [
        ("0", "CYX", 1),
        ("1", "CYX", 1),
    ]
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", "CYX").plane(1), stack[1])


def test_channels_and_planes_that_a_file_tells_apart_stay_what_they_are(tmp_path: Path) -> None:
    stack = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(3, 2, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    tifffile.imwrite(tmp_path / "b.tif", stack[0], imagej=True, metadata={"axes": "CYX"})
    assert read_image(tmp_path / "a.tif", "CZYX").axes == "ZCYX"
    assert read_image(tmp_path / "a.tif", "CYX").axes == "ZCYX"
    assert read_image(tmp_path / "b.tif", "ZYX").axes == "CYX"
    assert read_image(tmp_path / "b.tif", "YXC").axes == "CYX"
