"""What users get wrong with `segment`, `learn markers` and `predict`: one line that helps, and the right exit code."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.synthetic.cells import make_cells

SIDE = 96
SMALL = MarkerSettings(widths=(8, 12), max_steps=12, orientations=1, batch=4)


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MarkerSettings, "preset", classmethod(lambda cls, *_: SMALL))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write field a, some channels of it replaced, and give its folder."""
    cells = make_cells((SIDE, SIDE), n_cells=8, dim_nuclei=0.0, seed=2)

    def go(field: str = "a", **planes: Any) -> Path:
        folder = tmp_path / "set"
        folder.mkdir(exist_ok=True)
        for name, plane in {
            "phase": cells.phase,
            "dapi": cells.nuclear,
            "truth": cells.cells,
            **planes,
        }.items():
            if plane is not None:
                tifffile.imwrite(folder / f"{field}_{name}.tif", plane)
        return folder

    return go


def typed(folder: Path, out: Path, *more: str, cells: str = "phase", nuclei: str = "dapi") -> list[object]:
    given = [folder, "--pattern", "{field}_{channel}.tif", "-o", out, "--cells", cells, "--nuclei", nuclei]
    return ["segment", *given, "--rounds", "0", "--quiet", *more]


def flat(value: float, dtype: Any = np.uint16) -> np.ndarray:
    return np.full((SIDE, SIDE), value, dtype)


def one_nucleus() -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    noise = np.random.default_rng(0).normal(100, 2, (SIDE, SIDE))
    return (noise + 400 * (np.hypot(rows - 45, columns - 50) < 8)).astype(np.uint16)


def with_nan() -> np.ndarray:
    plane = np.random.default_rng(0).normal(100, 2, (SIDE, SIDE)).astype(np.float32)
    plane[3, 4] = np.nan
    return plane


NOISE = np.random.default_rng(1).normal(100, 3, (SIDE, SIDE)).astype(np.uint16)


@pytest.mark.parametrize(
    ("planes", "line"),
    [
        ({"dapi": flat(7)}, "is constant (every pixel is 7)"),
        ({"phase": flat(7)}, "channel 'phase' is constant (every pixel is 7)"),
        ({"phase": with_nan()}, "NaN"),
        ({"dapi": with_nan()}, "NaN"),
        ({"dapi": np.zeros((SIDE, SIDE + 1), np.uint16)}, "same shape"),
        ({"truth": np.ones((SIDE, SIDE + 1), np.uint16)}, "same shape"),
    ],
)
def test_a_field_that_can_not_be_used_is_one_line_and_1(run, write, tmp_path, planes, line) -> None:
    ended = run(*typed(write(**planes), tmp_path / "out", "--truth", "truth"))
    assert ended.code == 1
    assert line in ended.error
    assert ended.error.startswith("failed: a: ")
    written = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (list(written["fields"]), list(written["failed"])) == ([], ["a"])


@pytest.mark.parametrize(
    ("names", "line"),
    [
        ({"cells": "phse"}, "Did you mean 'phase'?"),
        ({"cells": "phase,7"}, "7"),
        ({"nuclei": "dpi"}, "Did you mean 'dapi'?"),
    ],
)
def test_a_channel_that_no_field_has_is_said_before_anything_is_written(
    run, write, tmp_path, names, line
) -> None:
    ended = run(*typed(write(), tmp_path / "out", **names))
    assert ended.code == 1
    assert ended.error.startswith("error: ")
    assert line in ended.error
    assert not (tmp_path / "out").exists()


def test_truth_and_mask_must_be_channels_too(run, write, tmp_path) -> None:
    for option in ("--truth", "--mask", "--scribbles"):
        ended = run(*typed(write(), tmp_path / "out", option, "nosuch"))
        assert ended.code == 1
        assert "'nosuch'" in ended.error
    assert not (tmp_path / "out").exists()


def test_an_unreadable_file_is_one_line(run, write, tmp_path) -> None:
    folder = write()
    (folder / "a_phase.tif").write_bytes(b"II*\0 not a TIFF")
    ended = run(*typed(folder, tmp_path / "out"))
    assert ended.code == 1
    assert "a_phase.tif" in ended.error


def test_settings_out_of_range_are_one_line(run, write, tmp_path) -> None:
    ended = run(*typed(write(), tmp_path / "out", "--diameter", "-3"))
    assert (ended.code, ended.error.startswith("error: --diameter: ")) == (1, True)
    ended = run(*typed(write(), tmp_path / "out", "--device", "cuda"))
    assert ended.code in (0, 1)  # 0 where there is one
    if ended.code:
        assert "'cuda' is not available" in ended.error


