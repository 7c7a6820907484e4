"""The one training loop of every model: Adam, checkpoints, resuming, validation, early stopping, a record.

Batches are made from their number, not drawn from a stream, so that an interrupted and resumed run takes the same steps
as an uninterrupted one.
"""

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from frugalseg.errors import BadModel, Interrupted, SettingsError, TrainingFailed
from frugalseg.learning.checkpoint import AGAIN, CHECKPOINT, Checkpoint
from frugalseg.learning.device import Device, pick_device, without_denormals
from frugalseg.learning.interrupts import stop_requests
from frugalseg.learning.snapshots import Snapshots, as_numbers
from frugalseg.learning.trainer_settings import RECENT, TrainerSettings, is_stable
from frugalseg.learning.training_record import OnProgress, TrainingProgress, TrainingRecord


class StepLoss(NamedTuple):
    """Loss of one step, and its terms for the record."""

    total: Tensor
    terms: dict[str, float]


class _Movable(Protocol):
    def to(self, device: torch.device) -> Any: ...


BatchT = TypeVar("BatchT", bound=_Movable)
NetworkT = TypeVar("NetworkT", bound=nn.Module)


def train(
    network: NetworkT,
    batches: Callable[[int], BatchT],
    loss: Callable[[NetworkT, BatchT], StepLoss],
    settings: TrainerSettings,
    *,
    device: Device = "auto",
    checkpoint: Path | None = None,
    resume: bool = False,
    validate: Callable[[NetworkT], float] | None = None,
    progress: OnProgress | None = None,
    snapshots: Snapshots[tuple[NetworkT, TrainingRecord]] | None = None,
    alpha: float | None = None,
    of: str = "",
) -> TrainingRecord:
    """Train a network in place.

    Parameters
    ----------
    network : nn.Module
        Afterwards on the CPU, in evaluation mode, with the best weights (with `validate`) or the last ones.
    batches : callable
        Makes batch number k; must depend on nothing but k.
    loss : callable
        Loss of a network on a batch.
    settings : TrainerSettings
        Steps, learning rate, when to validate and to stop.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    checkpoint : Path, optional
        Folder of the checkpoint ``last.ckpt``. It stays when training is complete, and may be deleted once the model is
        saved: with `resume` it gives the same weights without another step.
    resume : bool
        Continue from the checkpoint, where there is one.
    validate : callable, optional
        Score of a network, in evaluation mode, on the validation set; higher is better. Called before the first step, at
        regular intervals and after the last step.
    progress : callable, optional
        Called after every step.
    snapshots : Snapshots, optional
        Called at some steps with copies of the network and the record; what it returns is kept in the record.
    alpha : float, optional
        For the record.
    of : str
        Fingerprint of what is learned; a checkpoint with another one is not continued.

    Returns
    -------
    TrainingRecord
        Losses, validation history, time, and why training ended.

    Raises
    ------
    Interrupted
        If Ctrl-C or SIGTERM ended the run after a step; the checkpoint is kept.
    BadModel
        If the checkpoint to resume from can't be used, or is of another training.
    TrainingFailed
        If the loss of a step is no finite number.
    SettingsError
        If the device is not available, or inside `torch.inference_mode`.
    OutputFailed
        If the checkpoint can't be written.

    Examples
    --------
    >>> network = nn.Linear(1, 1)
    >>> batches = lambda step: torch.full((4, 1), float(step % 3))
    >>> loss = lambda network, batch: StepLoss((network(batch) - batch).square().mean(), {})
    >>> record = train(network, batches, loss, TrainerSettings(max_steps=5), device="cpu")
    >>> record.steps, record.stopped_because
    (5, 'the upper bound of steps was reached')
    """
    if torch.is_inference_mode_enabled():
        raise SettingsError("nothing can be learned inside `torch.inference_mode`; train outside of it")
    run = _Run(network, loss, settings, pick_device(device), validate, of)
    file = None if checkpoint is None else checkpoint / CHECKPOINT
    if file is not None:
        Checkpoint.begin_folder(file)
    if resume and file is not None and file.exists():
        run.restore(file)
    run.record.alpha = alpha
    with stop_requests() as stop, without_denormals():
        run.begin()
        run.take_snapshot(snapshots, file)
        while not (run.finished or stop.made):
            run.step(batches(run.record.steps))
            if progress is not None:
                progress(TrainingProgress(run.record.steps, settings.max_steps, run.recent_loss))
            run.check_end()
            run.take_snapshot(snapshots, file)
            if file is not None and run.record.steps % settings.checkpoint_every == 0:
                run.save(file)
        if not stop.made:
            run.validate()
        if file is not None:
            run.save(file)
    run.end()
    if stop.made:
        kept = f"; give `resume` to continue (kept: {file})" if file else ""
        raise Interrupted(f"stopped after {run.record.steps} of at most {settings.max_steps} steps{kept}")
    return run.record


