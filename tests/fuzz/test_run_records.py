"""Records of runs that are resumed, with random values in random places."""

import json
from pathlib import Path
from typing import Any

import pytest

from frugalseg.networks.store import CARD
from frugalseg.runs.checkpoint_folder import REQUEST
from frugalseg.runs.model_folder import RECORD, ModelRun
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import RUN, OutputFolder
from frugalseg.runs.provenance import Sources, file_state
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.summary import summarize_run

pytestmark = pytest.mark.fuzz
LEFT = ("cues", "synthetic_markers", "nuclei_agreement", "scores", "training")


def sources(folder: Path) -> dict[str, Sources]:
    image = folder / "a.tif"
    if not image.exists():
        image.touch()
    state = file_state(image)
    assert state is not None
    return {"a": Sources((state,), (image,))}


def a_run(folder: Path, resume: bool) -> OutputFolder:
    settings = {"seed": 0, "cells": ["phase"]}
    return OutputFolder(
        folder, sources(folder), settings, command="segment", options=RunOptions(resume=resume)
    )


@pytest.mark.parametrize("name", [RUN, "a_record.json"])
def test_records_of_a_run(cases: Any, spoil: Any, tmp_path: Path, name: str) -> None:
    first = a_run(tmp_path, resume=False)
    row = {"label": 1, "area": 12, "touches_border": False, "mean_phase": 3.5, "area_um2": None}
    record = FieldRecord(
        n_cells=1, diameter=30.0, modalities=("label-free",), seconds=1.0, measurements=(row,)
    )
    first.write_field("a", record, lambda path: path.write_bytes(b"x") and None)
    first.finish()
    texts = {path: path.read_text() for path in (tmp_path / RUN, tmp_path / "a_record.json")}
    content = json.loads(texts[tmp_path / name])

    def resume() -> None:
        run = a_run(tmp_path, resume=True)
        run.finish(summarize_run(run))

    resume()
    tried = cases(name.replace("a_", "<field>_"))
    for seed in tried.count(12):
        for path, text in texts.items():
            path.write_text(text)
        more = {one: {"x": 1, "n_markers": None} for one in LEFT} if seed % 2 and name != RUN else {}
        (tmp_path / name).write_text(spoil({**content, **more}, seed))
        tried.attempt(f"seed {seed}", resume)


@pytest.mark.parametrize("name", [RECORD, REQUEST])
def test_records_of_a_model(cases: Any, spoil: Any, tmp_path: Path, name: str) -> None:
    model = tmp_path / "model"
    settings = {"seed": 0, "labels": "cells"}
    run = ModelRun("learn labels", model, settings, sources(tmp_path), RunOptions())
    path = run.checkpoint / REQUEST
    content: Any = json.loads(path.read_text())
    if name == RECORD:
        model.mkdir()
        (model / CARD).touch()
        path = model / RECORD
        content = {"command": "learn labels", "state": "done", "settings": run.settings, "seconds": 1.0}
        content |= {"provenance": run.provenance, "fields": {"a": {"n_cells": 3}}, "failed": {}, "scale": 1.0}

    def resume() -> None:
        ModelRun("learn labels", model, settings, sources(tmp_path), RunOptions(resume=True))

    path.write_text(json.dumps(content))
    resume()
    tried = cases(name)
    for seed in tried.count(8):
        path.write_text(spoil(content, seed))
        tried.attempt(f"seed {seed}", resume)
