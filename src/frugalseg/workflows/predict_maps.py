"""``frugalseg predict`` with a model that sees whole images: of a stain, of nuclei or of cells."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting
from rich.console import Console
from rich.text import Text

from frugalseg.errors import FrugalsegError, Interrupted, OutputFailed, SettingsError
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.pixel_scores import mask_iou, pearson_correlation
from frugalseg.evaluation.scores import score_labels
from frugalseg.images.channels import InputChannel, parse_channels, read_inputs
from frugalseg.images.field import Field
from frugalseg.images.fields import open_fields
from frugalseg.images.write import write_image
from frugalseg.learning.device import Device, pick_device
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.prediction.stain_values import in_original_units
from frugalseg.prediction.whole_image import predict_objects, predict_stain
from frugalseg.report import FieldReport, Report, preview, write_report
from frugalseg.workflows.judging import scores_of, summarise
from frugalseg.workflows.large_fields import find_large_objects, is_large, predict_large_stain
from frugalseg.workflows.large_pictures import large_comparison, large_report
from frugalseg.workflows.large_run import LargeRun
from frugalseg.workflows.model_inputs import check_inputs, lazy_inputs_for, planes_for
from frugalseg.workflows.objects import load_object_model, load_stain_model, network_scale
from frugalseg.workflows.outputs import LABELS_SUFFIX, Outputs, RunResult
from frugalseg.workflows.sources import sources_of
from frugalseg.workflows.stains import compare, mean_pcc
from frugalseg.workflows.versions import command_line, versions


class PredictMapsSettings(BaseModel):
    """Settings of `predict_with_maps`.

    Attributes
    ----------
    inputs
        Channels and focal planes, as many and in the same order as the model's; the model's own when None.
    truth
        Channel with the real stain, or with true labels, only to score the result.
    diameter
        Of a typical object, px, where it differs from that in the training labels; images are resized accordingly.
        When None, pixel sizes are compared instead, where the model and the image both state one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: str | None = None
    truth: str | None = None
    diameter: float | None = Setting(default=None, gt=2, allow_inf_nan=False)


@dataclass
class _Session:
    """One run: the model as a function of a field, and where results go."""

    settings: PredictMapsSettings
    channels: tuple[InputChannel, ...]
    outputs: Outputs
    report: Report
    console: Console
    one: Callable[["_Session", Field], None] = field(repr=False)
    resume: bool = False

    @property
    def large(self) -> LargeRun:
        return LargeRun(self.outputs, self.console, self.channels, self.settings.truth, self.resume)

    def say(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)


