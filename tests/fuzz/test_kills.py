"""Commands that are killed at some file operation: nothing is lost, nothing half-written looks whole, the next run ends well.

`FRUGALSEG_FUZZ` multiplies the number of kills; `make fuzz` sets it.
"""

import builtins
import errno
import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from frugalseg.commands import run_demo as demo
from frugalseg.commands.command_settings import (
    LearnLabelsSettings,
    LearnStainsSettings,
    OutlineSettings,
    PredictSettings,
    SegmentSettings,
)
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.commands.learn_stains import learn_stains
from frugalseg.commands.outline_nuclei import outline_nuclei
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.errors import FrugalsegError, SettingsError
from frugalseg.models.load import load_model
from frugalseg.runs import tiled_fields
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set

pytestmark = [pytest.mark.fuzz, pytest.mark.slow]

KILLS = round(10 * float(os.environ.get("FRUGALSEG_FUZZ", "1")))
#: Ends of a command: as by SIGKILL or a power cut, by Ctrl-C, and on a disk that is full from then on.
ENDS = ("kill", "kill", "kill", "ctrl-c", "full disk")
CHANGING = ("replace", "rename", "unlink", "remove", "rmdir", "mkdir", "fsync")
WRITES = {"mkdir", "fsync", "open"}


class Killed(BaseException):
    """Stands in for SIGKILL: from then on no file operation does anything, whatever the code tries to clean up."""


@dataclass
class Switch:
    """Counts the operations that change files below a folder, and ends the command at one of them."""

    root: Path
    at: int = 0
    end: str = "kill"
    count: int = 0

    def __call__(self, name: str, *arguments: Any, **options: Any) -> None:
        """Count one operation; raises where it shall not happen."""
        path = arguments[0] if arguments else ""
        inside = isinstance(path, int) or options.get("dir_fd") is not None
        if not inside and not str(path).startswith(str(self.root)):
            return
        self.count += 1
        if self.at and self.count >= self.at:
            if self.end == "kill":
                raise Killed
            if self.end == "ctrl-c" and self.count == self.at:
                raise KeyboardInterrupt
            if self.end == "full disk" and name in WRITES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def counted(switch: Switch) -> Iterator[Switch]:
    """Let the switch see every operation of the block."""

    def seen(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **options: Any) -> Any:
            switch(name, *arguments, **options)
            return do(*arguments, **options)

        return operation

    opened = io.open

    def open_counted(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if set(mode) & set("wxa+"):
            switch("open", file)
        return opened(file, mode, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGING:
            patch.setattr(os, name, seen(name, getattr(os, name)))
        patch.setattr(io, "open", open_counted)
        patch.setattr(builtins, "open", open_counted)
        yield switch


Run = Callable[[Path, RunOptions], Any]
QUIET = RunOptions(quiet=True, device="cpu")
SMALL: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 1, "max_steps": 1}
STUDENT: dict[str, Any] = {"cells": ("phase",), "nuclei": "nuclear", "encoder": "small", "max_steps": 1}


def nuclei(root: Path, options: RunOptions, diameter: float = 12.0) -> Any:
    settings = OutlineSettings(nuclei="nuclear", nuclei_diameter=diameter)
    return outline_nuclei([root / "set"], root / "out", settings, options)


def stains(root: Path, options: RunOptions, seed: int = 1) -> Any:
    settings = LearnStainsSettings(inputs="phase", to="nuclear", seed=seed, **SMALL)
    return learn_stains([root / "set"], root / "out" / "model", settings, options)


def labels(root: Path, options: RunOptions, seed: int = 1) -> Any:
    settings = LearnLabelsSettings(inputs="phase", labels="cells", target="nuclei", seed=seed, **SMALL)
    return learn_labels([root / "set"], root / "out" / "model", settings, options)


def student(root: Path, options: RunOptions, seed: int = 1) -> Any:
    settings = SegmentSettings(rounds=1, seed=seed, **STUDENT)
    return segment_cells([root / "set"], root / "out", settings, options)


def each_field(root: Path, options: RunOptions, seed: int = 1) -> Any:
    without_encoder = {name: value for name, value in STUDENT.items() if name != "encoder"}
    settings = SegmentSettings(rounds=0, seed=seed, **without_encoder)
    return segment_cells([root / "set"], root / "out", settings, options)


def predict(root: Path, options: RunOptions) -> Any:
    return predict_fields(root / "stain", [root / "set"], root / "out", PredictSettings(), options)


def in_tiles(root: Path, options: RunOptions) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiled_fields, "LARGEST_AT_MODEL_SCALE", 100)
        patch.setattr(tiled_fields, "CORE_AT_MODEL_SCALE", 64)
        return predict(root, options)


def whole_demo(root: Path, options: RunOptions) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "SIDE", 72)
        patch.setattr(
            demo, "SegmentSettings", lambda **given: SegmentSettings(rounds=1, **{**given, **STUDENT})
        )
        return demo.run_demo(root / "out", 1, options)


