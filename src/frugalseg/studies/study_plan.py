"""What a study has to do: all its runs, and which of them are there already, of this design and these pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from frugalseg import __version__
from frugalseg.errors import InputError, UnreadableFile
from frugalseg.learning.device import Device, pick_device
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.ready_models import doubts_about, read_cards, without_unfit
from frugalseg.studies.plan.run_specs import RunSpec
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.plan.task_data import open_data
from frugalseg.studies.runs.run_folder import RUNS, RunRecord, fingerprints, read_record
from frugalseg.studies.runs.run_worker import Job
from frugalseg.studies.study_folder import checkpoint_of

TaskData = Mapping[str, StudyData] | StudyData | None


@dataclass(frozen=True)
class StudyPlan:
    """All runs of a study in a folder.

    Attributes
    ----------
    design, text
        The design, and as YAML.
    out
        Folder of the study.
    data
        Name of each task -> its fields.
    data_root
        Folder that files and models of the design are relative to.
    device
        Where runs are computed.
    specs
        All runs, those that others need first.
    fingerprints
        Name of each run -> checksum, see `frugalseg.studies.runs.run_folder.fingerprints`.
    finished
        Name of each run that is there -> its record.
    warnings
        What makes its scores doubtful, one sentence each.
    """

    design: StudyDesign
    text: str
    out: Path
    data: Mapping[str, StudyData]
    data_root: Path
    device: Device
    specs: tuple[RunSpec, ...]
    fingerprints: Mapping[str, str]
    finished: Mapping[str, RunRecord]
    warnings: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[RunSpec, ...]:
        """Runs that have to be made."""
        return tuple(spec for spec in self.specs if spec.name not in self.finished)

    @property
    def outdated(self) -> tuple[str, ...]:
        """Names of the missing runs that are there, but damaged, or of another design or other images."""
        return tuple(spec.name for spec in self.missing if self.folder_of(spec.name).exists())

    @property
    def made_by(self) -> tuple[str, ...]:
        """Version of frugalseg of each run: of those that are there, and of this program for those that are missing."""
        return *(one.made_by for one in self.finished.values()), *(__version__ for _ in self.missing)

    def folder_of(self, name: str) -> Path:
        """Return the folder of a run."""
        return self.out / RUNS / name

    def job_of(self, spec: RunSpec) -> Job:
        """Return what a process needs to make a run."""
        return Job(
            spec=spec,
            folder=self.folder_of(spec.name),
            fingerprint=self.fingerprints[spec.name],
            models={name: self.folder_of(name) / "model" for name in spec.needs},
            data_root=self.data_root,
            device=self.device,
            checkpoint=checkpoint_of(self.out, self.fingerprints[spec.name]),
        )

    def read_finished(self) -> dict[str, RunRecord]:
        """Return the records of the runs that are there now."""
        return _finished(self.out, self.specs, self.fingerprints)


def plan_study(
    design: StudyDesign | str | Path,
    data: TaskData,
    out: str | Path,
    *,
    data_root: str | Path | None = None,
    device: Device = "auto",
) -> StudyPlan:
    """List the runs of a study, and find out which of them are there already; nothing is written.

    Parameters
    ----------
    design
        The design, or its YAML file.
    data
        Name of each task -> its fields, or the fields of all tasks; None: those that the design names.
    out
        Folder of the study.
    data_root
        Folder that files and models of the design are relative to; that of the design's file by default.
    device
        Where to compute; "auto" is CUDA or MPS where there is one.

    Raises
    ------
    SettingsError, UnreadableFile, InputError
        The design or its fields can't be used; the device is not there.

    Examples
    --------
    >>> starts = {name: {"kind": name} for name in ("nothing", "imagenet")}
    >>> task = {"kind": "labels", "target": "cells", "inputs": "phase", "labels": "cells", "starts": starts}
    >>> task |= {"settings": {"encoder": "efficientnet_lite0"}}
    >>> task |= {"budgets": [1], "seeds": [0, 1], "test": ["synthetic_1"], "data": {"settings": {"shape": [64, 64]}}}
    >>> plan = plan_study(StudyDesign.parse({"title": "cells", "tasks": {"cells": task}}), None, "cells", device="cpu")
    >>> len(plan.specs), len(plan.missing), plan.specs[0].name
    (4, 4, 'cells/nothing-1_field-200_steps-synthetic_1-seed_0')
    """
    text, root = None, Path()
    if not isinstance(design, StudyDesign):
        root = Path(design).parent
        text, design = _read_text(Path(design)), StudyDesign.read(design)
    root = Path(data_root) if data_root is not None else root
    if data is None:
        data = {name: open_data(task, root) for name, task in design.tasks.items()}
    elif not isinstance(data, Mapping):
        data = dict.fromkeys(design.tasks, data)
    missing = [name for name in design.tasks if name not in data]
    if missing:
        raise InputError(
            f"`data` has no fields for task '{missing[0]}', only for {', '.join(map(repr, data)) or 'none'}; give those of every task"
        )
    for name in design.tasks:
        if not hasattr(data[name], "input_names"):
            raise InputError(
                f"the fields of task '{name}' in `data` are of type {type(data[name]).__name__}; give `frugalseg.ArrayData`, or "
                "`frugalseg.FileData` of fields in files"
            )
    cards = read_cards(design, root)
    specs = without_unfit(plan_runs(design, data), cards)
    prints = fingerprints(specs, data, root)
    return StudyPlan(
        design=design,
        text=text or yaml.safe_dump(design.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
        out=Path(out),
        data=data,
        data_root=root.absolute(),
        device=_device(device),
        specs=specs,
        fingerprints=prints,
        finished=_finished(Path(out), specs, prints),
        warnings=doubts_about(cards, specs),
    )


def _finished(out: Path, specs: tuple[RunSpec, ...], prints: Mapping[str, str]) -> dict[str, RunRecord]:
    records = {spec.name: read_record(out / RUNS / spec.name) for spec in specs}
    return {name: record for name, record in records.items() if record and record.fingerprint == prints[name]}


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path} can't be read as a design of a study: {error}") from error


def _device(device: Device) -> Device:
    if device == "cpu":  # without waiting for torch
        return device
    found: Device = pick_device(device).type  # type: ignore[assignment]
    return found
