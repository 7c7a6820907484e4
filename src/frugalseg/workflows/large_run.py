"""What is shared by all that is done to fields too large for the memory: their tiles, and a bar that shows progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from frugalseg.errors import Interrupted
from frugalseg.images.channels import InputChannel
from frugalseg.images.read import read_image
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import Window
from frugalseg.prediction.tiled import Progress as Told
from frugalseg.workflows.outputs import Outputs


@dataclass(frozen=True)
class LargeRun:
    """What all large fields of a run share.

    Attributes
    ----------
    outputs, console
        Where results go, and where progress is said.
    channels
        Inputs of the model.
    truth
        Channel with the real stain or true labels, only to score the result.
    resume
        Go on with the tiles that an interrupted run left.
    """

    outputs: Outputs
    console: Console
    channels: tuple[InputChannel, ...]
    truth: str | None
    resume: bool

    def say(self, text: str) -> None:
        """Print one line, whatever characters are in it."""
        self.console.print(Text(text), soft_wrap=True)

    def work(self, name: str) -> Path:
        """Where a field's tiles are kept."""
        return self.outputs.folder / f".{name}.tiles"


@contextmanager
def tiles_kept(run: LargeRun, name: str) -> Iterator[Path]:
    """Give the folder of the tiles; Ctrl-C becomes a sentence that says how to go on."""
    work = run.work(name)
    try:
        yield work
    except KeyboardInterrupt as stop:
        raise Interrupted(
            f"interrupted at field {name!r}; finished tiles are kept in {work}, so run the same command with --resume to "
            "go on from there"
        ) from stop


def open_store(
    run: LargeRun, folder: Path, shape: tuple[int, int], core: int, provenance: dict[str, Any]
) -> TileStore:
    """Tiles of this very run; others, and without ``--resume`` all, are dropped."""
    store = TileStore(folder, shape, core, provenance, overwrite=True)
    if not run.resume:
        store.discard()
        store = TileStore(folder, shape, core, provenance)
    return store


@contextmanager
def progress_bar(run: LargeRun, what: str) -> Iterator[Told]:
    """Show a bar that is told (finished, all) tiles."""
    columns = TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=run.console, transient=True, disable=run.console.quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def discard(work: Path, *stores: TileStore) -> None:
    for store in stores:
        store.discard()
    if work.is_dir() and not any(work.iterdir()):
        work.rmdir()


def read_result(path: Path, window: Window) -> NDArray[Any]:
    """A window (y, x) of a written label map or stain."""
    return np.asarray(read_image(path).pixels[0, 0, window[0], window[1]])
