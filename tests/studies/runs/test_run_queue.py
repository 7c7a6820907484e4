"""Runs in several processes: what is missing, in the right order, whatever goes wrong with some."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from frugalseg.errors import OutputExists, OutputFailed, SettingsError
from frugalseg.runs.versions import typed
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.runs import run_queue
from frugalseg.studies.runs.run_queue import RunEvent, count_workers
from frugalseg.studies.runs.worker_process import worker_environment
from frugalseg.studies.scores.score_rows import read_rows
from frugalseg.studies.study_folder import begin_folder, only_study

STAIN = "cells/start-stain-a-seed_0"
LATER = "cells/stain-1_field-200_steps-a-seed_0", "cells/stain-2_fields-200_steps-a-seed_0"


def states(out: Path) -> dict[str, str]:
    """Return the state of every run as ``study.json`` has it."""
    return {run["name"]: run["state"] for run in json.loads((out / "study.json").read_text())["runs"]}


def test_two_workers_give_what_one_gives_and_runs_wait_for_what_they_need(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[RunEvent] = []
    fakes.study(tmp_path / "one", workers=1)
    monkeypatch.setenv("FAKE_DELAY", "start-stain")
    result = fakes.study(tmp_path / "two", workers=2, progress=events.append)
    assert len(fakes.contents(tmp_path / "one")) == 10
    assert fakes.contents(tmp_path / "one") == fakes.contents(tmp_path / "two")
    assert (tmp_path / "one" / "scores.csv").read_bytes() == (tmp_path / "two" / "scores.csv").read_bytes()
    assert len(read_rows(tmp_path / "two" / "scores.csv")) == len(result.rows) == 8 * 2 + 2
    assert {event.worker for event in events if event.kind == "started"} == {0, 1}
    begun = [(event.kind, event.name) for event in events]
    for name in LATER:
        assert begun.index(("done", STAIN)) < begun.index(("started", name))
    assert set(states(tmp_path / "two").values()) == {"done"}
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        ".lock",
        "design.yaml",
        "runs",
        "scores.csv",
        "study.json",
    ]


def test_a_run_that_fails_leaves_out_those_that_need_it_and_nothing_else(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ERROR", "start-stain-a-seed_0")
    result = fakes.study(tmp_path / "out")
    needed = f"it needs run '{STAIN}', which failed"
    assert result.failed == {STAIN: "field 'b' is empty; leave it out", **dict.fromkeys(LATER, needed)}
    assert len(result.runs) == 7
    assert {name for name, state in states(tmp_path / "out").items() if state == "failed"} == {STAIN, *LATER}
    monkeypatch.delenv("FAKE_ERROR")
    assert set(fakes.study(tmp_path / "out").made) == {STAIN, *LATER}


def test_a_process_that_dies_fails_its_run_alone(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DEATH", "nothing-1_field-200_steps-a-seed_1")
    result = fakes.study(tmp_path / "out")
    (reason,) = result.failed.values()
    assert reason == "its process was killed, most likely because memory ran out; use fewer `workers`"
    assert len(result.runs) == 9
    hidden = list((tmp_path / "out" / "runs").rglob(".*"))
    monkeypatch.delenv("FAKE_DEATH")
    fakes.study(tmp_path / "out")
    assert hidden
    assert not list((tmp_path / "out" / "runs").rglob(".*"))


def test_a_defect_keeps_its_traceback_and_lets_the_others_go_on(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DEFECT", "nothing-1_field-200_steps-a-seed_1")
    with pytest.raises(RuntimeError, match=r"1 runs? failed by a defect(.|\n)*in _go_wrong(.|\n)*by mistake"):
        fakes.study(tmp_path / "out")
    assert list(states(tmp_path / "out").values()).count("done") == 9


def test_a_full_disk_ends_the_study_with_one_sentence(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_FULL_DISK", "start-stain-a-seed_1")
    with pytest.raises(OutputFailed) as caught:
        fakes.study(tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path}/out/runs/cells/start-stain-a-seed_1 could not be written: the disk is full; free some space or choose "
        "another folder; then run the same command again to go on with the study"
    )
    assert list(states(tmp_path / "out").values()).count("done") == 5
    monkeypatch.delenv("FAKE_FULL_DISK")
    monkeypatch.setenv("FAKE_CLOSED_DISK", "seed_1")
    with pytest.raises(
        OutputFailed, match=r"^x could not be written: it is closed; choose another folder; then run the"
    ):
        fakes.study(tmp_path / "out")
    monkeypatch.delenv("FAKE_CLOSED_DISK")
    assert len(fakes.study(tmp_path / "out").made) == 5


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, fakes: ModuleType) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed, match=r"^.*file/out could not be written: Not a directory; .*$"):
        fakes.study(tmp_path / "file" / "out")


def test_only_what_a_changed_design_touches_is_made_again(tmp_path: Path, fakes: ModuleType) -> None:
    fakes.study(tmp_path / "out")
    assert fakes.study(tmp_path / "out").made == ()
    more = fakes.study(tmp_path / "out", fakes.task(budgets=[1, 2, 3]))
    assert {name.split("-")[1] for name in more.made} == {"3_fields"}
    assert len(more.made) == 4
    before = fakes.contents(tmp_path / "out")
    other = fakes.task(starts={"nothing": {"kind": "nothing"}, "stain": {"kind": "stain", "stain": "phase"}})
    plan = fakes.plan(tmp_path / "out", other)
    assert set(plan.outdated) == {name for name in (spec.name for spec in plan.specs) if "stain" in name}
    assert set(fakes.study(tmp_path / "out", other).made) == set(plan.outdated)
    after = fakes.contents(tmp_path / "out")
    assert {name for name in before if before[name] != after[name]} == {
        name for name in before if "stain" in name and "3_fields" not in name
    }


def test_a_finished_study_that_is_repeated_keeps_its_record(tmp_path: Path, fakes: ModuleType) -> None:
    out, small = tmp_path / "out", fakes.task(budgets=[1], seeds=[0])
    with typed(["study", "first.yaml"]):
        fakes.study(out, small)
    record = (out / "study.json").read_bytes()
    assert json.loads(record)["command"] == "frugalseg study first.yaml"
    with typed(["study", "again.yaml"]):
        assert fakes.study(out, small).made == ()
    assert (out / "study.json").read_bytes() == record
    (out / "runs" / "cells" / "nothing-1_field-200_steps-a-seed_0" / "run.json").unlink()
    with typed(["study", "again.yaml"]):
        assert len(fakes.study(out, small).made) == 1
    assert json.loads((out / "study.json").read_text())["command"] == "frugalseg study again.yaml"


def test_results_of_another_design_are_gone_before_its_runs_begin(
    tmp_path: Path, fakes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, small = tmp_path / "out", fakes.task(budgets=[1], seeds=[0])
    fakes.study(out, small)
    results = (
        "report.html",
        "answers.json",
        "curves.csv",
        "differences.csv",
        "curves_cells.png",
        "bars_cells.svg",
    )
    for name in (*results, "mine.png"):
        (out / name).write_text("found")
    text = fakes.plan(out, small).text
    fakes.study(out, small)
    begin_folder(out, f"# a comment\n{text}")  # says the same
    assert all((out / name).exists() for name in results)
    monkeypatch.setenv("FAKE_FULL_DISK", "seed_1")
    with pytest.raises(OutputFailed):
        fakes.study(out, fakes.task(budgets=[1], seeds=[1]))
    assert not any((out / name).exists() for name in results)
    assert (out / "mine.png").exists()


def test_changed_pixels_make_anew_the_runs_that_read_them(tmp_path: Path, fakes: ModuleType) -> None:
    fakes.study(tmp_path / "out", fakes.task(starts={"nothing": {"kind": "nothing"}}, seeds=[0, 1, 2]))
    old = fakes.data()
    planes = [*old.channels["phase"][:3], np.full((8, 8), 9.0, np.float32)]
    new = ArrayData({**old.channels, "phase": planes}, fakes.FIELDS)
    plan = fakes.plan(
        tmp_path / "out", fakes.task(starts={"nothing": {"kind": "nothing"}}, seeds=[0, 1, 2]), new
    )
    assert {spec.name for spec in plan.missing} == {spec.name for spec in plan.specs if "d" in spec.outlined}
    assert 0 < len(plan.missing) < len(plan.specs)


def test_damaged_runs_are_made_again_and_all_with_overwrite(tmp_path: Path, fakes: ModuleType) -> None:
    given = fakes.task(starts={"nothing": {"kind": "nothing"}}, budgets=[1], seeds=[0, 1, 2, 3, 4])
    fakes.study(tmp_path / "out", given)
    before = fakes.contents(tmp_path / "out")
    runs = {f"cells/nothing-1_field-200_steps-a-seed_{seed}": seed for seed in range(5)}
    for name, damage in zip(runs, ("", "{", '{"fingerprint": 3}'), strict=False):
        (tmp_path / "out" / "runs" / name / "run.json").write_text(damage)
    shutil.rmtree(tmp_path / "out" / "runs" / list(runs)[3] / "model")
    damaged = tuple(runs)[:4]
    assert fakes.plan(tmp_path / "out", given).outdated == damaged
    assert fakes.study(tmp_path / "out", given).made == damaged
    assert fakes.contents(tmp_path / "out") == before
    (tmp_path / "out" / "report.html").write_text("found")
    assert fakes.study(tmp_path / "out", given).made == ()
    assert (tmp_path / "out" / "report.html").exists()  # nothing was missing
    assert fakes.study(tmp_path / "out", given, overwrite=True).made == tuple(runs)
    assert not (tmp_path / "out" / "report.html").exists()  # of runs that are gone


def test_two_studies_never_share_a_folder_nor_a_study_anything_else(
    tmp_path: Path, fakes: ModuleType
) -> None:
    with only_study(tmp_path / "out"), pytest.raises(OutputExists, match="a study is running in"):
        fakes.study(tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("mine")
    with pytest.raises(OutputExists, match=r"mine holds note\.txt and is no study"):
        fakes.study(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["note.txt"]


def test_workers_are_as_many_as_processors_memory_and_runs_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_queue, "usable_cpus", lambda: 8)
    monkeypatch.setattr(run_queue, "free_memory", lambda: 5_000_000_000)
    assert count_workers(None, "cpu", 100) == 3
    assert count_workers(None, "cpu", 100, image_bytes=1_000_000_000) == 2
    assert count_workers(None, "cpu", 2) == 2
    assert count_workers(6, "cpu", 100) == 6
    assert count_workers(None, "mps", 100) == 1
    monkeypatch.setattr(run_queue, "free_memory", lambda: None)
    assert count_workers(None, "cpu", 100) == 8


def test_several_workers_share_a_gpu_as_far_as_its_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    def card(gigabytes: float) -> Callable[[int], SimpleNamespace]:
        return lambda index: SimpleNamespace(total_memory=round(gigabytes * 1e9))

    monkeypatch.setattr(run_queue, "usable_cpus", lambda: 16)
    monkeypatch.setattr(run_queue, "free_memory", lambda: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    for gigabytes, workers in ((143.8, 16), (80, 16), (24, 4), (8, 2)):
        monkeypatch.setattr(torch.cuda, "get_device_properties", card(gigabytes))
        assert count_workers(None, "cuda", 100) == workers
    monkeypatch.setattr(torch.cuda, "get_device_properties", card(143.8))
    monkeypatch.setattr(run_queue, "usable_cpus", lambda: 1)
    assert count_workers(None, "cuda", 100) == 2


def test_each_process_has_one_thread_and_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, 5")
    assert worker_environment(0, "cpu")["OMP_NUM_THREADS"] == "1"
    assert worker_environment(0, "cpu")["CUDA_VISIBLE_DEVICES"] == "3, 5"
    assert [worker_environment(i, "cuda")["CUDA_VISIBLE_DEVICES"] for i in range(3)] == ["3", "5", "3"]


@pytest.mark.parametrize("workers", [0, -1, "2", 1.5])
def test_processes_are_counted_in_whole_numbers(fakes: ModuleType, tmp_path: Path, workers: Any) -> None:
    with pytest.raises(SettingsError, match=rf"^`workers` is {workers!r}; give 1 or more$"):
        fakes.study(tmp_path / "study", workers=workers)
    assert not (tmp_path / "study").exists()