@dataclass(frozen=True)
class Command:
    """A command to kill, and the run that it replaces, if any."""

    run: Run
    earlier: Run | None = None
    resumes: bool = True


#: Those that take least time first: a small number of kills is of these.
COMMANDS = {
    "nuclei again": Command(nuclei, lambda root, options: nuclei(root, options, diameter=20.0)),
    "stains again": Command(stains, lambda root, options: stains(root, options, seed=2)),
    "tiles": Command(in_tiles),
    "demo": Command(whole_demo, resumes=False),
    "student again": Command(student, lambda root, options: student(root, options, seed=2)),
    "nuclei": Command(nuclei),
    "student": Command(student),
    "labels": Command(labels),
    "each field": Command(each_field),
    "each field again": Command(each_field, lambda root, options: each_field(root, options, seed=2)),
}


def files(root: Path) -> dict[str, bytes]:
    """Return the files below a folder, by their path."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def results(root: Path) -> dict[str, bytes]:
    """Return what must be the same in every run: label maps, images, tables and weights that have their names."""
    kept = (".tif", ".csv", ".safetensors")
    there = files(root / "out")
    return {name: there[name] for name in there if name.endswith(kept) and "/." not in f"/{name}"}


@dataclass
class Prepared:
    """A folder from which a command starts, how many operations it takes, and what it leaves."""

    folder: Path
    operations: int
    results: dict[str, bytes]


def options_of(command: Command) -> RunOptions:
    return QUIET.model_copy(update={"overwrite": command.earlier is not None})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Prepared]:
    """Return what a command starts from; each is made once."""
    made: dict[str, Prepared] = {}
    start = tmp_path_factory.mktemp("start")
    torch.set_num_threads(1)
    write_synthetic_set(start / "set", 2, shape=(72, 80), n_cells=5, dim_nuclei=0.0, seed=3)
    stains_of = LearnStainsSettings(inputs="phase", to="nuclear", seed=3, **SMALL)
    learn_stains([start / "set"], start / "stain", stains_of, QUIET)
    (start / "out").mkdir()
    for name in ("note.txt", "out/note.txt", "out/.hidden.part"):
        (start / name).write_text("mine")

    def of(name: str) -> Prepared:
        if name not in made:
            command, folder = COMMANDS[name], tmp_path_factory.mktemp("prepared")
            shutil.copytree(start, folder / "before")
            if command.earlier is not None:
                command.earlier(folder / "before", QUIET)
            shutil.copytree(folder / "before", folder / "after")
            with counted(Switch(folder / "after")) as switch:
                command.run(folder / "after", options_of(command))
            made[name] = Prepared(folder / "before", switch.count, results(folder / "after"))
        return made[name]

    return of


def check_what_is_left(root: Path, before: Path, after: dict[str, bytes]) -> None:
    """Nothing that was there is lost, and what has its name is whole: of the run before, or of this one."""
    now, old = files(root), files(before)
    for name, content in old.items():
        if not name.startswith("out/") or name.endswith("note.txt"):
            assert now[name] == content, name
    for model in before.glob("out/*model"):
        load_model(root / model.relative_to(before))  # whichever of both
    now, earlier = results(root), results(before)
    for name, content in now.items():
        assert name.endswith(".csv") or content in (earlier.get(name), after.get(name)), (
            f"{name} is not whole"
        )
    for path in (root / "out").rglob("*.json"):
        json.loads(path.read_text())
    run = root / "out" / "run.json"
    if run.exists() and json.loads(run.read_text())["state"] == "done":
        assert now in (earlier, after)


def accepted(command: Command, root: Path, how: str) -> bool:
    """Run the command again; False where it is another run's turn to be replaced first."""
    try:
        command.run(root, QUIET.model_copy(update={how: True}))
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("case", range(KILLS))
def test_a_killed_command_loses_nothing_and_ends_well_the_next_time(
    prepared: Callable[[str], Prepared], tmp_path: Path, case: int
) -> None:
    name = tuple(COMMANDS)[case // 2 % len(COMMANDS)]
    command, start, rng = COMMANDS[name], prepared(name), random.Random(case)
    switch = Switch(
        tmp_path / "root", rng.randint(1, start.operations), ENDS[case // len(COMMANDS) % len(ENDS)]
    )
    shutil.copytree(start.folder, switch.root)
    with counted(switch), suppress(Killed, KeyboardInterrupt, FrugalsegError):
        command.run(switch.root, options_of(command))
    check_what_is_left(switch.root, start.folder, start.results)
    again = rng.choice(("resume", "overwrite") if command.resumes else ("quiet", "overwrite"))
    if not accepted(
        command, switch.root, again
    ):  # killed before anything was begun: only the run before is there
        assert results(switch.root) == results(start.folder)
        command.run(switch.root, QUIET.model_copy(update={"overwrite": True}))
    assert results(switch.root) == start.results
    hidden = [path.name for path in switch.root.rglob("*") if path.name.startswith(".")]
    assert hidden == [".hidden.part"]
    assert not list(switch.root.rglob("*model.part"))
