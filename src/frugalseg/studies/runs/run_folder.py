"""The folder of one run of a study: there whole or not at all, and known to be of this design and these pixels.

``runs/<task>/<run>/`` holds ``model/``, ``<field>_labels.tif`` or ``<field>_stain.tif``, and ``run.json``. While a run goes on, its
folder has a hidden name.
"""

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from frugalseg.errors import OutputFailed, UnreadableFile
from frugalseg.images.channel_lists import single_channel
from frugalseg.images.channels import parse_channels
from frugalseg.images.plain_files import parse_json, read_text
from frugalseg.images.unfinished import hidden_path
from frugalseg.networks.store import CARD, WEIGHTS
from frugalseg.studies.plan.run_specs import LabelRun, MarkerRun, RunSpec, StainRun, StudentRun
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.scores.score_rows import ScoreRow

RUNS, RUN = "runs", "run.json"
#: Hidden names of folders that are being written, or replaced.
_HIDDEN = re.compile(r"\..+\.[0-9a-f]{8}\.(part|old)")


def _row(value: Any) -> Any:
    """NaN has no place in JSON, which holds None instead."""
    return (
        {**value, "value": math.nan} if isinstance(value, Mapping) and value.get("value") is None else value
    )


class RunRecord(BaseModel):
    """What is known about a finished run.

    Attributes
    ----------
    fingerprint
        Of the specification, of the runs that were needed, and of the pixels.
    spec
        The specification, as JSON.
    rows
        Scores.
    seconds, steps, step_seconds
        Time that the run took, training steps among them, and the time of one; without what it did before it was cut short.
    device, threads
        What it was computed on.
    has_model
        Whether a model was saved.
    versions
        Of frugalseg and of the libraries that decide numbers.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: str
    spec: dict[str, Any]
    rows: tuple[Annotated[ScoreRow, BeforeValidator(_row)], ...]
    seconds: float
    steps: int
    step_seconds: float
    device: str
    threads: int
    has_model: bool
    versions: dict[str, str]

    @property
    def made_by(self) -> str:
        """Version of frugalseg that made the run."""
        return self.versions.get("frugalseg", "of an unknown version")


def read_record(folder: Path) -> RunRecord | None:
    """Return the record of a finished run; None where there is none, or where it or its model is damaged or gone."""
    try:
        record = RunRecord.model_validate(parse_json(read_text(folder / RUN)))
    except (UnreadableFile, ValidationError, ValueError):
        return None
    whole = all((folder / "model" / name).is_file() for name in (CARD, WEIGHTS))
    return record if whole or not record.has_model else None


def fields_read(spec: RunSpec) -> tuple[str, ...]:
    """Return the fields whose pixels a run reads."""
    learned = spec.learn_from
    if isinstance(spec, LabelRun) and spec.start_kind not in (
        "student",
        "model",
    ):  # those rehearse other fields too
        learned = spec.outlined
    return tuple(dict.fromkeys((*learned, *spec.test)))


def channels_read(spec: RunSpec) -> tuple[str, ...]:
    """Return the channels that a run reads."""
    given: tuple[str, ...]
    if isinstance(spec, StainRun):
        given = spec.inputs, single_channel(spec.stain)
    elif isinstance(spec, StudentRun):
        given = spec.inputs, single_channel(spec.nuclei)
    elif isinstance(spec, LabelRun):
        given = spec.inputs, single_channel(spec.labels)
    else:
        predicted = spec.method.predicted_nuclei
        more = "" if predicted is None else predicted.inputs or ""
        single = single_channel(spec.method.nuclei), single_channel(spec.labels)
        given = *filter(None, (spec.method.inputs, more)), *single
    return tuple(dict.fromkeys(one.channel for text in given for one in parse_channels(text)))


def fingerprints(
    specs: Sequence[RunSpec], data: Mapping[str, StudyData], data_root: Path = Path()
) -> dict[str, str]:
    """Return a checksum of each run: another one means another result.

    Parameters
    ----------
    specs
        Runs, those that others need first.
    data
        Name of each task -> its fields.
    data_root
        Folder that models which are there already are relative to.

    Returns
    -------
    dict
        Name of a run -> checksum of its specification, of the runs that it needs, of its pixels (files: their names and
        what they hold, so that a copy of the images counts as the same), and of a model that it starts from.
    """

    @cache
    def pixels(task: str, field: str, channels: tuple[str, ...]) -> str:
        return data[task].checksum([field], channels)

    found: dict[str, str] = {}
    for spec in specs:
        content = {
            "spec": _what_decides(spec),
            "needs": [found[name] for name in spec.needs],
            "pixels": [pixels(spec.task, field, channels_read(spec)) for field in fields_read(spec)],
            "model": _state_of_model(spec, data_root),
        }
        found[spec.name] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return found


def _what_decides(spec: RunSpec) -> dict[str, Any]:
    """Return a specification without the seeds of its arm's other runs, and without steps that it is not scored after."""
    content = spec.model_dump(mode="json")
    if isinstance(spec, MarkerRun):
        del content["method"]["seeds"]
        if spec.at_steps is None:  # as before there was such a setting
            del content["at_steps"]
    return content


def _state_of_model(spec: RunSpec, data_root: Path) -> str:
    """Return a checksum of the card of a model that was there before the study, which holds that of its weights."""
    if not isinstance(spec, LabelRun) or spec.start_kind != "model":
        return ""
    try:
        return hashlib.sha256((data_root / spec.start / "card.yaml").read_bytes()).hexdigest()
    except OSError:
        return "missing"


@contextmanager
def new_run_folder(folder: Path) -> Iterator[Path]:
    """Make a hidden folder that becomes `folder`, in place of an earlier one, once the block has ended well.

    Raises
    ------
    OutputFailed
        Nothing can be written.
    """
    hidden, old = hidden_path(folder), hidden_path(folder, "old")
    with output_errors(folder):
        hidden.mkdir(parents=True)
    try:
        yield hidden
        with output_errors(folder):
            if folder.exists():
                folder.rename(old)
            hidden.rename(folder)
    finally:
        for rest in (hidden, old):
            shutil.rmtree(rest, ignore_errors=True)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn an error of the disk into one sentence that names `path`.

    Raises
    ------
    OutputFailed
        In place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise OutputFailed(
            f"{path} could not be written: {error.strerror or error}; free some space or choose another folder"
        ) from error


def remove_leftovers(out: Path) -> None:
    """Remove what killed runs left under hidden names below ``runs/``; what can't be removed stays."""
    for folder, inner, _ in os.walk(out / RUNS):
        for name in [one for one in inner if _HIDDEN.fullmatch(one)]:
            shutil.rmtree(Path(folder, name), ignore_errors=True)
        # Only folders of tasks can hold a hidden run.
        inner[:] = [] if Path(folder) != out / RUNS else [one for one in inner if not one.startswith(".")]


def remove_checkpoint(folder: Path) -> None:
    """Remove the folder of a checkpoint, and the folder of all checkpoints where it was the last."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()
