"""``frugalseg segment --target nuclei``: label maps of nuclei from a nuclear stain, with nothing to learn."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting
from rich.console import Console
from rich.text import Text

from frugalseg.cues.background import subtract_background
from frugalseg.cues.markers import find_markers, markers_from_labels
from frugalseg.cues.outlines import outline_nuclei, remove_small
from frugalseg.errors import FrugalsegError, InputError, Interrupted, OutputFailed
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.scores import score_labels
from frugalseg.images.field import Field
from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image
from frugalseg.instances.clean import clean_labels
from frugalseg.report import FieldReport, Report, preview, write_report
from frugalseg.workflows.cues import check_channels
from frugalseg.workflows.judging import NUCLEI_GAMMA, scores_of, summarise
from frugalseg.workflows.outputs import Outputs, RunResult
from frugalseg.workflows.sources import sources_of
from frugalseg.workflows.versions import command_line, versions


class NucleiSettings(BaseModel):
    """Settings of `segment_nuclei`.

    Attributes
    ----------
    nuclei
        Channel of the nuclear stain, real or predicted.
    nuclei_diameter
        Of a typical nucleus, px; estimated when None.
    level
        Where the outline lies between surroundings (0) and nucleus (1); where it is steepest when None. See
        `frugalseg.cues.outlines.outline_nuclei`.
    truth
        Channel with true labels of nuclei, only to score the result; single fields may lack it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str = Setting(default="nuclei", pattern="^nuclei$")
    nuclei: str
    nuclei_diameter: float | None = Setting(default=None, gt=2, allow_inf_nan=False)
    level: float | None = Setting(default=None, gt=0, lt=1)
    truth: str | None = None


def segment_nuclei_plane(
    plane: NDArray[Any], diameter: float | None = None, level: float | None = None
) -> NDArray[np.uint32]:
    """Find the whole nuclei of one nuclear stain.

    Parameters
    ----------
    plane
        (Y, X), nuclei bright; any scale of grey values.
    diameter
        Of a typical nucleus, px; estimated when None.
    level
        Of the outline, see `frugalseg.cues.outlines.outline_nuclei`.

    Returns
    -------
    (Y, X) uint32, one id per nucleus, in one piece and without holes; empty where there is no nucleus.

    Raises
    ------
    WrongShape, BadPixels
        The image is no plane, empty, constant, or holds NaN.
    SettingsError
        A diameter or level that can't be.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((128, 128), n_cells=9, dim_nuclei=0, seed=1)
    >>> len(np.unique(segment_nuclei_plane(cells.nuclear))) - 1
    9
    """
    found = find_markers(plane, diameter, method="threshold").nuclei
    assert found is not None  # this method always draws them
    flat = subtract_background(np.asarray(plane, np.float32))
    return clean_labels(remove_small(outline_nuclei(flat, found, level)))


