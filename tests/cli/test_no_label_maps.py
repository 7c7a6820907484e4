"""Files that are not the label maps they were taken for, on the command line: one rule for every command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image
from frugalseg.synthetic.cells import make_cells

SCENE = make_cells((96, 96), n_cells=9, dim_nuclei=0.0, seed=4)
CELLS = SCENE.cells.astype(np.uint16)
N = len(np.unique(CELLS)) - 1
MASK = ((SCENE.nuclei > 0) * 255).astype(np.uint8)
SPLIT = np.where(SCENE.nuclei == 2, 1, SCENE.nuclei).astype(np.uint16)  # two nuclei share an id
IS_MASK = f"has one label in {N} separate pieces, so it is a mask"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One field with its labels, its nuclei as a mask, and nuclei of which two share an id."""
    made = tmp_path / "set"
    made.mkdir()
    planes = {"phase": SCENE.phase, "dapi": SCENE.nuclear, "cells": CELLS, "mask": MASK, "markers": SPLIT}
    for name, pixels in planes.items():
        tifffile.imwrite(made / f"a_{name}.tif", pixels)
    return made


def palette_png(path: Path, numbers: np.ndarray[Any, Any]) -> Path:
    """Numbers as a PNG with a palette of few colours, as annotation programs write them."""
    picture = Picture.fromarray(numbers.astype(np.uint8), mode="P")
    picture.putpalette([value for i in range(256) for value in ((i % 5) * 50, 90, 200 - i % 3)])
    picture.save(path)
    return path


def file(path: Path, pixels: np.ndarray[Any, Any]) -> Path:
    tifffile.imwrite(path, pixels)
    return path


def segment(folder: Path, out: Path, *more: str) -> list[object]:
    given = [folder, "--pattern", "{field}_{channel}.tif", "-o", out, "--quiet", *more]
    return ["segment", *given, "--target", "nuclei", "--nuclei", "dapi"]


@pytest.mark.parametrize("one", [255, 1, 65535])
def test_score_refuses_masks_on_either_side(run: Any, tmp_path: Path, one: int) -> None:
    right, mask = file(tmp_path / "x.tif", CELLS), file(tmp_path / "m.tif", (MASK > 0) * np.uint16(one))
    prediction, truth = run("score", mask, right), run("score", right, mask)
    assert (prediction.code, truth.code) == (1, 1)
    assert f"error: field 'm': the prediction m.tif {IS_MASK}; number its pieces first" in prediction.error
    assert f"error: field 'x': the truth m.tif {IS_MASK}" in truth.error


def test_score_refuses_minus_one_saved_without_a_sign_and_says_a_doubt(run: Any, tmp_path: Path) -> None:
    right = file(tmp_path / "x.tif", CELLS)
    unknown = file(tmp_path / "u.tif", np.where(np.arange(96) < 20, 65535, CELLS).astype(np.uint16))
    ended = run("score", right, unknown)
    assert ended.code == 1
    assert "the truth u.tif has the label 65535 far above all others" in ended.error
    assert (
        "looks like -1, 'not annotated', saved as unsigned 16-bit integers; save it as signed" in ended.error
    )
    nuclei = file(tmp_path / "n.tif", SCENE.nuclei.astype(np.uint16))
    ended = run("score", file(tmp_path / "s.tif", SPLIT), nuclei)
    assert ended.code == 0
    assert f"note: field 's': the prediction s.tif has 1 of {N - 1} labels in several places" in ended.error


def test_the_numbers_of_a_palette_count_and_not_its_colours(run: Any, tmp_path: Path) -> None:
    right, coloured = file(tmp_path / "x.tif", CELLS), palette_png(tmp_path / "p.png", CELLS)
    ended = run("score", coloured, right, "--json", "-")
    assert (ended.code, ended.err) == (0, "")
    scores = json.loads(ended.out)["fields"]["p"]
    assert (scores["n_true"], scores["n_predicted"], scores["mAP"]) == (N, N, 1.0)
    image = read_image(coloured)
    assert image.channels == ("red", "green", "blue")  # as an image, its colours count
    assert set(np.unique(np.asarray(image.pixels[1]))) == {90}
    (tmp_path / "fields.csv").write_text("field,image,cells\na,x.tif,p.png#red\nb,x.tif,p.png\n")
    table = open_fields([tmp_path])
    np.testing.assert_array_equal(table["b"].labels("cells"), CELLS)
    ended = run("inspect", tmp_path, "--where", "field=b", "--json")
    (row,) = (row for row in json.loads(ended.out)["rows"] if row["channel"] == "cells")
    assert (ended.code, row["labels"], row["high"]) == (0, N, float(N))
    out = tmp_path / "out"
    out.mkdir()
    file(out / "a_labels.tif", CELLS)
    ended = run("score", out, tmp_path)
    assert "p.png has a palette, in which the numbers are the labels; leave out #red" in ended.error


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_any_depth_are_read(tmp_path: Path, bits: int) -> None:
    numbers = np.arange(48).reshape(6, 8) % 2**bits
    picture = Picture.fromarray(numbers.astype(np.uint8), mode="P")
    picture.putpalette([7, 8, 9, 200, 100, 0] * 24)
    picture.save(tmp_path / "a.png", bits=bits)
    indices = read_image(tmp_path / "a.png").indices
    assert indices is not None
    np.testing.assert_array_equal(indices[0, 0], numbers)


