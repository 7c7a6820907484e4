"""``inspect`` and ``score`` on good and on bad input: exit codes, and one line per error."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.images.write import write_labels
from frugalseg.runs.synthetic_set import write_synthetic_set

Run = Callable[..., object]
GREY = np.random.default_rng(3).integers(100, 3000, (40, 50)).astype(np.uint16)
CELLS = np.pad(np.kron(np.arange(1, 7).reshape(2, 3), np.ones((12, 12), int)), ((3, 13), (5, 9))).astype(
    np.uint16
)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three synthetic fields with their table."""
    return write_synthetic_set(tmp_path_factory.mktemp("set"), 3, shape=(96, 96), seed=1).parent


@pytest.fixture
def predicted(synthetic: Path, tmp_path: Path) -> Path:
    """The nuclei of two of them, as if a run had taken them for cells."""
    out = tmp_path / "out"
    out.mkdir()
    for i in (1, 2):
        shutil.copy(synthetic / f"synthetic_{i}_nuclei.tif", out / f"synthetic_{i}_labels.tif")
    return out


def _file(path: Path, pixels: np.ndarray) -> Path:
    tifffile.imwrite(path, pixels)
    return path


# ---- inspect


def test_inspect_of_a_good_set_lists_everything_and_ends_with_0(run, synthetic) -> None:
    ended = run("inspect", synthetic, "--json")
    found = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert found["fields"] == ["synthetic_1", "synthetic_2", "synthetic_3"]
    assert found["channels"] == [
        "nuclear",
        "cytoplasm",
        "membrane",
        "phase",
        "brightfield",
        "cells",
        "nuclei",
    ]
    assert {row["field"] for row in found["rows"]} == set(found["fields"])
    assert "synthetic_2" in run("inspect", synthetic, "--where", "split=train").out


def test_inspect_takes_a_pattern(run, synthetic) -> None:
    ended = run(
        "inspect", synthetic, "--pattern", "synthetic_{field}_{channel}.tif", "--where", "field=2", "--json"
    )
    assert json.loads(ended.out)["fields"] == ["2"]


def test_inspect_ends_with_3_where_some_fields_are_damaged_and_1_where_all_are(run, tmp_path) -> None:
    good, bad = _file(tmp_path / "good.tif", GREY), _file(tmp_path / "bad.tif", GREY)
    bad.write_bytes(bad.read_bytes()[:900])
    some, all_of_them = run("inspect", good, bad), run("inspect", bad)
    assert (some.code, all_of_them.code) == (3, 1)
    assert "bad.tif" in some.error
    assert "bad.tif" in all_of_them.error


def _nan() -> np.ndarray:
    pixels = GREY.astype(np.float32)
    pixels[2, 2] = np.nan
    return pixels


@pytest.mark.parametrize(
    ("pixels", "word"),
    [(_nan(), "NaN"), (np.full((40, 50), 7, np.uint16), "constant")],
    ids=["nan", "constant"],
)
def test_inspect_refuses_pixels_that_no_method_can_use(run, tmp_path, pixels, word) -> None:
    ended = run("inspect", _file(tmp_path / "a.tif", pixels))
    assert ended.code == 1
    assert ended.error.startswith("error: ")
    assert word in ended.error


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "is empty"), (b"GIF89a", "neither a TIFF nor a PNG"), (b"II*\x00\xff\xff", "a.tif")],
    ids=["empty", "other", "corrupt"],
)
def test_inspect_names_a_file_that_is_no_image(run, tmp_path, content, word) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    ended = run("inspect", tmp_path / "a.tif")
    assert ended.code == 1
    assert word in ended.error


def test_inspect_of_channels_that_differ_in_shape(run, tmp_path) -> None:
    _file(tmp_path / "a_phase.tif", GREY)
    _file(tmp_path / "a_dapi.tif", GREY[:20])
    ended = run("inspect", tmp_path, "--pattern", "{field}_{channel}.tif")
    assert ended.code == 1
    assert "differ in shape" in ended.error


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("nowhere",), "does not exist"),
        (("{set}", "--where", "splt=train"), "did you mean 'split'"),
        (("{set}", "--where", "split=validation"), "leaves no field"),
        (("{set}", "--where", "split"), "neither column=a,b nor"),
    ],
)
def test_inspect_of_what_is_not_there(run, synthetic, arguments, word) -> None:
    ended = run("inspect", *(argument.format(set=synthetic) for argument in arguments))
    assert ended.code == 1
    assert word in ended.error


# ---- score


