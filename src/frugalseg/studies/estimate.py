"""How long a study takes: from runs that are done, else from a few steps of one run of each sort on this machine."""

import json
import pickle
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frugalseg.errors import Interrupted
from frugalseg.images.channel_lists import single_channel
from frugalseg.studies.plan.field_channels import has_all
from frugalseg.studies.plan.run_specs import LabelRun, MarkerRun, RunSpec, StainRun, StudentRun
from frugalseg.studies.runs.run_folder import RunRecord, fields_read, read_record
from frugalseg.studies.runs.run_queue import make_runs
from frugalseg.studies.runs.run_worker import EXECUTION, Job, Setup
from frugalseg.studies.study_plan import StudyPlan

#: Steps of a trial, the first of which is not timed.
TRIAL_STEPS = 4
#: Sorts of runs from which on tasks share trials.
MOST_TRIALS = 12
#: Steps that the first round of a student takes by default; each further one takes half as many.
_STUDENT_STEPS, _STUDENT_ROUNDS = 300, 3
#: Most steps of a marker network by preset; many end earlier.
_NETWORK_STEPS = {"default": 3500, "paper": 1600}

#: Parts of a specification, and settings, in which runs of the same speed may differ.
_SAME_SPEED = frozenset(
    {"name", "needs", "seed", "seeds", "fold", "learn_from", "test", "arm", "start", "outlined", "budget"}
    | {"steps", "at_steps", "max_steps", "inputs", "nuclei", "predicted_nuclei", "nuclei_from", "with_nuclei"}
    | {"labels", "stain", "weights", "start_parts", "target_scale", "slope", "learning_rate"}
)
#: Starts of a network that learns from labels alone.
_FRESH = ("nothing", "imagenet", "stain")


@dataclass(frozen=True)
class Speed:
    """Seconds of a training step, and of all else by field that is read."""

    step: float
    field: float

    @classmethod
    def of(cls, record: RunRecord, spec: RunSpec) -> "Speed":
        """Return the speed of a run that is done."""
        rest = max(record.seconds - record.steps * record.step_seconds, 0.0)
        return cls(record.step_seconds, rest / len(fields_read(spec)))

    def seconds(self, spec: RunSpec) -> float:
        """Return how long another run takes at this speed."""
        return planned_steps(spec) * self.step + len(fields_read(spec)) * self.field


def planned_steps(spec: RunSpec) -> int:
    """Return the most training steps that a run takes, as far as its specification says it."""
    if isinstance(spec, LabelRun):
        return spec.steps
    if isinstance(spec, StainRun):
        return spec.at_steps[-1]
    if isinstance(spec, MarkerRun):
        if not spec.method.learns:
            return 0
        trainings = len(spec.test) if spec.learn == "alone" else 1
        if spec.method.method == "network":
            return trainings * (spec.at_steps[-1] if spec.at_steps else _network_steps(spec.method.settings))
        teacher = _network_steps(spec.method.teacher_settings) if spec.method.teacher == "network" else 0
        return trainings * (teacher + _student_steps(spec.method.settings))
    return _student_steps(spec.settings)