def test_a_colour_picture_is_refused_as_labels_and_grey_saved_as_colour_is_not(
    run: Any, tmp_path: Path
) -> None:
    right = file(tmp_path / "x.tif", CELLS)
    Picture.fromarray(np.stack([CELLS, CELLS * 3, CELLS], -1).astype(np.uint8)).save(tmp_path / "c.png")
    Picture.fromarray(np.stack([CELLS] * 3, -1).astype(np.uint8)).save(tmp_path / "g.png")
    ended = run("score", tmp_path / "c.png", right)
    assert ended.code == 1
    assert "c.png is a colour picture, not a label map; export the labels as numbers" in ended.error
    ended = run("score", tmp_path / "g.png", right, "--json", "-")
    assert json.loads(ended.out)["fields"]["g"]["mAP"] == 1.0


def test_inspect_says_what_label_channels_look_like(run: Any, folder: Path) -> None:
    file(folder / "a_points.tif", ((np.indices((96, 96)) % 16 == 8).all(0) * 255).astype(np.uint8))
    file(folder / "a_seeds.tif", np.float32(SCENE.nuclei))
    file(folder / "a_labels.tif", np.where(SCENE.nuclei > 3, 0.5, SCENE.nuclei).astype(np.float32))
    ended = run("inspect", folder, "--pattern", "{field}_{channel}.tif", "--json")
    found = json.loads(ended.out)
    labels = {row["channel"]: row["labels"] for row in found["rows"]}
    assert labels == {"phase": None, "dapi": None, "cells": N, "mask": 1, "markers": N - 1, "points": 1, "seeds": N,
                      "labels": 4}  # fmt: skip
    said = {one["channel"]: one for one in found["problems"] if one["channel"] in labels}
    assert said["mask"]["kind"] == said["points"]["kind"] == "labels-mask"
    assert IS_MASK in said["mask"]["text"]
    assert "can't be used as labels, truth or markers" in said["mask"]["text"]
    assert "1 of 8 labels in several places" in said["markers"]["text"]
    assert "can't be used as labels or markers: its values are not whole numbers" in said["labels"]["text"]
    assert not {"cells", "seeds"} & set(said)


def test_markers_that_are_a_mask_are_refused_and_doubts_are_said(
    run: Any, folder: Path, tmp_path: Path
) -> None:
    given = [
        "--pattern",
        "{field}_{channel}.tif",
        "--cells",
        "phase",
        "--rounds",
        "0",
        "--max-steps",
        "1",
        "--quiet",
    ]
    ended = run("segment", folder, *given, "--markers", "mask", "-o", tmp_path / "out")
    assert ended.code == 1
    assert f"field 'a': the markers 'mask' {IS_MASK}" in ended.error
    ended = run("learn", "markers", folder, *given, "--markers", "markers", "-o", tmp_path / "model")
    assert ended.code == 0
    doubt = f"the markers 'markers' has 1 of {N - 1} labels in several places far apart"
    assert f"warning: field 'a': {doubt}" in ended.error
    record = json.loads((tmp_path / "model" / "record.json").read_text())
    assert any(doubt in warning for warning in record["warnings"])


def test_a_truth_that_is_a_mask_is_not_scored_and_its_field_is_not_lost(
    run: Any, folder: Path, tmp_path: Path
) -> None:
    ended = run(*segment(folder, tmp_path / "out", "--truth", "mask"))
    assert ended.code == 0
    assert f"warning: The truth 'mask' {IS_MASK}" in ended.error
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["fields"]["a"].get("scores") is None
    assert record["fields"]["a"]["warnings"][0].endswith("The field was not scored.")
    ended = run(*segment(folder, tmp_path / "out", "--truth", "markers", "--overwrite"))
    assert f"warning: The truth 'markers' has 1 of {N - 1} labels in several places" in ended.error
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["fields"]["a"]["scores"]["n_true"] == N - 1


def test_learn_labels_refuses_masks_and_says_doubts(run: Any, folder: Path, tmp_path: Path) -> None:
    given = [
        "learn",
        "labels",
        folder,
        "--pattern",
        "{field}_{channel}.tif",
        "--from",
        "dapi",
        "--target",
        "nuclei",
    ]
    small = [
        "--encoder",
        "small",
        "--crop",
        "32",
        "--max-steps",
        "1",
        "--no-hold-out",
        "--quiet",
        "-o",
        tmp_path / "m",
    ]
    ended = run(*given, "--labels", "mask", *small)
    assert ended.code == 1
    assert f"field 'a': channel 'mask' {IS_MASK}" in ended.error
    ended = run(*given, "--labels", "markers", *small)
    assert ended.code == 0
    assert f"warning: field 'a': channel 'markers' has 1 of {N - 1} labels in several places" in ended.error
    assert len(json.loads((tmp_path / "m" / "record.json").read_text())["warnings"]) == 1


def test_two_files_with_labels_of_one_field_are_no_choice(run: Any, tmp_path: Path) -> None:
    out, truth = tmp_path / "out", tmp_path / "truth"
    for folder, stem in ((out, "a_labels"), (truth, "a_cells")):
        folder.mkdir()
        file(folder / f"{stem}.tif", CELLS)
    assert run("score", out, truth).code == 0
    palette_png(truth / "a_cells.png", CELLS)
    ended = run("score", out, truth)
    assert (ended.code, ended.error) == (
        1,
        "error: a_cells.png and a_cells.tif both are labels of field 'a'; move one of them away",
    )
    (truth / "a_cells.png").rename(out / "a_labels.png")
    assert "both are labels of field 'a'" in run("score", out, truth).error
