"""``frugalseg demo`` refuses to replace an earlier one, and segments the set that it wrote."""

from pathlib import Path
from typing import Any

import pytest

from frugalseg.commands import run_demo as demo
from frugalseg.errors import OutputExists
from frugalseg.runs.options import RunOptions


@pytest.fixture
def segmented(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the demo segments, in place of doing it."""
    seen: list[tuple[Any, ...]] = []
    monkeypatch.setattr(demo, "segment_cells", lambda *given: seen.append(given))
    return seen


def test_the_demo_segments_its_own_set(tmp_path: Path, segmented: list[tuple[Any, ...]]) -> None:
    options = RunOptions(device="cpu", quiet=True)
    demo.run_demo(tmp_path / "demo", 3, options)
    ((inputs, out, settings, given),) = segmented
    assert (inputs, out, given) == ([tmp_path / "demo/images/fields.csv"], tmp_path / "demo", options)
    assert (settings.cells, settings.nuclei, settings.truth) == (("phase",), "nuclear", "cells")
    assert (settings.seed, settings.max_steps) == (3, demo.MAX_STEPS)
    assert len((tmp_path / "demo/images/fields.csv").read_text().splitlines()) == 1 + demo.FIELDS


def test_an_earlier_demo_is_kept(tmp_path: Path, segmented: list[tuple[Any, ...]]) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(OutputExists, match="`overwrite`"):
        demo.run_demo(tmp_path)
    assert segmented == []
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