def test_score_of_a_folder_against_a_table(run, synthetic, predicted, tmp_path) -> None:
    ended = run("score", predicted, synthetic, "--labels", "nuclei", "--json", tmp_path / "s.json")
    assert ended.code == 0
    written = json.loads((tmp_path / "s.json").read_text())
    assert set(written["fields"]) == {"synthetic_1", "synthetic_2"}
    assert written["mean"]["cell_miou"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "n": 2}
    assert written["without_prediction"] == ["synthetic_3"]
    assert "synthetic_3" in ended.error  # a field left out of the mean is never left out silently
    assert "1.000" in ended.out


def test_score_prefers_cells_and_says_so(run, synthetic, predicted) -> None:
    ended = run("score", predicted, synthetic / "fields.csv", "--json", "-")
    found = json.loads(ended.out)
    assert "truth is 'cells' of" in ended.err
    # Nuclei lie within cells, so the IoU with the best cell is the share of it that they cover.
    cells = tifffile.imread(synthetic / "synthetic_1_cells.tif")
    nuclei = tifffile.imread(synthetic / "synthetic_1_nuclei.tif")
    share = [np.mean(nuclei[cells == i] == i) for i in np.unique(cells)[1:]]
    assert found["fields"]["synthetic_1"]["cell_miou"] == pytest.approx(np.mean(share))


def test_score_of_one_file_against_one_file(run, tmp_path) -> None:
    write_labels(tmp_path / "x.tif", CELLS)
    write_labels(tmp_path / "y.tif", np.where(CELLS == 6, 0, CELLS))
    ended = run("score", tmp_path / "y.tif", tmp_path / "x.tif", "--json", "-")
    scores = json.loads(ended.out)["fields"]["y"]
    assert (ended.code, ended.err) == (0, "")
    assert (scores["n_true"], scores["n_predicted"]) == (6, 5)
    assert scores["cell_miou"] == scores["mAP"] == pytest.approx(5 / 6)


def test_score_ends_with_3_where_one_field_of_two_can_not_be_scored(run, synthetic, predicted) -> None:
    write_labels(predicted / "synthetic_1_labels.tif", CELLS, overwrite=True)
    ended = run("score", predicted, synthetic, "--labels", "nuclei", "--json", "-")
    found = json.loads(ended.out)
    assert ended.code == 3
    assert set(found["fields"]) == {"synthetic_2"}
    assert "96 x 96 px" in found["failed"]["synthetic_1"]
    assert "40 x 50" in found["failed"]["synthetic_1"]
    assert "failed: field 'synthetic_1'" in ended.err


def test_score_prints_no_table_where_no_field_can_be_scored(run, synthetic, tmp_path) -> None:
    for name in ("synthetic_1", "synthetic_2"):
        _file(tmp_path / f"{name}_labels.tif", GREY)
    ended = run("score", tmp_path, synthetic)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("failed: field 'synthetic_") == 2


def test_score_of_shapes_that_differ(run, tmp_path) -> None:
    write_labels(tmp_path / "x.tif", CELLS)
    write_labels(tmp_path / "y.tif", CELLS[:20])
    ended = run("score", tmp_path / "y.tif", tmp_path / "x.tif")
    assert ended.code == 1
    assert "truth x.tif is 40 x 50 px and the prediction y.tif 20 x 50 px" in ended.error


def test_score_refuses_a_grey_image(run, tmp_path) -> None:
    write_labels(tmp_path / "x.tif", CELLS)
    _file(tmp_path / "y.tif", GREY)
    ended = run("score", tmp_path / "x.tif", tmp_path / "y.tif")
    assert ended.code == 1
    assert "the truth y.tif looks like a grey image" in ended.error


@pytest.mark.parametrize(
    ("pixels", "word"),
    [
        (np.full((40, 50), 0.5, np.float32), "not whole numbers"),
        (np.where(np.eye(40, 50) > 0, np.nan, CELLS).astype(np.float32), "not whole numbers"),
        (np.stack([CELLS] * 9), "9 focal planes"),
        (-CELLS.astype(np.int16), "negative ids"),
    ],
    ids=["float", "nan", "planes", "negative"],
)
def test_score_refuses_what_is_no_label_map(run, tmp_path, pixels, word) -> None:
    write_labels(tmp_path / "x.tif", CELLS)
    ended = run("score", _file(tmp_path / "y.tif", pixels), tmp_path / "x.tif")
    assert ended.code == 1
    assert word in ended.error


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("nowhere", "{set}"), "nowhere does not exist"),
        (("{out}", "nowhere"), "nowhere does not exist"),
        (("{out}", "{set}", "--labels", "nucle"), "Did you mean 'nuclei'"),
        (("{out}", "{set}/synthetic_1_cells.tif"), "holds 2 label maps"),
        (("{set}/synthetic_1_phase.tif", "{set}"), "fields are matched by name"),
    ],
)
def test_score_without_a_partner(run, synthetic, predicted, arguments, word) -> None:
    ended = run("score", *(argument.format(set=synthetic, out=predicted) for argument in arguments))
    assert ended.code == 1
    assert word in ended.err


