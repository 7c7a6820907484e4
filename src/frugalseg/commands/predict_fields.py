"""``frugalseg predict``: a trained model on images it has not seen, without training."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from frugalseg.commands.command_settings import PredictSettings
from frugalseg.errors import NoMarkers, SettingsError
from frugalseg.images.field import Field
from frugalseg.learning.device import Device, pick_device
from frugalseg.models.load import load_model
from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.model_scale import note_on_scale
from frugalseg.models.object_model import ObjectModel
from frugalseg.runs.cell_learning import segment_alone
from frugalseg.runs.field_cues import FieldCues, read_cues, request_of, sources_of
from frugalseg.runs.field_loop import run_fields
from frugalseg.runs.input_planes import own_inputs, with_planes
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.map_process import MapSettings, predict_maps_of_fields
from frugalseg.runs.marker_process import MarkerProcess, Segmented
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.summary import begin_report

#: Said where a student of label-free cells is given scribbles, or a way to find the foreground.
FOREGROUND_IDLE = (
    "The model itself tells where cells are in label-free images; the foreground only helped to tell how large they are. Give "
    "`mask` to keep cells inside an area."
)


#: Where nothing tells how wide cells are, they may be so many times as wide as those of the model, or as narrow.
UNKNOWN_SIZE = 2.0


def predict_fields(
    model: str | Path,
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: PredictSettings | None = None,
    options: RunOptions | None = None,
) -> RunResult:
    """Use a trained model on fields that it has not seen.

    A marker network finds each field's markers and foreground in the field itself. A model of a stain, of nuclei or of
    cells needs its input channels only; a model of cells uses nuclei where they are given, to correct splits and merges.

    Parameters
    ----------
    model
        Folder made by `frugalseg learn`, or a ``<field>_model`` of `frugalseg segment`.
    inputs
        See `frugalseg.open_fields`.
    out
        Folder of the results, as of `segment`; a stain model writes ``<field>_<channel>.tif``.
    settings
        Channels, cues, scoring; by default the model's channels.
    options
        Which fields, where to compute, what may be replaced.

    Returns
    -------
    RunResult
        Records of the fields, and why others failed.

    Raises
    ------
    BadModel
        The model is missing or damaged.
    SettingsError
        The number of channels is not the model's; there is nothing to find markers in; the device is not there.
    InputError
        No field can be read, or none has the channels.
    OutputExists, OutputFailed
        There are results already; nothing can be written.
    """
    options, settings, folder = options or RunOptions(), settings or PredictSettings(), Path(model)
    loaded = load_model(folder, options.device, fast=settings.fast)
    if isinstance(loaded, MarkerModel):
        _check_count(settings, loaded, folder)
        return _predict_cells(loaded, folder, inputs, out, settings, options)
    if isinstance(loaded, ObjectModel) and loaded.card.kind == "cells" and settings.has_source:
        return _predict_cells(loaded, folder, inputs, out, settings, options)
    return predict_maps_of_fields(loaded, folder, inputs, out, _for_maps(settings, folder), options)


def _predict_cells(
    model: MarkerModel | ObjectModel,
    folder: Path,
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: PredictSettings,
    options: RunOptions,
) -> RunResult:
    table = options.open(inputs)
    others = settings.nuclei, settings.markers, settings.truth, settings.mask, settings.scribbles
    cells = settings.cells or own_inputs(table, model.card, folder, others)
    settings = settings.model_copy(update={"cells": cells})
    if isinstance(model, MarkerModel):
        settings = settings.model_copy(update={"nuclei": _nuclei_of(settings, model, folder)})
    settings = with_planes(table, settings)
    pick_device(options.device)
    outputs = OutputFolder(
        out,
        sources_of(table, settings),
        {**request_of(settings), "model": str(folder), "weights": model.card.sha256},
        command="predict",
        options=options,
    )
    log = RunLog(options.quiet)

    def segment(cues: FieldCues) -> Segmented:
        with log.status(f"segmenting {len(cues.image.markers)} cells"):
            if isinstance(model, MarkerModel):
                doubts = (*cues.image.warnings, *model.doubts(cues.image))
                return Segmented(model.segment(cues.image), {"warnings": doubts})
            found = model.segment(cues.image, pixel_size=cues.pixel_size, diameter=settings.diameter)
        resized = note_on_scale(model.card, cues.pixel_size) if settings.diameter is None else None
        segmented = Segmented.of(found)
        own_foreground = settings.scribbles is not None or settings.foreground != "auto"
        idle = FOREGROUND_IDLE if own_foreground and cues.image.modalities[0] == "label-free" else None
        return replace(segmented, doubts=(*segmented.doubts, *(one for one in (resized, idle) if one)))

    alone = None if isinstance(model, MarkerModel) else partial(segment_alone, model, settings)
    find = read_cues if isinstance(model, MarkerModel) else partial(_cues_or_none, model)
    read = partial(find, settings=settings, device=options.device)
    process = MarkerProcess(outputs, settings, segment, log, read=read, alone=alone)
    report = begin_report(outputs, "frugalseg predict")
    return run_fields(table, outputs, process, report, log, settings.truth)


def _cues_or_none(model: ObjectModel, field: Field, settings: PredictSettings, device: Device) -> FieldCues:
    """Find a field's cues; a field without the channel of nuclei or markers is as one in which none is found.

    Where nuclei are too few to tell how large cells are, the model says it, and how large they really are is not known.
    """
    sources = (settings.markers, settings.nuclei if settings.nuclei_from is None else None)
    for channel in sources:
        if channel is not None and not field.has(channel):
            raise NoMarkers(f"field {field.name!r}: there is no file for channel {channel!r}.")
    try:
        return read_cues(field, settings, device)
    except SettingsError:
        if settings.diameter is not None:
            raise
    size = model.card.diameter_at(model.scale_for(field.pixel_size))
    cues = read_cues(field, settings.model_copy(update={"diameter": size}), device)
    return replace(cues, image=replace(cues.image, size_factor=UNKNOWN_SIZE))


def _for_maps(settings: PredictSettings, model: Path) -> MapSettings:
    """Return the settings of a whole-image model; refuse those that only a marker network uses."""
    without_use = settings.model_dump(
        exclude_defaults=True, exclude={"truth", "diameter", "baselines", "cells", "fast"}
    )
    if without_use:
        names = ", ".join(f"`{name}`" for name in without_use)
        raise SettingsError(
            f"{model} sees whole images and needs no markers, so it has no use for {names}; leave that out"
        )
    inputs, others = (
        ",".join(settings.cells) or None,
        settings.model_dump(include={"truth", "diameter", "fast"}),
    )
    return MapSettings(inputs=inputs, **others)


def _check_count(settings: PredictSettings, model: MarkerModel, folder: Path) -> None:
    """Refuse another number of channels than the model's, where channels are given."""
    cells, own = settings.cells, model.card.channels
    if cells and len(cells) != len(own):
        raise SettingsError(
            f"`cells` {','.join(cells)} are {len(cells)} channels, and {folder} was trained on {len(own)} "
            f"({','.join(own)}); give as many, in the same order"
        )


def _nuclei_of(settings: PredictSettings, model: MarkerModel, folder: Path) -> str | None:
    """Return the channel of nuclei, from the model's card where nothing is given that cells start from."""
    card = model.card
    if settings.has_source or card.nuclei is not None:
        return settings.nuclei if settings.has_source else card.nuclei
    how = "" if card.nuclei_from is None else f" (its markers are of a predicted {card.nuclei_from!r})"
    raise SettingsError(
        f"{folder} names no nuclear channel{how}; give one of `nuclei_from`, `nuclei` and `markers`"
    )
