"""A process that makes runs of a study, one after the other, each in one thread.

It is a process of its own, not a fork: it reads pickled jobs of the study that started it from standard input, and writes
what becomes of them to standard output. When that study ends, in whatever way, so does the process.
"""

import errno
import os
import pickle
import queue
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Literal

from frugalseg.errors import BadModel, FrugalsegError, Interrupted, OutputFailed, UnreadableFile
from frugalseg.images.memory import memory_errors
from frugalseg.images.write import write_json
from frugalseg.learning.device import Device
from frugalseg.learning.training_record import TrainingProgress
from frugalseg.runs.versions import versions
from frugalseg.studies.plan.run_specs import RunSpec
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.runs.run_folder import (
    RUN,
    RunRecord,
    channels_read,
    fields_read,
    new_run_folder,
    remove_checkpoint,
)
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow

#: Module whose `execute` makes a run, and whose `prepare` imports what that needs.
EXECUTION = "frugalseg.studies.runs.run_execution"
THREADS = 1
#: Seconds between two messages on the steps of a training.
OFTEN = 0.2

Execute = Callable[[RunSpec, StudyData, Work], list[ScoreRow]]


@dataclass(frozen=True)
class Setup:
    """What a process needs for all its jobs: the fields of each task, and the module that makes runs."""

    data: Mapping[str, StudyData]
    execution: str = EXECUTION


@dataclass(frozen=True)
class Job:
    """One run to make.

    Attributes
    ----------
    folder
        That it becomes.
    fingerprint
        For its record.
    models
        Name of each run that it needs -> model folder.
    data_root
        Folder that models of the design are relative to.
    checkpoint
        Folder in which training is saved now and then; where something is kept there, the run goes on from it.
    """

    spec: RunSpec
    folder: Path
    fingerprint: str
    models: Mapping[str, Path]
    data_root: Path
    device: Device
    checkpoint: Path


@dataclass(frozen=True)
class Message:
    """What becomes of a job: a step of a training, or its end. A defect comes with the traceback as `text`."""

    kind: Literal["step", "done", "failed", "not written", "stopped", "defect"]
    text: str = ""
    step: int = 0
    max_steps: int = 0


class _StepClock:
    """Counts training steps, and how long one takes."""

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self.tell, self.steps, self.seconds = tell, 0, 0.0
        self._last: tuple[int, float] | None = None
        self._told = 0.0

    def __call__(self, progress: TrainingProgress) -> None:
        now = time.perf_counter()
        if self._last is not None and progress.step == self._last[0] + 1:
            self.steps, self.seconds = self.steps + 1, self.seconds + now - self._last[1]
        self._last = progress.step, now
        if now - self._told > OFTEN:
            self._told = now
            self.tell(Message("step", step=progress.step, max_steps=progress.max_steps))

    @property
    def step_seconds(self) -> float:
        """Mean time of a step, 0 where none was timed."""
        return self.seconds / self.steps if self.steps else 0.0


def make_run(job: Job, data: StudyData, execute: Execute, tell: Callable[[Message], None]) -> None:
    """Make a run and its folder, whole or not at all.

    Parameters
    ----------
    job
        The run.
    data
        Fields of its task.
    execute
        Makes it; as `frugalseg.studies.runs.run_execution.execute`.
    tell
        Is called with messages on its training.

    Raises
    ------
    FrugalsegError
        The run can't be made; `Interrupted` where it was stopped, and goes on from its checkpoint the next time.
    """
    start, steps = time.perf_counter(), _StepClock(tell)
    about = fields_read(job.spec), channels_read(job.spec)
    before = data.state(*about)
    with new_run_folder(job.folder) as hidden, memory_errors(f"run '{job.spec.name}'"):
        work = Work(hidden, job.models, job.data_root, job.device, job.checkpoint, True, steps)
        rows = _executed(job.spec, data, work, execute)
        if data.state(*about) != before:
            raise UnreadableFile(
                f"run '{job.spec.name}': an image was changed while the run went on, so no result is written; run again once "
                "nothing writes to it any more"
            )
        record = RunRecord(
            fingerprint=job.fingerprint,
            spec=job.spec.model_dump(mode="json"),
            rows=tuple(rows),
            seconds=round(time.perf_counter() - start, 3),
            steps=steps.steps,
            step_seconds=steps.step_seconds,
            device=job.device,
            threads=THREADS,
            has_model=work.model.is_dir(),
            versions=versions(),
        )
        write_json(hidden / RUN, record)
    remove_checkpoint(job.checkpoint)


def _executed(spec: RunSpec, data: StudyData, work: Work, execute: Execute) -> list[ScoreRow]:
    """Execute a run; where its checkpoint can't be used, from the beginning."""
    assert work.checkpoint is not None
    resumes = work.checkpoint.is_dir()
    try:
        return execute(spec, data, work)
    except BadModel:
        if not resumes:
            raise
    shutil.rmtree(work.checkpoint, ignore_errors=True)
    return execute(spec, data, work)


def main() -> None:
    """Make jobs until the study that sends them ends."""
    told = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no message
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    setup: Setup = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()

    def tell(message: Message) -> None:
        pickle.dump(message, told)
        told.flush()

    while True:
        job = jobs.get()
        end = _outcome(job, setup, tell)
        tell(end)
        if end.kind == "stopped":
            os._exit(0)


def _listen(stream: IO[bytes], jobs: "queue.SimpleQueue[Job]") -> None:
    """Take jobs; end the process, in the midst of whatever it does, once nobody waits for it any more."""
    while True:
        try:
            jobs.put(pickle.load(stream))
        except BaseException:
            os._exit(0)


def _outcome(job: Job, setup: Setup, tell: Callable[[Message], None]) -> Message:
    try:
        module = import_module(setup.execution)
        module.prepare(job.spec)
        _use_one_thread()
        make_run(job, setup.data[job.spec.task], module.execute, tell)
    except (Interrupted, KeyboardInterrupt) as error:
        return Message("stopped", str(error))
    except OutputFailed as error:
        return Message("not written", str(error))
    except FrugalsegError as error:
        return Message("failed", str(error))
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            full = f"{job.folder} could not be written: the disk is full; free some space or choose another folder"
            return Message("not written", full)
        return Message("defect", traceback.format_exc())
    return Message("done")


def _use_one_thread() -> None:
    """Let libraries that are loaded already use one thread: a result must not depend on the number of processes."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(THREADS)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(THREADS)
