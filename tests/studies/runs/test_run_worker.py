"""One run and its folder; a training that was cut short goes on to the very same result."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from frugalseg.errors import InputError, Interrupted, OutputFailed, UnreadableFile
from frugalseg.learning.training_record import TrainingProgress
from frugalseg.models.load import load_model
from frugalseg.networks.store import WEIGHTS
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.run_specs import RunSpec
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs.run_execution import MAKERS, execute, prepare
from frugalseg.studies.runs.run_folder import read_record
from frugalseg.studies.runs.run_worker import Job, Message, make_run
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow

from ..conftest import design_of

SMALL = {"encoder": "small", "crop": 32, "batch": 2, "scale": 0.5}


@pytest.fixture
def specs(labels_task: dict[str, Any], cells_data: ArrayData) -> dict[str, RunSpec]:
    """A run of each kind that trains a network for a few steps: "stain", "student", "labels"."""
    student: dict[str, Any] = {"kind": "student", "nuclei": "nuclear"}
    student["student_settings"] = {"encoder": "small", "rounds": 2, "max_steps": 4, "diameter": 22.0}
    stain = {"kind": "stain", "stain": "nuclear", "steps": 4, "stain_settings": SMALL}
    labels_task |= {"starts": {"student": student, "stain": stain}, "steps": [4]}
    return {spec.kind: spec for spec in plan_runs(design_of(cells=labels_task), {"cells": cells_data})}


def job_of(spec: RunSpec, folder: Path, models: dict[str, Path] | None = None) -> Job:
    return Job(spec, folder / "run", "a fingerprint", models or {}, folder, "cpu", folder / "kept" / "abc")


def no_message(message: Message) -> None:
    """Nobody listens."""


def test_there_is_a_maker_for_every_kind_of_run(specs: dict[str, RunSpec]) -> None:
    assert set(MAKERS) == {"stain", "student", "labels", "markers"}
    for spec in specs.values():
        prepare(spec)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stain", "student", "labels"])
def test_a_run_that_was_stopped_twice_goes_on_to_the_very_same_result(
    tmp_path: Path, specs: dict[str, RunSpec], cells_data: ArrayData, kind: str
) -> None:
    torch.set_num_threads(1)
    spec, models = specs[kind], {}
    if spec.needs:
        make_run(job_of(specs["stain"], tmp_path / "start"), cells_data, execute, no_message)
        models = {spec.needs[0]: tmp_path / "start" / "run" / "model"}
    make_run(job_of(spec, tmp_path / "whole", models), cells_data, execute, no_message)
    steps: list[int] = []

    def stopped(spec: RunSpec, data: ArrayData, work: Work) -> list[ScoreRow]:
        taken = 0

        def progress(state: TrainingProgress) -> None:
            nonlocal taken
            taken += 1
            steps.append(state.step)
            if taken == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        return execute(spec, data, replace(work, progress=progress))

    job = job_of(spec, tmp_path / "stopped", models)
    for _ in range(2):
        with pytest.raises(Interrupted):
            make_run(job, cells_data, stopped, no_message)
        assert not job.folder.exists()
        assert job.checkpoint.is_dir()
    make_run(job, cells_data, execute, no_message)
    assert steps == [1, 2, 3, 4]
    record, whole = (read_record(tmp_path / name / "run") for name in ("stopped", "whole"))
    assert record is not None
    assert whole is not None
    assert record.rows == whole.rows
    assert record.has_model
    weights = [(tmp_path / name / "run" / "model" / WEIGHTS).read_bytes() for name in ("stopped", "whole")]
    assert weights[0] == weights[1]
    load_model(job.folder / "model")
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == ["run"]


def test_a_record_says_what_was_made_and_how_long_it_took(
    tmp_path: Path, specs: dict[str, RunSpec], cells_data: ArrayData
) -> None:
    told: list[Message] = []

    def fake(spec: RunSpec, data: ArrayData, work: Work) -> list[ScoreRow]:
        for step in range(1, 5):
            assert work.progress is not None
            work.progress(TrainingProgress(step, 4, 0.5))
        return [ScoreRow("cells", "a", spec.name, "", 0, 4, "c", 0, "c", "pcc", float("nan"))]

    make_run(job_of(specs["stain"], tmp_path), cells_data, fake, told.append)
    record = read_record(tmp_path / "run")
    assert record is not None
    assert (record.fingerprint, record.steps, record.threads, record.has_model) == (
        "a fingerprint",
        3,
        1,
        False,
    )
    assert record.spec == specs["stain"].model_dump(mode="json")
    assert np.isnan(record.rows[0].value)
    assert record.rows[0].run == specs["stain"].name
    assert told[0] == Message("step", step=1, max_steps=4)


def test_a_checkpoint_that_is_damaged_is_forgotten(
    tmp_path: Path, specs: dict[str, RunSpec], cells_data: ArrayData
) -> None:
    job = job_of(specs["stain"], tmp_path)
    job.checkpoint.mkdir(parents=True)
    (job.checkpoint / "last.ckpt").write_bytes(b"no checkpoint")
    make_run(job, cells_data, execute, no_message)
    assert read_record(job.folder) is not None
    assert not job.checkpoint.exists()


def test_images_that_change_meanwhile_give_no_result(
    tmp_path: Path, specs: dict[str, RunSpec], cells_data: ArrayData
) -> None:
    data = ArrayData(
        {**cells_data.channels, "phase": [one.copy() for one in cells_data.channels["phase"]]},
        cells_data.names,
    )  # type: ignore[union-attr]

    def changing(spec: RunSpec, data: ArrayData, work: Work) -> list[ScoreRow]:
        data.channels["phase"][0][:] = 7  # type: ignore[index]
        return []

    with pytest.raises(UnreadableFile, match="an image was changed while the run went on"):
        make_run(job_of(specs["stain"], tmp_path), data, changing, no_message)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_leaves_the_earlier_one_as_it_was(
    tmp_path: Path, specs: dict[str, RunSpec], cells_data: ArrayData
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("earlier")

    def failing(spec: RunSpec, data: ArrayData, work: Work) -> list[ScoreRow]:
        (work.folder / "half").write_text("half")
        raise InputError("no")

    with pytest.raises(InputError):
        make_run(job_of(specs["stain"], tmp_path), cells_data, failing, no_message)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "run.json"]

    def done(spec: RunSpec, data: ArrayData, work: Work) -> list[ScoreRow]:
        return []

    make_run(job_of(specs["stain"], tmp_path), cells_data, done, no_message)
    assert (tmp_path / "run" / "run.json").read_text() != "earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_disk_that_takes_nothing_is_one_sentence(
    tmp_path: Path, specs: dict[str, RunSpec], cells_data: ArrayData
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OutputFailed, match=r"^.*/file/run could not be written: Not a directory; free some space or "
    ):
        make_run(job_of(specs["stain"], tmp_path / "file"), cells_data, execute, no_message)
