"""How long a study takes, from runs that are done and from trials; and the table of what there is to do."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from frugalseg.errors import Interrupted
from frugalseg.studies import estimate
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.estimate import (
    Speed,
    estimate_seconds,
    planned_steps,
    sort_of,
    trial_of,
    wall_seconds,
)
from frugalseg.studies.overview import Overview, OverviewRow, make_overview, overview_table, summary_line
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.run_specs import LabelRun, RunSpec
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs import run_queue
from frugalseg.studies.runs.run_folder import RunRecord
from frugalseg.studies.study_plan import plan_study

STUDENT = {"kind": "student", "nuclei": "nuclear"}
STAIN = {"kind": "stain", "stain": "nuclear", "steps": 60}


def runs_of(data: ArrayData, task: dict[str, Any]) -> tuple[RunSpec, ...]:
    design = StudyDesign.parse({"title": "a test", "tasks": {"cells": task}})
    return plan_runs(design, {"cells": data})


def record_of(spec: RunSpec, seconds: float, steps: int, step_seconds: float) -> RunRecord:
    about: dict[str, Any] = {
        "fingerprint": "a",
        "spec": spec.model_dump(mode="json"),
        "rows": (),
        "versions": {},
    }
    about |= {"device": "cpu", "threads": 1, "has_model": False}
    return RunRecord(**about, seconds=seconds, steps=steps, step_seconds=step_seconds)


def test_steps_are_those_of_the_specification(fakes: ModuleType) -> None:
    student = STUDENT | {"student_settings": {"max_steps": 100, "rounds": 3}}
    starts = {"a": STUDENT, "b": STAIN, "c": student}
    specs = runs_of(fakes.data(), fakes.task(starts=starts, budgets=[0, 1], steps=[70], seeds=[0]))
    assert {(spec.kind, spec.arm, getattr(spec, "steps", 0)): planned_steps(spec) for spec in specs} == {
        ("student", "a", 0): 300 + 150 + 150,
        ("student", "c", 0): 100 + 50 + 50,
        ("stain", "b", 0): 60,
        ("labels", "a", 0): 0,
        ("labels", "c", 0): 0,
        ("labels", "a", 70): 70,
        ("labels", "b", 70): 70,
        ("labels", "c", 70): 70,
    }
    arms: dict[str, Any] = {"all": {"inputs": "phase", "nuclei": "nuclear"}}
    arms["network"] = {
        "inputs": "phase",
        "nuclei": "nuclear",
        "method": "network",
        "settings": {"max_steps": 9},
    }
    arms["voronoi"] = {"inputs": "phase", "nuclei": "nuclear", "method": "voronoi"}
    markers = {"kind": "markers", "data": [], "labels": "cells", "arms": arms, "seeds": [0]}
    assert [planned_steps(spec) for spec in runs_of(fakes.data(), markers)] == [600, 9, 0]
    alone = runs_of(fakes.data(), {**markers, "learn": "alone", "test": [["a", "b"]]})
    assert [planned_steps(spec) for spec in alone] == [1200, 18, 0]
    arms["network"]["settings"] = {}
    within = runs_of(fakes.data(), {**markers, "steps": [5, 2]})
    assert [planned_steps(spec) for spec in within] == [600, 5, 0]
    trial = trial_of(within[1], {})
    assert trial is not None
    assert planned_steps(trial) == 4


def test_finished_runs_say_how_long_others_of_their_sort_take(tmp_path: Path, fakes: ModuleType) -> None:
    plan = fakes.plan(tmp_path / "out", fakes.task(budgets=[1, 2], steps=[100, 200], seeds=[0, 1]))
    first = next(spec for spec in plan.specs if isinstance(spec, LabelRun) and spec.steps == 100)
    assert sort_of(first) == sort_of(
        next(spec for spec in plan.specs if spec.name.startswith("cells/nothing-2"))
    )
    # 99 of its steps took 0.2 s each, and the two fields that it reads 1.1 s each.
    plan.finished[first.name] = record_of(first, 22.0, 99, 0.2)
    seconds = estimate_seconds(plan, 1, measure=False)
    assert first.name not in seconds
    assert seconds[first.name.replace("100_steps", "200_steps")] == pytest.approx(200 * 0.2 + 2.2)
    assert seconds["cells/nothing-2_fields-100_steps-a-seed_1"] == pytest.approx(100 * 0.2 + 3.3)
    assert seconds["cells/start-stain-a-seed_0"] is None
    assert wall_seconds(plan, seconds, 2) is None


def test_channels_and_first_weights_make_no_other_sort(fakes: ModuleType) -> None:
    """A trial takes up to a minute, so runs that take as long as each other share one."""
    starts = {
        "nothing": {"kind": "nothing"},
        "imagenet": {"kind": "imagenet"},
        "half": STAIN | {"settings": {"start_parts": "decoder"}},
        "student": STUDENT,
        "stain": STAIN | {"stain_settings": {"target_scale": "log"}},
    }
    specs = runs_of(fakes.data(), fakes.task(starts=starts, budgets=[1, 2], steps=[70], seeds=[0, 1]))
    sorts = {spec.arm: sort_of(spec) for spec in specs if isinstance(spec, LabelRun)}
    assert len({sorts[arm] for arm in ("nothing", "imagenet", "half", "stain")}) == 1
    assert sorts["student"] != sorts["nothing"]  # it rehearses what it found
    assert len({sort_of(spec) for spec in specs if spec.kind == "stain"}) == 1
    other = runs_of(fakes.data(), fakes.task(starts=starts, budgets=[1], settings={"batch": 7}))
    assert not {sort_of(spec) for spec in other if isinstance(spec, LabelRun)} & set(sorts.values())
    arms = {
        "one": {"inputs": "phase", "nuclei": "nuclear"},
        "two": {"inputs": "phase,nuclear", "nuclei": "nuclear", "with_nuclei": False},
        "rounds": {"inputs": "phase", "nuclei": "nuclear", "settings": {"rounds": 1}},
        "voronoi": {"inputs": "phase", "nuclei": "nuclear", "method": "voronoi"},
        "propagation": {"inputs": "phase", "nuclei": "nuclear", "method": "propagation"},
    }
    markers = {"kind": "markers", "data": [], "labels": "cells", "arms": arms, "seeds": [0]}
    one, two, rounds, voronoi, propagation = map(sort_of, runs_of(fakes.data(), markers))
    assert (one == two, voronoi == propagation, len({one, rounds, voronoi})) == (True, True, 3)


def test_tasks_share_trials_where_there_are_many_sorts(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[str]] = []

    def measured(_plan: Any, trials: dict[str, RunSpec], *_: Any) -> dict[str, Speed]:
        tried.append(sorted(spec.task for spec in trials.values()))
        return {sort: Speed(2.0 if spec.task == "cells" else 3.0, 0.0) for sort, spec in trials.items()}

    monkeypatch.setattr(estimate, "_measured", measured)
    plan = fakes.plan(tmp_path / "out", fakes.task(starts={"nothing": {"kind": "nothing"}}, steps=[100]))
    assert {spec.task for spec in plan.specs} == {"cells"}
    twins = [
        spec.model_copy(update={"task": "twin", "name": spec.name.replace("cells", "twin")})
        for spec in plan.specs
    ]
    prints = plan.fingerprints | {spec.name: "x" for spec in twins}
    both = replace(plan, specs=(*plan.specs, *twins), fingerprints=prints)
    seconds = estimate_seconds(both, 1)
    assert {name.split("/")[0]: value for name, value in seconds.items()} == {"cells": 200.0, "twin": 300.0}
    monkeypatch.setattr(estimate, "MOST_TRIALS", 1)
    assert set(estimate_seconds(both, 1).values()) == {200.0}
    assert tried == [["cells", "twin"], ["cells"]]


def test_trials_measure_what_was_never_run_here(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SECONDS", "0.02")
    plan = fakes.plan(tmp_path / "out", fakes.task(starts={"stain": STAIN}, budgets=[1], steps=[1000]))
    seconds = estimate_seconds(plan, 2, execution="fake_runs")
    assert not (tmp_path / "out").exists()
    stain, labels = (seconds[name] for name in list(seconds)[:2])
    assert 20.0 < (labels or 0.0) < 200.0
    assert 60 * 0.02 < (stain or 0.0) < (labels or 0.0) / 2
    assert wall_seconds(plan, seconds, 2) == pytest.approx((stain or 0.0) + (labels or 0.0))
    monkeypatch.setenv("FAKE_ERROR", "trial_1")
    said: list[str] = []
    without = estimate_seconds(plan, 2, execution="fake_runs", tell=said.append)
    assert [one is None for one in without.values()] == [False, True] * 2
    assert said == [
        "a trial of a few steps of run cells/stain-1_field-1000_steps-a-seed_0 failed, so its time is not known: field 'b' is "
        "empty; leave it out"
    ]


def test_a_trial_that_is_interrupted_promises_no_runs(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_queue._Queue, "_take", interrupt)
    with pytest.raises(Interrupted) as caught:
        estimate_seconds(fakes.plan(tmp_path / "out"), 1, execution="fake_runs")
    assert str(caught.value) == (
        "the trial that measures how long runs take was interrupted, before any run of the study began; run the same command "
        "again"
    )
    assert not (tmp_path / "out").exists()


def test_a_trial_is_a_short_run_of_the_same_network_on_one_field(fakes: ModuleType) -> None:
    student = STUDENT | {"student_settings": {"encoder": "small"}}
    starts = {"student": student, "default": STUDENT, "stain": STAIN}
    specs = runs_of(fakes.data(), fakes.task(starts=starts, budgets=[0, 2], seeds=[0]))
    by_name = {spec.name: spec for spec in specs}
    trials = {(spec.arm, spec.kind): trial_of(spec, by_name) for spec in specs if getattr(spec, "steps", 1)}
    for trial in trials.values():
        assert trial is not None
        assert (trial.needs, len({*trial.learn_from, *trial.test})) == ((), 1)
        assert planned_steps(trial) in (4, 4 + 2 + 2)
    for arm, encoder in {"student": "small", "default": "efficientnet_lite0", "stain": None}.items():
        trial = trials[arm, "labels"]
        assert isinstance(trial, LabelRun)
        assert (trial.start, trial.start_kind, trial.settings.get("encoder")) == (
            "nothing",
            "nothing",
            encoder,
        )
    assert [trial_of(spec, by_name) for spec in specs if getattr(spec, "steps", 1) == 0] == [None, None]


def test_a_chain_of_runs_that_need_each_other_takes_its_time_with_any_number_of_workers(
    tmp_path: Path, fakes: ModuleType
) -> None:
    plan = fakes.plan(tmp_path / "out")
    seconds: dict[str, float | None] = {
        spec.name: 10.0 if "nothing" in spec.name else 30.0 for spec in plan.specs
    }
    assert wall_seconds(plan, seconds, 1) == 4 * 10 + 6 * 30
    assert wall_seconds(plan, seconds, 2) == 110
    assert wall_seconds(plan, seconds, 100) == 60
    assert Speed(0.5, 2.0).seconds(plan.specs[-1]) == 200 * 0.5 + 2.0 * 3


def test_the_table_counts_runs_by_task_arm_and_budget(tmp_path: Path, fakes: ModuleType) -> None:
    plan = fakes.plan(tmp_path / "out")
    for spec in plan.specs:
        if "nothing-1" in spec.name or spec.name.endswith("stain-a-seed_1"):
            plan.finished[spec.name] = record_of(spec, 1.0, 1, 1.0)
    seconds: dict[str, float | None] = {spec.name: 60.0 for spec in plan.missing}
    seconds["cells/stain-1_field-200_steps-a-seed_0"] = None
    overview = make_overview(plan, seconds, 2)
    assert overview == Overview(
        (
            OverviewRow("cells", "stain", "600 steps", 2, 1, 60.0, 60.0),
            OverviewRow("cells", "nothing", "1 field, 200 steps", 2, 2, 0),
            OverviewRow("cells", "stain", "1 field, 200 steps", 2, 0, None, 60.0),
            OverviewRow("cells", "nothing", "2 fields, 200 steps", 2, 0, 120.0, 120.0),
            OverviewRow("cells", "stain", "2 fields, 200 steps", 2, 0, 120.0, 120.0),
        ),
        2,
        None,
        6 * 60.0 / 2,
    )
    assert summary_line(overview) == (
        "7 of 10 runs are missing, at least 3 min with 2 workers, as how long some take is not known"
    )
    unknown = make_overview(plan, dict.fromkeys(seconds), 2)
    assert summary_line(unknown) == "7 of 10 runs are missing; how long they take is not known"
    console = Console(record=True, width=120)
    console.print(overview_table(overview))
    rows = [line.replace("│", " ").split() for line in console.export_text().splitlines()[3:-1]]
    assert rows[0] == ["cells", "stain", "600", "steps", "2", "1", "1", "60", "s"]
    assert rows[1][-3:] == ["2", "2", "0"]
    assert rows[2][-4:] == ["at", "least", "60", "s"]
    console.print(overview_table(unknown))
    assert "unknown" in console.export_text()
    plan.finished.update({spec.name: record_of(spec, 1.0, 1, 1.0) for spec in plan.specs})
    assert summary_line(make_overview(plan, {}, 2)) == "all 10 runs are done"


def test_a_network_that_teaches_counts_and_is_tried_for_a_few_steps(fakes: ModuleType) -> None:
    arm = {
        "inputs": "phase",
        "nuclei": "nuclear",
        "teacher": "network",
        "teacher_settings": {"max_steps": 500},
    }
    markers = {"kind": "markers", "data": ["x"], "labels": "cells", "arms": {"student": arm}, "seeds": [0]}
    (spec,) = runs_of(fakes.data(), markers)
    assert planned_steps(spec) == 500 + 300 + 150 + 150
    trial = trial_of(spec, {})
    assert trial is not None
    assert planned_steps(trial) == 4 + 4 + 2 + 2


def test_a_trial_from_random_weights_keeps_nothing_that_is_said_of_the_start(fakes: ModuleType) -> None:
    own = {"start_parts": "decoder", "weights": "imagenet", "batch": 3}
    starts = {"half": STAIN | {"settings": own}}
    specs = runs_of(fakes.data(), fakes.task(starts=starts, budgets=[1], seeds=[0]))
    trial = trial_of(specs[1], {spec.name: spec for spec in specs})
    assert isinstance(trial, LabelRun)
    assert not {"start_parts", "weights"} & set(trial.settings)
    assert trial.settings["batch"] == 3


def test_a_trial_uses_a_field_with_labels(fakes: ModuleType) -> None:
    """Of the fields, "a" has no labels; it is rehearsed, and a student learns from it: it has nuclei, which a test field may lack."""
    student = {"kind": "student", "nuclei": "nuclear"}
    starts = {"nothing": {"kind": "nothing"}, "student": student}
    specs = runs_of(fakes.data(), fakes.task(starts=starts, budgets=[1], steps=[100], test=["c"]))
    by_name, seen = {spec.name: spec for spec in specs}, set()
    for spec in specs:
        outlined = {"outlined": ("b",)} if isinstance(spec, LabelRun) else {}
        trial = trial_of(spec.model_copy(update={"learn_from": ("a", "b"), **outlined}), by_name)
        assert trial is not None
        assert (trial.learn_from, trial.test) == ((("a",) if spec.kind == "student" else ("b",)),) * 2
        seen.add(spec.kind)
    assert seen == {"student", "labels"}


def test_a_run_whose_nuclei_are_predicted_is_not_tried_on_a_field_without_the_stain(
    tmp_path: Path, fakes: ModuleType
) -> None:
    data = fakes.data()
    lacking = ArrayData({**data.channels, "nuclear": [None, *data.channels["nuclear"][1:]]}, data.names)
    arm = {"inputs": "phase", "nuclei": "nuclear", "method": "voronoi", "predicted_nuclei": STAIN}
    task = {"kind": "markers", "data": "x", "labels": "cells", "learn": "alone", "arms": {"a": arm}}
    task |= {"test": [data.names[0]], "seeds": [0]}
    design = StudyDesign.parse({"title": "a test", "tasks": {"cells": task}})
    told: list[str] = []
    plan = plan_study(design, lacking, tmp_path / "out", device="cpu")
    found = estimate_seconds(plan, 1, execution="fake_runs", tell=told.append)
    assert (told, [found[spec.name] is None for spec in plan.specs]) == ([], [False, True])
