"""``frugalseg inspect`` says what is there, and finds every planted problem."""

import io
import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from rich.console import Console

from frugalseg.commands.inspect_inputs import inspect_inputs, print_inspection
from frugalseg.errors import UnreadableFile
from frugalseg.runs.inspection import Inspection, problem_lines
from frugalseg.runs.options import RunOptions

RNG = np.random.default_rng(9)
GREY = RNG.integers(100, 3000, (40, 50)).astype(np.uint16)
CELLS = np.kron(np.arange(8).reshape(2, 4), np.ones((20, 12), int))
CELLS = np.pad(CELLS, ((0, 0), (0, 2))).astype(np.uint16)


def inspected(folder: Path, **channels: np.ndarray) -> Inspection:
    """One field with the given channels, in a table."""
    for name, pixels in channels.items():
        tifffile.imwrite(folder / f"a_{name}.tif", pixels)
    header, files = ",".join(channels), ",".join(f"a_{name}.tif" for name in channels)
    (folder / "fields.csv").write_text(f"field,{header}\na,{files}\n")
    return inspect_inputs([folder])


def found(result: Inspection) -> set[tuple[str, str, str | None]]:
    return {(problem.severity, problem.kind, problem.channel) for problem in result.problems}


NO_SIZE = ("note", "pixel-size", None)


def test_what_is_understood(tmp_path: Path) -> None:
    result = inspected(tmp_path, phase=GREY, cells=CELLS)
    phase, cells = result.rows
    assert (phase.field, phase.channel, phase.file) == ("a", "phase", "a_phase.tif")
    assert (phase.axes, phase.shape, phase.focal_planes, phase.dtype) == ("YX", (40, 50), 1, "uint16")
    assert (phase.low, phase.high, phase.labels) == (GREY.min(), GREY.max(), None)
    assert cells.labels == 7
    assert found(result) == {NO_SIZE}
    assert not result.has_errors
    assert json.loads(json.dumps(result.to_dict()))["rows"][0]["shape"] == [40, 50]


def _nan() -> np.ndarray:
    pixels = GREY.astype(np.float32)
    pixels[3, 4] = np.nan
    return pixels


def _saturated() -> np.ndarray:
    return np.where(GREY > 2900, 4095, GREY).astype(np.uint16)


