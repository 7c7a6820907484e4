"""The training run as Lightning sees it. Importing this module imports Lightning."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from frugalseg.errors import BadModel, TrainingFailed
from frugalseg.learning.schedule import DECAY, WARM_UP, is_stable
from frugalseg.learning.trainer import StepLoss, TrainerSettings, TrainingRecord

#: The bar shows the mean loss of so many steps.
SHOWN = 50


class TrainingRun(LightningModule):
    """Adam on one network and one loss, with a record that checkpoints carry along."""

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[Any, Any], StepLoss],
        settings: TrainerSettings,
        device_name: str,
        judge: Callable[[Any], float] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.settings, self.judge = network, loss, settings, judge
        self.best: dict[str, Tensor] = {}
        self.record = TrainingRecord(device=device_name)
        self.interrupted = self.finished = False

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Batches know how to move themselves."""
        return batch.to(device)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as both papers."""
        return torch.optim.Adam(self.network.parameters(), lr=self.settings.learning_rate)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One step; the learning rate is set first."""
        rate = self.settings.learning_rate * self.rate_factor()
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        total, terms = self.loss(self.network, batch)
        value = float(total.detach())
        if not math.isfinite(value):
            raise TrainingFailed(
                f"the loss is {value} at step {self.record.steps + 1}, so nothing more can be learned; start again "
                "with a lower learning rate, or look for extreme pixels in the images (frugalseg inspect)"
            )
        self.record.losses.append(value)
        for name, value in terms.items():
            self.record.terms.setdefault(name, []).append(value)
        return total

    def look(self) -> None:
        """Score the network on what is held out, and keep its weights where it was never better."""
        if self.judge is None or (self.record.looks and self.record.looks[-1][0] == self.record.steps):
            return
        self.network.eval()
        with torch.no_grad():
            score = float(self.judge(self.network))
        self.network.train()
        if all(score > earlier for _, earlier in self.record.looks):
            self.record.best_step = self.record.steps
            self.best = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.record.looks.append([self.record.steps, score])

    def restore_best_weights(self) -> None:
        """Give the network the best weights back; without a judge it keeps the last ones."""
        if self.best:
            self.network.load_state_dict(self.best)

    @property
    def no_longer_rises(self) -> bool:
        """Whether the last `patience` looks brought no better score."""
        looks, best = self.record.looks, self.record.best_step
        return best is not None and sum(step > best for step, _ in looks) >= self.settings.patience

    def rate_factor(self) -> float:
        """Share of the learning rate at the current step: warm-up, constant, then linearly down; or constant."""
        if self.settings.schedule == "constant":
            return 1.0
        step = self.record.steps
        factor = min(1.0, (step + 1) / WARM_UP)
        if self.record.decay_from is not None:
            factor *= max(0.0, 1.0 - (step - self.record.decay_from) / self.decay_steps)
        return factor

    @property
    def decay_steps(self) -> int:
        """How many steps the learning rate takes to 0."""
        return max(1, int(DECAY * self.settings.max_steps))

    def check_end(self) -> bool:
        """After a step: begin the decay, or say why to stop, so that a checkpoint tells that the run is over."""
        self.finished = self._at_end()
        return self.finished

    def _at_end(self) -> bool:
        record, settings = self.record, self.settings
        if self.judge is not None and record.steps % settings.validate_every == 0:
            self.look()
            if self.no_longer_rises:
                record.stopped_because = "the held-out score no longer rose"
                return True
        if settings.schedule != "constant":
            last_start = settings.max_steps - self.decay_steps
            stable = settings.schedule == "decay" and is_stable(record.losses, settings.max_steps)
            if record.decay_from is None and (stable or record.steps >= last_start):
                record.decay_from = record.steps
                record.stopped_because = (
                    "the loss was stable" if stable else "the upper bound of steps was reached"
                )
            decayed = record.decay_from is not None and record.steps >= record.decay_from + self.decay_steps
            return decayed or record.steps >= settings.max_steps
        if is_stable(record.losses, settings.max_steps):
            record.stopped_because = "the loss was stable"
            return True
        if record.steps >= settings.max_steps:
            record.stopped_because = "the upper bound of steps was reached"
            return True
        return False

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the record along, as plain values."""
        checkpoint["record"] = self.record.to_dict()
        checkpoint["best"] = self.best
        checkpoint["finished"] = self.finished

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the record up again."""
        kept = {key: value for key, value in checkpoint["record"].items() if key != "steps"}
        kept["device"] = self.record.device
        self.record = TrainingRecord(**kept)
        self.best = checkpoint["best"]
        self.finished = checkpoint.get("finished", False)


