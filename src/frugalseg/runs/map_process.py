"""`predict` with a model that sees whole images: of a stain, of nuclei or of cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from frugalseg.errors import SettingsError
from frugalseg.evaluation.pixel_scores import mask_iou, pearson_correlation
from frugalseg.evaluation.scores import compare_labels
from frugalseg.images.channel_lists import unquote_channel
from frugalseg.images.channels import model_inputs, parse_channels
from frugalseg.images.field import Field
from frugalseg.images.image import Image
from frugalseg.images.outliers import planes_without_outliers, without_outliers
from frugalseg.images.write import write_image, write_labels
from frugalseg.models.model_scale import note_on_scale
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.predictions import sight_of
from frugalseg.models.stain_model import StainModel
from frugalseg.models.stain_scale import learned_stain
from frugalseg.prediction.stain_values import in_original_units
from frugalseg.report import Comparison, FieldReport, preview
from frugalseg.runs.cell_pages import labels_page, read_truth, stored_labels
from frugalseg.runs.field_loop import FieldResult, run_fields
from frugalseg.runs.input_planes import check_inputs, lazy_planes, own_inputs, read_planes
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.marker_process import Segmented, trust
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import LABELS_SUFFIX, OutputFolder
from frugalseg.runs.provenance import find_sources
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.stain_pictures import compare_stains
from frugalseg.runs.summary import begin_report
from frugalseg.runs.tiled_fields import find_large_objects, is_large, predict_large_stain, scale_of_field
from frugalseg.runs.tiled_numbers import compared
from frugalseg.runs.tiled_pictures import show_large_objects, show_large_stain
from frugalseg.runs.tiled_run import TiledRun, discard_earlier


class MapSettings(BaseModel):
    """Settings of a run with a whole-image model.

    Attributes
    ----------
    inputs
        Channels and focal planes, as many and in the same order as the model's; the model's own when None.
    truth
        Channel with the real stain, or with true labels, only to score the result.
    diameter
        Of a typical object, px, where it differs from that in the training labels; images are resized accordingly. When
        None, pixel sizes are compared instead, where the model and the image both state one.
    fast
        Whether the model was loaded to see each image once; for the record.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: str | None = None
    truth: str | None = None
    diameter: float | None = None
    fast: bool = False


def predict_maps_of_fields(
    model: StainModel | ObjectModel,
    folder: Path,
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: MapSettings,
    options: RunOptions,
) -> RunResult:
    """Predict a stain, nuclei or cells of every field.

    Parameters
    ----------
    model, folder
        The model, and where it was loaded from.
    inputs
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``<field>_<channel>.tif`` in the stain's grey values, or ``<field>_labels.tif``;
        ``measurements.csv``, ``report.html``, ``run.json``.
    settings
        Channels, truth, size of the objects.
    options
        Which fields, what may be replaced.

    Raises
    ------
    InputError, SettingsError, OutputExists, OutputFailed
        As of `frugalseg.commands.predict_fields.predict_fields`.
    """
    card = model.card
    table = options.open(inputs)
    own = () if settings.inputs else own_inputs(table, card, folder, [settings.truth])
    channels = parse_channels(settings.inputs) if settings.inputs else model_inputs(own)
    check_inputs(table, channels, card, settings.truth, folder)
    if settings.diameter is not None and isinstance(model, StainModel):
        raise SettingsError(f"{folder} predicts a stain and finds no objects, so leave `diameter` out")
    read = [channel.channel for channel in channels] + ([] if settings.truth is None else [settings.truth])
    outputs = OutputFolder(
        out,
        find_sources(table, read),
        {**settings.model_dump(), "model": str(folder), "weights": card.sha256},
        command="predict",
        options=options,
        suffix=f"_{_file_part(model.card.target)}.tif" if isinstance(model, StainModel) else LABELS_SUFFIX,
    )
    log = RunLog(options.quiet)
    run = TiledRun(outputs, log, channels, settings.truth, options.resume)
    discard_earlier(run)
    if isinstance(model, StainModel):
        report = begin_report(outputs, f"frugalseg predict: {model.card.target}")
        return run_fields(table, outputs, _StainProcess(run, model), report, log)
    report = begin_report(outputs, f"frugalseg predict: {model.card.kind}")
    process = _ObjectProcess(run, model, settings.diameter)
    return run_fields(table, outputs, process, report, log, settings.truth)


