"""``frugalseg predict``: a trained model on images it has not seen, without training."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from frugalseg.errors import SettingsError
from frugalseg.images.fields import open_fields
from frugalseg.learning.device import Device, pick_device
from frugalseg.networks.cards import MarkerCard
from frugalseg.networks.store import load_card
from frugalseg.workflows.cues import FieldCues, check_channels, marker_sample
from frugalseg.workflows.cutters import load_marker_network, segment_cells
from frugalseg.workflows.field_runs import FieldRun, FieldRunSettings
from frugalseg.workflows.judging import Segmented
from frugalseg.workflows.outputs import Outputs, RunResult
from frugalseg.workflows.predict_maps import PredictMapsSettings, predict_with_maps
from frugalseg.workflows.sources import sources_of


class PredictSettings(FieldRunSettings):
    """Settings of `predict_fields`: `CueSettings`, ``truth``, ``baselines`` and ``seed``.

    Attributes
    ----------
    cells
        Channels, as many and in the same order as the model's; the model's own names when empty.
    nuclei
        As the model's when neither this nor ``markers`` is given.
    """

    cells: tuple[str, ...] = ()


def predict_fields(
    model: str | Path,
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: PredictSettings | None = None,
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    device: Device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Use a trained model on fields that it has not seen.

    A cutter finds each field's markers and foreground in the field itself. A model of a stain, of nuclei or of cells
    needs its input channels only.

    Parameters
    ----------
    model
        Folder made by `frugalseg learn`, or a ``<field>_model`` of `frugalseg.segment`.
    inputs, pattern, where
        See `frugalseg.open_fields`.
    out
        Folder of the results, as of `frugalseg.segment`; a stain model writes ``<field>_<channel>.tif``.
    settings
        Channels, cues, judging; by default the model's channels.
    device, resume, overwrite, quiet
        As of `frugalseg.segment`.

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
    model = Path(model)
    any_card = load_card(model)
    if not isinstance(any_card, MarkerCard):
        return predict_with_maps(
            model,
            any_card,
            inputs,
            out,
            _for_maps(settings or PredictSettings(), model),
            pattern=pattern,
            where=where,
            device=device,
            resume=resume,
            overwrite=overwrite,
            quiet=quiet,
        )
    card, cutting, cutter = load_marker_network(model)
    settings = _completed(settings or PredictSettings(), card, model)
    table = open_fields(inputs, pattern=pattern, where=where)
    check_channels(table, settings.images(), settings.label_images())
    pick_device(device)
    outputs = Outputs(
        out,
        [field.name for field in table],
        {**settings.as_request(), "model": str(model), "weights": card.sha256},
        command="predict",
        overwrite=overwrite,
        resume=resume,
        sources=sources_of(table, settings.channels_read()),
    )
    console = Console(quiet=quiet)

    def cut(cues: FieldCues) -> Segmented:
        sample = marker_sample(cues, card.modalities)
        with console.status(f"cutting {len(sample.points)} cells"):
            cells = segment_cells(cutter, cues, sample, cutting, device)
        return Segmented(cells, sample, {"warnings": (*cues.warnings, *_doubts(cues, card))})

    return FieldRun(outputs, settings, cut, lambda _name: None, console).run(table)


def _for_maps(settings: PredictSettings, model: Path) -> PredictMapsSettings:
    """Settings that mean something to a model of whole images; the others are refused."""
    asked = settings.model_dump(
        exclude_defaults=True, exclude={"truth", "diameter", "seed", "baselines", "cells"}
    )
    if asked:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise SettingsError(
            f"{model} finds its objects without markers, so it has no use for {names}; leave that out"
        )
    inputs = ",".join(settings.cells) or None
    return PredictMapsSettings(inputs=inputs, truth=settings.truth, diameter=settings.diameter)


def _completed(settings: PredictSettings, card: MarkerCard, model: Path) -> PredictSettings:
    """Take from the card what was not given."""
    cells = settings.cells or card.channels
    if len(cells) != len(card.channels):
        raise SettingsError(
            f"--cells {','.join(cells)} are {len(cells)} channels, and {model} was trained on {len(card.channels)} "
            f"({','.join(card.channels)}); give as many, in the same order"
        )
    nuclei = settings.nuclei
    if nuclei is None and settings.markers is None and settings.nuclei_from is None:
        nuclei = card.nuclei
        if nuclei is None:
            own = "its user's own markers"
            source = own if card.nuclei_from is None else f"markers from a predicted {card.nuclei_from!r}"
            raise SettingsError(
                f"{model} was trained with {source}, so it names no nuclear channel; give --nuclei-from MODEL, --nuclei CH "
                "or --markers CH"
            )
    return settings.model_copy(update={"cells": cells, "nuclei": nuclei})


def _doubts(cues: FieldCues, card: MarkerCard) -> tuple[str, ...]:
    """Say where a channel does not look as it did in training."""
    return tuple(
        f"Channel {name!r} looks {found}, and the model was trained on {trained} images in its place."
        for name, found, trained in zip(cues.channels, cues.modalities, card.modalities, strict=True)
        if found != trained
    )
