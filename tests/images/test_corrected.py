"""Labels that were corrected in other programs come back as labels, and no file runs code."""

import io
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from frugalseg.commands.score_files import score_files
from frugalseg.errors import UnreadableFile, WrongShape
from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image
from frugalseg.images.rois import read_rois

LABELS = np.zeros((40, 50), np.uint16)
LABELS[5:15, 8:20], LABELS[20:33, 25:45], LABELS[0:6, 40:50] = 1, 2, 300
GREY = np.random.default_rng(0).integers(0, 999, LABELS.shape).astype(np.uint16)


def cellpose(masks: Any = LABELS, **more: Any) -> dict[str, Any]:
    """What cellpose's window saves."""
    return {
        "outlines": LABELS > 0,
        "colors": [np.array([1, 2, 3], np.uint8), [4, 5, 6]],
        "masks": masks,
        "chan_choose": [0, 0],
        "ismanual": np.zeros(2, bool),
        "filename": "a.tif",
        "flows": [GREY.astype(np.uint8)[None], np.float32(0.5), []],
        "diameter": np.float64(30.0),
        "manual_changes": {"erased"},
        "model_path": None,
        **more,
    }


WRITERS: dict[str, Callable[[Path], object]] = {
    "seg.npy": lambda path: np.save(path, cellpose(), allow_pickle=True),
    "plain.npy": lambda path: np.save(path, LABELS),
    "cp_masks.tif": lambda path: tifffile.imwrite(path, LABELS),
    "cp_masks.png": lambda path: path.write_bytes(imagecodecs.png_encode(LABELS)),
    "napari.tif": lambda path: tifffile.imwrite(path, LABELS.astype(np.int64), metadata=None),
    "fiji.tif": lambda path: tifffile.imwrite(path, LABELS.astype(np.float32), imagej=True),
}


def table(folder: Path, file: str) -> Any:
    tifffile.imwrite(folder / "a.tif", GREY)
    (folder / "fields.csv").write_text(f"field,phase,cells\na,a.tif,{file}\n")
    return open_fields([folder])["a"]


