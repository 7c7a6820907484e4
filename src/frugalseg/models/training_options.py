"""What every `fit` takes beside data and settings: where it runs, where its checkpoint is, who is told of progress."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frugalseg.errors import FrugalsegError
from frugalseg.learning.trainer import Device, TrainerSettings

Progress = Callable[[Any], None]
"""Called after every training step."""

OnError = Callable[[int, FrugalsegError], None]
"""Called with the number of an image that can't be used, and why."""

Log = Callable[[str], None]
"""Called with one line on what is about to be learned."""


@dataclass(frozen=True)
class TrainingOptions:
    """How a training run is carried out; nothing here changes its result.

    Attributes
    ----------
    device
        Where to compute: "auto", "cpu", "cuda" or "mps".
    progress
        Called after every step.
    checkpoint
        Folder of the checkpoint; None: there is none.
    resume
        Continue from the checkpoint, if there is one.
    """

    device: Device = "auto"
    progress: Progress | None = None
    checkpoint: Path | None = None
    resume: bool = False

    def trainer(self, seed: int) -> TrainerSettings:
        """Return the trainer's settings."""
        return TrainerSettings(seed=seed, device=self.device, resume=self.resume, quiet=True)
