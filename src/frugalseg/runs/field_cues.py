"""Cues of a field: its channels are read, and markers, cell size and foreground found in them."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import find_markers
from frugalseg.errors import BadModel, InputError, MissingChannel
from frugalseg.evaluation.marker_agreement import MarkerAgreement, marker_agreement
from frugalseg.images.channels import model_inputs
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.memory import check_memory, memory_errors
from frugalseg.learning.device import Device
from frugalseg.models.image_cues import ImageCues, find_cues
from frugalseg.models.stain_model import StainModel
from frugalseg.networks.cards import StainCard
from frugalseg.networks.store import CARD, WEIGHTS, load_card
from frugalseg.runs.channel_settings import CueChannels, LearnCellsSettings
from frugalseg.runs.input_planes import doubts_on_stacks, file_channel, named_planes, read_planes
from frugalseg.runs.provenance import Sources, find_sources

#: A predicted marker stands for a real one within this many nuclear diameters.
REACH = 0.5


def stain_card(settings: CueChannels) -> StainCard | None:
    """Return the card of the model that predicts nuclei, if there is one.

    Raises
    ------
    BadModel
        There is no such model, it predicts no stain, or its card is damaged.
    """
    if settings.nuclei_from is None:
        return None
    card = load_card(settings.nuclei_from)
    if not isinstance(card, StainCard):
        raise BadModel(
            f"{settings.nuclei_from} is a model of kind '{card.kind}'; `nuclei_from` needs a stain model (`learn stains`)"
        )
    return card


def predicted_stain(settings: CueChannels) -> str | None:
    """Return the name of the predicted stain that markers are found in, if so; raises as `stain_card`."""
    card = stain_card(settings)
    return None if card is None else card.target


def nuclear_name(settings: CueChannels) -> str:
    """Return the name of the image that markers are found in; a predicted stain is never named as a real channel."""
    return str(settings.nuclei) if settings.nuclei_from is None else f"predicted_{predicted_stain(settings)}"


def channels_read(settings: CueChannels) -> tuple[str, ...]:
    """Return every channel that is read where a field has it, inputs of the stain model included.

    Raises
    ------
    BadModel
        As of `stain_card`.
    """
    card = stain_card(settings)
    model = () if card is None else model_inputs(card.channels)
    compared = () if settings.nuclei is None else (settings.nuclei,)
    inputs = (channel.channel for channel in model)
    return (*settings.images(), *compared, *settings.label_images(), *inputs)


def sources_of(table: FieldTable, settings: CueChannels) -> dict[str, Sources]:
    """Return the files of every field, and of the model that predicts nuclei.

    Raises
    ------
    BadModel
        As of `stain_card`.
    """
    folder = settings.nuclei_from
    models = () if folder is None else (Path(folder) / CARD, Path(folder) / WEIGHTS)
    files = (file_channel(table, name) for name in settings.cells)
    return find_sources(table, (*channels_read(settings), *files), models)


def request_of(settings: CueChannels) -> dict[str, Any]:
    """Return all settings, and the checksums of the models that predict nuclei and that learning starts from.

    Another model in the same folder is another run.

    Raises
    ------
    BadModel
        As of `stain_card`; there is no model to start from.
    """
    request, card = settings.model_dump(), stain_card(settings)
    if card is not None:
        request["nuclei_from_sha256"] = card.sha256
    if isinstance(settings, LearnCellsSettings) and settings.start is not None:
        request["start_sha256"] = load_card(settings.start).sha256
    return request


#: Bytes of memory for each pixel that finding cues takes at least (measured: 515 to 850, and 55 to 60 where the mask is
#: given).
BYTES, BYTES_WITH_MASK = 500, 50


@dataclass(frozen=True)
class FieldCues:
    """Cues of one field.

    Attributes
    ----------
    image
        Cues of its pixels.
    pixel_size
        (y, x) in um, where the file says it.
    agreement
        Of markers in a predicted stain with those in the real stain, where both are known.
    given
        Number of each marker in the label map that the user gave, in their order; None without such a map.
    """

    image: ImageCues
    pixel_size: tuple[float, float] | None
    agreement: MarkerAgreement | None = None
    given: tuple[int, ...] | None = None


def read_cues(field: Field, settings: CueChannels, device: Device = "auto") -> FieldCues:
    """Read a field and find its cues; a model that predicts nuclei computes on `device`.

    Raises
    ------
    InputError
        A channel is missing or can't be used; `NoMarkers` where there is no nucleus.
    BadModel
        The model that predicts nuclei can't be used.
    NotEnoughMemory
        The field is too large.
    """
    name = settings.cells[0]
    name = name if field.has(name) else model_inputs([name])[0].channel  # z of z[1]
    shape = field.reference(name).open(f"field {field.name!r}")[0].shape
    owner = f"finding cells in field {field.name!r} of {shape[0]} x {shape[1]} px"
    check_memory(math.prod(shape) * (BYTES if settings.mask is None else BYTES_WITH_MASK), owner)
    with memory_errors(owner):
        return _read_cues(field, settings, device)


def _read_cues(field: Field, settings: CueChannels, device: Device) -> FieldCues:
    planes = named_planes(field, settings.cells)
    nuclei = _nuclei(field, settings, device)
    markers = _own_markers(field, settings)
    try:
        cues = find_cues(
            planes,
            nuclei,
            markers=markers,
            mask=None if settings.mask is None else field.labels(settings.mask),
            scribbles=None if settings.scribbles is None else field.labels(settings.scribbles),
            settings=settings,
            name=field.name,
            channels=settings.cells,
        )
    except InputError as error:  # arrays have no names, channels have
        raise type(error)(_with_channels(str(error), settings)) from error
    warnings, doubts = (
        tuple(_with_channels(one, settings) for one in said) for said in (cues.warnings, cues.doubts)
    )
    more = *_without_file(field, settings), *doubts_on_stacks(field, settings.cells)
    cues = replace(cues, warnings=(*warnings, *more), doubts=doubts)
    given = None if markers is None else tuple(np.unique(markers[markers > 0]).tolist())
    return FieldCues(cues, field.pixel_size, _agreement(field, cues, settings), given)


def _without_file(field: Field, settings: CueChannels) -> list[str]:
    """Return a sentence for each file of sure foreground that other fields have."""
    given = [("mask", settings.mask), ("scribbles", settings.scribbles)]
    return [
        f"There is no file for the {name} {channel!r}, so the foreground was found without."
        for name, channel in given
        if channel is not None and not field.has(channel)
    ]


def _with_channels(message: str, settings: CueChannels) -> str:
    """Name the channel in place of the parameter that its array was given as."""
    if settings.nuclei_from or settings.nuclei:
        nuclei = "the predicted nuclear stain" if settings.nuclei_from else f"channel {settings.nuclei!r}"
        message = message.replace("`nuclei`", nuclei)
    for name in ("markers", "mask", "scribbles"):
        if channel := getattr(settings, name):
            message = message.replace(f"`{name}`", f"the {name} {channel!r}")
    return message


def predict_nuclei(field: Field, folder: str, device: Device = "auto") -> NDArray[np.float32]:
    """Predict the nuclear stain (Y,X) of a field, in the stain's grey values, from the stain model's channels.

    Raises
    ------
    BadModel
        The folder holds no stain model.
    InputError
        The field lacks one of the model's channels, or it can't be used.
    """
    model = _stain_model(folder, load_card(folder).sha256, device)
    planes = read_planes(model.card, field, model_inputs(model.card.channels))
    predicted: NDArray[np.float32] = model.predict(planes, pixel_size=field.pixel_size)
    return predicted


def _nuclei(field: Field, settings: CueChannels, device: Device) -> NDArray[np.float32] | None:
    if settings.nuclei_from is not None:
        return predict_nuclei(field, settings.nuclei_from, device)
    return None if settings.nuclei is None else field.plane(settings.nuclei)


@lru_cache(maxsize=1)
def _stain_model(folder: str, checksum: str, device: Device) -> StainModel:
    """Load one model for all fields of a run; a changed checksum means that the model was replaced."""
    return StainModel.load(folder, device)


def _own_markers(field: Field, settings: CueChannels) -> NDArray[Any] | None:
    if settings.markers is None:
        if settings.nuclei is None and settings.nuclei_from is None:
            settings.check_source()
        return None
    labels = field.labels(settings.markers)
    if labels is None:
        raise MissingChannel(
            f"field {field.name!r} has no file for the markers {settings.markers!r}; fill its cell in the table or leave "
            f"the field out with `where` field!={field.name}"
        )
    return labels


def _agreement(field: Field, cues: ImageCues, settings: CueChannels) -> MarkerAgreement | None:
    """Compare markers in a predicted stain with those in the real stain; None where none are found in it."""
    if settings.nuclei_from is None or settings.nuclei is None or not field.has(settings.nuclei):
        return None
    try:
        real = find_markers(field.plane(settings.nuclei), settings.nuclei_diameter)
    except InputError:
        return None
    if len(real) == 0:
        return None
    return marker_agreement(cues.markers.points, real.points, REACH * real.diameter)
