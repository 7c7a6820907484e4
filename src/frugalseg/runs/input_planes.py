"""Channels and focal planes of a field as a whole-image model needs them: as many as it was trained on."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.stacks import cell_plane
from frugalseg.errors import FrugalsegError, SettingsError, WrongShape
from frugalseg.images.channel_lists import quote_channel, unquote_channel
from frugalseg.images.channels import InputChannel, input_names, lazy_inputs, model_inputs, read_inputs
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.image import Image, PlaneChoice
from frugalseg.networks.cards import MarkerCard, ObjectCard, StainCard
from frugalseg.runs.channel_settings import CueChannels
from frugalseg.runs.provenance import check_channels

CueChannelsT = TypeVar("CueChannelsT", bound=CueChannels)


def file_channel(table: FieldTable, name: str) -> str:
    """Return the channel whose files hold what a model calls so: z of z[1], unless a field has a channel of that very name."""
    return name if any(field.has(name) for field in table) else model_inputs([name])[0].channel


def _single_planes(table: FieldTable, names: Sequence[str]) -> tuple[str, ...]:
    """Return channels with their focal planes one by one, z[1] and z[3] for z[1,3]."""
    found: list[str] = []
    for name in names:
        channel, planes = file_channel(table, name), model_inputs([name])[0].planes
        found += (
            [name]
            if channel == name or planes is None
            else [f"{quote_channel(channel)}[{p}]" for p in planes]
        )
    return tuple(found)


def with_planes(table: FieldTable, settings: CueChannelsT) -> CueChannelsT:
    """Return settings that name the focal planes of the cells' channels one by one, once all channels are known to be there.

    Raises
    ------
    InputError
        As of `frugalseg.runs.provenance.check_channels`.
    """
    settings = settings.model_copy(update={"cells": _single_planes(table, settings.cells)})
    files = dict.fromkeys(file_channel(table, name) for name in settings.cells)
    check_channels(table, (*files, *settings.images()[len(settings.cells) :]), settings.label_images())
    return settings


def named_planes(field: Field, names: Sequence[str]) -> NDArray[np.float32]:
    """Read channels (C,Y,X), grey values: single focal planes where names ask for them as z[1], else as of `cell_plane`.

    Raises
    ------
    InputError
        A channel is missing or can't be used; `WrongShape` where shapes differ, or names are not of one plane each.
    """
    channels = model_inputs(names)
    if all(one.planes is None for one in channels) or all(field.has(name) for name in names):
        return field.planes(names, cell_plane)
    planes = read_inputs(field, channels)
    _check_count(len(names), field, len(planes))
    return planes


def doubts_on_stacks(field: Field, names: Sequence[str]) -> list[str]:
    """Return a sentence for each channel whose focal planes become one in `named_planes`, which says how."""
    doubts = []
    for name, channel in zip(names, model_inputs(names), strict=True):
        if channel.planes is not None and not field.has(name):
            continue
        image, index = field.reference(name).open(f"field {field.name!r}")
        depth = int(image.pixels.shape[1])
        if depth > 1:
            plane = cell_plane(image.pixels, index, f"channel {name!r} of field {field.name!r}")
            used = (
                "looks fluorescent: their maximum is used"
                if plane is None
                else f"shows cells without a stain: the sharpest, plane {plane + 1}, is used"
            )
            one = f"{quote_channel(channel.channel)}[{(depth + 1) // 2 if plane is None else plane + 1}]"
            doubts.append(
                f"Channel {name!r} has {depth} focal planes and {used}. To use the same plane of every field, name it, such as {one}."
            )
    return doubts


def own_inputs(
    table: FieldTable,
    card: MarkerCard | StainCard | ObjectCard,
    model: Path,
    others: Collection[str | None] = (),
    parameter: str = "cells",
) -> tuple[str, ...]:
    """Return the channels that a model sees, by its card; where that names none, all but `others`.

    Parameters
    ----------
    table
        The fields.
    card, model
        Of the model, and its folder, for messages.
    others
        Channels that were given for something else, such as the nuclei.
    parameter
        What asks for inputs, for messages.

    Raises
    ------
    SettingsError
        It was learned from arrays whose channels had no names, and so many other channels are left: which are meant?
    """
    if not all(name.isdecimal() and name not in table.channels for name in card.channels):
        return tuple(_in_list(table, name) for name in card.channels)
    left = tuple(name for name in table.channels if name not in others)
    if len(left) > len(card.channels):
        count = "a channel" if len(card.channels) == 1 else f"{len(card.channels)} channels"
        raise SettingsError(
            f"{model} was learned from {count} without a name, and the fields have {', '.join(table.channels)}; say with "
            f"`{parameter}` what it sees"
        )
    return tuple(map(quote_channel, left)) if len(left) == len(card.channels) else card.channels


def _in_list(table: FieldTable, name: str) -> str:
    """Return an input of a model as lists of channels have it: in quotes if a channel is called so, such as Hoechst [405]."""
    bare = unquote_channel(name).replace(" ", "")
    own = (one for one in table.channels if one.replace(" ", "") == bare)
    return next(map(quote_channel, own), name)


def check_inputs(
    table: FieldTable,
    channels: Sequence[InputChannel],
    card: StainCard | ObjectCard,
    truth: str | None,
    model: Path,
    parameter: str = "cells",
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
    model, parameter
        The model's folder, and what asks for inputs, for messages.

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
        if len(found) == len(card.channels) or plane_choice(card, channels) is not None:
            return  # errors of other fields are reported when their turn comes
        errors.append(
            SettingsError(
                f"{model} was trained on {len(card.channels)} inputs ({', '.join(card.channels)}), and {', '.join(found)} "
                f"are {len(found)}; give as many as `{parameter}`, in the same order"
            )
        )
    raise errors[0]


def read_planes(
    card: StainCard | ObjectCard, field: Field, channels: Sequence[InputChannel]
) -> NDArray[np.float32]:
    """Read the inputs (C,Y,X) of a field, grey values; `WrongShape` where they are not as many as the model's."""
    planes = read_inputs(field, channels, plane_choice(card, channels))
    _check_count(len(card.channels), field, len(planes))
    return planes


def lazy_planes(card: StainCard | ObjectCard, field: Field, channels: Sequence[InputChannel]) -> Image:
    """Return the inputs of a field as one lazy image (C,1,Y,X); `WrongShape` as `read_planes`."""
    image = lazy_inputs(field, channels, plane_choice(card, channels))
    _check_count(len(card.channels), field, len(image.channels))
    return image


def plane_choice(card: StainCard | ObjectCard, channels: Sequence[InputChannel]) -> PlaneChoice | None:
    """Return how focal planes become the one that a model sees, as a student did those that it learned from; None: they don't.

    A model of nuclei or cells sees one where as many channels as it has inputs are named without planes. Of a model of a
    stain each plane is an input of its own.
    """
    as_many = len(channels) == len(card.channels) and all(one.planes is None for one in channels)
    return cell_plane if as_many and isinstance(card, ObjectCard) else None


def _check_count(needed: int, field: Field, count: int) -> None:
    if count != needed:
        raise WrongShape(
            f"field {field.name!r} has {count} inputs and the model needs {needed}; say which focal planes to take, such as "
            "phase[1]"
        )