class _Run(Generic[NetworkT, BatchT]):
    """A training run between two steps: network, optimizer, record, best weights."""

    def __init__(
        self,
        network: NetworkT,
        loss: Callable[[NetworkT, BatchT], StepLoss],
        settings: TrainerSettings,
        device: torch.device,
        score: Callable[[NetworkT], float] | None,
        of: str,
    ) -> None:
        self.network, self.loss, self.settings, self.device = network.to(device), loss, settings, device
        self.score, self.of = score, of
        self.optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        self.record = TrainingRecord(device=str(device))
        self.best: dict[str, Tensor] = {}
        self.finished = False
        self.clock = time.monotonic()

    def restore(self, file: Path) -> None:
        """Continue from a checkpoint; `BadModel` where it is of another network or training."""
        saved = Checkpoint.load(file)
        if saved.of != self.of:
            raise BadModel(
                f"{file} can't be resumed: it is of a training with other images, settings, seed or start; {AGAIN}, or give the "
                "folder of this training"
            )
        try:
            self.network.load_state_dict(saved.network)
            self.optimizer.load_state_dict(saved.optimizer)
        except (RuntimeError, ValueError, KeyError) as error:
            raise BadModel(f"{file} can't be resumed: it is of another network; {AGAIN}") from error
        saved.record.device = self.record.device
        self.record, self.best, self.finished = saved.record, saved.best, saved.finished

    def save(self, file: Path) -> None:
        """Write a checkpoint."""
        self.count_time()
        states = self.network.state_dict(), self.optimizer.state_dict()
        Checkpoint(*states, self.record, self.best, self.finished, self.of).save(file)

    def begin(self) -> None:
        """Validate an untrained network; a resumed run validates when an uninterrupted one would."""
        self.network.train()
        if self.record.steps == 0:
            self.validate()

    def step(self, batch: BatchT) -> None:
        """Take one step of Adam."""
        record = self.record
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(record.steps, record.decay_from)
        with torch.enable_grad():
            total, terms = self.loss(self.network, batch.to(self.device))
            value = float(total.detach())
            if not math.isfinite(value):
                raise TrainingFailed(
                    f"the loss is {value} at step {record.steps + 1}, so training can't continue; look for extreme pixels "
                    "in the images, or train with a lower learning rate"
                )
            self.optimizer.zero_grad()
            torch.autograd.backward(total)
        self.optimizer.step()
        for name in {**record.terms, **terms}:  # a term that a batch lacks, such as that of nuclei, is 0
            record.terms.setdefault(name, [0.0] * record.steps).append(terms.get(name, 0.0))
        record.losses.append(value)

    def validate(self) -> None:
        """Score the network on the validation set, once per step, and keep its weights where they are the best."""
        record = self.record
        if self.score is None or (record.history and record.history[-1][0] == record.steps):
            return
        self.network.eval()
        with torch.no_grad():
            score = float(self.score(self.network))
        self.network.train()
        if all(score > earlier for _, earlier in record.history):
            record.best_step = record.steps
            self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        record.history.append((record.steps, score))

    def check_end(self) -> None:
        """Validate where it is time to, begin the decay, and finish the run with the reason why."""
        record, settings = self.record, self.settings
        if self.score is not None and record.steps % settings.validation_interval == 0:
            self.validate()
            if self.out_of_patience:
                record.stopped_because = "the validation score no longer rose"
                self.finished = True
                return
        if settings.enough is not None and record.steps >= RECENT and self.recent_loss <= settings.enough:
            record.stopped_because = "the loss was low enough"
            self.finished = True
            return
        stable = settings.schedule != "budget" and is_stable(record.losses, settings.max_steps)
        reason = "the loss was stable" if stable else "the upper bound of steps was reached"
        if settings.schedule == "constant":
            self.finished = stable or record.steps >= settings.max_steps
            if self.finished:
                record.stopped_because = reason
            return
        last_start = settings.max_steps - settings.decay_steps
        if record.decay_from is None and (stable or record.steps >= last_start):
            record.decay_from, record.stopped_because = record.steps, reason
        decayed = record.decay_from is not None and record.steps >= record.decay_from + settings.decay_steps
        self.finished = decayed or record.steps >= settings.max_steps

    def take_snapshot(
        self, snapshots: Snapshots[tuple[NetworkT, TrainingRecord]] | None, file: Path | None
    ) -> None:
        """Take the snapshot of this step, once, and keep what it returns; its time is no time of training."""
        step, record = self.record.steps, self.record
        if (
            snapshots is None
            or step not in snapshots.steps
            or any(step == one for one, _ in record.snapshots)
        ):
            return
        self.count_time()
        values = snapshots.take(step, (copy.deepcopy(self.network).eval(), copy.deepcopy(record)))
        record.snapshots.append((step, as_numbers(values)))
        self.clock = time.monotonic()
        if file is not None:  # a killed run would come back to this step
            self.save(file)

    @property
    def recent_loss(self) -> float:
        """Mean loss of the last steps."""
        recent = self.record.losses[-RECENT:]
        return sum(recent) / len(recent)

    @property
    def out_of_patience(self) -> bool:
        """Whether the last `patience` validation steps brought no better score."""
        best = self.record.best_step
        later = sum(best is not None and step > best for step, _ in self.record.history)
        return later >= self.settings.patience

    def end(self) -> None:
        """Restore the best weights, or keep the last ones; leave the network on the CPU, in evaluation mode."""
        self.count_time()
        if self.best:
            self.network.load_state_dict(self.best)
        self.network.to("cpu").eval()

    def count_time(self) -> None:
        """Add the time since this was last called to the record."""
        now = time.monotonic()
        self.record.seconds += now - self.clock
        self.clock = now
