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
)
from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.commands.learn_markers import learn_markers
from frugalseg.commands.learn_stains import learn_stains
from frugalseg.commands.outline_nuclei import outline_nuclei
from frugalseg.images.write import write_image
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
