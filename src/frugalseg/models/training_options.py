"""What every `fit` takes beside data and settings: where it runs, where its checkpoint is, who is told of progress."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from frugalseg.errors import FrugalsegError
from frugalseg.learning.device import Device
from frugalseg.learning.training_record import OnProgress

Progress = OnProgress
"""Called after every training step."""

OnError = Callable[[int, FrugalsegError], None]
"""Called with the number of an image that can't be used, and why."""

Log = Callable[[str], None]
"""Called with one line on what is about to be learned."""


class TrainingKeywords(TypedDict):
    """Keywords that all functions of `frugalseg.learning` take, see `frugalseg.learning.trainer.train`."""

    seed: int
    device: Device
    checkpoint: Path | None
    resume: bool
    progress: OnProgress | None


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

    def keywords(self, seed: int) -> TrainingKeywords:
        """Return the keywords of a training run."""
        return TrainingKeywords(
            seed=seed,
            device=self.device,
            checkpoint=self.checkpoint,
            resume=self.resume,
            progress=self.progress,
        )
