"""The folder of a checkpoint: only what training wrote is ever removed, and no kill leaves a folder that blocks."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from frugalseg.commands.command_settings import SegmentSettings
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.errors import OutputExists
from frugalseg.runs.checkpoint_folder import (
    begin_checkpoint,
    checkpoint_folder,
    drop_checkpoint,
    has_checkpoint,
)
from frugalseg.runs.field_models import FieldModels
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set

REQUEST: dict[str, Any] = {"run": "abc", "files": [["/a.tif", 5, 7]]}


class Killed(BaseException):
    """Ends a command at once."""


def begun(model: Path) -> Path:
    """A folder with checkpoints of a training and of its rounds."""
    part = begin_checkpoint(model, REQUEST)
    for place in ("last.ckpt", "round_1/last.ckpt", "round_2/.last.ckpt.0123abcd.part"):
        (part / place).parent.mkdir(exist_ok=True)
        (part / place).write_text("weights")
    return part


def test_all_that_training_made_is_removed(tmp_path: Path) -> None:
    part = begun(tmp_path / "m")
    (part / ".DS_Store").write_text("of the system")
    assert has_checkpoint(part)
    (part / ".DS_Store").unlink()
    drop_checkpoint(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["note.txt", "round_1/note.txt", "results/last.ckpt", ".git/config"])
def test_what_a_user_put_beside_a_checkpoint_stays(tmp_path: Path, name: str) -> None:
    part = begun(tmp_path / "m")
    (part / name).parent.mkdir(exist_ok=True)
    (part / name).write_text("mine")
    with pytest.raises(
        OutputExists, match=r"m\.part is needed while the model is trained, and holds .* without"
    ):
        begin_checkpoint(tmp_path / "m", {**REQUEST, "run": "other"})
    assert (part / "last.ckpt").read_text() == "weights"
    drop_checkpoint(tmp_path / "m")
    assert [path for path in part.rglob("*") if path.is_file()] == [part / name]
    assert (part / name).read_text() == "mine"


@pytest.mark.parametrize(
    "files",
    [
        {"note.txt": "mine"},
        {"last.ckpt": "mine"},
        {"round_1/last.ckpt": "mine"},
        {"request.json": '{"url": "mine"}'},
        {"request.json": "no json", "last.ckpt": "mine"},
    ],
    ids=str,
)
def test_a_folder_of_something_else_is_neither_used_nor_removed(
    tmp_path: Path, files: dict[str, str]
) -> None:
    part = checkpoint_folder(tmp_path / "a_model")
    for name, text in files.items():
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        (part / name).write_text(text)
    models = FieldModels({"a": tmp_path / "a_model"})
    with pytest.raises(OutputExists, match=r"a_model\.part is needed while the model is trained"):
        models.check(replaced=True)
    models.drop_checkpoints(["a"])
    assert {name: (part / name).read_text() for name in files} == files


def test_segment_refuses_it_before_anything_is_done(tmp_path: Path) -> None:
    write_synthetic_set(tmp_path / "set", 1, shape=(64, 64), n_cells=3)
    note = tmp_path / "out" / "synthetic_1_model.part" / "note.txt"
    note.parent.mkdir(parents=True)
    note.write_text("mine")
    settings = SegmentSettings(cells=("phase",), nuclei="nuclear", rounds=0, max_steps=1)
    for how in ({}, {"overwrite": True}):
        with pytest.raises(OutputExists, match=r"synthetic_1_model\.part .* holds note\.txt"):
            segment_cells([tmp_path / "set"], tmp_path / "out", settings, RunOptions(quiet=True, **how))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == [note]
    assert note.read_text() == "mine"


def test_a_kill_before_the_request_exists_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", killed)
        patched.setattr(os, "unlink", killed)
        with pytest.raises(Killed):
            begin_checkpoint(tmp_path / "m", REQUEST)
    part = checkpoint_folder(tmp_path / "m")
    (left,) = part.iterdir()
    assert left.name.startswith(".request.json.")
    begin_checkpoint(tmp_path / "m", REQUEST)
    assert [path.name for path in part.iterdir()] == ["request.json"]
    assert json.loads((part / "request.json").read_text()) == REQUEST


@pytest.mark.parametrize("at", range(7))
def test_a_kill_while_it_is_removed_leaves_what_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    begun(tmp_path / "m")
    count = 0

    def counted(do: Any) -> Any:
        def operation(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count > at:
                raise Killed
            return do(*arguments, **options)

        return operation

    with monkeypatch.context() as patched:
        for name in ("unlink", "rmdir"):
            patched.setattr(os, name, counted(getattr(os, name)))
        with pytest.raises(Killed):
            drop_checkpoint(tmp_path / "m")
    begin_checkpoint(tmp_path / "m", {**REQUEST, "run": "other"})
    assert [path.name for path in checkpoint_folder(tmp_path / "m").rglob("*")] == ["request.json"]