@pytest.mark.parametrize(
    ("pixels", "severity", "kind", "word"),
    [
        (np.full((40, 50), 7, np.uint16), "error", "constant", "is constant (every pixel is 7)"),
        (_nan(), "error", "not-finite", "has 1 pixels that are NaN or infinite"),
        (_saturated(), "warning", "saturated", "is saturated: "),
        (
            np.linspace(0, 255, 2000).reshape(40, 50).astype(np.uint8),
            "note",
            "stretched",
            "covers exactly 0 to 255",
        ),
        ((GREY // 12 * 257).astype(np.uint16), "warning", "stretched", "grey levels between"),
        (np.stack([GREY] * 9), "note", "focal-planes", "has 9 focal planes"),
    ],
)
def test_problems_of_values(tmp_path: Path, pixels: np.ndarray, severity: str, kind: str, word: str) -> None:
    result = inspected(tmp_path, dapi=pixels)
    assert found(result) == {(severity, kind, "dapi"), NO_SIZE}
    assert any(word in text and "channel 'dapi' of a" in text for _, text in problem_lines(result.problems))
    assert result.has_errors is (severity == "error")


def test_a_brightest_pixel_is_no_saturation(tmp_path: Path) -> None:
    pixels = GREY.copy()
    pixels[0, 0] = 4095
    assert found(inspected(tmp_path, dapi=pixels)) == {NO_SIZE}


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_outliers_are_counted(tmp_path: Path, dtype: str) -> None:
    pixels = GREY.astype(dtype)
    pixels[0, 0], pixels[20, 30] = 65535, 63000
    pixels[31, 7] = 60000
    result = inspected(tmp_path, dapi=pixels)
    assert found(result) == {("warning", "outliers", "dapi"), NO_SIZE}
    assert not result.has_errors
    assert problem_lines(result.problems)[0][1] == (
        "channel 'dapi' of a has outliers, such as hot pixels: 3 of 2000 pixels between 60000 and 65535, where all others "
        "lie between 101 and 2998; models replace them by their surroundings"
    )


def test_constant_but_for_outliers(tmp_path: Path) -> None:
    pixels = np.full((40, 50), 7, np.uint16)
    pixels[3, 4] = 900
    result = inspected(tmp_path, dapi=pixels)
    assert found(result) == {("warning", "constant", "dapi"), NO_SIZE}
    assert (
        "is constant but for a few outliers (it goes from 7 to 900)" in problem_lines(result.problems)[0][1]
    )


def test_numbers_that_no_model_can_hold(tmp_path: Path) -> None:
    pixels = GREY.astype(np.float64)
    pixels[3, 4] = 1e300
    result = inspected(tmp_path, dapi=pixels)
    assert found(result) == {("error", "not-finite", "dapi"), NO_SIZE}


def test_labels(tmp_path: Path) -> None:
    assert found(inspected(tmp_path, phase=GREY, cells=CELLS * 0)) == {
        ("warning", "empty-labels", "cells"),
        NO_SIZE,
    }
    negative = CELLS.astype(np.int16)
    negative[:, -1] = -1
    assert found(inspected(tmp_path, cells=negative)) == {("note", "negative-labels", "cells"), NO_SIZE}
    # An all-zero channel that is not named like labels is an image without content.
    assert found(inspected(tmp_path, dapi=CELLS * 0)) == {("error", "constant", "dapi"), NO_SIZE}


def test_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    inspected(tmp_path, phase=GREY, dapi=GREY)
    (tmp_path / "a_phase.tif").unlink()
    (tmp_path / "a_dapi.tif").write_bytes((tmp_path / "a_dapi.tif").read_bytes()[:300])
    result = inspect_inputs([tmp_path])
    texts = [problem.text for problem in result.problems if problem.severity == "error"]
    assert len(texts) == 2
    assert "a_phase.tif does not exist (row 2 of fields.csv, column 'phase')" in texts[0]
    assert "damaged or cut short" in texts[1]
    assert result.rows == ()


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    (tmp_path / "b.tif").write_bytes(b"")
    result = inspect_inputs([tmp_path])
    assert result.fields == ("a",)
    assert found(result) == {("error", "UnreadableFile", None), NO_SIZE}


def test_problems_between_fields(tmp_path: Path) -> None:
    for name, pixels, size in (("a", GREY, 0.5), ("b", GREY[:30].astype(np.float32), 0.7)):
        scale = (1e4 / size, 1e4 / size)
        tifffile.imwrite(
            tmp_path / f"{name}_phase.tif", pixels, resolution=scale, resolutionunit="CENTIMETER"
        )
    tifffile.imwrite(tmp_path / "a_dapi.tif", GREY)
    result = inspect_inputs([tmp_path], RunOptions(pattern="{field}_{channel}.tif"))
    assert found(result) == {
        ("warning", "missing-channel", "dapi"),
        ("warning", "type", "phase"),
        ("note", "shape", None),
        ("warning", "pixel-size", None),
    }
    lines = [text for _, text in problem_lines(result.problems)]
    assert "channel 'dapi' is missing in 1 of 2 fields (b)" in lines
    assert "pixel sizes differ: 0.5 x 0.5, 0.7 x 0.7 um; cells will differ in size" in lines


def test_shapes_within_a_field(tmp_path: Path) -> None:
    result = inspected(tmp_path, phase=GREY, dapi=GREY[:20])
    assert ("error", "shape", None) in found(result)
    assert ("error", "a channels differ in shape: phase 40 x 50, dapi 20 x 50 px") in problem_lines(
        result.problems
    )


@pytest.mark.parametrize(
    ("shift", "word"), [(0, "grey image saved as colour"), (5, "channels are red, green and blue")]
)
def test_colour(tmp_path: Path, shift: int, word: str) -> None:
    grey = (GREY // 16 % 200).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.dstack([grey, grey + shift, grey])))
    result = inspect_inputs([tmp_path / "a.png"])
    assert result.channels == ("red", "green", "blue")
    kind = "colour" if shift else "grey-as-colour"
    assert any(word in problem.text for problem in result.problems if problem.kind == kind)


def test_the_same_problem_in_many_fields_is_said_once(tmp_path: Path) -> None:
    for name in "abc":
        tifffile.imwrite(tmp_path / f"{name}.tif", _saturated())
    lines = problem_lines(inspect_inputs([tmp_path]).problems)
    assert sum("saturated" in text for _, text in lines) == 1
    assert any(text.endswith("(and of 2 more: b, c)") for _, text in lines)


def test_nothing_to_inspect(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        inspect_inputs([tmp_path / "nowhere"])


def test_printed(tmp_path: Path) -> None:
    console = Console(record=True, width=200, file=io.StringIO())
    print_inspection(inspected(tmp_path, phase=GREY, cells=CELLS * 0), console)
    text = console.export_text()
    assert "1 field, channels: phase, cells" in text
    assert "40 x 50" in text
    assert "warning: channel 'cells' of a is an empty label map" in text


def test_previews_beside_the_channels_are_no_error(tmp_path: Path) -> None:
    for name, shape in (("w1", (64, 64)), ("w1_thumb", (16, 16)), ("w2", (64, 64)), ("w2_thumb", (16, 16))):
        tifffile.imwrite(tmp_path / f"A01_{name}.tif", GREY[: shape[0], : shape[1]] + shape[0])
    result = inspect_inputs([tmp_path], RunOptions(pattern="{field}_w{channel}.tif"))
    (found,) = [one for one in result.problems if one.kind == "shape"]
    assert (found.severity, result.has_errors) == ("warning", False)
    for name in ("w2", "w1_thumb", "w2_thumb"):
        (tmp_path / f"A01_{name}.tif").unlink()
    tifffile.imwrite(tmp_path / "A01_w2.tif", GREY[:32])
    assert inspect_inputs([tmp_path], RunOptions(pattern="{field}_w{channel}.tif")).has_errors


def test_grey_and_coloured_images_are_not_one_note(tmp_path: Path) -> None:
    """And a colour that is empty is no error: the others can be used."""
    grey = (GREY // 16 % 200).astype(np.uint8)
    for name, planes in (("a", [grey] * 3), ("b", [grey, grey + 5, 0 * grey])):
        (tmp_path / f"{name}.png").write_bytes(imagecodecs.png_encode(np.dstack(planes)))
    result = inspect_inputs([tmp_path])
    lines = [text for _, text in problem_lines(result.problems)]
    assert any("of a is a grey image saved as colour" in line and "more" not in line for line in lines)
    assert any("of b is a colour image" in line and "more" not in line for line in lines)
    assert [one.severity for one in result.problems if one.kind == "constant"] == ["warning"]
