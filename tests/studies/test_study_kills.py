"""A study that is killed, stopped or left alone ends with the same runs, whenever and however often that happens."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from frugalseg.studies.study import run_plan
from frugalseg.studies.study_plan import plan_study

KILLS = 3
#: As `frugalseg study`, with runs that take no time.
AS_TYPED = (
    "import functools, fake_runs, frugalseg.cli, frugalseg.commands.run_study as command\n"
    "for name in ('run_plan', 'estimate_seconds'):\n"
    "    setattr(command, name, functools.partial(getattr(command, name), execution='fake_runs'))\n"
    "frugalseg.cli.main()"
)


def start(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start Python with the modules of this process, in a group of processes of its own."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        return subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        )
    finally:
        signal.signal(signal.SIGINT, usual)


def begun(log: Path) -> list[tuple[int, str, int]]:
    """Return process, name and first step of every run that was begun."""
    lines = log.read_text().split("\n")[:-1] if log.exists() else []
    return [(int(process), name, int(step)) for process, name, step in (line.split(" ") for line in lines)]


def is_alive(process: int) -> bool:
    """Return whether a process still runs."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(met: object, seconds: float = 60.0) -> None:
    """Wait until a function returns something that is true."""
    end = time.monotonic() + seconds
    while not met():  # type: ignore[operator]
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def real_trainings() -> dict[str, object]:
    """Return a design that trains each kind of network for so many steps that kills meet them: stain, student, labels, markers."""
    data = {"n_fields": 3, "seed": 1, "settings": {"shape": [96, 96], "n_cells": 8, "dim_nuclei": 0}}
    small = {"encoder": "small", "crop": 32, "batch": 2, "scale": 0.5, "hold_out": False}
    cells = {
        "kind": "labels",
        "data": data,
        "target": "cells",
        "inputs": "phase",
        "labels": "cells",
        "starts": {"stain": {"kind": "stain", "stain": "nuclear", "steps": 20, "stain_settings": small}},
        "budgets": [1],
        "steps": [20],
        "seeds": [0],
        "test": ["synthetic_3"],
        "settings": small,
    }
    arms = {
        "student": {
            "inputs": "phase",
            "nuclei": "nuclear",
            "settings": {"encoder": "small", "rounds": 2, "max_steps": 8},
        },
        "network": {
            "inputs": "phase",
            "nuclei": "nuclear",
            "method": "network",
            "settings": {"max_steps": 8},
        },
    }
    markers = {
        "kind": "markers",
        "data": data,
        "labels": "cells",
        "arms": arms,
        "learn": "together",
        "seeds": [0],
    }
    return {"title": "real trainings", "tasks": {"cells": cells, "markers": markers}}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux whether processes still run")
def test_a_study_that_is_killed_three_times_gives_what_an_uninterrupted_one_gives(
    tmp_path: Path, fakes: ModuleType
) -> None:
    fakes.study(tmp_path / "whole", workers=2)
    out, log, chance = tmp_path / "killed", tmp_path / "log", random.Random(13)
    slow = {"FAKE_LOG": str(log), "FAKE_SECONDS": "0.1"}  # all runs would take longer than the kills
    silent = slow | {"FAKE_SECONDS": "100"}  # its processes would tell nothing for minutes
    for environment in (silent, *[slow] * KILLS):
        before = len(begun(log))
        study = start("import fake_runs; fake_runs.main()", out, **environment)
        wait_until(lambda: len(begun(log)) > before)  # noqa: B023 - called in this very turn
        time.sleep(chance.uniform(0.0, 0.6))
        assert study.poll() is None
        os.killpg(study.pid, signal.SIGKILL)
        study.communicate()
        wait_until(lambda: not any(is_alive(process) for process, _, _ in begun(log)), 30.0)
    kept = len(fakes.contents(out))
    last = start("import fake_runs; fake_runs.main()", out, FAKE_LOG=str(log))
    last.communicate()
    assert last.returncode == 0
    assert fakes.contents(out) == fakes.contents(tmp_path / "whole")
    assert (out / "scores.csv").read_bytes() == (tmp_path / "whole" / "scores.csv").read_bytes()
    assert kept < len(fakes.contents(out))
    assert any(step > 0 for _, _, step in begun(log)), "no run went on from its checkpoint"
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]
    finished = Counter(name for _, name, _ in begun(log))
    assert sum(finished.values()) <= len(finished) + 2 * (KILLS + 1), "a run that was finished was made again"


