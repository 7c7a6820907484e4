"""What every `fit` takes beside data and settings: where it runs, its checkpoint, what it calls on the way."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict, TypeVar

from pydantic import BaseModel

from frugalseg.errors import FrugalsegError
from frugalseg.learning.device import Device, pick_device
from frugalseg.learning.snapshots import Snapshots
from frugalseg.learning.training_record import OnProgress, TrainingRecord

ModelT = TypeVar("ModelT")
NetworkT = TypeVar("NetworkT")

Progress = OnProgress
"""Called after every training step."""

OnError = Callable[[int, FrugalsegError], None]
"""Called with the number of an image that can't be used, and why."""

Log = Callable[[str], None]
"""Called with one line on what is about to be learned, and with one that begins with `WARNING` for each doubt on labels."""

WARNING = "warning: "


class TrainingOptions(TypedDict):
    """Keywords of every function of `frugalseg.learning`, see `frugalseg.learning.trainer.train`."""

    seed: int
    device: Device
    checkpoint: Path | None
    resume: bool
    progress: Progress | None
    about: str


def training_options(
    settings: BaseModel,
    seed: int,
    device: Device,
    progress: Progress | None,
    checkpoint: str | Path | None,
    resume: bool,
) -> TrainingOptions:
    """Return checked options of a training run; a checkpoint of other settings or another seed will not be resumed.

    Raises
    ------
    SettingsError
        The device is not there.
    """
    pick_device(device)
    folder = None if checkpoint is None else Path(checkpoint)
    about = f"{settings.model_dump_json()} {seed}"
    return TrainingOptions(
        seed=seed, device=device, checkpoint=folder, resume=resume, progress=progress, about=about
    )


def say(log: Log | None, line: str, doubts: Sequence[str]) -> None:
    """Log one line, and each doubt as one that begins with `WARNING`; without a log, doubts are Python warnings."""
    if log is None:
        for doubt in doubts:
            warnings.warn(doubt, stacklevel=3)
        return
    log(line)
    for doubt in doubts:
        log(f"{WARNING}{doubt}")


def with_models(
    snapshots: Snapshots[ModelT], made: Callable[[NetworkT, TrainingRecord], ModelT]
) -> Snapshots[tuple[NetworkT, TrainingRecord]]:
    """Return snapshots of networks that are made models before the function is called with them."""
    return Snapshots(snapshots.steps, lambda step, seen: snapshots.take(step, made(*seen)))
