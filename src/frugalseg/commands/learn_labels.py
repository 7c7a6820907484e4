"""``frugalseg learn labels``: nuclei or cells from a handful of labelled images (paper A)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from frugalseg.commands.command_settings import LearnLabelsSettings
from frugalseg.errors import BadModel, FrugalsegError, InputError, SettingsError
from frugalseg.images.channels import InputChannel, model_inputs, parse_channels, read_inputs
from frugalseg.images.field import Field as ImageField
from frugalseg.learning.device import pick_device
from frugalseg.models.load import load_model
from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.stain_model import StainModel
from frugalseg.models.training_options import WARNING
from frugalseg.report import TrainingCurve
from frugalseg.runs.field_arrays import (
    FieldArrays,
    channel_in_errors,
    input_arrays,
    learned_pixel_size,
    mixed_sizes,
    model_channels,
    size_warnings,
    with_channel,
)
from frugalseg.runs.input_planes import plane_choice
from frugalseg.runs.label_report import part_page, part_records, scores_line, start_and_tuned
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.model_folder import ModelRun
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import check_channels, find_sources
from frugalseg.runs.run_log import RunLog
from frugalseg.studies.suggestions.crop_files import doubts_on_proposals


def learn_labels(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: LearnLabelsSettings,
    options: RunOptions | None = None,
) -> RunResult:
    """Train a network to find nuclei or cells from a few labelled fields.

    Parameters
    ----------
    inputs
        See `frugalseg.open_fields`.
    out
        The model folder: ``card.yaml``, ``weights.safetensors``, ``training.json``, ``record.json``, ``report.html``.
    settings
        Channels, labels, start, training.
    options
        Which fields, where to compute, what may be replaced.

    Returns
    -------
    RunResult
        Scores of every field or part, held out or learned from, of the model and of its start.

    Raises
    ------
    InputError
        No field can be used, or there is no label.
    BadModel
        The start model is missing, damaged or of the wrong kind.
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        Settings that do not fit together; the device is not there; `resume` with other settings.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    options = options or RunOptions()
    start = None if settings.start is None else _load_start(settings.start)
    if settings.inputs is None and start is None:
        raise SettingsError("the inputs are missing; give `inputs`, or a model as `start`")
    channels = (
        parse_channels(settings.inputs)
        if settings.inputs
        else model_inputs(start.card.channels if start else ())
    )
    table = options.open(inputs)
    images = tuple(channel.channel for channel in channels)
    check_channels(table, images, (settings.labels,))
    pick_device(options.device)
    request = settings.model_dump()
    if start is not None:  # another model in the same folder is another start
        request["start_sha256"] = start.card.sha256
    run = ModelRun("learn labels", out, request, find_sources(table, (*images, settings.labels)), options)
    if run.earlier is not None:
        return run.earlier
    with run.resumable():
        return _learn(tuple(table), channels, settings, start, run)


def _load_start(folder: Path) -> StainModel | ObjectModel:
    start = load_model(folder, "cpu")  # as `ObjectModel.fit` takes it: training moves it to the device
    if isinstance(start, MarkerModel):
        raise BadModel(
            f"{folder} is a marker network, which sees one cell at a time; start from a model of `learn stains` or "
            "`learn labels`"
        )
    return start


def _learn(
    fields: Sequence[ImageField],
    channels: tuple[InputChannel, ...],
    settings: LearnLabelsSettings,
    start: StainModel | ObjectModel | None,
    run: ModelRun,
) -> RunResult:
    """Train, evaluate and save."""
    labelled = [field for field in fields if field.has(settings.labels)]
    if not labelled:
        raise InputError(f"no field has a label in {settings.labels!r}; outline some {settings.target} first")
    warnings = *size_warnings(labelled, run.log), *_on_proposals(labelled, settings.labels, run.log)
    choose = None if start is None else plane_choice(start.card, channels)
    images = input_arrays(labelled, channels, choose)
    labels = FieldArrays(labelled, lambda field: _labels(field, settings.labels))
    doubts: list[str] = []
    without = [field for field in fields if field not in labelled]
    unread = set[str]()

    def read(field: ImageField) -> NDArray[Any]:
        try:
            return read_inputs(field, channels, choose)
        except FrugalsegError:
            unread.add(field.name)
            raise

    others = FieldArrays(without, read) if without else None
    names = model_channels(labelled, channels, choose)
    model, failed = _fit(labelled, images, labels, others, names, settings, start, run, doubts)
    with run.log.status("finding objects in every field"):
        after = {part.name: part for part in model.evaluate(images, labels)}
    run.log.line(scores_line(after.values(), settings.target))
    before = None if start is None else {part.name: part for part in model.start_evaluation}
    assert model.training is not None
    record = run.record(
        model.training,
        scale=model.card.scale,
        inputs=model.card.channels,
        diameter=model.card.diameter,
        started_from=model.card.started_from,
        fields=part_records(after),
        start=None if before is None else part_records(before),
        failed=failed,
        warnings=(*warnings, *doubts),
        unlabelled=tuple(field.name for field in without if field.name not in unread),
    )
    report = run.report(record, TrainingCurve.of("all labelled fields", model.training, "held-out score"))
    if before is not None:
        report.tables.append(start_and_tuned(before, after, settings.target))
    for part in after.values():
        report.add(part_page(part))
    return run.save(model, record, report)


def _on_proposals(fields: Sequence[ImageField], labels: str, log: RunLog) -> list[str]:
    """Print and return what is to be said of crops that `suggest` wrote and nobody has corrected yet."""
    doubts = doubts_on_proposals(field.reference(labels).path for field in fields)
    for doubt in doubts:
        log.warn(doubt)
    return doubts


def _fit(
    fields: Sequence[ImageField],
    images: FieldArrays,
    labels: FieldArrays,
    unlabelled: FieldArrays | None,
    inputs: tuple[str, ...],
    settings: LearnLabelsSettings,
    start: StainModel | ObjectModel | None,
    run: ModelRun,
    doubts: list[str],
) -> tuple[ObjectModel, dict[str, str]]:
    """Train; return the model, and why fields were left out. Doubts on labels are collected."""
    failed: dict[str, str] = {}

    def log(line: str) -> None:
        if not line.startswith(WARNING):
            run.log.line(line)
            return
        doubts.append(line.removeprefix(WARNING).replace("`labels`", f"channel {settings.labels!r}"))
        run.log.warn(doubts[-1])

    def leave_out(index: int, error: FrugalsegError) -> None:
        failed[fields[index].name] = with_channel(error, "labels", settings.labels)

    with run.log.training_bar("training") as progress, channel_in_errors("labels", settings.labels):
        model = ObjectModel.fit(
            images,
            labels,
            unlabelled=unlabelled,
            target=settings.target,
            start=start,
            channels=inputs,
            names=[field.name for field in fields],
            pixel_size=lambda: learned_pixel_size(_used(fields, failed)),
            settings=settings,
            device=run.options.device,
            progress=progress,
            checkpoint=run.checkpoint,
            resume=run.options.resume,
            log=log,
            on_error=leave_out,
        )
    doubts += mixed_sizes(_used(fields, failed), run.log)
    return model, failed


def _used(fields: Sequence[ImageField], failed: Mapping[str, str]) -> list[ImageField]:
    return [field for field in fields if field.name not in failed]


def _labels(field: ImageField, channel: str) -> Any:
    labels = field.labels(channel)
    assert labels is not None  # fields without labels are left out before
    return labels
