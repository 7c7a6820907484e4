"""``frugalseg learn stains``: a network that predicts a stain from label-free images, with no label (paper A)."""

from collections.abc import Sequence
from pathlib import Path

from frugalseg.commands.command_settings import LearnStainsSettings
from frugalseg.errors import FrugalsegError
from frugalseg.images.channels import InputChannel, parse_channels
from frugalseg.images.fields import FieldTable
from frugalseg.learning.device import pick_device
from frugalseg.models.stain_model import StainModel
from frugalseg.report import Comparison, TrainingCurve
from frugalseg.runs.field_arrays import (
    FieldArrays,
    channel_in_errors,
    input_arrays,
    learned_pixel_size,
    mixed_sizes,
    model_channels,
    plane_arrays,
    size_warnings,
    with_channel,
)
from frugalseg.runs.manifest import ModelRecord, RunResult
from frugalseg.runs.model_folder import ModelRun
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import check_channels, find_sources
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.stain_pictures import compare_stains
from frugalseg.runs.summary import mean_pcc_by_role

#: So many parts are shown in the report, held-out ones first.
SHOWN = 8
#: Scale on which a stain is learned -> what a second correlation is of, where it differs from that of grey values.
LEARNED = {"log": "of the logarithm", "mask": "of the mask"}


def learn_stains(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: LearnStainsSettings,
    options: RunOptions | None = None,
) -> RunResult:
    """Train a network to predict a stain from label-free channels; no label is needed.

    Parameters
    ----------
    inputs
        See `frugalseg.open_fields`.
    out
        The model folder: ``card.yaml``, ``weights.safetensors``, ``training.json``, ``record.json``, ``report.html``.
    settings
        Channels, network, training.
    options
        Which fields, where to compute, what may be replaced.

    Returns
    -------
    RunResult
        Pearson's correlation (paper A, eq. 3) with the stain's grey values, and on the scale on which it was learned; role
        of every field or part; the mean by role.

    Raises
    ------
    InputError
        No field can be used.
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        A channel list that can't be read; the device is not there; `resume` with other settings.
    Interrupted
        Ctrl-C; the checkpoint is kept.
    """
    options = options or RunOptions()
    channels = parse_channels(settings.inputs)
    table = options.open(inputs)
    needed = (*(channel.channel for channel in channels), settings.to)
    check_channels(table, needed)
    pick_device(options.device)
    run = ModelRun("learn stains", out, settings.model_dump(), find_sources(table, needed), options)
    if run.earlier is not None:
        return run.earlier
    with run.resumable():
        return _learn(table, channels, settings, run)


def _learn(
    table: FieldTable, channels: tuple[InputChannel, ...], settings: LearnStainsSettings, run: ModelRun
) -> RunResult:
    """Train, evaluate and save."""
    fields, failed = tuple(table), dict[str, str]()
    warnings = size_warnings(fields, run.log)
    images = input_arrays(fields, channels)
    stains = plane_arrays(fields, settings.to, settings.project)

    def leave_out(index: int, error: FrugalsegError) -> None:
        failed[fields[index].name] = with_channel(error, "stains", settings.to)

    with run.log.training_bar("training") as progress, channel_in_errors("stains", settings.to):
        model = StainModel.fit(
            images,
            stains,
            target=settings.to,
            project=settings.project,
            channels=model_channels(fields, channels),
            names=[field.name for field in fields],
            pixel_size=lambda: learned_pixel_size([one for one in fields if one.name not in failed]),
            settings=settings,
            device=run.options.device,
            progress=progress,
            checkpoint=run.checkpoint,
            resume=run.options.resume,
            log=run.log.line,
            on_error=leave_out,
        )
    warnings += mixed_sizes([one for one in fields if one.name not in failed], run.log)
    records, comparisons = _evaluate(model, images, stains, run)
    assert model.training is not None
    record = run.record(
        model.training,
        scale=model.card.scale,
        inputs=model.card.channels,
        target_scale=model.card.target_scale,
        started_from=model.started_from,
        crops_skipped=model.crops_skipped,
        pcc=mean_pcc_by_role(records),
        pcc_learned=mean_pcc_by_role(records, "pcc_learned"),
        fields=records,
        failed=failed,
        warnings=warnings,
    )
    return _save(model, record, comparisons, run)


def _save(model: StainModel, record: ModelRecord, comparisons: list[Comparison], run: ModelRun) -> RunResult:
    """Write the model with a report on it."""
    assert model.training is not None
    name = f"{model.card.target} from {', '.join(model.card.channels)}"
    report = run.report(record, TrainingCurve.of(name, model.training, "held-out PCC"))
    for comparison in comparisons:
        report.add(comparison)
    return run.save(model, record, report)


def _evaluate(
    model: StainModel, images: FieldArrays, stains: FieldArrays, run: ModelRun
) -> tuple[dict[str, FieldRecord], list[Comparison]]:
    """Score every part, and show pictures of the first."""
    records: dict[str, FieldRecord] = {}
    comparisons: list[Comparison] = []
    other = LEARNED.get(model.card.target_scale.how)
    with run.log.status("predicting every field"):
        for part in model.evaluate(images, stains):
            records[part.name] = FieldRecord(role=part.role, pcc=part.pcc, pcc_learned=part.pcc_learned)
            numbers: dict[str, float | str | None] = {"PCC": part.pcc, "role": part.role}
            if other is not None:
                numbers[f"PCC {other}"] = part.pcc_learned
            shown = (
                compare_stains(part.name, part.planes, part.real, part.predicted, numbers)
                if len(comparisons) < SHOWN
                else Comparison(name=part.name, numbers=numbers)
            )
            comparisons.append(shown)
    learned = mean_pcc_by_role(records, "pcc_learned")
    for role, mean in mean_pcc_by_role(records).items():
        also = "" if other is None or role not in learned else f", {other} {learned[role].mean:.3f}"
        run.log.line(f"PCC of what was {role}: {mean.mean:.3f}{also} (n = {mean.n})")
    return records, comparisons
