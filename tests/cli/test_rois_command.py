"""``rois``: sets of outlines for every label file of a run, and what has none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs

pytest.importorskip("roifile")
LABELS = np.kron([[1, 0, 2], [0, 3, 3]], np.ones((6, 6), int))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    fs.write_labels(folder / "a_labels.tif", LABELS)
    fs.write_labels(folder / "b_labels.tif", LABELS * 5)
    return folder


def test_every_field_has_a_set_that_can_be_learned_from(run: Any, results: Path, tmp_path: Path) -> None:
    ended = run("rois", results, "-o", tmp_path / "sets")
    assert (ended.code, ended.out) == (0, f"2 fields done, 0 failed: {tmp_path / 'sets'}\n")
    (tmp_path / "fields.csv").write_text(
        "field,seen,cells\na,out/a_labels.tif,sets/a_rois.zip\nb,out/b_labels.tif,sets/b_rois.zip\n"
    )
    for field in fs.open_fields([tmp_path / "fields.csv"]):
        np.testing.assert_array_equal(field.labels("cells"), LABELS)
    (tmp_path / "sets" / "a_rois.zip").unlink()
    again = run("rois", results, "-o", tmp_path / "sets")
    assert again.code == 1
    assert "b_rois.zip exists already; give --overwrite to replace it" in again.err
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["b_rois.zip"]  # all or none
    assert run("rois", results, "-o", tmp_path / "sets", "--overwrite", "--quiet").out == ""


def test_fields_without_objects_are_named_and_the_others_written(
    run: Any, results: Path, tmp_path: Path
) -> None:
    fs.write_labels(results / "empty_labels.tif", np.zeros((8, 8), int))
    (results / "broken_labels.tif").write_bytes(b"no image")
    ended = run("rois", results, "-o", tmp_path / "sets", "--json")
    assert ended.code == 3
    told = json.loads(ended.out)
    assert (
        sorted(told["fields"]) == ["a", "b"] == sorted(path.name[0] for path in (tmp_path / "sets").iterdir())
    )
    assert sorted(told["failed"]) == ["broken", "empty"]
    assert "there is no object" in told["failed"]["empty"]


def test_a_single_file_that_can_not_be_used_is_an_error(run: Any, results: Path, tmp_path: Path) -> None:
    ended = run("rois", results / "a_labels.tif", "-o", tmp_path / "one")
    assert (ended.code, [path.name for path in (tmp_path / "one").iterdir()]) == (0, ["a_rois.zip"])
    fs.write_labels(tmp_path / "none.tif", np.zeros((8, 8), int))
    for given, out, word in (
        (tmp_path / "none.tif", tmp_path / "two", "there is no object"),
        (tmp_path / "nowhere", tmp_path / "two", "nowhere does not exist; give a label file, or the folder"),
        (results, tmp_path / "none.tif", "none.tif is a file; sets need a folder"),
    ):
        ended = run("rois", given, "-o", out)
        assert ended.code == 1
        assert word in ended.err
    assert not (tmp_path / "two").exists()
