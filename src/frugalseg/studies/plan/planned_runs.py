"""From a design and the names of its fields to the list of runs, those that others need first."""

from collections.abc import Iterable, Iterator, Mapping

from frugalseg.errors import InputError, SettingsError
from frugalseg.images.channel_lists import single_channel
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.model_settings import ObjectModelSettings
from frugalseg.studies.design.study_design import (
    Budget,
    LabelTask,
    MarkerTask,
    Model,
    Stain,
    StainTask,
    Start,
    Student,
    StudyDesign,
    Task,
)
from frugalseg.studies.plan.field_channels import check_all_have, has_all, having
from frugalseg.studies.plan.folds import Fold, choose_outlined, find_folds, path_part
from frugalseg.studies.plan.run_specs import LabelRun, MarkerRun, RunSpec, StainRun, StudentRun
from frugalseg.studies.plan.study_data import StudyData

#: Runs that have this encoder anyway do not name it: so they are the runs that they were before tasks named one for all starts.
_USUAL_ENCODER = LabelSettings.preset("default", target="cells").encoder


def plan_runs(design: StudyDesign, data: Mapping[str, StudyData]) -> tuple[RunSpec, ...]:
    """Return every run of a study; a run stands behind those that it needs.

    Parameters
    ----------
    design
        The study.
    data
        Name of each task -> its fields.

    Raises
    ------
    InputError
        A test field is not there or has no labels, or a field lacks a channel that is needed.
    SettingsError
        A budget is larger than what is labelled, or two runs have the same name.
    """
    runs: dict[str, RunSpec] = {}
    for name, task in design.tasks.items():
        for run in _runs_of_task(name, task, data[name]):
            # A stain model of several starts or seeds is planned for each of them, and is the same run.
            if runs.setdefault(run.name, run) != run:
                raise SettingsError(
                    f"task '{name}': two different runs would be called {run.name!r}; give arms and folds names that differ in "
                    "more than signs"
                )
    _check_inputs(runs.values(), data)
    return tuple(runs.values())


def _check_inputs(runs: Iterable[RunSpec], data: Mapping[str, StudyData]) -> None:
    """Refuse inputs that fields can't have, such as focal planes of arrays, before any run begins."""
    asked: dict[tuple[str, str], str] = {}
    for run in runs:
        inputs = run.method.inputs if isinstance(run, MarkerRun) else run.inputs
        asked.setdefault((run.task, inputs), (*run.learn_from, *run.test)[0])
    for (task, inputs), field in asked.items():
        try:
            data[task].input_names(field, inputs)
        except (InputError, SettingsError) as error:
            raise type(error)(f"task '{task}': {error}") from error


def _runs_of_task(name: str, task: Task, data: StudyData) -> Iterator[RunSpec]:
    if isinstance(task, LabelTask):
        return _label_runs(name, task, data)
    if isinstance(task, StainTask):
        return _stain_runs(name, task, data)
    return _marker_runs(name, task, data)


def _label_runs(name: str, task: LabelTask, data: StudyData) -> Iterator[RunSpec]:
    for fold in find_folds(name, task, data, task.labels):
        labelled = [one for one in fold.rest if data.has(one, task.labels)]
        _check_budgets(name, task, fold, len(labelled))
        check_all_have(name, (*fold.test, *labelled), (task.inputs,), data)
        for seed in task.seeds:
            starts = {
                arm: one
                for arm, start in task.starts.items()
                if (one := _start_run(name, task, arm, start, fold, seed, data)) is not None
            }
            yield from sorted(starts.values(), key=lambda one: len(one.needs))
            for budget in task.budgets:
                outlined = choose_outlined(labelled, budget, seed)
                for steps in task.steps if outlined else (0,):
                    for arm, start in task.starts.items():
                        if outlined or _may_find(start, task.target):
                            about = name, task, arm, start, starts.get(arm), fold, seed
                            yield _label_run(*about, budget, outlined, steps)


def _may_find(start: Start, target: str) -> bool:
    """Return whether a start can find the target with nothing outlined; of a model that is there, only its card tells."""
    return isinstance(start, Model) or (isinstance(start, Student) and target == "cells")


def _label_run(
    name: str,
    task: LabelTask,
    arm: str,
    start: Start,
    before: RunSpec | None,
    fold: Fold,
    seed: int,
    budget: Budget,
    outlined: tuple[str, ...],
    steps: int,
) -> LabelRun:
    length = f"{steps} steps" if steps else "as it is"
    return LabelRun(
        task=name,
        arm=arm,
        name=run_name(name, arm, str(budget), length, fold.path, f"seed {seed}"),
        needs=() if before is None else (before.name,),
        seed=seed,
        fold=fold.name,
        learn_from=fold.rest,
        test=fold.test,
        target=task.target,
        inputs=task.inputs,
        labels=task.labels,
        outlined=outlined,
        crop_size=task.crop_size if budget.crops else None,
        budget=budget,
        steps=steps,
        start=before.name if before else start.path if isinstance(start, Model) else start.kind,
        start_kind=start.kind,
        settings={**task.settings, **start.settings},
    )


def _check_budgets(name: str, task: LabelTask, fold: Fold, labelled: int) -> None:
    most = max((budget.fields for budget in task.budgets), default=0)
    if not labelled:
        raise SettingsError(
            f"task '{name}': every field with labels in channel {task.labels!r} is among the test fields {', '.join(fold.test)}, so "
            "there is none to learn from; test fewer fields at once"
        )
    if most > labelled:
        raise SettingsError(
            f"task '{name}': a budget is {most} fields, but beside the test fields {', '.join(fold.test)} only {labelled} "
            f"have labels in channel {task.labels!r}; lower the budget or test fewer fields at once"
        )


