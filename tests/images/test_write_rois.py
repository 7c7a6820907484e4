"""Label maps become ImageJ regions that mean the same pixels, one for each object, called like its id."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import InputError, OutputExists, OutputFailed, WrongShape
from frugalseg.images.rois import read_rois
from frugalseg.images.write_rois import write_rois

roifile = pytest.importorskip("roifile")


def compact(labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Number objects 1, 2, ... in the order of their ids, as regions are."""
    ids = np.unique(labels[labels > 0])
    return (np.searchsorted(ids, labels) + 1) * (labels > 0)


def written(path: Path, labels: Any) -> np.ndarray[Any, Any]:
    write_rois(path, labels)
    return read_rois(path, np.shape(labels))


def test_cells_come_back_pixel_for_pixel(tmp_path: Path) -> None:
    labels = fs.make_cells((160, 140), n_cells=40, seed=3).cells.astype(np.int32) * 7
    found = written(tmp_path / "a.zip", labels)
    assert len(np.unique(labels)) > 20
    np.testing.assert_array_equal(found, compact(labels))


@pytest.mark.parametrize("seed", range(4))
def test_so_do_holes_parts_corners_and_borders(tmp_path: Path, seed: int) -> None:
    """Noise has them all: objects in several parts, holes, pixels that touch at a corner, and all sides of the image."""
    labels = np.random.default_rng(seed).integers(0, 4, (9, 11)) * 70_000
    np.testing.assert_array_equal(written(tmp_path / "a.zip", labels), compact(labels))


def test_a_region_is_called_like_its_object(tmp_path: Path) -> None:
    labels = np.array([[0, 12, 12], [-1, 0, 123_456]])
    write_rois(tmp_path / "a.zip", labels)
    regions = roifile.roiread(tmp_path / "a.zip")
    assert [one.name for one in regions] == ["000012", "123456"]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["000012.roi", "123456.roi"]
    # The outline of the two pixels, midway between the centres inside and outside: x 1 to 3, y 0 to 1, corners cut.
    outline = regions[0].coordinates()
    assert (outline.min(axis=0).tolist(), outline.max(axis=0).tolist()) == ([1, 0], [3, 1])
    first = (tmp_path / "a.zip").read_bytes()
    write_rois(tmp_path / "a.zip", labels, overwrite=True)
    assert (tmp_path / "a.zip").read_bytes() == first


def test_far_from_the_corner_of_a_large_image(tmp_path: Path) -> None:
    labels = np.zeros((4, 70_000), np.uint8)
    labels[1:3, 69_990:69_995] = 1
    np.testing.assert_array_equal(written(tmp_path / "a.zip", labels), labels)


@pytest.mark.parametrize(
    ("name", "labels", "error", "message"),
    [
        (
            "a.zip",
            np.zeros((4, 4), int),
            InputError,
            "there is no object in `labels`, and ImageJ has no empty",
        ),
        (
            "a.zip",
            np.ones((1, 4, 4), int),
            WrongShape,
            r"`labels` must be \(Y, X\), not of shape \(1, 4, 4\)",
        ),
        ("a.zip", np.full((4, 4), 0.5), fs.BadPixels, "`labels` are not whole numbers"),
        ("a.tif", np.ones((4, 4), int), OutputFailed, "give a name that ends in .zip"),
    ],
)
def test_what_can_not_be_written(
    tmp_path: Path, name: str, labels: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_rois(tmp_path / name, labels)
    assert list(tmp_path.iterdir()) == []


def test_a_set_that_is_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")
    with pytest.raises(OutputExists, match=r"a\.zip exists already; give `overwrite`"):
        write_rois(tmp_path / "a.zip", np.ones((4, 4), int))
    monkeypatch.setitem(__import__("sys").modules, "roifile", None)
    with pytest.raises(
        OutputFailed, match="the package roifile, which is missing; type: pip install roifile"
    ):
        write_rois(tmp_path / "a.zip", np.ones((4, 4), int), overwrite=True)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.zip", b"mine")]
