"""``frugalseg demo`` refuses to replace an earlier one, completes one that was cut short, and segments what it wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from frugalseg.commands import run_demo as demo
from frugalseg.errors import Interrupted, OutputExists
from frugalseg.runs.options import RunOptions


@pytest.fixture
def segmented(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the demo segments, in place of doing it."""
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(demo, "segment_cells", lambda *given: seen.append(given))
    monkeypatch.setattr(demo, "SIDE", 64)
    return seen


def test_the_demo_segments_its_own_set(tmp_path: Path, segmented: list[tuple[Any, ...]]) -> None:
    options = RunOptions(device="cpu", quiet=True)
    demo.run_demo(tmp_path / "demo", 3, options)
    ((inputs, out, settings, given),) = segmented
    assert (inputs, out) == ([tmp_path / "demo/images/fields.csv"], tmp_path / "demo")
    assert given == RunOptions(device="cpu", quiet=True, resume=True)  # which goes on with nothing: a new run
    assert (settings.cells, settings.nuclei, settings.truth) == (("phase",), "nuclear", "cells")
    assert (settings.seed, settings.max_steps) == (3, demo.MAX_STEPS)
    assert len((tmp_path / "demo/images/fields.csv").read_text().splitlines()) == 1 + demo.FIELDS


def test_an_earlier_demo_is_kept(tmp_path: Path, segmented: list[tuple[Any, ...]]) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(OutputExists, match="`overwrite`"):
        demo.run_demo(tmp_path)
    assert segmented == []
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_demo_that_was_cut_short_is_completed(
    tmp_path: Path, segmented: list[tuple[Any, ...]], state: str
) -> None:
    """Killed while it wrote its images, or later."""
    quiet = RunOptions(quiet=True)
    demo.run_demo(tmp_path, 3, quiet)
    written = {path: path.read_bytes() for path in (tmp_path / "images").iterdir()}
    (tmp_path / "run.json").write_text(json.dumps({"state": state}))
    (tmp_path / "images" / "fields.csv").unlink()
    (tmp_path / "images" / "synthetic_2_phase.tif").unlink()
    (tmp_path / "images" / ".synthetic_2_phase.tif.0123abcd.part").write_text("half")
    demo.run_demo(tmp_path, 3, quiet)
    assert {path: path.read_bytes() for path in (tmp_path / "images").iterdir()} == written
    demo.run_demo(tmp_path, 3, quiet)
    assert [given[3].resume for given in segmented] == [True] * 3
    demo.run_demo(tmp_path, 3, RunOptions(quiet=True, overwrite=True))
    assert (segmented[-1][3].resume, segmented[-1][3].overwrite) == (False, True)


def test_images_of_something_else_are_not_taken_for_those_of_the_demo(
    tmp_path: Path, segmented: list[tuple[Any, ...]]
) -> None:
    image = tmp_path / "images" / "synthetic_1_phase.tif"
    image.parent.mkdir()
    image.write_text("mine")
    with pytest.raises(OutputExists, match=r"synthetic_1_phase\.tif exists already"):
        demo.run_demo(tmp_path, 3)
    assert image.read_text() == "mine"
    assert segmented == []


def test_an_interrupted_demo_says_how_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any) -> None:
        raise Interrupted("stopped after 3 steps; give `resume` to continue")

    monkeypatch.setattr(demo, "segment_cells", stopped)
    monkeypatch.setattr(demo, "SIDE", 64)
    with pytest.raises(Interrupted, match="run the same command again to go on") as told:
        demo.run_demo(tmp_path, 3)
    assert "resume" not in str(told.value)  # which `demo` does not have
