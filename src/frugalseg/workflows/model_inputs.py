"""What a model of whole images is given: its input channels, as many as it was trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, SettingsError, WrongShape
from frugalseg.images.channels import InputChannel, input_names, lazy_inputs
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.image import Image
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.workflows.cues import check_channels
from frugalseg.workflows.stains import read_zscored


def check_inputs(
    table: FieldTable,
    channels: Sequence[InputChannel],
    card: StainCard | ObjectCard,
    truth: str | None,
    model: str | Path,
) -> None:
    """Refuse channels that no field has, and another number of inputs than the model's in every field."""
    needed = [one.channel for one in channels]
    labels: tuple[str, ...] = ()
    if truth is not None and isinstance(card, StainCard):
        needed.append(truth)
    elif truth is not None:
        labels = (truth,)
    check_channels(table, needed, labels)
    errors: list[FrugalsegError] = []
    for one in table:
        try:
            found = input_names(one, channels)
        except FrugalsegError as error:
            errors.append(error)
            continue
        if len(found) == len(card.channels):
            return  # what is wrong with other fields is said when their turn comes
        errors.append(
            SettingsError(
                f"{model} was trained on {len(card.channels)} inputs ({', '.join(card.channels)}), and {', '.join(found)} "
                f"are {len(found)}; give as many with --from, in the same order"
            )
        )
    raise errors[0]


def planes_for(
    card: StainCard | ObjectCard, one: Field, channels: Sequence[InputChannel]
) -> NDArray[np.float32]:
    """Inputs of a field, z-scored, as many as the model's."""
    planes = read_zscored(one, channels)
    _check_count(card, one, len(planes))
    return planes


def lazy_inputs_for(card: StainCard | ObjectCard, one: Field, channels: Sequence[InputChannel]) -> Image:
    """Inputs of a field as one lazy image (C,1,Y,X), grey values, as many as the model's."""
    image = lazy_inputs(one, channels)
    _check_count(card, one, len(image.channels))
    return image


def _check_count(card: StainCard | ObjectCard, one: Field, count: int) -> None:
    if count != len(card.channels):
        raise WrongShape(
            f"field {one.name!r} gives {count} inputs and the model needs {len(card.channels)}; say which focal planes "
            "to take with --from, such as phase[1]"
        )
