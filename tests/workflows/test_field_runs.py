"""What `segment` and `predict` do alike: columns of the measurements, and fields that an earlier run completed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from rich.console import Console

from frugalseg.errors import InputError
from frugalseg.images.fields import open_fields
from frugalseg.images.normalize import IntensityScale
from frugalseg.networks.cards import StainCard, TrainingSummary
from frugalseg.networks.store import save_model
from frugalseg.networks.unet import Unet
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.workflows import field_runs
from frugalseg.workflows.cues import FieldCues, marker_sample
from frugalseg.workflows.field_runs import FieldRun, FieldRunSettings
from frugalseg.workflows.judging import Segmented
from frugalseg.workflows.outputs import Outputs, RunResult

NAME = "synthetic_1"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_synthetic_set(folder, 1, seed=3, shape=(96, 104), n_cells=8, dim_nuclei=0.0)
    return folder


def run(images: Path, out: Path, resume: bool = False, **changed: Any) -> RunResult:
    """Cells are the truth's."""
    settings = FieldRunSettings(**{"cells": ("phase",), "nuclei": "nuclear", "baselines": False, **changed})
    table = open_fields([images])
    labels = tifffile.imread(images / f"{NAME}_cells.tif").astype(np.uint32)

    def cut(cues: FieldCues) -> Segmented:
        return Segmented(labels, marker_sample(cues), {})

    outputs = Outputs(out, [NAME], settings.as_request(), command="segment", resume=resume)
    return FieldRun(outputs, settings, cut, lambda _: None, Console(quiet=True)).run(table)


def measured(out: Path) -> list[dict[str, Any]]:
    return json.loads((out / f"{NAME}_record.json").read_text())["measurements"]


def test_a_predicted_stain_is_measured_under_its_own_name(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the real channel, which is only compared with, nothing is said."""
    training = TrainingSummary(steps=1, stopped_because="x", seconds=0, seed=0, fields=("a",))
    scale = IntensityScale(how="percentile", centre=(100.0,), spread=(50.0,))
    card = StainCard(
        channels=("nuclear",),
        settings={"encoder": "small"},
        training=training,
        scale=1.0,
        target="dapi",
        target_scale=scale,
    )
    model = tmp_path / "model"
    save_model(model, card, Unet("small", 1, 1))
    monkeypatch.setattr(
        "frugalseg.workflows.predicted_nuclei.predict_stain", lambda network, planes, scale: planes[0]
    )
    real = tifffile.imread(images / f"{NAME}_nuclear.tif").astype(np.float64)
    stain = 100 + 50 * (real - real.mean()) / real.std()
    labels = tifffile.imread(images / f"{NAME}_cells.tif")
    for given in ({"nuclei": "nuclear"}, {"nuclei": None}):
        out = tmp_path / f"out_{given['nuclei']}"
        run(images, out, nuclei_from=str(model), **given)
        rows = measured(out)
        assert [name for name in rows[0] if name.startswith("mean_")] == ["mean_phase", "mean_predicted_dapi"]
        for row in rows:
            assert row["mean_predicted_dapi"] == pytest.approx(stain[labels == row["label"]].mean(), rel=1e-3)
    run(images, tmp_path / "usual")
    assert [name for name in measured(tmp_path / "usual")[0] if name.startswith("mean_")] == [
        "mean_phase",
        "mean_nuclear",
    ]


def test_what_is_done_stays_done_where_its_cues_are_not_found_again(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "set", tmp_path / "out"
    shutil.copytree(images, folder)
    first = run(folder, out, truth="cells")

    def not_found(*_: Any) -> FieldCues:
        raise InputError("the stain model is gone")

    monkeypatch.setattr(field_runs, "find_cues", not_found)
    again = run(folder, out, resume=True, truth="cells")
    assert (again.fields, again.failed) == (first.fields, {})
    assert f"<h2>{NAME}" in (out / "report.html").read_text()
    monkeypatch.undo()
    (folder / f"{NAME}_phase.tif").unlink()
    again = run(folder, out, resume=True, truth="cells")
    assert (again.fields, again.failed) == (first.fields, {})
    assert f"<h2>{NAME}" in (out / "report.html").read_text()
