"""``frugalseg suggest``: which crops of many fields to outline next, written as files that can be outlined and learned from."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from dataclasses import field as default
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.commands.command_settings import SuggestSettings
from frugalseg.errors import FrugalsegError, InputError, Interrupted
from frugalseg.evaluation.matching import compact_labels
from frugalseg.images.channels import InputChannel, model_inputs, parse_channels
from frugalseg.images.discovery import TABLE_NAME
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.image import Image
from frugalseg.images.memory import memory_errors
from frugalseg.images.write import plain, write_json, write_text
from frugalseg.models.load import load_model
from frugalseg.models.model_scale import LARGEST_AT_MODEL_SCALE
from frugalseg.models.object_model import ObjectModel
from frugalseg.report import Report, preview, write_report
from frugalseg.report.contact_sheet import write_contact_sheet
from frugalseg.report.number_texts import count_text
from frugalseg.runs.cell_pages import labels_page
from frugalseg.runs.earlier_results import refuse_inside_inputs
from frugalseg.runs.field_arrays import known_shapes
from frugalseg.runs.input_planes import check_inputs, lazy_planes, own_inputs, read_planes
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import REPORT, RUN
from frugalseg.runs.provenance import Sources, check_channels, find_sources
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.tiled_fields import is_large
from frugalseg.runs.versions import command_line, versions
from frugalseg.runs.whole_folder import check_replaceable, checksums, refuse_inputs_within, whole_folder
from frugalseg.studies.suggestions.crop_files import (
    CROPS,
    LABELS,
    LIST,
    SuggestRecord,
    Window,
    crop_names,
    earlier_windows,
    field_table,
    next_rank,
    report_table,
    suggestion_table,
    write_crop,
)
from frugalseg.studies.suggestions.crop_scores import CropScores, check_crop, score_crops
from frugalseg.studies.suggestions.suggest import Suggestion, check_model, choose_crops

COMMAND = "suggest"
SHEET = "suggestions.png"


def suggest_crops(
    model: str | Path,
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: SuggestSettings | None = None,
    options: RunOptions | None = None,
) -> RunResult:
    """Suggest which crops to outline next, so that the model learns most from them.

    Parameters
    ----------
    model
        Folder of a model of nuclei or cells.
    inputs
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``suggestions.csv``, the contact sheet ``suggestions.png``, ``report.html``, ``run.json``, and in
        ``crops`` each crop as ``<rank>_<field>.tif``, what the model finds in it as ``<rank>_<field>_labels.tif``, to be
        corrected, and a ``fields.csv`` of them for `learn labels`.
    settings
        Channels, size and number of the crops.
    options
        Which fields, where to compute, what may be replaced.

    Returns
    -------
    RunResult
        Its record is a `SuggestRecord`.

    Raises
    ------
    BadModel
        The model is missing or damaged, or finds no nuclei or cells.
    InputError
        No field can be used, or everything is labelled already.
    SettingsError
        The number of channels is not the model's; the crop is larger than every field; the device is not there.
    OutputExists, OutputFailed
        There are results already, or outlines that would be lost; nothing can be written.
    UnreadableFile
        `after` names no results of this command.
    """
    options, settings, folder = options or RunOptions(), settings or SuggestSettings(), Path(out)
    loaded = check_model(load_model(model, options.device), str(model))
    card = loaded.card
    table = options.open(inputs)
    others = settings.nuclei, settings.labels
    own = () if settings.inputs else own_inputs(table, card, Path(model), others, "inputs")
    channels = parse_channels(settings.inputs) if settings.inputs else model_inputs(own)
    check_inputs(table, channels, card, None, Path(model), "inputs")
    hints = tuple(name for name in (settings.nuclei, settings.labels) if name is not None)
    check_channels(table, (), hints)
    check_crop(settings.crop, known_shapes(table))
    sources = find_sources(table, (*(one.channel for one in channels), *hints))
    check_replaceable(folder, COMMAND, options.overwrite)
    refuse_inputs_within(folder, sources)
    refuse_inside_inputs(folder, sources)
    earlier = earlier_windows(settings.after)
    run = _Run(loaded, Path(model), channels, settings, sources, earlier, RunLog(options.quiet))
    with whole_folder(folder, COMMAND, options.overwrite) as hidden:
        scored, used = run.look_at(table)
        chosen = choose_crops(scored, card.looks, settings.count)
        if len(chosen) < settings.count:
            largest = max(max(one.height, one.width) for one in chosen)
            run.log.warn(
                f"only {count_text(len(chosen), 'crop')} {'is' if len(chosen) == 1 else 'are'} suggested, as no more of up to {largest} px fit beside each other and what is "
                "labelled; set `crop` to fewer px for more"
            )
        scale = float(np.median([scored[one.image].scale for one in chosen]))
        step = run.next_step(folder, scale, used[chosen[0].image], inputs, options)
        record = run.write(hidden, chosen, used, run.record(chosen, step, options))
    return RunResult(folder=folder, record=record)


@dataclass(frozen=True)
class _Run:
    """One run: what it works with, and what it found out about each field."""

    model: ObjectModel
    folder: Path
    channels: tuple[InputChannel, ...]
    settings: SuggestSettings
    sources: dict[str, Sources]
    earlier: dict[str, list[Window]]
    log: RunLog
    records: dict[str, FieldRecord] = default(default_factory=dict)
    failed: dict[str, str] = default(default_factory=dict)
    begun: float = default(default_factory=time.monotonic)
    started: str = default(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def look_at(self, table: FieldTable) -> tuple[list[CropScores], list[Field]]:
        """Return the crops of every field that can be used, and these fields."""
        scored, used, errors = list[CropScores](), list[Field](), list[FrugalsegError]()
        with self.log.bar("looking at fields") as progress:
            for number, one in enumerate(table, start=1):
                start = time.monotonic()
                try:
                    with memory_errors(f"field {one.name!r}"):
                        scored.append(self._score(one))
                except Interrupted:
                    raise
                except FrugalsegError as error:
                    errors.append(error)
                    self.failed[one.name] = " ".join(str(error).split())
                    continue
                used.append(one)
                seconds = round(time.monotonic() - start, 2)
                self.records[one.name] = FieldRecord(seconds=seconds, files=self.sources[one.name].read)
                progress(number, len(table))
        if not scored:
            raise errors[0]
        return scored, used

    def _score(self, one: Field) -> CropScores:
        settings, size = self.settings, one.pixel_size
        lazy = self._inputs(one)
        if is_large(lazy, self.model.scale_for(size, settings.diameter)):
            raise InputError(
                f"field {one.name!r} has {lazy.shape[0]} x {lazy.shape[1]} px, which is too large to be looked at in one piece "
                f"(up to {LARGEST_AT_MODEL_SCALE / 1e6:.0f} million px at the model's scale); cut it into smaller fields"
            )
        return score_crops(
            self.model,
            read_planes(self.model.card, one, self.channels),
            self._stain(one),
            self._labels(one),
            crop=settings.crop,
            pixel_size=size,
            diameter=settings.diameter,
            name=one.name,
            owner=f"field {one.name!r}",
        )

    def _inputs(self, one: Field) -> Image:
        return lazy_planes(self.model.card, one, self.channels)

    def _stain(self, one: Field) -> NDArray[np.float32] | None:
        channel = self.settings.nuclei
        return one.plane(channel) if channel is not None and one.has(channel) else None

    def _labels(self, one: Field) -> NDArray[np.integer[Any]] | None:
        """Return what is labelled of a field, crops of earlier suggestions as background: what is in them does not matter."""
        channel, windows = self.settings.labels, self.earlier.get(one.name, [])
        labels = None if channel is None else one.labels(channel)
        if not windows:
            return labels
        known = np.full(one.shape, -1) if labels is None else labels.astype(np.int64)
        for y, x, height, width in windows:
            known[y : y + height, x : x + width] = 0
        return known

    def write(
        self, folder: Path, chosen: Sequence[Suggestion], fields: Sequence[Field], record: SuggestRecord
    ) -> SuggestRecord:
        """Write all results, ``run.json`` last, and return its content."""
        first = next_rank(self.settings.after)  # earlier crops keep theirs, so that all can be learned from
        names, report = crop_names(chosen, first), self._report(record, chosen)
        pictures: dict[str, tuple[NDArray[np.uint8], NDArray[np.uint32]]] = {}
        for index in sorted({one.image for one in chosen}):
            field = fields[index]
            with self.log.status(f"outlining the crops of {field.name}"):
                planes, labels = self._proposal(field)
            for name, one in zip(names, chosen, strict=True):
                if one.image == index:
                    objects = compact_labels(labels[one.area])[1].astype(np.uint32)
                    write_crop(folder / CROPS, name, self._inputs(field), one, objects)
                    pictures[name] = preview(planes[:1])[one.area], objects
            self.sources[field.name].check_unchanged(f"field {field.name!r}")
        inputs = self._inputs(fields[chosen[0].image]).channels
        write_text(folder / CROPS / TABLE_NAME, field_table(names, inputs, self.settings.labels or LABELS))
        write_text(folder / LIST, suggestion_table(chosen, first))
        write_contact_sheet(folder / SHEET, [(name, *pictures[name]) for name in names])
        for name, one in zip(names, chosen, strict=True):
            size = fields[one.image].pixel_size
            report.add(labels_page(name, *pictures[name], FieldRecord(), pixel_size=size))
        write_report(folder / REPORT, report)
        record = record.model_copy(update={"results": checksums(folder)})
        write_json(folder / RUN, record.to_dict())
        return record

    def _proposal(self, one: Field) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
        """Return the inputs (C,Y,X) of a field, and the objects (Y,X) that the model finds with all that is known."""
        planes, stain = read_planes(self.model.card, one, self.channels), self._stain(one)
        nuclei = stain if self.model.card.kind == "cells" else None
        sizes: dict[str, Any] = {"pixel_size": one.pixel_size, "diameter": self.settings.diameter}
        return planes, self.model.predict(planes, nuclei=nuclei, names=[one.name], **sizes)

    def record(self, chosen: Sequence[Suggestion], next_step: str, options: RunOptions) -> SuggestRecord:
        """Return what is known about the run but for its files."""
        settings = {**self.settings.model_dump(), **options.stated_axes(), "model": str(self.folder)}
        return SuggestRecord(
            command=COMMAND,
            state="done",
            settings=plain(settings),
            resolved={"weights": self.model.card.sha256},
            versions=versions(),
            started=self.started,
            seconds=round(time.monotonic() - self.begun, 2),
            fields=self.records,
            failed=self.failed,
            warnings=tuple(f"{name} failed: {reason}" for name, reason in self.failed.items()),
            suggestions=tuple(plain(asdict(one)) for one in chosen),
            next_step=next_step,
        )

    def next_step(
        self, out: Path, scale: float, field: Field, inputs: Sequence[str | Path], options: RunOptions
    ) -> str:
        """Return the command that learns from the crops, and keeps what it knows of the fields that they are of.

        The scale is stated, because crops cut cells and hide their size. Conditions (`where`) would hold for crops too, so with
        them the fields are left out.
        """
        tables = [one / CROPS / TABLE_NAME for one in (out, *self.settings.after)]
        words = ["frugalseg", "learn", "labels", *map(str, (*tables, *(() if options.where else inputs)))]
        for name, value in (("pattern", options.pattern), ("axes", options.axes)):
            words += [] if value is None else [f"--{name}", value]
        if self.settings.inputs is not None:  # by their names: focal planes are columns of the crops
            words += ["--from", ",".join(self._inputs(field).channels)]
        words += ["--labels", self.settings.labels or LABELS, "--target", self.model.card.kind]
        return shlex.join([*words, "--start", str(self.folder), "--scale", f"{scale:.3g}", "-o", "NEW_MODEL"])

    def _report(self, record: SuggestRecord, chosen: Sequence[Suggestion]) -> Report:
        return Report(
            title=f"frugalseg {COMMAND}",
            command=command_line(COMMAND),
            settings=record.settings,
            versions=record.versions,
            started=record.started,
            seconds=record.seconds,
            warnings=list(record.warnings),
            tables=[report_table(chosen, next_rank(self.settings.after))],
            notes=[f"Once the outlines in {CROPS} are corrected: {record.next_step}"],
        )
