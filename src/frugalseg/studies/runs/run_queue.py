"""Make runs in several processes: those that others need first, and all that a failed one leaves possible."""

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from frugalseg.errors import Interrupted, OutputFailed, SettingsError
from frugalseg.images.memory import free_memory
from frugalseg.learning.device import Device
from frugalseg.runs.processors import usable_cpus
from frugalseg.studies.runs.run_worker import Job, Message
from frugalseg.studies.runs.worker_process import WorkerProcess, room_on_cards, visible_cards

#: Bytes that a process takes beside the images: libraries, a network, its batches.
MEMORY_OF_WORKER = 1_500_000_000
#: Seconds that a stopped training has for its step and its checkpoint.
PATIENCE = 60.0


@dataclass(frozen=True)
class RunEvent:
    """Something happened to a run.

    Attributes
    ----------
    kind
        What happened.
    name
        Of the run.
    worker
        Number of the process.
    step, max_steps
        Of its training.
    reason
        Why it failed, or was left out.
    """

    kind: Literal["started", "step", "done", "failed", "left out"]
    name: str
    worker: int = 0
    step: int = 0
    max_steps: int = 0
    reason: str = ""


OnEvent = Callable[[RunEvent], None]


@dataclass
class Outcome:
    """What became of the runs.

    Attributes
    ----------
    done
        Names of those that were made.
    failed
        Name -> why it failed, or which run failed that it needs.
    defects
        Tracebacks of errors that no user can cause.
    """

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)


def check_workers(workers: object) -> None:
    """`SettingsError` unless a number of processes is None or at least 1."""
    if workers is not None and not (isinstance(workers, int) and workers >= 1):
        raise SettingsError(f"`workers` is {workers!r}; give 1 or more")


def count_workers(workers: int | None, device: Device, runs: int, image_bytes: int = 0) -> int:
    """Return how many processes to use: as asked, or one for each CPU as far as memory allows, that of GPUs too.

    Several share a GPU, which a network that trains on a few small crops leaves idle most of the time.

    Parameters
    ----------
    workers
        As asked; None: decide.
    device
        Where they compute.
    runs
        Number of runs; more processes have nothing to do.
    image_bytes
        Images that each process holds.

    Examples
    --------
    >>> count_workers(4, "cpu", 3)
    3
    """
    if workers is None:
        workers = usable_cpus()
        if device == "cuda":
            workers = min(max(workers, len(visible_cards())), room_on_cards())
        elif device == "mps":
            workers = 1
        free = free_memory()
        if free is not None:
            workers = min(workers, free // (MEMORY_OF_WORKER + image_bytes))
    return max(1, min(workers, runs))


def make_runs(
    jobs: Sequence[Job], setup: bytes, workers: int, on_event: OnEvent = lambda event: None
) -> Outcome:
    """Make runs in processes of their own.

    Parameters
    ----------
    jobs
        The runs; those that they need stand before them, or are there already.
    setup
        What every process needs, a pickled `frugalseg.studies.runs.run_worker.Setup`.
    workers
        Number of processes.
    on_event
        Is called in this thread.

    Raises
    ------
    Interrupted
        Ctrl-C; runs that are done are kept, and the others go on from their checkpoints the next time.
    OutputFailed
        Nothing can be written any more.
    """
    return _Queue(jobs, setup, workers, on_event).run()


class _Queue:
    """Which runs wait, which process makes which one, and what became of them."""

    def __init__(self, jobs: Sequence[Job], setup: bytes, workers: int, on_event: OnEvent) -> None:
        self.waiting = {job.spec.name: job for job in jobs}
        self.setup, self.limit, self.on_event = setup, workers, on_event
        self.workers: list[WorkerProcess] = []
        self.events: queue.SimpleQueue[tuple[WorkerProcess, Message | None]] = queue.SimpleQueue()
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Make all runs; see `make_runs`."""
        try:
            self._hand_out()
            while self._busy():
                self._take(*self.events.get())
                self._hand_out()
        except KeyboardInterrupt:
            self._stop()
            raise Interrupted(
                f"the study was interrupted; {len(self.outcome.done)} runs were finished and are kept, so run the same command "
                "again to go on"
            ) from None
        finally:
            for worker in self.workers:
                worker.kill()
        return self.outcome

    def _busy(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.job is not None]

    def _hand_out(self) -> None:
        """Keep every process at work, as long as there are runs that can be made."""
        while job := self._next():
            idle = next((worker for worker in self.workers if worker.job is None), None)
            if idle is None and len(self.workers) == self.limit:
                return
            if idle is None:
                number = next(i for i in range(self.limit) if all(i != one.number for one in self.workers))
                idle = WorkerProcess(number, self.setup, job.device, self.events)
                self.workers.append(idle)
            del self.waiting[job.spec.name]
            idle.give(job)
            self.on_event(RunEvent("started", job.spec.name, idle.number))

    def _next(self) -> Job | None:
        """Return the first run whose needs are met."""
        unmet = {*self.waiting, *(worker.job.spec.name for worker in self.workers if worker.job)}
        return next((job for job in self.waiting.values() if not unmet & set(job.spec.needs)), None)

    def _take(self, worker: WorkerProcess, message: Message | None) -> None:
        """Note what a process tells."""
        if worker not in self.workers:  # it ended earlier
            return
        job = worker.job
        if message is not None and message.kind == "step":
            if job is not None:
                about = job.spec.name, worker.number, message.step, message.max_steps
                self.on_event(RunEvent("step", *about))
            return
        worker.job = None
        if message is None or message.kind == "stopped":
            self.workers.remove(worker)
            if job is not None:
                self._failed(job, worker.cause_of_end())
            worker.kill()
        elif job is not None and message.kind == "done":
            self.outcome.done.append(job.spec.name)
            self.on_event(RunEvent("done", job.spec.name, worker.number))
        elif message.kind == "not written":
            raise OutputFailed(f"{message.text}; then run the same command again to go on with the study")
        elif job is not None:
            if message.kind == "defect":
                self.outcome.defects.append(message.text)
            self._failed(job, message.text.strip().splitlines()[-1])

    def _failed(self, job: Job, reason: str) -> None:
        """Note that a run failed, and leave out those that need it."""
        self.outcome.failed[job.spec.name] = reason
        self.on_event(RunEvent("failed", job.spec.name, reason=reason))
        for later in list(self.waiting.values()):
            first = next((name for name in later.spec.needs if name in self.outcome.failed), None)
            if first is not None:
                del self.waiting[later.spec.name]
                self.outcome.failed[later.spec.name] = f"it needs run '{first}', which failed"
                self.on_event(
                    RunEvent("left out", later.spec.name, reason=self.outcome.failed[later.spec.name])
                )

    def _stop(self) -> None:
        """Let every training write its checkpoint; another Ctrl-C ends them at once."""
        try:
            for worker in self.workers:
                worker.ask_to_stop()
            for worker in self._busy():
                worker.wait(PATIENCE)
        except KeyboardInterrupt:
            pass