def segment_nuclei(
    inputs: Sequence[str | Path],
    out: str | Path,
    settings: NucleiSettings,
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Make a label map of the nuclei of every field from its nuclear stain.

    Parameters
    ----------
    inputs, pattern, where
        See `frugalseg.open_fields`.
    out
        Folder of the results: ``<field>_labels.tif``, ``measurements.csv``, ``report.html``, ``run.json``.
    settings
        The channel, and how its nuclei are drawn and judged.
    resume
        Keep the fields that an earlier run completed.
    overwrite
        Replace an earlier run.
    quiet
        Print nothing.

    Returns
    -------
    RunResult
        Records of the fields, and why others failed. A field without a nucleus has an empty label map and a warning.

    Raises
    ------
    InputError
        No field can be read, or none has the channel.
    OutputExists, OutputFailed
        There are results already; nothing can be written.
    SettingsError
        ``resume`` with other settings.
    Interrupted
        Ctrl-C; what was done is kept.
    """
    table = open_fields(inputs, pattern=pattern, where=where)
    check_channels(table, (settings.nuclei,), () if settings.truth is None else (settings.truth,))
    names = [field.name for field in table]
    read = [name for name in (settings.nuclei, settings.truth) if name is not None]
    outputs = Outputs(
        out,
        names,
        settings.model_dump(),
        command="segment",
        overwrite=overwrite,
        resume=resume,
        sources=sources_of(table, read),
    )
    console = Console(quiet=quiet)
    report = Report(
        title="frugalseg segment: nuclei",
        command=command_line("segment --target nuclei"),
        settings=outputs.settings,
        versions=versions(),
        started=outputs.started,
    )
    try:
        for number, field in enumerate(table, start=1):
            _say(console, f"[{number}/{len(table)}] {field.name}")
            try:
                _one(field, settings, outputs, report, console)
            except (Interrupted, OutputFailed):
                raise
            except FrugalsegError as error:
                outputs.fail(field.name, error)
    except (Interrupted, KeyboardInterrupt):
        outputs.finish(state="interrupted")
        raise
    summary = summarise(outputs, settings.truth)
    report.warnings = list(summary["warnings"])
    report.seconds = sum(record["seconds"] for record in outputs.done.values())
    write_report(outputs.report_path, report, overwrite=True)
    return outputs.finish(summary)


def _one(field: Field, settings: NucleiSettings, outputs: Outputs, report: Report, console: Console) -> None:
    """Do one field, or show what an earlier run made of it."""
    start = time.monotonic()
    truth = None if settings.truth is None else field.labels(settings.truth)
    plane = field.plane(settings.nuclei)
    if outputs.is_complete(field.name):
        _say(console, "  done earlier")
        stored = read_image(outputs.labels_path(field.name)).pixels
        labels = np.asarray(stored[0, 0]).astype(np.uint32)
        record = outputs.done[field.name]
    else:
        labels = _draw(field, plane, settings)
        record = _record(labels, truth, settings)
        rows = measure_cells(labels, {settings.nuclei: plane}, field.pixel_size)
        record["seconds"] = round(time.monotonic() - start, 2)
        outputs.write_field(field.name, labels, record, rows, field.pixel_size)
        record = outputs.done[field.name]
        for line in (*record["warnings"], f"{record['n_cells']} nuclei in {record['seconds']:.1f} s"):
            _say(console, f"  {line}")
    if (scores := record.get("scores")) is not None:
        _say(console, f"  scores: mIoU {scores['cell_miou']:.3f}, mAP {scores['mAP']:.3f}")
    report.add(
        FieldReport(
            name=field.name,
            image=preview(plane, gamma=NUCLEI_GAMMA),
            labels=labels,
            truth=truth,
            markers=markers_from_labels(labels).points,
            measurements=record["measurements"],
            pixel_size=field.pixel_size,
            scores=scores_of(record),
            seconds=record["seconds"],
            warnings=tuple(record["warnings"]),
        )
    )


def _draw(field: Field, plane: NDArray[np.float32], settings: NucleiSettings) -> NDArray[np.uint32]:
    try:
        return segment_nuclei_plane(plane, settings.nuclei_diameter, settings.level)
    except InputError as error:
        raise type(error)(f"field {field.name!r}, channel {settings.nuclei!r}: {error}") from error


def _record(
    labels: NDArray[np.uint32], truth: NDArray[Any] | None, settings: NucleiSettings
) -> dict[str, Any]:
    count = int(np.count_nonzero(np.unique(labels)))
    warnings = (
        [] if count else [f"No nucleus was found in channel {settings.nuclei!r}; is it the nuclear stain?"]
    )
    sizes = np.bincount(labels[labels > 0].astype(np.intp))
    diameter = float(np.median(np.sqrt(4 * sizes[sizes > 0] / np.pi))) if count else None
    record: dict[str, Any] = {"n_cells": count, "nuclei_diameter": diameter, "warnings": warnings}
    if truth is not None:
        record["scores"] = score_labels(truth, labels).to_dict()
    return record


def _say(console: Console, text: str) -> None:
    console.print(Text(text), soft_wrap=True)