@dataclass(frozen=True)
class _StainProcess:
    """From a field to its predicted stain."""

    run: TiledRun
    model: StainModel

    def compute(self, field: Field) -> FieldResult:
        """Predict and compare with the real stain where there is one."""
        run, model, card = self.run, self.model, self.model.card
        image, scale = lazy_planes(card, field, run.channels), model.scale_for(field.pixel_size)
        if is_large(image, scale):
            record = predict_large_stain(run, field, image, model, scale)
            return FieldResult(record, None, partial(self._large_page, field, image))
        planes = read_planes(card, field, run.channels)
        predicted = model.predict_scaled(planes, pixel_size=field.pixel_size, names=[field.name])
        real, record = None, FieldRecord(warnings=())
        if run.truth is not None and field.has(run.truth):
            grey = without_outliers(field.plane(run.truth, card.project))
            pcc = pearson_correlation(
                card.target_scale.undo(predicted[None])[0], grey
            )  # not rounded, nor cut off at 0
            real, record = learned_stain(card.target_scale, grey), compared(record, pcc, run)
        write = partial(
            write_image,
            pixels=in_original_units(predicted, card.target_scale),
            channels=[card.target],
            pixel_size=field.pixel_size,
            overwrite=True,
        )

        def page(record: FieldRecord) -> Comparison:
            numbers: dict[str, float | str | None] = {} if record.pcc is None else {"PCC": record.pcc}
            return compare_stains(field.name, planes, real, predicted, numbers)

        return FieldResult(record, write, page)

    def show_earlier(self, field: Field, record: FieldRecord) -> tuple[Comparison, None]:
        """Show a complete field; the pictures are made of what was written."""
        return self._large_page(field, lazy_planes(self.model.card, field, self.run.channels), record), None

    def _large_page(self, field: Field, image: Image, record: FieldRecord) -> Comparison:
        return show_large_stain(self.run, field, image, self.model.card, record)


@dataclass(frozen=True)
class _ObjectProcess:
    """From a field to its nuclei or cells."""

    run: TiledRun
    model: ObjectModel
    diameter: float | None

    def compute(self, field: Field) -> FieldResult:
        """Predict, score and measure."""
        run, model = self.run, self.model
        image = lazy_planes(model.card, field, run.channels)
        seen = scale_of_field(image, model, field.pixel_size, self.diameter)
        resized = note_on_scale(model.card, field.pixel_size) if self.diameter is None else None
        if is_large(image, seen.scale):
            record = find_large_objects(run, field, image, model, seen.scale, resized)
            return FieldResult(record, None, partial(show_large_objects, run, field, image))
        planes = read_planes(model.card, field, run.channels)
        sizes: dict[str, Any] = {"pixel_size": field.pixel_size, "diameter": self.diameter}
        found = model.find_objects(planes, names=[field.name], seen=seen, **sizes)
        labels, segmented = found.labels, Segmented(found.labels, confidence=found.confidence)
        count = int(labels.max(initial=0))
        truth, on_truth = read_truth(field, run.truth, run.log, planes.shape[1:])
        doubts = (None if count else "Nothing was found.", resized)
        warnings = (*(doubt for doubt in doubts if doubt), *found.doubts)
        known: dict[str, Any] = {"n_cells": count, "warnings": (*on_truth, *warnings), **trust(segmented)}
        if found.look_distance is not None:
            known["look_distance"] = found.look_distance
        known |= sight_of(found)
        for warning in warnings:
            run.log.line(f"  warning: {warning}")
        if truth is not None:
            known["scores"] = compare_labels(truth, labels)
            known["mask_iou"] = mask_iou((found.maps[-1] > 0) & (truth >= 0), truth > 0)
        names = map(unquote_channel, model.card.channels)
        grey = dict(zip(names, planes_without_outliers(planes), strict=True))
        known["measurements"] = tuple(segmented.rows(grey, field.pixel_size))
        write = partial(write_labels, labels=labels, pixel_size=field.pixel_size, overwrite=True)
        return FieldResult(FieldRecord(**known), write, partial(self._page, field, planes, labels, truth))

    def show_earlier(self, field: Field, record: FieldRecord) -> tuple[FieldReport, None]:
        """Show a complete field."""
        run, model = self.run, self.model
        image = lazy_planes(model.card, field, run.channels)
        if record.tiled or is_large(image, model.scale_for(field.pixel_size, self.diameter)):
            return show_large_objects(run, field, image, record), None
        planes = read_planes(model.card, field, run.channels)
        truth, _ = read_truth(field, run.truth)
        return self._page(field, planes, stored_labels(run.outputs, field.name), truth, record), None

    def _page(
        self,
        field: Field,
        planes: NDArray[np.float32],
        labels: NDArray[np.uint32],
        truth: NDArray[Any] | None,
        record: FieldRecord,
    ) -> FieldReport:
        shown = None if truth is None else np.maximum(truth, 0)
        return labels_page(field.name, preview(planes[:1]), labels, record, shown, None, field.pixel_size)


def _file_part(channel: str) -> str:
    """Return a channel's name as a part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in channel)
