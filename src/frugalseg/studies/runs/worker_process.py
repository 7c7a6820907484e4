"""A worker as the study sees it: its process, what it is doing, and how it is ended."""

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from frugalseg.learning.device import Device
from frugalseg.studies.runs.run_worker import THREADS, Job, Message

#: Variables that say how many threads a library takes; they count only before it is imported.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_START = "from frugalseg.studies.runs.run_worker import main; main()"
_GPUS = "CUDA_VISIBLE_DEVICES"
#: Bytes of a GPU that a process may take. Fourteen processes of laptop and paper B designs took 39 GB together.
MEMORY_ON_CARD = 10_000_000_000

Events: TypeAlias = "queue.SimpleQueue[tuple[WorkerProcess, Message | None]]"


class WorkerProcess:
    """One process that makes runs; its messages arrive in a queue, None once it has ended.

    Parameters
    ----------
    number
        Counted from 0; decides which GPU it uses.
    setup
        A pickled `frugalseg.studies.runs.run_worker.Setup`.
    device
        Where it computes.
    events
        Receives this process and what it tells.
    """

    def __init__(self, number: int, setup: bytes, device: Device, events: Events) -> None:
        self.number = number
        self.job: Job | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process runs
        # A session of its own, so that Ctrl-C reaches the study alone, which then ends its workers one by one.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=worker_environment(number, device),
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(events,), daemon=True).start()
        self._send(setup)

    def give(self, job: Job) -> None:
        """Let the process make a run."""
        self.job = job
        self._send(pickle.dumps(job))

    def ask_to_stop(self) -> None:
        """Let a training end after its step, with a checkpoint; anything else ends at once."""
        if self.job is None:
            self.kill()
        else:
            self.process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait until the process has ended; after so many seconds it is ended."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once, and close what belongs to it."""
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        self._errors.close()

    def cause_of_end(self) -> str:
        """Return in a few words why the process ended by itself."""
        code = self.process.wait()
        if code == -signal.SIGKILL:
            return "its process was killed, most likely because memory ran out; use fewer `workers`"
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"its process ended with code {code}" + (f": {lines[-1]}" if lines else "")

    def _send(self, content: bytes) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # that it has ended is told by its messages
            self.process.stdin.write(content)
            self.process.stdin.flush()

    def _listen(self, events: Events) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            while True:
                try:
                    message: Message = pickle.load(stream)
                except Exception:  # it has ended, perhaps in the midst of a message
                    break
                events.put((self, message))
        events.put((self, None))


def worker_environment(number: int, device: Device) -> dict[str, str]:
    """Return the environment of a worker: one thread, its own GPU, and the same modules as here.

    Examples
    --------
    >>> worker_environment(0, "cpu")["OMP_NUM_THREADS"]
    '1'
    """
    changed = dict.fromkeys(_THREAD_VARIABLES, str(THREADS))
    changed["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    if device == "cuda":
        cards = visible_cards()
        changed[_GPUS] = cards[number % len(cards)]
    return {**os.environ, **changed}


def visible_cards() -> list[str]:
    """Return the CUDA GPUs that may be used, as ``CUDA_VISIBLE_DEVICES`` names them."""
    given = [card.strip() for card in os.environ.get(_GPUS, "").split(",") if card.strip()]
    if given:
        return given
    import torch

    return [str(i) for i in range(torch.cuda.device_count())]


def room_on_cards() -> int:
    """Return how many processes the memory of the GPUs has room for, at least one on each; they are shared out evenly."""
    import torch

    count = len(visible_cards())
    memory = [torch.cuda.get_device_properties(i).total_memory for i in range(count)]
    return count * max(1, min(memory, default=0) // MEMORY_ON_CARD)
