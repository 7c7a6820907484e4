"""Channels and focal planes of a field as a whole-image model needs them: as many as it was trained on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, SettingsError, WrongShape
from frugalseg.images.channels import InputChannel, input_names, lazy_inputs, read_inputs
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.image import Image
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.runs.provenance import check_channels


def check_inputs(
    table: FieldTable,
    channels: Sequence[InputChannel],
    card: StainCard | ObjectCard,
    truth: str | None,
    model: Path,
) -> None:
    """Refuse channels that no field has, and another number of inputs than the model's in every field.

    Parameters
    ----------
    table
        The fields.
    channels
        Inputs that are asked for.
    card
        Of the model.
    truth
        Channel that results are compared with, if any.
    model
        The model's folder, for messages.

    Raises
    ------
    InputError, SettingsError
        The first field's error, where no field can be used.
    """
    needed, labels = [channel.channel for channel in channels], tuple[str, ...]()
    if truth is not None and isinstance(card, StainCard):
        needed.append(truth)
    elif truth is not None:
        labels = (truth,)
    check_channels(table, needed, labels)
    errors: list[FrugalsegError] = []
    for field in table:
        try:
            found = input_names(field, channels)
        except FrugalsegError as error:
            errors.append(error)
            continue
        if len(found) == len(card.channels):
            return  # errors of other fields are reported when their turn comes
        errors.append(
            SettingsError(
                f"{model} was trained on {len(card.channels)} inputs ({', '.join(card.channels)}), and {', '.join(found)} "
                f"are {len(found)}; give as many as `inputs`, in the same order"
            )
        )
    raise errors[0]


def read_planes(
    card: StainCard | ObjectCard, field: Field, channels: Sequence[InputChannel]
) -> NDArray[np.float32]:
    """Read the inputs (C,Y,X) of a field, grey values; `WrongShape` where they are not as many as the model's."""
    planes = read_inputs(field, channels)
    _check_count(card, field, len(planes))
    return planes


def lazy_planes(card: StainCard | ObjectCard, field: Field, channels: Sequence[InputChannel]) -> Image:
    """Return the inputs of a field as one lazy image (C,1,Y,X); `WrongShape` as `read_planes`."""
    image = lazy_inputs(field, channels)
    _check_count(card, field, len(image.channels))
    return image


def _check_count(card: StainCard | ObjectCard, field: Field, count: int) -> None:
    if count != len(card.channels):
        raise WrongShape(
            f"field {field.name!r} has {count} inputs and the model needs {len(card.channels)}; say which focal planes to "
            "take with `inputs`, such as phase[1]"
        )