def test_score_of_folders_without_a_table(run, tmp_path) -> None:
    ours, truth = tmp_path / "ours", tmp_path / "truth"
    write_labels(ours / "a_labels.tif", CELLS)
    write_labels(ours / "b_labels.tif", CELLS)
    write_labels(truth / "a_cells.tif", CELLS)
    write_labels(truth / "a_nuclei.tif", CELLS)
    ended = run("score", ours, truth, "--json", "-")
    found = json.loads(ended.out)
    assert (list(found["fields"]), found["without_truth"]) == (["a"], ["b"])


def test_score_keeps_a_file_that_is_there_and_leaves_nothing_on_a_full_disk(
    run, tmp_path, monkeypatch
) -> None:
    write_labels(tmp_path / "x.tif", CELLS)
    (tmp_path / "s.json").write_text("mine")
    refused = run("score", tmp_path / "x.tif", tmp_path / "x.tif", "--json", tmp_path / "s.json")
    assert (refused.code, (tmp_path / "s.json").read_text()) == (1, "mine")
    assert "--overwrite" in refused.error

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    ended = run("score", tmp_path / "x.tif", tmp_path / "x.tif", "--json", tmp_path / "new.json")
    assert ended.code == 1
    assert "the disk is full" in ended.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.json", "x.tif"]


def test_score_of_60_000_cells(run, tmp_path) -> None:
    cells = np.kron(np.arange(1, 60_001, dtype=np.uint32).reshape(240, 250), np.ones((4, 4), np.uint32))
    write_labels(tmp_path / "x.tif", cells)
    write_labels(tmp_path / "y.tif", np.where(cells == 60_000, 0, cells))
    ended = run("score", tmp_path / "y.tif", tmp_path / "x.tif", "--json", "-")
    scores = json.loads(ended.out)["fields"]["y"]
    assert (ended.code, scores["n_true"], scores["n_predicted"]) == (0, 60_000, 59_999)
    assert scores["cell_miou"] == pytest.approx(59_999 / 60_000)


def test_scores_replace_scores_and_nothing_else(run, synthetic, tmp_path) -> None:
    truth = tmp_path / "truth"
    truth.mkdir()
    labels = np.kron([[1, 0, 2]], np.ones((6, 6), np.uint16))
    for folder, name in ((truth, "a_cells.tif"), (tmp_path, "a_labels.tif")):
        tifffile.imwrite(folder / name, labels.astype(np.uint16))
    before = (truth / "a_cells.tif").read_bytes()
    ended = run("score", tmp_path / "a_labels.tif", truth, "--json", truth / "a_cells.tif", "--overwrite")
    assert ended.code == 1
    assert "a_cells.tif holds no scores, so it is not replaced; give another name" in ended.err
    assert (truth / "a_cells.tif").read_bytes() == before
    for more in ((), ("--overwrite",)):
        ended = run("score", tmp_path / "a_labels.tif", truth, "--json", tmp_path / "scores.json", *more)
        assert (ended.code, json.loads((tmp_path / "scores.json").read_text())["mean"]["mAP"]["mean"]) == (
            0,
            1.0,
        )


def test_score_names_label_maps_of_another_run(run, synthetic, tmp_path) -> None:
    out = tmp_path / "out"
    nuclei = ("segment", synthetic, "--target", "nuclei", "--nuclei", "nuclear", "-o", out, "--quiet")
    assert run(*nuclei).code == 0
    assert run("score", out, synthetic, "--labels", "nuclei").err == ""
    again = run(*nuclei, "--level", "0.3", "--where", "field=synthetic_1", "--overwrite")
    assert again.code == 0
    ended = run("score", out, synthetic, "--labels", "nuclei")
    assert ended.code == 0
    assert "2 of 3 label maps in" in ended.err
    said = "are not of the run in its run.json, and may have other settings: synthetic_2, synthetic_3\n"
    assert ended.err.endswith(said)