def _start_run(
    name: str, task: LabelTask, arm: str, start: Start, fold: Fold, seed: int, data: StudyData
) -> StainRun | StudentRun | None:
    """Return the run that makes a start; None where it is there already."""
    if isinstance(start, Stain):
        return _stain_of_task(name, task, start, fold, seed, data)
    if not isinstance(start, Student):
        return None
    first = None if start.start is None else task.starts[start.start]
    before = _stain_of_task(name, task, first, fold, seed, data) if isinstance(first, Stain) else None
    encoder = _encoder_of(task)
    network = {} if first is not None or encoder == _USUAL_ENCODER else {"encoder": encoder}
    return StudentRun(
        task=name,
        arm=arm,
        name=run_name(name, "start", arm, fold.path, f"seed {seed}"),
        needs=() if before is None else (before.name,),
        seed=seed,
        fold=fold.name,
        learn_from=having(name, fold.rest, (task.inputs, single_channel(start.nuclei)), data),
        test=fold.test,
        inputs=task.inputs,
        nuclei=start.nuclei,
        start=before.name if before else first.path if isinstance(first, Model) else None,
        settings={**network, **start.student_settings},
    )


def _encoder_of(task: LabelTask) -> str:
    """Return the encoder of a task's network: it is named, or part of a preset."""
    found = ObjectModelSettings.model_validate(task.settings)
    return LabelSettings.preset(found.preset, target=task.target, encoder=found.encoder).encoder


def _stain_of_task(
    name: str, task: LabelTask, start: Stain, fold: Fold, seed: int, data: StudyData
) -> StainRun:
    """Return the run of a stain start; it is trained once for all starts that differ in what follows only.

    What the task says of the network holds for it too, so that all starts train the same one.
    """
    same = start.model_copy(update={"settings": {}})
    arm = next(arm for arm, one in task.starts.items() if one.model_copy(update={"settings": {}}) == same)
    shared = {key: task.settings[key] for key in ("scale", "crop", "batch") if key in task.settings}
    encoder = _encoder_of(task)
    if encoder != _USUAL_ENCODER or "encoder" in task.settings:
        shared["encoder"] = encoder
    found = start.model_copy(update={"stain_settings": {**shared, **start.stain_settings}})
    return stain_start(name, arm, found, start.inputs or task.inputs, fold, seed, data)


def stain_start(
    name: str, arm: str, start: Stain, inputs: str, fold: Fold, seed: int, data: StudyData
) -> StainRun:
    """Return the run that trains a stain model on all fields but the test fields; its own seed goes first."""
    seed = seed if start.seed is None else start.seed
    channels = inputs, single_channel(start.stain)
    return StainRun(
        task=name,
        arm=arm,
        name=run_name(name, "start", arm, fold.path, f"seed {seed}"),
        seed=seed,
        fold=fold.name,
        learn_from=having(name, fold.rest, channels, data),
        test=tuple(one for one in fold.test if has_all(one, channels, data)),
        inputs=inputs,
        stain=start.stain,
        at_steps=(start.steps,) if isinstance(start.steps, int) else tuple(sorted(set(start.steps))),
        settings=start.stain_settings,
    )


def _stain_runs(name: str, task: StainTask, data: StudyData) -> Iterator[RunSpec]:
    for fold in find_folds(name, task, data, task.stain):
        check_all_have(name, fold.test, (task.inputs,), data)
        for seed in task.seeds:
            for arm, settings in task.arms.items():
                yield StainRun(
                    task=name,
                    arm=arm,
                    name=run_name(name, arm, fold.path, f"seed {seed}"),
                    seed=seed,
                    fold=fold.name,
                    learn_from=having(name, fold.rest, (task.inputs, single_channel(task.stain)), data),
                    test=fold.test,
                    inputs=task.inputs,
                    stain=task.stain,
                    at_steps=tuple(sorted(set(task.steps))),
                    settings=settings,
                )


def _marker_runs(name: str, task: MarkerTask, data: StudyData) -> Iterator[RunSpec]:
    if task.learn == "together":
        scored = tuple(field for field in data.names if data.has(field, task.labels))
        if not scored:
            raise InputError(
                f"task '{name}': no field has channel {task.labels!r}; name the channel of the truth"
            )
        folds: tuple[Fold, ...] = (Fold("all", "all", scored, data.names),)
    else:
        folds = find_folds(name, task, data, task.labels)
    for fold in folds:
        for arm, method in task.arms.items():
            check_all_have(name, fold.test, method.channels_of_tests, data)
            for seed in task.seeds_of(arm):
                before = None
                if method.predicted_nuclei is not None:
                    stain = method.predicted_nuclei
                    about = f"{arm}_nuclei", stain, stain.inputs or method.inputs
                    before = stain_start(name, *about, fold, seed, data)
                    yield before
                learned = fold.rest
                needed: tuple[str, ...] = method.inputs, single_channel(method.nuclei)
                if task.learn == "alone":
                    learned, needed = fold.test, method.channels_of_tests
                yield MarkerRun(
                    task=name,
                    arm=arm,
                    name=run_name(name, arm, fold.path, f"seed {seed}"),
                    needs=() if before is None else (before.name,),
                    seed=seed,
                    fold=fold.name,
                    learn_from=having(name, learned, needed, data),
                    test=fold.test,
                    method=method,
                    labels=task.labels,
                    learn=task.learn,
                    nuclei_from=None if before is None else before.name,
                    at_steps=task.steps_of(arm),
                )


def run_name(task: str, *parts: str) -> str:
    """Return the name of a run, which is also a path below ``runs/``.

    Examples
    --------
    >>> run_name("cells", "stain", "1 crop", "seed 0")
    'cells/stain-1_crop-seed_0'
    """
    return f"{task}/{'-'.join(map(path_part, parts))}"