def test_ctrl_c_keeps_what_is_done_and_the_steps_of_what_is_not(tmp_path: Path, fakes: ModuleType) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    design = tmp_path / "study.yaml"
    given = fakes.task(
        data={"n_fields": 2, "settings": {"shape": [32, 32], "n_cells": 1}}, test=["synthetic_1"]
    )
    given["budgets"] = [1]
    design.write_text(json.dumps({"title": "fakes", "tasks": {"cells": given}}))
    typed = ("study", design, "-o", out, "--device", "cpu", "--workers", 1, "--quiet")
    study = start(AS_TYPED, *typed, FAKE_LOG=str(log), FAKE_SECONDS="0.2", FAKE_SAVE_EVERY="100")
    wait_until(lambda: len(begun(log)) > 1)
    time.sleep(0.5)
    study.send_signal(signal.SIGINT)
    shown = study.communicate()
    assert (study.returncode, shown[0]) == (130, "")
    assert shown[1] == (
        f"stopped: the study was interrupted; 1 of 6 runs are finished and kept in {out}, so run the same command again to go "
        "on\n"
    )
    assert json.loads((out / "study.json").read_text())["state"] == "interrupted"
    again = start(AS_TYPED, *typed[:-1], FAKE_LOG=str(log))
    shown = again.communicate()
    assert again.returncode == 0, shown
    assert "5 of 6 runs are missing" in shown[0]
    assert "5/5 done" in shown[0]
    (first_step,) = [step for _, name, step in begun(log)[2:] if name == begun(log)[1][1]]
    assert first_step > 0
    run_plan(plan_study(design, None, tmp_path / "whole", device="cpu"), execution="fake_runs", report=False)
    assert fakes.contents(out) == fakes.contents(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_trainings_that_are_killed_three_times_give_the_same_models_and_scores(tmp_path: Path) -> None:
    design = tmp_path / "study.yaml"
    design.write_text(json.dumps(real_trainings()))
    outs = {name: tmp_path / name for name in ("whole", "killed")}

    def study(name: str) -> subprocess.Popen[str]:
        typed = ("study", design, "-o", outs[name], "--device", "cpu", "--workers", 1, "--quiet")
        return start("import frugalseg.cli; frugalseg.cli.main()", *typed, OMP_NUM_THREADS="1")

    def traces() -> set[Path]:
        # `Path.rglob` fails where a folder is renamed while it looks, as runs are that are finished.
        return {Path(folder, name) for folder, _, names in os.walk(outs["killed"]) for name in names}

    chance = random.Random(7)
    for _ in range(KILLS):
        before, running = traces(), study("killed")
        wait_until(lambda: len(traces() - before) > 3)  # noqa: B023 - called in this very turn
        time.sleep(chance.uniform(0.0, 1.5))
        assert running.poll() is None, running.communicate()
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    for name in outs:
        finished = study(name)
        assert (finished.communicate()[1], finished.returncode) == ("", 0)
    kept = [sorted(outs[name].glob("runs/*/*/model/*.safetensors")) for name in outs]
    whole, killed = (
        {path.relative_to(outs[name]): path.read_bytes() for path in one}
        for name, one in zip(outs, kept, strict=True)
    )
    assert len(whole) == 4
    assert killed == whole
    assert (outs["killed"] / "scores.csv").read_bytes() == (outs["whole"] / "scores.csv").read_bytes()