def _student_steps(settings: Mapping[str, Any]) -> int:
    first = int(settings.get("max_steps") or _STUDENT_STEPS)
    return first + (int(settings.get("rounds") or _STUDENT_ROUNDS) - 1) * (first // 2)


def _network_steps(settings: Mapping[str, Any]) -> int:
    return int(settings.get("max_steps") or _NETWORK_STEPS[settings.get("preset", "default")])


def estimate_seconds(
    plan: StudyPlan,
    workers: int,
    measure: bool = True,
    execution: str = EXECUTION,
    tell: Callable[[str], None] = lambda sentence: None,
) -> dict[str, float | None]:
    """Return how many seconds each missing run takes; None where nothing is known.

    Parameters
    ----------
    plan
        Of the study.
    workers
        Number of processes, which share what the machine has.
    measure
        Try a few steps of one run of each sort that was never made here; where there are many, of one task for all.
    execution
        Module that makes runs.
    tell
        Is called with a sentence for each trial that failed: its run will most likely fail too.

    Raises
    ------
    Interrupted
        Ctrl-C; nothing was written.
    """
    by_name = {spec.name: spec for spec in plan.specs}
    speeds: dict[str, Speed] = {}
    for name, record in plan.finished.items():
        speeds[sort_of(by_name[name])] = Speed.of(record, by_name[name])
    unknown: dict[str, RunSpec] = {}
    for spec in plan.missing:
        trial = trial_of(spec, by_name)
        if trial is not None and sort_of(spec) not in speeds and _can_be_made(trial, plan):
            unknown.setdefault(sort_of(spec), trial)
    if measure and unknown:
        speeds |= _measured(plan, _few(unknown), workers, execution, tell)
    elsewhere = {_of_any_task(sort): speed for sort, speed in speeds.items()}
    found = {
        spec.name: speeds.get(sort_of(spec), elsewhere.get(_of_any_task(sort_of(spec))))
        for spec in plan.missing
    }
    return {spec.name: speed.seconds(spec) if (speed := found[spec.name]) else None for spec in plan.missing}


def wall_seconds(plan: StudyPlan, seconds: Mapping[str, float | None], workers: int) -> float | None:
    """Return how long the missing runs take together; None where one is unknown.

    They take as long as they would one after the other, shared by the workers, but never less than the longest chain of
    runs that need each other.
    """
    known = [one for one in seconds.values() if one is not None]
    if len(known) < len(seconds):
        return None
    ends: dict[str, float] = {}
    for spec in plan.missing:
        before = max((ends.get(name, 0.0) for name in spec.needs), default=0.0)
        ends[spec.name] = before + (seconds[spec.name] or 0.0)
    return max(sum(known) / max(workers, 1), max(ends.values(), default=0.0))


def sort_of(spec: RunSpec) -> str:
    """Return a text that runs of the same speed have in common: the task, what is trained, and the settings that take time.

    Which channels they see, and what the weights begin as, hardly changes how long they take; each sort costs a trial.
    """
    content = spec.model_dump(mode="json")
    if isinstance(spec, MarkerRun) and not spec.method.learns:
        content["method"] = "classical"  # the search for cues takes the time, and is the same
    if isinstance(spec, LabelRun) and spec.start_kind in _FRESH:
        content["start_kind"] = "fresh"
    method = content.get("method")
    settings = method.get("settings") if isinstance(method, dict) else content.get("settings")
    for part in (content, method, settings):
        if isinstance(part, dict):
            for name in _SAME_SPEED & part.keys():
                del part[name]
    return json.dumps(content, sort_keys=True)


def _few(trials: Mapping[str, RunSpec]) -> dict[str, RunSpec]:
    """Return these trials, or, where they are many, one of those that differ in the task only."""
    if len(trials) <= MOST_TRIALS:
        return dict(trials)
    firsts: dict[str, str] = {}
    for sort in trials:
        firsts.setdefault(_of_any_task(sort), sort)
    return {sort: trials[sort] for sort in firsts.values()}


def _of_any_task(sort: str) -> str:
    content = json.loads(sort)
    del content["task"]
    return json.dumps(content, sort_keys=True)


def trial_of(spec: RunSpec, by_name: Mapping[str, RunSpec]) -> RunSpec | None:
    """Return a run of one field and a few steps that needs no other run; None where there is none such.

    Only fields that are outlined or tested are sure to have labels; those that a student learns from have nuclei.
    """
    if isinstance(spec, StudentRun):
        field = spec.learn_from[:1]
    else:
        field = spec.outlined[:1] if isinstance(spec, LabelRun) else spec.test[:1] or fields_read(spec)[:1]
    common: dict[str, Any] = {"needs": (), "learn_from": field, "test": field}
    if isinstance(spec, StainRun):
        return spec.model_copy(update={**common, "at_steps": (TRIAL_STEPS,)})
    if isinstance(spec, StudentRun):
        start = None if spec.needs else spec.start
        settings = {**spec.settings, "max_steps": TRIAL_STEPS}
        return spec.model_copy(update={**common, "start": start, "settings": settings})
    if isinstance(spec, MarkerRun):
        few = {"max_steps": TRIAL_STEPS}
        changed: dict[str, Any] = {"predicted_nuclei": None}
        if spec.method.learns:
            changed["settings"] = spec.method.settings | few
        if spec.method.teacher == "network":
            changed["teacher_settings"] = spec.method.teacher_settings | few
        method = spec.method.model_copy(update=changed)
        return spec.model_copy(update={**common, "method": method, "nuclei_from": None, "at_steps": None})
    if not spec.outlined:
        return None
    common |= {"steps": TRIAL_STEPS, "outlined": field}
    if spec.needs:  # a network of the same size, from random weights
        encoder = _encoder(by_name[spec.needs[0]])
        of_start = ("start_parts", "weights", "slope", "rehearsal")
        settings = {name: value for name, value in spec.settings.items() if name not in of_start}
        settings |= {} if encoder is None else {"encoder": encoder}
        common |= {"start": "nothing", "start_kind": "nothing", "settings": settings}
    return spec.model_copy(update=common)


def _can_be_made(trial: RunSpec, plan: StudyPlan) -> bool:
    """Return whether the field of a trial has nuclei; those of its run may be predicted, by a model that is not there yet."""
    if not isinstance(trial, MarkerRun):
        return True
    return has_all(trial.test[0], (single_channel(trial.method.nuclei),), plan.data[trial.task])


def _encoder(spec: RunSpec) -> str | None:
    """Return the encoder of a start, None for that of its preset."""
    settings = {} if isinstance(spec, MarkerRun) else spec.settings
    default = "efficientnet_lite0" if isinstance(spec, StudentRun) else None
    found: str | None = settings.get("encoder", default)
    return found


def _measured(
    plan: StudyPlan,
    trials: Mapping[str, RunSpec],
    workers: int,
    execution: str,
    tell: Callable[[str], None],
) -> dict[str, Speed]:
    """Make the trials in a folder that is removed, and return the speed of those that ended well."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            Job(spec, Path(folder, str(i)), "", {}, plan.data_root, plan.device, Path(folder, f"{i}.part"))
            for i, spec in enumerate(_named(trials.values()))
        ]
        try:
            outcome = make_runs(jobs, pickle.dumps(Setup(plan.data, execution)), min(workers, len(jobs)))
        except Interrupted as error:
            raise Interrupted(
                "the trial that measures how long runs take was interrupted, before any run of the study began; run the same "
                "command again"
            ) from error
        for job, spec in zip(jobs, trials.values(), strict=True):
            if job.spec.name in outcome.failed:
                reason = outcome.failed[job.spec.name].replace(job.spec.name, spec.name)
                tell(f"a trial of a few steps of run {spec.name} failed, so its time is not known: {reason}")
        records = [read_record(job.folder) for job in jobs]
        return {
            sort: Speed.of(record, job.spec)
            for sort, job, record in zip(trials, jobs, records, strict=True)
            if record is not None
        }


def _named(trials: Sequence[RunSpec] | Any) -> list[RunSpec]:
    return [spec.model_copy(update={"name": f"trial_{i}"}) for i, spec in enumerate(trials)]
