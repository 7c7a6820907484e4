"""Runs that take no time and no network: what a study in several processes is tested with.

A process of a study imports this module. Its environment says what goes wrong: `FAKE_<FAILURE>` holds a part of the name of
the runs concerned. Every beginning of a run is written to the file `FAKE_LOG`: its process, its name, its first step.
"""

import errno
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from frugalseg.errors import InputError, Interrupted, OutputFailed
from frugalseg.learning.interrupts import stop_requests
from frugalseg.learning.training_record import TrainingProgress
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.estimate import planned_steps
from frugalseg.studies.plan.run_specs import LabelRun, RunSpec
from frugalseg.studies.plan.study_data import ArrayData, StudyData
from frugalseg.studies.runs.run_queue import RunEvent
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow
from frugalseg.studies.study import StudyResult, run_plan
from frugalseg.studies.study_plan import StudyPlan, plan_study

STEPS = 8
FIELDS = ("a", "b", "c", "d")


def prepare(spec: RunSpec) -> None:
    """Nothing is needed."""


def execute(spec: RunSpec, data: StudyData, work: Work) -> list[ScoreRow]:
    """Train for some steps, with a checkpoint after each; the weights are a checksum of all that went in."""
    assert work.checkpoint is not None
    checkpoint = work.checkpoint / "last.txt"
    step, state = 0, _checksum(spec.model_dump_json(), *(_weights(work.models[name]) for name in spec.needs))
    if work.resume and checkpoint.exists():
        first, state = checkpoint.read_text().split()
        step = int(first)
    _log(f"{os.getpid()} {spec.name} {step}")
    _go_wrong(spec.name)
    with stop_requests() as stop:
        while step < STEPS and not stop.made:
            state = _checksum(state, str(step), str(data.inputs(spec.test[0], "phase").sum()))
            step += 1
            time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
            if work.progress is not None:
                work.progress(TrainingProgress(step, STEPS, 0.5))
            if stop.made or step % int(os.environ.get("FAKE_SAVE_EVERY", "1")) == 0:
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                checkpoint.with_suffix(".new").write_text(f"{step} {state}")
                checkpoint.with_suffix(".new").replace(checkpoint)
    if stop.made:
        raise Interrupted("stopped")
    work.model.mkdir()
    (work.model / "card.yaml").write_text("of a fake")
    (work.model / "weights.safetensors").write_text(state)
    labels = isinstance(spec, LabelRun)
    about = (
        spec.task,
        spec.arm,
        spec.name,
        str(spec.budget) if labels else "",
        len(getattr(spec, "outlined", ())),
    )
    values = {"mAP": int(state[:6], 16) / 2**24, "mask_iou": float("nan")} if labels else {"pcc": 0.5}
    return [
        ScoreRow(*about, planned_steps(spec), spec.fold, spec.seed, field, metric, value)
        for field in spec.test
        for metric, value in values.items()
    ]


def _go_wrong(name: str) -> None:
    def concerns(failure: str) -> bool:
        return os.environ.get(f"FAKE_{failure}", "no run") in name

    if concerns("DELAY"):
        time.sleep(0.5)
    if concerns("ERROR"):
        raise InputError("field 'b' is empty; leave it out")
    if concerns("DEFECT"):
        raise ZeroDivisionError("by mistake")
    if concerns("DEATH"):
        os.kill(os.getpid(), signal.SIGKILL)
    if concerns("FULL_DISK"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if concerns("CLOSED_DISK"):
        raise OutputFailed("x could not be written: it is closed; choose another folder")


def _weights(model: Path) -> str:
    return (model / "weights.safetensors").read_text()


def _checksum(*texts: str) -> str:
    return hashlib.sha256("/".join(texts).encode()).hexdigest()


def _log(line: str) -> None:
    if "FAKE_LOG" in os.environ:
        with Path(os.environ["FAKE_LOG"]).open("a") as file:
            file.write(line + "\n")


def data() -> ArrayData:
    """Return four small fields."""
    planes = [np.full((8, 8), i, np.float32) for i in range(len(FIELDS))]
    return ArrayData(dict.fromkeys(("phase", "nuclear", "cells"), planes), FIELDS)


def task(**changed: Any) -> dict[str, Any]:
    """Return a task of ten runs: two stain models, and two budgets from two starts with two seeds."""
    starts = {"nothing": {"kind": "nothing"}, "stain": {"kind": "stain", "stain": "nuclear"}}
    given: dict[str, Any] = {
        "kind": "labels",
        "data": [],
        "target": "cells",
        "inputs": "phase",
        "labels": "cells",
    }
    given |= {"starts": starts, "budgets": [1, 2], "seeds": [0, 1], "test": ["a"]}
    return given | changed


def plan(out: Path, given: dict[str, Any] | None = None, fields: ArrayData | None = None) -> StudyPlan:
    """Plan a study of one task, of these runs."""
    design = StudyDesign.parse({"title": "fakes", "tasks": {"cells": given or task()}})
    return plan_study(design, fields or data(), out, device="cpu")


def study(out: Path, given: dict[str, Any] | None = None, **options: Any) -> StudyResult:
    """Run a study of one task, of these runs."""
    fields = options.pop("fields", None)
    return run_plan(
        plan(out, given, fields), execution=__name__, **{"workers": 1, "report": False, **options}
    )


def main() -> None:
    """Run a study in the folder that was given, and say when its first run has begun."""

    def begun(event: RunEvent) -> None:
        print(event.kind, flush=True)

    study(Path(sys.argv[1]), workers=2, progress=begun)


def contents(out: Path) -> dict[str, str]:
    """Return weights and scores of every run."""
    found = {}
    for record in sorted(out.glob("runs/*/*/run.json")):
        rows = json.loads(record.read_text())["rows"]
        found[record.parent.name] = (
            record.parent / "model" / "weights.safetensors"
        ).read_text() + json.dumps(rows)
    return found
