"""What all models write to and read from their folder beside card and weights."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from torch import nn

from frugalseg.errors import BadModel, UnreadableFile
from frugalseg.images.plain_files import parse_json, read_text, shortened
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.networks.cards import Card, TrainingSummary
from frugalseg.networks.store import CARD, save_model

CardT = TypeVar("CardT", bound=Card)
SettingsT = TypeVar("SettingsT", bound=BaseModel)

#: In a model folder: loss of every step, and why training stopped.
TRAINING = "training.json"


def summarize_training(
    training: TrainingRecord, seed: int, fields: Sequence[str], held_out: Sequence[str] = ()
) -> TrainingSummary:
    """Return what a card says of a training run."""
    return TrainingSummary(
        steps=training.steps,
        stopped_because=training.stopped_because,
        seconds=round(training.seconds, 2),
        seed=seed,
        fields=tuple(fields),
        held_out=tuple(held_out),
    )


def save_model_folder(
    folder: str | Path,
    card: CardT,
    network: nn.Module,
    training: TrainingRecord | None,
    overwrite: bool,
    extras: Mapping[str, str] | None,
) -> CardT:
    """Write a model folder with its training record; returns the card with the checksum of the weights."""
    files = {} if training is None else {TRAINING: json.dumps(training.to_dict()) + "\n"}
    return save_model(folder, card, network, overwrite, {**files, **(extras or {})})


def read_settings(kind: type[SettingsT], values: Mapping[str, Any], folder: str | Path) -> SettingsT:
    """Return the training settings on a card.

    Raises
    ------
    BadModel
        They are damaged or of another version.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("settings", *first["loc"])))
        raise BadModel(
            f"{Path(folder) / CARD} is damaged or of another version of frugalseg ({shortened(where)}: {shortened(first['msg'])})"
        ) from error


def read_training(folder: str | Path) -> TrainingRecord | None:
    """Return the training record of a model folder; None where there is none.

    Raises
    ------
    BadModel
        It can't be read.
    """
    path = Path(folder) / TRAINING
    if not path.exists():
        return None
    try:
        return TrainingRecord.from_dict(parse_json(read_text(path)))
    except (UnreadableFile, ValueError, TypeError, AttributeError) as error:
        raise BadModel(
            f"{path} is damaged or of another version of frugalseg ({shortened(error)}); delete it, or copy the model folder "
            "anew"
        ) from error
