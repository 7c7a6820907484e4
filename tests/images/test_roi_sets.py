"""Sets of ImageJ regions: no region vanishes, and what is no region is no empty map."""

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frugalseg.errors import UnreadableFile
from frugalseg.images.read import read_image
from frugalseg.images.rois import _draw, read_rois

roifile = pytest.importorskip("roifile")
SHAPE = (40, 50)


def box(top: float, left: float, bottom: float, right: float, name: str = "") -> Any:
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return roifile.ImagejRoi.frompoints(corners, name=name)


def write(path: Path, regions: list[Any], **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, region in enumerate(regions, start=1):
            archive.writestr(f"{number:04}.roi", region.tobytes())
        for name, data in others.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("small_first", [True, False])
def test_a_region_inside_of_another_stays(tmp_path: Path, small_first: bool) -> None:
    regions = [box(10, 10, 15, 16), box(5, 5, 30, 40)]
    labels = read_rois(write(tmp_path / "a.zip", regions if small_first else regions[::-1]), SHAPE)
    small, large = (1, 2) if small_first else (2, 1)
    assert np.bincount(labels.ravel()).tolist()[small] == 5 * 6
    assert np.bincount(labels.ravel()).tolist()[large] == 25 * 35 - 5 * 6
    assert labels[12, 12] == small


def test_regions_in_each_other_all_stay(tmp_path: Path) -> None:
    regions = [box(12, 12, 14, 14), box(10, 10, 20, 20), box(5, 5, 30, 40)]
    assert np.bincount(read_rois(write(tmp_path / "a.zip", regions), SHAPE).ravel()).tolist()[1:] == [
        4,
        96,
        775,
    ]


@pytest.mark.parametrize(
    ("regions", "says"),
    [
        ([box(5, 5, 10, 10), box(5, 5, 10, 10, "twice")], r"region 2 of 2 \('twice'\) .* others cover it"),
        ([box(5, 5, 10, 20), box(5, 5, 10, 12), box(5, 12, 10, 20)], "region 2 of 3 .* others cover it, and so have 1 more"),
        ([box(5, 5, 10, 10), box(45, 5, 60, 10, "far")], r"region 2 of 2 \('far'\) .* outside of 40 x 50 px, or is too small"),
        ([box(5, 5, 5.2, 5.3, "dot")], r"region 1 of 1 \('dot'\) has no pixel of its own"),
        ([box(50, 5, 60, 10), box(60, 5, 70, 10)], "and so have 1 more"),
    ],
)  # fmt: skip
def test_a_region_without_a_pixel_is_refused(tmp_path: Path, regions: list[Any], says: str) -> None:
    with pytest.raises(UnreadableFile, match=says):
        read_rois(write(tmp_path / "a.zip", regions), SHAPE)


def test_a_set_without_a_region_is_no_empty_map(tmp_path: Path) -> None:
    write(tmp_path / "empty.zip", [])
    write(
        tmp_path / "other.zip",
        [],
        **{"readme.txt": b"text", "__MACOSX/._1.roi": b"\0\5\x16\7", ".x.roi": b""},
    )
    for name in ("empty.zip", "other.zip"):
        with pytest.raises(UnreadableFile, match=f"{name} holds no region"):
            read_image(tmp_path / name)


def test_what_macos_and_others_add_to_a_zip_is_no_region(tmp_path: Path) -> None:
    hidden = {
        "__MACOSX/0001.roi": b"\0\5\x16\7",
        "__MACOSX/._0001.roi": b"\0\5\x16\7",
        "._0001.roi": b"\0\5\x16\7",
        ".DS_Store": b"x",
        "set/notes.txt": b"y",
    }
    deep = {"set/0002.ROI": box(20, 20, 30, 30).tobytes()}
    labels = read_rois(write(tmp_path / "a.zip", [box(5, 5, 10, 10)], **hidden, **deep), SHAPE)
    assert np.bincount(labels.ravel()).tolist()[1:] == [25, 100]
    (tmp_path / "b.roi").write_bytes((tmp_path / "a.zip").read_bytes())  # a set under the name of one region
    np.testing.assert_array_equal(read_rois(tmp_path / "b.roi", SHAPE), labels)


def test_bombs_and_absurd_places_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = roifile.ImagejRoi.frompoints(np.array([[1e9, 5], [2e9, 5], [2e9, 9]]))
    buffer = io.BytesIO(far.tobytes())
    (tmp_path / "far.roi").write_bytes(buffer.getvalue())
    with pytest.raises(UnreadableFile, match=r"far\.roi"):
        read_image(tmp_path / "far.roi")
    monkeypatch.setattr("frugalseg.images.rois.MOST_BYTES", 100)
    with pytest.raises(UnreadableFile, match="its regions have more than"):
        read_rois(write(tmp_path / "a.zip", [box(5, 5, 10, 10)]), SHAPE)


def test_regions_of_several_slices_are_refused(tmp_path: Path) -> None:
    """On one plane the later ones would cover the others; channels show the same place."""
    one, two = box(5, 5, 15, 15, "a"), box(6, 6, 16, 16, "b")
    one.c_position, two.c_position = 1, 2
    assert len(np.unique(read_rois(write(tmp_path / "channels.zip", [one, two]), SHAPE))) == 3
    for place in ("position", "z_position", "t_position"):
        one, two, three = box(5, 5, 15, 15, "a"), box(6, 6, 16, 16, "b"), box(20, 20, 30, 30, "everywhere")
        for region in (one, two):
            setattr(region, place, 3)
        labels = read_rois(write(tmp_path / f"{place}.zip", [one, two, three]), SHAPE)
        assert len(np.unique(labels)) == 4
        setattr(two, place, 4)
        with pytest.raises(
            UnreadableFile, match="holds regions of 2 slices or frames, and a label map is of one"
        ):
            read_rois(write(tmp_path / f"{place}_2.zip", [one, two, three]), SHAPE)


def test_a_wide_region_with_many_corners_is_drawn_at_once() -> None:
    turns = np.linspace(0, 2 * np.pi, 8000, endpoint=False)
    circle = np.stack([1500 + 1400 * np.cos(turns), 1500 + 1400 * np.sin(turns)], axis=1)
    labels, begun = np.zeros((3000, 3000), np.uint16), time.perf_counter()
    drawn = _draw(labels, [circle, (circle - 1500) / 2 + 1500], 3)
    assert time.perf_counter() - begun < 20  # far longer, where every pixel is compared with every corner
    y, x = np.indices(labels.shape)
    distance = np.hypot(y - 1499.5, x - 1499.5)
    np.testing.assert_array_equal(labels > 0, (distance < 1400) & (distance >= 700))
    assert drawn == np.count_nonzero(labels == 3)