def predict_with_maps(
    model: str | Path,
    card: StainCard | ObjectCard,
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: PredictMapsSettings,
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    device: Device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Predict a stain, nuclei or cells of every field.

    Parameters
    ----------
    model, card
        The model's folder and what is written on it.
    inputs, pattern, where
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``<field>_<channel>.tif`` in the stain's grey values, or ``<field>_labels.tif``;
        ``measurements.csv``, ``report.html``, ``run.json``.
    settings
        Channels, truth, size of the objects.
    device, resume, overwrite, quiet
        As of `frugalseg.predict`.

    Raises
    ------
    As `frugalseg.predict`.
    """
    channels = parse_channels(settings.inputs or ",".join(card.channels))
    table = open_fields(inputs, pattern=pattern, where=where)
    check_inputs(table, channels, card, settings.truth, model)
    if settings.diameter is not None and isinstance(card, StainCard):
        raise SettingsError(f"{model} predicts a stain and finds no objects, so leave --diameter out")
    picked = pick_device(device)
    is_stain = isinstance(card, StainCard)
    one = _stain_of(card, model, picked) if isinstance(card, StainCard) else _objects_of(card, model, picked)
    read = [one.channel for one in channels] + ([] if settings.truth is None else [settings.truth])
    outputs = Outputs(
        out,
        [one.name for one in table],
        {**settings.model_dump(), "model": str(model), "weights": card.sha256},
        command="predict",
        overwrite=overwrite,
        resume=resume,
        suffix=f"_{_file_part(card.target)}.tif" if isinstance(card, StainCard) else LABELS_SUFFIX,
        sources=sources_of(table, read),
    )
    report = Report(
        title=f"frugalseg predict: {card.target if isinstance(card, StainCard) else card.kind}",
        command=command_line("predict"),
        settings=outputs.settings,
        versions=versions(),
        started=outputs.started,
    )
    session = _Session(settings, channels, outputs, report, Console(quiet=quiet), one, resume)
    try:
        for number, one_field in enumerate(table, start=1):
            session.say(f"[{number}/{len(table)}] {one_field.name}")
            _guarded(session, one_field)
    except (Interrupted, KeyboardInterrupt):
        outputs.finish(state="interrupted")
        raise
    summary = _pcc_summary(outputs) if is_stain else summarise(outputs, settings.truth)
    report.warnings = list(summary["warnings"])
    report.seconds = sum(record["seconds"] for record in outputs.done.values())
    write_report(outputs.report_path, report, overwrite=True)
    return outputs.finish(summary)


def _guarded(session: _Session, one: Field) -> None:
    try:
        session.one(session, one)
    except (Interrupted, OutputFailed):
        raise
    except FrugalsegError as error:
        session.outputs.fail(one.name, error)


def _stain_of(card: StainCard, model: str | Path, device: Any) -> Callable[[_Session, Field], None]:
    """Predict, write, score and show one field's stain."""
    _, network = load_stain_model(model)
    network.to(device)

    def one(session: _Session, field: Field) -> None:
        outputs = session.outputs
        start = time.monotonic()
        if outputs.is_complete(field.name) and len(session.report.comparisons) >= MOST_PICTURES:
            return
        image, scale = lazy_inputs_for(card, field, session.channels), network_scale(card, field)
        done, large = outputs.is_complete(field.name), is_large(image, scale)
        if large and not done:
            predict_large_stain(session.large, field, image, card, network, scale)
        if large or done:  # the pictures are made of what was written
            session.report.add(large_comparison(session.large, field, image, card))
            return
        planes = planes_for(card, field, session.channels)
        predicted = predict_stain(network, planes, scale)
        truth = session.settings.truth
        real, numbers = None, dict[str, float | str]()
        record: dict[str, Any] = {"warnings": ()}
        if truth is not None and field.has(truth):
            real = card.target_scale.apply(field.plane(truth, card.project)[None])[0]
            record["pcc"] = numbers["PCC"] = pearson_correlation(predicted, real)
            session.say(f"  PCC {record['pcc']:.3f}")
        grey = in_original_units(predicted, card.target_scale)
        path = outputs.result_path(field.name)
        write_image(path, grey, [card.target], field.pixel_size, overwrite=True)
        record["seconds"] = round(time.monotonic() - start, 2)
        outputs.write_record(field.name, record)
        session.report.add(compare(field.name, planes, real, predicted, numbers))

    return one


#: Fields whose pictures the report of a stain shows.
MOST_PICTURES = 40


def _objects_of(card: ObjectCard, model: str | Path, device: Any) -> Callable[[_Session, Field], None]:
    """Find, write, score and show one field's nuclei or cells."""
    _, teaching, network = load_object_model(model)
    network.to(device)

    def one(session: _Session, field: Field) -> None:
        outputs = session.outputs
        start = time.monotonic()
        image = lazy_inputs_for(card, field, session.channels)
        scale = network_scale(card, field, session.settings.diameter)
        if is_large(image, scale):
            if not outputs.is_complete(field.name):
                find_large_objects(session.large, field, image, card, network, scale, teaching.h)
            session.report.add(large_report(session.large, field, image))
            return
        truth = None if session.settings.truth is None else field.labels(session.settings.truth)
        planes = planes_for(card, field, session.channels)
        if outputs.is_complete(field.name):
            labels = _stored_labels(outputs, field.name)
        else:
            labels, maps = predict_objects(
                network, planes, card.kind, scale, teaching.h, card.diameter_at(scale)
            )
            record = _object_record(labels, maps, truth)
            grey = dict(zip(card.channels, read_inputs(field, session.channels), strict=True))
            rows = measure_cells(labels, grey, pixel_size=field.pixel_size)
            record["seconds"] = round(time.monotonic() - start, 2)
            outputs.write_field(field.name, labels, record, rows, field.pixel_size)
            session.say(f"  {record['n_cells']} {card.kind} in {record['seconds']:.1f} s")
        record = outputs.done[field.name]
        if "scores" in record:
            session.say(
                f"  scores: mIoU {record['scores']['cell_miou']:.3f}, mAP {record['scores']['mAP']:.3f}"
            )
        session.report.add(_page(field, planes, labels, truth, record))

    return one


def _page(
    field: Field,
    planes: NDArray[np.float32],
    labels: NDArray[np.uint32],
    truth: NDArray[Any] | None,
    record: dict[str, Any],
) -> FieldReport:
    """One field as the report shows it."""
    return FieldReport(
        name=field.name,
        image=preview(planes[:1]),
        labels=labels,
        truth=None if truth is None else np.maximum(truth, 0),
        measurements=record["measurements"],
        pixel_size=field.pixel_size,
        scores=scores_of(record),
        seconds=record["seconds"],
        warnings=tuple(record["warnings"]),
    )


def _object_record(
    labels: NDArray[np.uint32], maps: NDArray[np.float32], truth: NDArray[Any] | None
) -> dict[str, Any]:
    count = int(labels.max(initial=0))
    record: dict[str, Any] = {"n_cells": count, "warnings": [] if count else ["Nothing was found."]}
    if truth is not None:
        record["scores"] = score_labels(truth, labels).to_dict()
        record["mask_iou"] = mask_iou((maps[-1] > 0) & (truth >= 0), truth > 0)
    return record


def _stored_labels(outputs: Outputs, name: str) -> NDArray[np.uint32]:
    from frugalseg.images.read import read_image

    return np.asarray(read_image(outputs.result_path(name)).pixels[0, 0]).astype(np.uint32)


def _pcc_summary(outputs: Outputs) -> dict[str, Any]:
    """Mean PCC with a 95 % interval."""
    warnings = [f"{n}: {w}" for n, record in outputs.done.items() for w in record["warnings"]]
    warnings += [f"{name} failed: {why}" for name, why in outputs.failed.items()]
    mean = mean_pcc([record.get("pcc") for record in outputs.done.values()])
    return {"warnings": warnings} if mean is None else {"warnings": warnings, "pcc": mean}


def _file_part(channel: str) -> str:
    """Channel's name as part of a file name."""
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in channel)