class _Steps(Callback):
    """Progress, checkpoints, and the end, after every step."""

    def __init__(self, checkpoint: Path | None, progress: Progress | None) -> None:
        self.checkpoint, self.progress = checkpoint, progress
        self.bar: Any = None

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        if module.record.steps == 0:  # a resumed run looks when the uncut one would
            module.look()

    def on_train_end(self, trainer: Trainer, module: Any) -> None:
        if module.interrupted:
            return
        module.look()
        if self.checkpoint is not None:
            save_checkpoint(trainer, self.checkpoint)

    def on_train_batch_end(self, trainer: Trainer, module: Any, *_rest: Any) -> None:
        record, settings = module.record, module.settings
        if self.progress is not None:
            if self.bar is None:
                self.bar = self.progress.add_task(settings.label, total=settings.max_steps, loss="")
            recent = record.losses[-SHOWN:]
            self.progress.update(
                self.bar, completed=record.steps, loss=f"loss {sum(recent) / len(recent):.3f}"
            )
        if module.check_end() or module.interrupted:
            trainer.should_stop = True
        due = record.steps % settings.checkpoint_every == 0
        if self.checkpoint is not None and (due or module.interrupted):
            save_checkpoint(trainer, self.checkpoint)


def save_checkpoint(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    trainer.save_checkpoint(part)
    part.replace(path)


def resume_from(run: TrainingRun, checkpoint: Path) -> None:
    """Take a finished run up again; of another one only see that `run_training` can.

    Raises
    ------
    BadModel
        The checkpoint is damaged, brings code along, or is of another network.
    """
    again = "start again with --overwrite"
    try:
        held = torch.load(checkpoint, map_location="cpu", weights_only=True)
        shapes = {name: value.shape for name, value in held["state_dict"].items()}
        TrainingRecord(**{key: value for key, value in held["record"].items() if key != "steps"})
    except Exception as error:  # a damaged file makes torch raise one of half a dozen kinds
        reason = "it is damaged, or holds more than tensors and plain values"
        raise BadModel(f"{checkpoint} can't be resumed: {reason}; {again}") from error
    if shapes != {name: value.shape for name, value in run.state_dict().items()}:
        raise BadModel(f"{checkpoint} can't be resumed: it is of another network; {again}")
    if held.get("finished", False):
        run.load_state_dict(held["state_dict"])
        run.on_load_checkpoint(held)


def run_training(run: TrainingRun, loader: Any, device: torch.device, checkpoint: Path | None) -> None:
    """Train until `check_end`, from the checkpoint where there is one to resume."""
    progress = None
    if not run.settings.quiet:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        progress = Progress(
            *columns,
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
    trainer = Trainer(
        accelerator={"cuda": "gpu"}.get(device.type, device.type),
        devices=1,
        max_steps=-1,
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[_Steps(checkpoint, progress)],
    )
    resumable = run.settings.resume and checkpoint is not None and checkpoint.exists()
    run.network.train()
    # weights_only: a checkpoint holds tensors and plain values, and loading it never runs code from it.
    start = {"ckpt_path": checkpoint, "weights_only": True} if resumable else {}
    if progress is None:
        trainer.fit(run, loader, **start)
    else:
        with progress:
            trainer.fit(run, loader, **start)
