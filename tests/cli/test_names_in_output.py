"""Names that come from files reach neither the terminal nor a spreadsheet as commands."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.runs.run_log import RunLog
from frugalseg.synthetic.cells import make_cells

SCENE = make_cells((64, 64), n_cells=4, dim_nuclei=0.0, seed=1)
ESC = "a\x1b]0;x\u202eb"


def write(folder: Path, *stems: str) -> Path:
    folder.mkdir()
    for stem in stems:
        tifffile.imwrite(folder / f"{stem}.tif", SCENE.nuclear.astype(np.uint16))
    return folder


def hidden(text: str) -> set[str]:
    return {letter for letter in text if letter != "\n" and not letter.isprintable()}


def test_inspect_score_and_errors_show_names_and_obey_none(run: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "set", ESC, "=1+1")
    (folder / f"{ESC}.czi").write_bytes(b"")
    shown = run("inspect", folder)
    assert shown.code == 0
    assert "a\\x1b]0;x\\u202eb" in shown.out
    tifffile.imwrite(folder / f"{ESC}.tif", np.zeros((4, 5, 6, 7), np.uint16))
    for ended in (shown, run("inspect", folder), run("score", folder / f"{ESC}.tif", folder / f"{ESC}.tif")):
        assert hidden(ended.out) | hidden(ended.err) == set()
    assert "\\x1b" in run("inspect", folder).err


def test_a_run_shows_names_and_writes_no_formula(run: Any, tmp_path: Path) -> None:
    folder, out = write(tmp_path / "set", "=1+1_@SUM(1)", f"{ESC}_@SUM(1)"), tmp_path / "out"
    ended = run(
        "segment",
        folder,
        "--pattern",
        "{field}_{channel}.tif",
        "--target",
        "nuclei",
        "--nuclei",
        "@SUM(1)",
        "-o",
        out,
    )
    assert ended.code == 0
    assert "=1+1" in ended.out
    assert hidden(ended.out) | hidden(ended.err) == set()
    rows = list(csv.reader((out / "measurements.csv").read_text().splitlines()))
    assert {row[0] for row in rows} == {"field", "'=1+1", "a\\x1b]0;x\\u202eb"}
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@", "+"))]
    assert set(json.loads((out / "run.json").read_text())["fields"]) == {"=1+1", ESC}


def test_progress_and_warnings_obey_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    log = RunLog()
    log.line(ESC)
    log.warn(ESC)
    RunLog(quiet=True).warn(ESC)
    log.console.print(ESC)
    written = capsys.readouterr()
    assert hidden(written.out) | hidden(written.err) == set()
    assert written.out.count("\\x1b") == 3
    assert written.err.count("\\x1b") == 1


def test_a_field_name_with_nul_is_refused(run: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "set", "a")
    (folder / "fields.csv").write_bytes(b"field,dapi\nx\0y,a.tif\n")
    ended = run("inspect", folder)
    assert ended.code == 1
    assert hidden(ended.err) == set()
