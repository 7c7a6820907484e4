"""The runs of a study: which fields are learned from, outlined and scored, and what stands before what."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frugalseg.errors import InputError, SettingsError
from frugalseg.studies.design.study_design import Budget, StudyDesign
from frugalseg.studies.design.study_design import __file__ as design_file
from frugalseg.studies.plan.folds import choose_outlined
from frugalseg.studies.plan.planned_runs import plan_runs
from frugalseg.studies.plan.run_specs import LabelRun, MarkerRun, StainRun, StudentRun
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs.run_folder import channels_read, fingerprints

from ..conftest import design_of

STUDENT = {"kind": "student", "nuclei": "nuclear", "start": "stain"}
STARTS = {
    "nothing": {"kind": "nothing"},
    "stain": {"kind": "stain", "stain": "nuclear", "steps": 7},
    "both": STUDENT,
}


def test_starts_stand_before_what_needs_them_and_are_made_once(
    labels_task: dict[str, Any], cells_data: ArrayData
) -> None:
    task = {**labels_task, "starts": STARTS, "budgets": [0, "1 crop", 2], "steps": [2, 4], "seeds": [0, 1]}
    runs = plan_runs(design_of(cells=task), {"cells": cells_data})
    kinds = [type(run) for run in runs]
    # for each seed a stain model and a student; with nothing outlined only the student, else 3 starts x 2 budgets x 2 steps
    assert kinds.count(StainRun) == kinds.count(StudentRun) == 2
    assert kinds.count(LabelRun) == 2 * (1 + 3 * 2 * 2)
    names = [run.name for run in runs]
    assert len(set(names)) == len(names)
    for at, run in enumerate(runs):
        assert all(need in names[:at] for need in run.needs)
    student = next(run for run in runs if isinstance(run, StudentRun))
    stain = next(run for run in runs if isinstance(run, StainRun))
    assert student.needs == (stain.name,) == (student.start,)
    assert stain.at_steps == (7,)
    assert stain.settings == {"encoder": "small", "scale": 0.5, "crop": 32, "batch": 2}  # those of the task


def test_no_test_field_is_learned_from(labels_task: dict[str, Any], cells_data: ArrayData) -> None:
    task = {**labels_task, "starts": STARTS, "budgets": ["1 crop", 1, 2], "test": "leave-one-out"}
    runs = plan_runs(design_of(cells=task), {"cells": cells_data})
    assert {run.fold for run in runs} == {"a", "b", "c"}  # d has no truth
    for run in runs:
        assert not set(run.test) & set(run.learn_from)
        if isinstance(run, LabelRun):
            assert set(run.outlined) <= set(run.learn_from) - {"d"}
        else:
            assert "d" in run.learn_from  # stains and markers need no labels


def test_a_larger_budget_contains_the_smaller_one() -> None:
    fields = ["a", "b", "c", "d"]
    for seed in range(5):
        four = choose_outlined(fields, Budget(fields=4), seed)
        assert sorted(four) == fields
        assert [choose_outlined(fields, Budget(crops=n), seed) for n in (1, 2)] == [four[:1], four[:2]]
    assert len({choose_outlined(fields, Budget(fields=4), seed) for seed in range(5)}) > 1
    assert (
        choose_outlined(["a", "b"], Budget(crops=3), 0)[2]
        == choose_outlined(["a", "b"], Budget(crops=1), 0)[0]
    )


def test_folds_of_several_fields(labels_task: dict[str, Any], cells_data: ArrayData) -> None:
    runs = plan_runs(design_of(cells={**labels_task, "test": [["a", "b"], ["c"]]}), {"cells": cells_data})
    assert [(run.fold, run.test, run.learn_from) for run in runs] == [
        ("a+b", ("a", "b"), ("c", "d")),
        ("c", ("c",), ("a", "b", "d")),
    ]


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        (
            {"budgets": [3]},
            SettingsError,
            "a budget is 3 fields, but beside the test fields c only 2 have labels",
        ),
        (
            {"budgets": ["1 crop"], "test": ["a", "b", "c"]},
            SettingsError,
            "every field with labels in channel 'cells' is among the test fields a, b, c, so there is none to learn from",
        ),
        ({"test": ["d"]}, InputError, "test field 'd' has no channel 'cells'; .* are a, b, c"),
        ({"labels": "truth"}, InputError, "no field has channel 'truth'"),
        (
            {"starts": {"s": {"kind": "stain", "stain": "dapi"}}},
            InputError,
            "no field that may be learned from has channels phase, dapi",
        ),
    ],
)
def test_designs_that_do_not_fit_the_fields(
    labels_task: dict[str, Any],
    cells_data: ArrayData,
    changed: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        plan_runs(design_of(cells={**labels_task, **changed}), {"cells": cells_data})


def test_markers_learn_together_alone_or_from_others(cells_data: ArrayData) -> None:
    arms = {"student": {"inputs": "phase", "nuclei": "nuclear"}}
    task = {"kind": "markers", "data": ["x"], "labels": "cells", "arms": arms, "seeds": [0]}
    learned = {}
    for learn in ("together", "alone", "others"):
        runs = plan_runs(design_of(m={**task, "learn": learn}), {"m": cells_data})
        assert all(isinstance(run, MarkerRun) for run in runs)
        learned[learn] = [(run.test, run.learn_from) for run in runs]
    assert learned["together"] == [(("a", "b", "c"), ("a", "b", "c", "d"))]
    assert learned["alone"] == [((one,), (one,)) for one in "abc"]
    assert learned["others"] == [((one,), tuple(x for x in "abcd" if x != one)) for one in "abc"]


def test_predicted_nuclei_come_from_other_fields(cells_data: ArrayData) -> None:
    stain = {"kind": "stain", "stain": "nuclear"}
    arms = {"synthetic": {"inputs": "phase", "nuclei": "nuclear", "predicted_nuclei": stain}}
    task = {"kind": "markers", "data": ["x"], "labels": "cells", "arms": arms, "seeds": [0]}
    before, run, *_ = plan_runs(design_of(m={**task, "learn": "alone"}), {"m": cells_data})
    assert isinstance(before, StainRun)
    assert isinstance(run, MarkerRun)
    assert run.needs == (before.name,) == (run.nuclei_from,)
    assert before.learn_from == ("b", "c", "d")
    with pytest.raises(SettingsError, match="set `learn` to 'alone' or 'others'"):
        design_of(m=task)


def test_where_nothing_is_learned_one_seed_is_enough(cells_data: ArrayData) -> None:
    arms = {name: {"inputs": "phase", "nuclei": "nuclear", "method": name} for name in ("student", "voronoi")}
    runs = plan_runs(
        design_of(m={"kind": "markers", "data": ["x"], "labels": "cells", "arms": arms, "seeds": [4, 5]}),
        {"m": cells_data},
    )
    assert [(run.arm, run.seed) for run in runs] == [("student", 4), ("student", 5), ("voronoi", 4)]


def test_stains_are_scored_where_the_stain_is(cells_data: ArrayData) -> None:
    task = {
        "kind": "stains",
        "data": ["x"],
        "inputs": "phase",
        "stain": "nuclear",
        "arms": {"a": {}},
        "steps": [4, 2],
    }
    (run, *_rest) = plan_runs(design_of(s={**task, "test": ["d"], "seeds": [3]}), {"s": cells_data})
    assert isinstance(run, StainRun)
    assert (run.test, run.learn_from, run.at_steps, run.seed) == (("d",), ("a", "b", "c"), (2, 4), 3)


def test_starts_that_differ_in_what_follows_share_a_stain_model(
    labels_task: dict[str, Any], cells_data: ArrayData
) -> None:
    stain = {"kind": "stain", "stain": "nuclear", "steps": 7}
    starts = {
        "whole": stain,
        "encoder": {**stain, "settings": {"start_parts": "encoder"}},
        "longer": {**stain, "steps": 8},
        "student": {"kind": "student", "nuclei": "nuclear", "start": "encoder"},
    }
    runs = plan_runs(design_of(cells={**labels_task, "starts": starts}), {"cells": cells_data})
    stains = [run for run in runs if isinstance(run, StainRun)]
    assert [(run.arm, run.at_steps) for run in stains] == [("whole", (7,)), ("longer", (8,))]
    needs = {run.arm: run.needs[0] for run in runs if run.needs}
    assert needs["whole"] == needs["encoder"] == stains[0].name
    assert needs["longer"] == stains[1].name
    (student,) = (run for run in runs if isinstance(run, StudentRun))
    assert student.needs == (stains[0].name,)


def test_a_stain_with_a_seed_of_its_own_is_trained_once_for_all_seeds(
    labels_task: dict[str, Any], cells_data: ArrayData
) -> None:
    stain = {"kind": "stain", "stain": "nuclear"}
    starts = {"own": {**stain, "steps": 7}, "one": {**stain, "steps": [8, 2, 2, 4], "seed": 5}}
    task = {**labels_task, "starts": starts, "seeds": [0, 1]}
    runs = plan_runs(design_of(cells=task), {"cells": cells_data})
    stains = [(run.arm, run.seed, run.at_steps) for run in runs if isinstance(run, StainRun)]
    assert stains == [("own", 0, (7,)), ("one", 5, (2, 4, 8)), ("own", 1, (7,))]
    used = {(run.arm, run.seed): run.needs for run in runs if isinstance(run, LabelRun)}
    assert used["one", 0] == used["one", 1] == ("cells/start-one-c-seed_5",)
    assert used["own", 0] != used["own", 1]


@pytest.mark.parametrize(
    ("settings", "encoder"),
    [({"encoder": "small"}, "small"), ({"preset": "paper"}, "densenet121"), ({}, None)],
)
def test_every_start_has_the_network_of_the_task(
    labels_task: dict[str, Any], cells_data: ArrayData, settings: dict[str, Any], encoder: str | None
) -> None:
    starts = {
        "stain": {"kind": "stain", "stain": "nuclear"},
        "student": {"kind": "student", "nuclei": "nuclear"},
        "own": {
            "kind": "student",
            "nuclei": "nuclear",
            "student_settings": {"encoder": "efficientnet_lite0"},
        },
        "both": {"kind": "student", "nuclei": "nuclear", "start": "stain"},
    }
    runs = plan_runs(
        design_of(cells={**labels_task, "starts": starts, "settings": settings}), {"cells": cells_data}
    )
    found = {run.arm: run.settings.get("encoder") for run in runs if isinstance(run, StainRun | StudentRun)}
    assert found == {"stain": encoder, "student": encoder, "own": "efficientnet_lite0", "both": None}


def test_steps_that_are_named_twice_are_one(cells_data: ArrayData) -> None:
    task = {
        "kind": "stains",
        "data": ["x"],
        "inputs": "phase",
        "stain": "nuclear",
        "arms": {"log": {}},
        "test": ["c"],
    }
    runs = plan_runs(design_of(s={**task, "steps": [4, 2, 2], "seeds": [0]}), {"s": cells_data})
    assert [run.at_steps for run in runs if isinstance(run, StainRun)] == [(2, 4)]


@pytest.mark.parametrize("name", ["dapi, 405", "dapi[405]", 'a "b"'])
def test_names_of_single_channels_may_have_any_signs(
    labels_task: dict[str, Any], cells_data: ArrayData, name: str
) -> None:
    channels = {"phase": cells_data.channels["phase"], name: cells_data.channels["nuclear"]}
    channels[f"{name} cells"] = cells_data.channels["cells"]
    data = ArrayData(channels, cells_data.names)
    starts = {"stain": {"kind": "stain", "stain": name}, "student": {"kind": "student", "nuclei": name}}
    design = design_of(cells={**labels_task, "labels": f"{name} cells", "starts": starts})
    runs = plan_runs(design, {"cells": data})
    assert {channels_read(run) for run in runs} == {("phase", name), ("phase", f"{name} cells")}
    before = fingerprints(runs, {"cells": data})
    cells = [None if one is None else one.copy() for one in channels[f"{name} cells"]]
    cells[0][cells[0] == 1] = 0  # type: ignore[index]
    after = fingerprints(runs, {"cells": ArrayData(channels | {f"{name} cells": cells}, data.names)})
    changed = {run.name for run in runs if before[run.name] != after[run.name]}
    assert changed == {
        run.name for run in runs if isinstance(run, LabelRun) and "a" in (*run.outlined, *run.learn_from)
    }


@pytest.mark.parametrize("steps", [[], [0, 4], 0])
def test_a_stain_needs_steps(labels_task: dict[str, Any], steps: object) -> None:
    start = {"kind": "stain", "stain": "nuclear", "steps": steps}
    with pytest.raises(SettingsError, match="steps"):
        design_of(cells={**labels_task, "starts": {"stain": start}})


def test_every_design_that_comes_with_the_package_is_allowed() -> None:
    folder = Path(design_file).parent / "designs"
    designs = {path.stem: StudyDesign.read(path) for path in folder.glob("*.yaml")}
    assert len(designs) >= 8
    assert {name.split("_")[0] for name in designs} == {"smoke", "laptop", "full"}


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        (("a", "b-1", "c"), ("a", "b_1", "c")),  # as before, where no two are alike
        (("dish-1", "dish 1", "c"), ("dish_1_1d04a5", "dish_1", "c")),
        (("dish 1", "dish_1", "c"), ("dish_1_f66042", "dish_1", "c")),
        (("α1", "β1", "c"), ("_1_3d719c", "_1_1850a5", "c")),
    ],
)
def test_every_field_has_runs_of_its_own(
    labels_task: dict[str, Any], fields: tuple[str, ...], paths: tuple[str, ...]
) -> None:
    planes = [np.zeros((8, 8), np.int32)] * 3
    data = ArrayData({"phase": planes, "cells": planes}, fields)
    runs = plan_runs(design_of(cells={**labels_task, "test": "leave-one-out"}), {"cells": data})
    assert [(run.fold, run.test) for run in runs] == [(field, (field,)) for field in fields]
    assert [run.name for run in runs] == [f"cells/nothing-1_field-2_steps-{one}-seed_0" for one in paths]


@pytest.mark.parametrize(
    "changed",
    [
        {"starts": {"a-b": {"kind": "nothing"}, "a_b": {"kind": "nothing"}}},
        {"test": [["a", "b"], ["a+b"]]},
    ],
)
def test_two_runs_of_one_name_are_refused(labels_task: dict[str, Any], changed: dict[str, Any]) -> None:
    planes = [np.zeros((8, 8), np.int32)] * 4
    data = ArrayData({"phase": planes, "cells": planes}, ["a", "b", "a+b", "c"])
    with pytest.raises(SettingsError, match="task 'cells': two different runs would be called 'cells/"):
        plan_runs(design_of(cells={**labels_task, "test": ["c"], **changed}), {"cells": data})


def lacking(channel: str, *fields: str) -> ArrayData:
    """Four fields with every channel, but for one channel that some of them lack."""
    planes: dict[str, list[Any]] = {name: [np.zeros((8, 8), np.int32)] * 4 for name in CHANNELS}
    planes[channel] = [None if name in fields else planes[channel][0] for name in "abcd"]
    return ArrayData(planes, list("abcd"))


CHANNELS = ("phase", "nuclear", "cells")
MARKERS: dict[str, Any] = {
    "kind": "markers",
    "data": ["x"],
    "labels": "cells",
    "arms": {"own": {"inputs": "phase", "nuclei": "nuclear"}},
}
STAINS: dict[str, Any] = {"kind": "stains", "data": ["x"], "inputs": "phase", "stain": "nuclear"}


@pytest.mark.parametrize(
    ("task", "data", "said"),
    [
        ({"inputs": "phaze"}, lacking("phase"), "task 't': no field has channel 'phaze'; check"),
        (
            {"test": ["c"]},
            lacking("phase", "c"),
            "task 't': field 'c' is tested or outlined, and has no channel",
        ),
        (
            {"test": ["c"]},
            lacking("phase", "b"),
            "task 't': field 'b' is tested or outlined, and has no channel",
        ),
        ({**STAINS, "arms": {"a": {}}}, lacking("phase", "b"), "field 'b' is tested .* no channel 'phase'"),
        (MARKERS, lacking("phase", "b"), "field 'b' is tested .* no channel 'phase'"),
        (MARKERS, lacking("nuclear", "b"), "field 'b' is tested .* no channel 'nuclear'"),
    ],
)
def test_channels_that_runs_would_miss_are_named_before_any_run(
    labels_task: dict[str, Any], task: dict[str, Any], data: ArrayData, said: str
) -> None:
    whole = task if "kind" in task else {**labels_task, **task}
    with pytest.raises(InputError, match=said):
        plan_runs(design_of(t=whole), {"t": data})


def test_what_no_run_reads_may_be_missing(labels_task: dict[str, Any]) -> None:
    runs = plan_runs(design_of(t=labels_task), {"t": lacking("cells", "b")})
    assert [(run.test, run.learn_from) for run in runs] == [(("c",), ("a", "b", "d"))]
    stain = {"kind": "stain", "stain": "nuclear"}
    arm = {"inputs": "phase", "nuclei": "nuclear", "predicted_nuclei": stain, "method": "voronoi"}
    task = {**MARKERS, "arms": {"a": arm}, "learn": "others", "test": ["b"], "seeds": [0]}
    before, run = plan_runs(design_of(t=task), {"t": lacking("nuclear", "b")})
    assert (before.test, run.test, run.learn_from) == ((), ("b",), ("a", "c", "d"))
