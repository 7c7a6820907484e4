"""The one training run that all teachers share: Adam, checkpoints, resume, Ctrl-C, progress, a record.

Batches are made from their number, not drawn from a stream, so a run that was cut and resumed takes the same steps
as one that was not. Lightning is imported only here and only when training starts, because that takes seconds.
"""

import logging
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from frugalseg.errors import Interrupted, SettingsError

Device = Literal["auto", "cpu", "cuda", "mps"]
CHECKPOINT = "last.ckpt"

#: Looks at what is held out in a run of `max_steps`.
VALIDATIONS = 20


class TrainerSettings(BaseModel):
    """How to train.

    Attributes
    ----------
    max_steps
        Upper bound of training steps.
    learning_rate, schedule
        Adam's; "constant" until the loss is stable, which ends training; "decay": constant until then and linearly down
        to 0 afterwards; or "budget": down to 0 over the last 40 % of `max_steps`, for losses that are too noisy to tell
        when they are stable. The last two begin with a warm-up.
    seed
        Of everything random.
    device
        "auto" takes CUDA or MPS where there is one.
    resume
        Go on from the checkpoint in the folder, if there is one.
    quiet
        No progress bar.
    checkpoint_every
        Steps between checkpoints.
    validate_every
        Steps between two looks at what is held out, where there is a `judge`.
    patience
        Training ends when so many looks in a row brought no better score.
    label
        What the progress bar says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_steps: int = Field(default=1000, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "decay", "budget"] = "constant"
    seed: int = Field(default=0, ge=0)
    device: Device = "auto"
    resume: bool = False
    quiet: bool = False
    checkpoint_every: int = Field(default=200, ge=1)
    validate_every: int = Field(default=50, ge=1)
    patience: int = Field(default=8, ge=1)
    label: str = "training"


def with_step_budget(
    settings: TrainerSettings, max_steps: int, learning_rate: float, schedule: Literal["constant", "budget"]
) -> TrainerSettings:
    """Settings for a run of so many steps, with `VALIDATIONS` looks at what is held out.

    Examples
    --------
    >>> with_step_budget(TrainerSettings(), 600, 1e-3, "budget").validate_every
    30
    """
    return settings.model_copy(
        update={
            "max_steps": max_steps,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "validate_every": max(10, max_steps // VALIDATIONS),
        }
    )


class StepLoss(NamedTuple):
    """The loss of one step, and its parts for the record."""

    total: Tensor
    terms: dict[str, float]


@dataclass
class TrainingRecord:
    """What happened in training; saved as JSON beside the model.

    Attributes
    ----------
    losses
        One per step.
    terms
        Parts of the loss, one per step.
    seconds
        Time spent training, resumed runs included.
    stopped_because
        "the loss was stable", "the upper bound of steps was reached" or "the held-out score no longer rose".
    device
        What it ran on.
    decay_from
        Step at which the learning rate began to fall; None where it did not.
    looks
        (step, held-out score) of every look at what is held out; step 0 is before training.
    best_step
        Step whose weights were kept; None where nothing is held out, and the last ones were.
    alpha
        Weight of the mask in eq. 2 of paper A, as it was used; None where the loss has none.
    """

    losses: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    stopped_because: str = ""
    device: str = "cpu"
    decay_from: int | None = None
    looks: list[list[float]] = field(default_factory=list)
    best_step: int | None = None
    alpha: float | None = None

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses)

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {"steps": self.steps, **asdict(self)}


class _Movable(Protocol):
    def to(self, device: torch.device) -> Any: ...


BatchT = TypeVar("BatchT", bound=_Movable)
NetworkT = TypeVar("NetworkT", bound=nn.Module)


def pick_device(device: Device) -> torch.device:
    """Device to compute on.

    Raises
    ------
    SettingsError
        CUDA or MPS is asked for and not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if there[name]))
    if not there[device]:
        raise SettingsError(
            f"device '{device}' is not there; use one of {[n for n, ok in there.items() if ok]}"
        )
    return torch.device(device)


def fit(
    network: NetworkT,
    batches: Callable[[int], BatchT],
    loss: Callable[[NetworkT, BatchT], StepLoss],
    settings: TrainerSettings,
    folder: Path | None = None,
    judge: Callable[[NetworkT], float] | None = None,
) -> TrainingRecord:
    """Train a network.

    Parameters
    ----------
    network : nn.Module
        Trained in place; afterwards on the CPU and in evaluation mode.
    batches : callable
        Makes batch number k; must depend on nothing but k.
    loss : callable
        Loss of a network on a batch.
    settings : TrainerSettings
        How to train.
    folder : Path, optional
        For the checkpoint. It stays when training is complete, for whoever saves the model to remove: with `resume` it
        gives the same weights without another step.
    judge : callable, optional
        Score of a network, in evaluation mode, on what is held out; higher is better. It is asked before the first
        step and then every `validate_every` steps; the best weights are kept, those before training included, and training
        ends when the score no longer rises.

    Returns
    -------
    TrainingRecord
        What happened.

    Raises
    ------
    Interrupted
        Ctrl-C; the checkpoint is kept.
    BadModel
        `resume` from a checkpoint that can't be read.
    TrainingFailed
        The loss of a step is no finite number.
    SettingsError
        The device is not there.
    """
    device = pick_device(settings.device)
    with _quiet_lightning():
        from frugalseg.learning.training_run import TrainingRun, resume_from, run_training

        torch.set_flush_denormal(True)
        run = TrainingRun(network, loss, settings, str(device), judge)
        checkpoint = None if folder is None else folder / CHECKPOINT
        loader = DataLoader(_Numbered(batches, run), batch_size=None)
        if settings.resume and checkpoint is not None and checkpoint.exists():
            resume_from(run, checkpoint)
        start = time.monotonic()
        with _interruptible(run):
            if run.finished:
                network.to(device)
                run.look()  # unless that was done before the run ended
            else:
                run_training(run, loader, device, checkpoint)
        run.record.seconds += time.monotonic() - start
        run.restore_best_weights()
    network.to("cpu").eval()
    if run.interrupted:
        where = f"; go on with --resume (kept: {checkpoint})" if checkpoint else ""
        raise Interrupted(f"stopped after {run.record.steps} of at most {settings.max_steps} steps{where}")
    return run.record


class _Numbered(IterableDataset[Any]):
    """Batches from the step at which a run stands."""

    def __init__(self, batches: Callable[[int], Any], run: Any) -> None:
        self.batches, self.run = batches, run

    def __iter__(self) -> Iterator[Any]:
        step = self.run.record.steps
        while True:
            yield self.batches(step)
            step += 1


@contextmanager
def _interruptible(run: Any) -> Iterator[None]:
    """Ctrl-C ends the run after the current step; a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        run.interrupted = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Lightning's hints on workers and loggers are for developers; its errors pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lightning.pytorch  # noqa: F401  (sets its loggers' levels itself when imported)

        loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