@pytest.mark.parametrize("name", WRITERS)
def test_labels_come_back_in_a_table_by_pattern_and_in_score(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / f"a_{name}")
    field = table(tmp_path, f"a_{name}")
    labels = field.labels("cells")
    assert labels.dtype in (np.int32, np.uint32)
    np.testing.assert_array_equal(labels, LABELS)
    suffix = Path(name).suffix
    by_pattern = open_fields([tmp_path], pattern="{field}_{channel}" + suffix)[
        "a" if "cp" not in name else "a_cp"
    ]
    np.testing.assert_array_equal(by_pattern.labels(0), LABELS)
    run = tmp_path / "run"
    run.mkdir()
    tifffile.imwrite(run / "a_labels.tif", LABELS)
    (tmp_path / "fields.csv").unlink()
    (tmp_path / "a.tif").unlink()
    ending = "cp_masks" if "cp" in name else Path(name).stem
    assert score_files(run, tmp_path, ending).scores["a"].mAP == 1.0
    if ending in ("seg", "cp_masks"):
        found = score_files(run, tmp_path)
        assert (found.scores["a"].mAP, found.without_prediction) == (1.0, ())


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_cellpose_of_any_age_is_read(tmp_path: Path, protocol: int) -> None:
    """Also as numpy before 2.0 named its modules."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
    content = cellpose(np.asfortranarray(LABELS))
    pickled = pickle.dumps(np.array(content, dtype=object), protocol)
    for modules in (pickled, pickled.replace(b"numpy._core.", b"numpy.core.") if protocol < 4 else pickled):
        (tmp_path / "a_seg.npy").write_bytes(header.getvalue() + modules)
        np.testing.assert_array_equal(read_image(tmp_path / "a_seg.npy").pixels[0, 0], LABELS)


class _Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize(
    "call",
    [
        (os.system, "mkdir {}"),
        (os.mkdir, "{}"),
        (eval, "__import__('os').mkdir({!r})"),
        (exec, "__import__('os').mkdir({!r})"),
    ],
)
def test_a_pickle_that_runs_code_is_refused_and_not_run(tmp_path: Path, call: Any) -> None:
    planted = tmp_path / "planted"
    attack = _Attack(call[0], *(text.format(str(planted)) for text in call[1:]))
    for number, content in enumerate(
        (cellpose(flows=[attack]), cellpose(masks=LABELS, model_path=attack), attack)
    ):
        path = tmp_path / f"{number}_seg.npy"
        np.save(path, np.array(content, dtype=object), allow_pickle=True)
        with pytest.raises(UnreadableFile, match="is not an array and is never run"):
            read_image(path)
    assert not planted.exists()
    np.load(path, allow_pickle=True)  # the attack is real
    assert planted.exists()


@pytest.mark.parametrize(
    "chain", [b"cnumpy\nload\n.", b"cnumpy.f2py.crackfortran\nmyeval\n.", b"cbuiltins\ngetattr\n."]
)
def test_other_functions_of_allowed_modules_are_refused(tmp_path: Path, chain: bytes) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
    (tmp_path / "a.npy").write_bytes(header.getvalue() + chain)
    with pytest.raises(UnreadableFile, match="never run"):
        read_image(tmp_path / "a.npy")


def test_damaged_and_strange_npy_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a_seg.npy"
    np.save(path, cellpose(), allow_pickle=True)
    whole = path.read_bytes()
    for end in (3, 20, 200, len(whole) // 2):
        path.write_bytes(whole[:end])
        with pytest.raises(UnreadableFile, match=r"a_seg\.npy"):
            read_image(path)
    np.save(path, {"flows": 1}, allow_pickle=True)
    with pytest.raises(UnreadableFile, match="no array 'masks'"):
        read_image(path)
    np.save(path, cellpose(masks=LABELS.astype("U3")), allow_pickle=True)
    with pytest.raises(UnreadableFile, match="not numbers"):
        read_image(path)
    np.save(path, np.zeros(5))
    with pytest.raises(WrongShape, match=r"\(5,\)"):
        read_image(path)
    np.save(path, cellpose(masks=np.stack([LABELS] * 3)), allow_pickle=True)
    with pytest.raises(WrongShape, match="3 focal planes"):
        table(tmp_path, path.name).labels("cells")


def test_a_folder_of_images_leaves_labels_aside(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    np.save(tmp_path / "a_seg.npy", cellpose(), allow_pickle=True)
    assert [field.name for field in open_fields([tmp_path])] == ["a"]


def rois(path: Path) -> np.ndarray:
    """A polygon, a rectangle over it, a ring, and a region across the border; and what they are, pixel by pixel."""
    roifile = pytest.importorskip("roifile")
    polygon = roifile.ImagejRoi.frompoints([[8, 5], [20, 5], [20, 15], [8, 15]], name="one")
    box = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, name="two", left=15, top=10, right=30, bottom=22)
    box.version = 227
    border = roifile.ImagejRoi.frompoints([[44, 34], [60, 34], [60, 60], [44, 60]], name="three")
    roifile.roiwrite(path, [polygon, box, border])
    expected = np.zeros(LABELS.shape, int)
    expected[5:15, 8:20], expected[10:22, 15:30], expected[34:, 44:] = 1, 2, 3
    return expected


def test_rois_of_fiji_are_drawn_at_the_fields_size(tmp_path: Path) -> None:
    expected = rois(tmp_path / "a_cells.zip")
    np.testing.assert_array_equal(table(tmp_path, "a_cells.zip").labels("cells"), expected)
    # also where they come first in the table, and by pattern
    (tmp_path / "fields.csv").write_text("field,cells,phase\na,a_cells.zip,a.tif\n")
    np.testing.assert_array_equal(open_fields([tmp_path])["a"].labels("cells"), expected)
    run = tmp_path / "run"
    run.mkdir()
    tifffile.imwrite(run / "a_labels.tif", expected.astype(np.uint16))
    assert score_files(run, tmp_path).scores["a"].mAP == 1.0
    assert score_files(run / "a_labels.tif", tmp_path / "a_cells.zip").scores["a"].n_true == 3


def test_one_roi_and_a_curved_one(tmp_path: Path) -> None:
    roifile = pytest.importorskip("roifile")
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.stack([25.5 + 12 * np.cos(angles), 20.5 + 12 * np.sin(angles)], axis=1)
    roifile.ImagejRoi.frompoints(circle).tofile(tmp_path / "a.roi")
    rows, columns = np.mgrid[:40, :50]
    disk = np.hypot(rows - 20, columns - 25) < 12  # pixel (20, 25) has its centre at (20.5, 25.5)
    assert (read_rois(tmp_path / "a.roi", (40, 50)).astype(bool) != disk).sum() <= 6


def test_outlines_in_each_other_make_holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [np.array([[a, a], [b, a], [b, b], [a, b]]) for a, b in ((2, 20), (5, 15), (8, 10))]
    place = dict.fromkeys(("position", "z_position", "t_position"), 0)
    ring = SimpleNamespace(roitype=0, name="ring", coordinates=lambda multi: boxes, **place)
    monkeypatch.setattr("frugalseg.images.rois._regions", lambda path: [ring])
    expected = np.zeros((40, 50), int)
    expected[2:20, 2:20], expected[5:15, 5:15], expected[8:10, 8:10] = 1, 0, 1
    np.testing.assert_array_equal(read_rois(tmp_path / "a.zip", (40, 50)), expected)


def test_lines_and_damage_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roifile = pytest.importorskip("roifile")
    point = roifile.ImagejRoi.frompoints([[1, 2]], name="dot")
    point.roitype = roifile.ROI_TYPE.POINT
    point.tofile(tmp_path / "a.roi")
    with pytest.raises(UnreadableFile, match="region 'dot' is points, not an outline"):
        read_image(tmp_path / "a.roi")
    (tmp_path / "b.zip").write_bytes(b"PK no zip")
    with pytest.raises(UnreadableFile, match=r"b\.zip can't be read as ImageJ regions"):
        read_image(tmp_path / "b.zip")
    monkeypatch.setitem(sys.modules, "roifile", None)
    with pytest.raises(UnreadableFile, match="pip install roifile"):
        read_image(tmp_path / "a.roi")
