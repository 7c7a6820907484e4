"""A pixel size that can hardly be right is said by inspect and by every run, and models scale by the pixel's area."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.commands.command_settings import (
    LearnLabelsSettings,
    LearnMarkersSettings,
    LearnStainsSettings,
    OutlineSettings,
    SegmentSettings,
)
from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.commands.learn_markers import learn_markers
from frugalseg.commands.learn_stains import learn_stains
from frugalseg.commands.outline_nuclei import outline_nuclei
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.images.write import write_image
from frugalseg.models.load import load_model
from frugalseg.runs.inspection import problem_lines
from frugalseg.runs.options import RunOptions
from frugalseg.synthetic.cells import make_cells

QUIET = RunOptions(device="cpu", quiet=True)
QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 2, "seed": 1}
SIZES = {"good": (0.65, 0.65), "bad": (650.0, 0.65)}
DOUBT = "Its pixels are stated to be 650 um high and 0.65 um wide, which can hardly be right"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields with the same cells, one of them with an impossible pixel size."""
    folder = tmp_path_factory.mktemp("set")
    cells = make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
    for name, size in SIZES.items():
        for channel in ("phase", "nuclear"):
            plane = getattr(cells, channel).astype(np.float32)
            write_image(folder / f"{name}_{channel}.tif", plane, pixel_size=size)
        tifffile.imwrite(folder / f"{name}_cells.tif", cells.cells.astype(np.uint16))
    rows = [f"{name},{name}_phase.tif,{name}_nuclear.tif,{name}_cells.tif" for name in SIZES]
    (folder / "fields.csv").write_text("\n".join(["field,phase,nuclear,cells", *rows, ""]))
    return folder


def doubted(record: Any) -> list[bool]:
    """Whether each field of a run is doubted, the good one first."""
    return [any(DOUBT in text for text in record.fields[name].warnings) for name in SIZES]


def test_inspect(images: Path) -> None:
    problems = [one for one in inspect_inputs([images]).problems if one.kind == "pixel-size" and one.field]
    assert [(one.field, one.severity) for one in problems] == [("bad", "warning")]
    assert any("bad has a doubtful pixel size. " + DOUBT in text for _, text in problem_lines(problems))


def test_a_run_over_fields(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loud = QUIET.model_copy(update={"quiet": False})
    result = outline_nuclei([images], tmp_path / "out", OutlineSettings(nuclei="nuclear"), loud)
    assert doubted(result) == [False, True]
    written = json.loads((tmp_path / "out/run.json").read_text())
    assert sum(DOUBT in warning for warning in written["warnings"]) == 1
    assert DOUBT in (tmp_path / "out/report.html").read_text()
    assert f"warning: {DOUBT}" in capsys.readouterr().out


@pytest.mark.slow
def test_learning(images: Path, tmp_path: Path) -> None:
    stains = LearnStainsSettings(inputs="phase", to="nuclear", **QUICK)
    labels = LearnLabelsSettings(inputs="phase", labels="cells", target="cells", **QUICK)
    markers = LearnMarkersSettings(cells=("phase",), nuclei="nuclear", max_steps=2, encoder="small", rounds=1)
    for number, (learn, settings) in enumerate(
        [(learn_stains, stains), (learn_labels, labels), (learn_markers, markers)]
    ):
        record = learn([images], tmp_path / f"model{number}", settings, options=QUIET).record
        found = [warning for warning in record.warnings if DOUBT in warning]
        assert [warning.split(":")[0] for warning in found] == ["bad"]


LEARN: dict[str, tuple[Any, Any]] = {
    "stains": (learn_stains, LearnStainsSettings(inputs="phase", to="nuclear", **QUICK)),
    "labels": (learn_labels, LearnLabelsSettings(inputs="phase", labels="cells", target="cells", **QUICK)),
    "markers": (
        learn_markers,
        LearnMarkersSettings(cells=("phase",), nuclei="nuclear", max_steps=2, encoder="small", rounds=1),
    ),
    "segment": (
        segment_cells,
        SegmentSettings(cells=("phase",), nuclei="nuclear", max_steps=2, encoder="small", rounds=1),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", LEARN)
def test_the_size_of_a_model_is_of_what_it_learned_from(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    sizes = {"a_left_out": 6.5, "b_unstated": None, "c": 0.5, "d": 0.52, "e_other": 0.65}
    cells = make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
    folder.mkdir()
    for name, side in sizes.items():
        size = None if side is None else (side, side)
        for channel in ("phase", "nuclear"):
            plane = getattr(cells, channel).astype(np.float32)
            flat = name == "a_left_out" and channel == "phase"
            write_image(folder / f"{name}_{channel}.tif", plane * 0 + 5 if flat else plane, pixel_size=size)
        tifffile.imwrite(folder / f"{name}_cells.tif", cells.cells.astype(np.uint16))
    learn, settings = LEARN[command]
    pattern = QUIET.model_copy(update={"pattern": "{field}_{channel}.tif"})
    result = learn([folder], tmp_path / "out", settings, options=pattern)
    assert list(result.record.failed) == ["a_left_out"]
    model = tmp_path / "out" / ("model" if command == "segment" else "")
    assert load_model(model, "cpu").card.pixel_size == pytest.approx((0.52, 0.52))
    said = [warning for warning in result.record.warnings if warning.startswith("Pixel sizes differ")]
    assert len(said) == 1
    assert "the model takes 0.52 um, and other sizes are stated by e_other (0.65 um);" in said[0]
