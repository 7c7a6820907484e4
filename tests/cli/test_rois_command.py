"""``rois``: sets of outlines for every label file of a run, and what has none."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.images.write import write_image

pytest.importorskip("roifile")
LABELS = np.kron([[1, 0, 2], [0, 3, 3]], np.ones((6, 6), int))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    fs.write_labels(folder / "a_labels.tif", LABELS)
    fs.write_labels(folder / "b_labels.tif", LABELS * 5)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_field_has_a_set_that_can_be_learned_from(run: Any, results: Path, tmp_path: Path) -> None:
    ended = run("rois", results, "-o", tmp_path / "sets")
    assert (ended.code, ended.out) == (0, f"2 fields done, 0 failed: {tmp_path / 'sets'}\n")
    (tmp_path / "fields.csv").write_text(
        "field,seen,cells\na,out/a_labels.tif,sets/a_rois.zip\nb,out/b_labels.tif,sets/b_rois.zip\n"
    )
    for field in fs.open_fields([tmp_path / "fields.csv"]):
        np.testing.assert_array_equal(field.labels("cells"), LABELS)
    again = run("rois", results, "-o", tmp_path / "sets")
    assert again.code == 1
    assert "sets holds results already; give --overwrite to replace them" in again.err
    assert run("rois", results, "-o", tmp_path / "sets", "--overwrite", "--quiet").out == ""


def test_fields_without_objects_are_named_and_the_others_written(
    run: Any, results: Path, tmp_path: Path
) -> None:
    fs.write_labels(results / "empty_labels.tif", np.zeros((8, 8), int))
    (results / "broken_labels.tif").write_bytes(b"no image")
    ended = run("rois", results, "-o", tmp_path / "sets", "--json")
    assert ended.code == 3
    told = json.loads(ended.out)
    assert sorted(told["fields"]) == ["a", "b"]
    assert sorted(told["failed"]) == ["broken", "empty"]
    said = "field 'empty': empty_labels.tif holds no object, and ImageJ has no empty set"
    assert told["failed"]["empty"] == said  # and no path of the folder while it is written
    assert names_in(tmp_path / "sets") == ["a_rois.zip", "b_rois.zip", "run.json"]


def test_what_can_not_be_used_leaves_no_folder(run: Any, results: Path, tmp_path: Path) -> None:
    assert run("rois", results / "a_labels.tif", "-o", tmp_path / "one").code == 0
    assert names_in(tmp_path / "one") == ["a_rois.zip", "run.json"]
    fs.write_labels(tmp_path / "none.tif", np.zeros((8, 8), int))
    noise = np.random.default_rng(0).integers(0, 60_000, (60, 60)).astype(np.uint16)
    write_image(tmp_path / "phase.tif", noise)
    for given, out, word in (
        (tmp_path / "none.tif", tmp_path / "two", "none.tif holds no object"),
        (tmp_path / "phase.tif", tmp_path / "two", "field 'phase': phase.tif"),
        (tmp_path / "nowhere", tmp_path / "two", "nowhere does not exist; give a label file, or the folder"),
        (results, tmp_path / "none.tif", "none.tif is a file; results need a folder"),
        (results, results, f"a_labels.tif is one of the label files, and lies in {results}; give another"),
    ):
        ended = run("rois", given, "-o", out)
        assert ended.code == 1
        assert word in ended.err
    assert not (tmp_path / "two").exists()
    assert names_in(results) == ["a_labels.tif", "b_labels.tif"]


def test_sets_that_were_corrected_are_never_replaced(run: Any, results: Path, tmp_path: Path) -> None:
    run("rois", results, "-o", tmp_path / "sets")
    fs.write_rois(tmp_path / "sets" / "a_rois.zip", LABELS == 1, overwrite=True)
    before = (tmp_path / "sets" / "a_rois.zip").read_bytes()
    ended = run("rois", results, "-o", tmp_path / "sets", "--overwrite")
    assert ended.code == 1
    assert "a_rois.zip was changed or added after the results were written, and work of yours is" in ended.err
    assert (tmp_path / "sets" / "a_rois.zip").read_bytes() == before


def test_outlines_are_scored_like_the_label_maps_they_are_of(run: Any, results: Path, tmp_path: Path) -> None:
    """A cell at the image's corner gives them the image's size; without one they have that of the truth."""
    for name in "ab":
        fs.write_labels(results / f"{name}_labels.tif", np.pad(LABELS[1:-1, 1:-1], 9), overwrite=True)
    assert run("rois", results, "-o", tmp_path / "sets").code == 0
    for predicted, truth in ((tmp_path / "sets", results), (results, tmp_path / "sets")):
        ended = run("score", predicted, truth, "--json", "-")
        assert (ended.code, ended.err) == (0, "")
        scores = json.loads(ended.out)["fields"]
        assert {name: one["mAP"] for name, one in scores.items()} == {"a": 1.0, "b": 1.0}


def test_label_maps_of_another_run_are_named(run: Any, results: Path, tmp_path: Path) -> None:
    """As `score` does: they may have other settings."""
    (results / "run.json").write_text(json.dumps({"fields": {"a": {}}}))
    ended = run("rois", results, "-o", tmp_path / "sets")
    assert ended.code == 0
    assert "1 of 2 label maps" in ended.out
    assert "are not of the run in its run.json, and may have other settings: b" in ended.out