def test_no_nucleus_at_all_is_an_empty_label_map_and_0(run, write, tmp_path) -> None:
    ended = run(*typed(write(dapi=NOISE), tmp_path / "out"))
    nothing = "No field has a nucleus, so nothing was trained and all label maps are empty."
    assert (ended.code, ended.err) == (0, f"warning: {nothing}\n")
    assert not tifffile.imread(tmp_path / "out" / "a_labels.tif").any()
    warnings = json.loads((tmp_path / "out" / "run.json").read_text())["warnings"]
    assert warnings[0] == nothing
    assert warnings[1].startswith("a: No nucleus was found in channel 'dapi'; is it the nuclear stain")


@pytest.mark.slow
def test_one_nucleus_is_enough(run, write, tmp_path) -> None:
    ended = run(*typed(write(dapi=one_nucleus()), tmp_path / "out"))
    assert (ended.code, ended.err) == (0, "")
    assert set(np.unique(tifffile.imread(tmp_path / "out" / "a_labels.tif"))) == {0, 1}


@pytest.mark.slow
def test_some_fields_failed_is_3(run, write, tmp_path) -> None:
    write("b", dapi=flat(7))
    ended = run(*typed(write("a"), tmp_path / "out"))
    assert ended.code == 3
    assert ended.error.startswith("failed: b: ")
    assert "is constant (every pixel is 7)" in ended.error
    assert (tmp_path / "out" / "a_labels.tif").exists()


@pytest.mark.slow
def test_results_that_are_there_are_kept(run, write, tmp_path) -> None:
    folder, out = write(), tmp_path / "out"
    assert run(*typed(folder, out)).code == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    ended = run(*typed(folder, out))
    assert ended.code == 1
    assert "--overwrite" in ended.error
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    ended = run(*typed(folder, out, "--resume", "--seed", "5"))
    assert (ended.code, "seed 0 -> 5" in ended.error) == (1, True)
    assert run(*typed(folder, out, "--overwrite", "--seed", "5")).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("fits", [0, 1, 3])
def test_a_full_disk_is_one_line(run, write, tmp_path, monkeypatch, fits) -> None:
    """The first file that does not fit ends the run, wherever it is: nothing half-written is left."""
    real, left = os.fsync, [fits]

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    ended = run(*typed(write(), tmp_path / "out"))
    assert ended.code == 1
    assert "the disk is full" in ended.error
    assert not [path for path in (tmp_path / "out").rglob("*") if ".part" in path.name and path.is_file()]
    assert not (tmp_path / "out" / "a_record.json").exists()


@pytest.mark.slow
def test_learn_and_predict_say_what_is_wrong(run, write, tmp_path) -> None:
    folder, model, out = write(), tmp_path / "model", tmp_path / "out"
    learn = [
        "learn",
        "markers",
        folder,
        "--pattern",
        "{field}_{channel}.tif",
        "--rounds",
        "0",
        "--quiet",
        "--cells",
        "phase",
    ]
    assert run(*learn, "--nuclei", "dapi", "-o", model).code == 0
    ended = run(*learn, "--nuclei", "dapi", "-o", model)
    assert (ended.code, "overwrite" in ended.error) == (1, True)
    use = [folder, "--pattern", "{field}_{channel}.tif", "-o", out, "--quiet"]
    cases = [
        ([tmp_path / "nosuch", *use], "is no model folder"),
        ([folder, *use], "has no card.yaml"),
        ([model, *use, "--cells", "phase,dapi"], "2 channels"),
        ([model, *use, "--nuclei", "nosuch"], "'nosuch'"),
    ]
    for arguments, line in cases:
        ended = run("predict", *arguments)
        assert ended.code == 1
        assert line in ended.error
    assert not out.exists()
    assert run("predict", model, *use).code == 0
    weights = model / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    ended = run("predict", model, *use, "--overwrite")
    assert (ended.code, "checksum" in ended.error) == (1, True)


def test_learning_needs_one_field_that_can_be_used(run, write, tmp_path) -> None:
    command = [
        "learn",
        "markers",
        write(dapi=NOISE),
        "--pattern",
        "{field}_{channel}.tif",
        "--cells",
        "phase",
    ]
    ended = run(*command, "--nuclei", "dapi", "-o", tmp_path / "model", "--quiet")
    assert ended.code == 1
    assert "no nucleus was found" in ended.error
    assert not (tmp_path / "model").exists()
