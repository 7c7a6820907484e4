"""What `segment` and `predict` do alike: columns of the measurements, and fields that an earlier run completed."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.errors import InputError, NoMarkers
from frugalseg.evaluation.nuclei_agreement import nuclei_agreement, nuclei_in_cells
from frugalseg.images.fields import open_fields
from frugalseg.images.normalize import IntensityScale
from frugalseg.models.predictions import CellPrediction
from frugalseg.networks.cards import StainCard, TrainingSummary
from frugalseg.networks.store import save_model
from frugalseg.networks.unet import Unet
from frugalseg.runs import marker_process
from frugalseg.runs.field_cues import FieldCues, request_of
from frugalseg.runs.field_loop import run_fields
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.marker_process import MarkerProcess, MarkerRunSettings, Segmented
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.provenance import find_sources
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.summary import begin_report
from frugalseg.runs.synthetic_set import write_synthetic_set

NAME = "synthetic_1"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_synthetic_set(folder, 1, seed=3, shape=(96, 104), n_cells=8, dim_nuclei=0.0)
    return folder


def run(
    images: Path, out: Path, resume: bool = False, found: CellPrediction | None = None, **changed: Any
) -> RunResult:
    """Cells are the truth's, unless others are `found`."""
    settings = MarkerRunSettings(**{"cells": ("phase",), "nuclei": "nuclear", "baselines": False, **changed})
    table = open_fields([images])
    labels = tifffile.imread(images / f"{NAME}_cells.tif").astype(np.uint32)

    def segment(cues: FieldCues) -> Segmented:
        return Segmented(labels) if found is None else Segmented.of(found)

    outputs = OutputFolder(
        out,
        find_sources(table, ()),
        request_of(settings),
        command="segment",
        options=RunOptions(resume=resume),
    )
    log = RunLog(quiet=True)
    process = MarkerProcess(outputs, settings, segment, log)
    return run_fields(table, outputs, process, begin_report(outputs, "test"), log, settings.truth)


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
        "frugalseg.models.stain_model.predict_stain", lambda network, planes, scale: planes[0]
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

    monkeypatch.setattr(marker_process, "read_cues", not_found)
    again = run(folder, out, resume=True, truth="cells")
    assert (again.fields, again.failed) == (first.fields, {})
    assert f"<h2>{NAME}" in (out / "report.html").read_text()
    monkeypatch.undo()
    (folder / f"{NAME}_phase.tif").unlink()
    again = run(folder, out, resume=True, truth="cells")
    assert (again.fields, again.failed) == (first.fields, {})
    assert f"<h2>{NAME}" in (out / "report.html").read_text()


def test_what_can_be_trusted_is_measured_and_shown_and_shown_again(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    labels = tifffile.imread(images / f"{NAME}_cells.tif").astype(np.uint32)
    cells = np.unique(labels)[1:].tolist()
    nuclei = np.where(labels == cells[0], 0, labels)
    confidence = dict.fromkeys(cells, 0.9) | {cells[1]: 0.25}
    found = CellPrediction(
        labels,
        confidence,
        nuclei_agreement(labels, nuclei),
        look_distance=1.75,
        nuclei=nuclei_in_cells(labels, nuclei),
        adapted=True,
        contrast=-0.6,
    )
    record = run(images, out, found=found).fields[NAME]
    assert (record.adapted, record.inverted, record.contrast) == (True, True, -0.6)
    with (out / "measurements.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["nuclei"]) for row in rows] == [0] + [1] * (len(cells) - 1)
    assert [float(row["confidence"]) for row in rows] == list(confidence.values())

    def shown() -> tuple[list[tuple[str, str]], list[str]]:
        text = (out / "report.html").read_text()
        table = text[text.index("How sure, without any truth") :]
        values = re.findall(r'<th scope="row">([^<]+)</th><td[^>]*>([^<]+)</td>', table)[:7]
        return values, sorted(re.findall(r'data-c="\d+" data-a="\d+" data-s="[\d.]+" style="[^"]+"', text))

    first = shown()
    assert [value for _, value in first[0]] == [
        str(len(cells)),
        "0.90",
        f"1 ({1 / len(cells):.0%})",
        f"1 ({1 / len(cells):.0%})",
        "0 (0%)",
        "0 (0%)",
        "1.75",
    ]
    assert len(first[1]) == len(cells)
    run(images, out, resume=True)
    assert shown() == first


def test_a_field_that_is_shown_in_short_has_its_pixel_size(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from the thirteenth field on, when a run is resumed."""
    out = tmp_path / "out"

    def diameter() -> str:
        found = re.search(r"median diameter ([\d.]+ [^ <]+)", (out / "report.html").read_text())
        assert found
        return found[1]

    run(images, out)
    first = diameter()
    assert first.endswith("µm")
    monkeypatch.setattr(marker_process, "FULL_FIELDS", 0)
    run(images, out, resume=True)
    assert diameter() == first


def test_a_field_without_nuclei_keeps_its_truth_and_pixel_size(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_found(*_: Any) -> FieldCues:
        raise NoMarkers("no nucleus was found")

    monkeypatch.setattr(marker_process, "read_cues", none_found)
    run(images, tmp_path / "out", truth="cells")
    text = (tmp_path / "out/report.html").read_text()
    assert 'data-layer="truth"' in text
    assert "0.65 µm per px" in text
