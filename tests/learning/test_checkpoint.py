"""A checkpoint that can't be written: one sentence, and the one before stays."""

import errno
import io
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frugalseg.errors import OutputFailed
from frugalseg.learning import trainer
from frugalseg.learning.checkpoint import CHECKPOINT, Checkpoint
from frugalseg.learning.trainer import StepLoss
from frugalseg.learning.trainer_settings import TrainerSettings

train = partial(trainer.train, device="cpu")
SETTINGS = TrainerSettings(max_steps=12, checkpoint_every=2)


def batches(step: int) -> Tensor:
    return torch.full((4, 1), float(step % 3))


def loss(network: nn.Module, batch: Tensor) -> StepLoss:
    return StepLoss((network(batch) - batch).square().mean(), {})


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(1, 1)


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullFile(io.FileIO):
    """A file on a disk that takes the first bytes only."""

    def write(self, content: Any) -> int:  # type: ignore[override]
        super().write(bytes(content)[:100])
        full()
        return 0


def at_step(number: int, do: Callable[[], None]) -> Callable[[int], Tensor]:
    def make(step: int) -> Tensor:
        if step == number:
            do()
        return batches(step)

    return make


@pytest.mark.parametrize("fails", ["fsync", "write", "open", "rename"])
def test_a_full_disk_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fill_up() -> None:
        opened = Path.open
        if fails == "write":
            monkeypatch.setattr(Path, "open", lambda path, mode: FullFile(path, mode.replace("b", "")))
        elif fails == "open":
            monkeypatch.setattr(
                Path, "open", lambda path, mode="r", **o: full() if "x" in mode else opened(path, mode, **o)
            )
        else:
            monkeypatch.setattr(os, {"fsync": "fsync", "rename": "replace"}[fails], full)

    with pytest.raises(OutputFailed) as told:
        train(network(), at_step(7, fill_up), loss, SETTINGS, checkpoint=tmp_path)
    monkeypatch.undo()
    file = tmp_path / CHECKPOINT
    assert str(told.value) == (
        f"{file} could not be written: the disk is full; free some space or choose another folder"
    )
    assert Checkpoint.load(file).record.steps == 6
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    again = train(network(), batches, loss, SETTINGS, checkpoint=tmp_path, resume=True)
    assert again.losses == train(network(), batches, loss, SETTINGS).losses


def test_a_folder_that_is_removed_is_not_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "model.part"
    gone = at_step(5, lambda: shutil.rmtree(tmp_path / "out"))
    with pytest.raises(OutputFailed, match=r"model\.part was removed while training went on.*run again"):
        train(network(), gone, loss, SETTINGS, checkpoint=folder)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / f".{CHECKPOINT}.0123abcd.part").write_text("half")
    train(network(), batches, loss, SETTINGS, checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
