"""Fields too large for the memory: where their tiles are kept, and windows of finished results."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import Interrupted
from frugalseg.images.channels import InputChannel
from frugalseg.images.read import read_image
from frugalseg.images.tile_store import TileStore, discard_tiles
from frugalseg.images.tiles import Window
from frugalseg.runs.earlier_results import begin_record, made_by
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.run_log import RunLog

#: Stores of tiles in the folder of a field: the network's output, and parts of objects.
STORES = MAPS, PARTS = "maps", "labels"


@dataclass(frozen=True)
class TiledRun:
    """What all large fields of a run share.

    Attributes
    ----------
    outputs, log
        Takes the results; prints progress.
    channels
        Inputs of the model.
    truth
        Channel with the real stain or true labels, only to score the result.
    resume
        Go on with the tiles that an interrupted run left.
    """

    outputs: OutputFolder
    log: RunLog
    channels: tuple[InputChannel, ...]
    truth: str | None
    resume: bool

    def tile_folder(self, name: str) -> Path:
        """Return where a field's tiles are kept until its result is written."""
        return self.outputs.folder / f".{name}.tiles"

    def place_of_result(self, name: str) -> Path:
        """Return where a field's result goes, after a record that says so."""
        path = self.outputs.result_path(name)
        record = self.outputs.record_path(name)
        begin_record(record, made_by(self.outputs.request_checksum, record, path))
        return path


@contextmanager
def kept_tiles(run: TiledRun, name: str) -> Iterator[Path]:
    """Yield the folder of the tiles; Ctrl-C becomes a sentence that says how to go on."""
    folder = run.tile_folder(name)
    try:
        yield folder
    except KeyboardInterrupt as stop:
        raise Interrupted(
            f"interrupted at field {name!r}; finished tiles are kept in {folder}, so run the same command with `resume` to go "
            "on from there"
        ) from stop


def open_store(
    run: TiledRun, folder: Path, shape: tuple[int, int], core: int, provenance: Mapping[str, object]
) -> TileStore:
    """Return the tiles of this very run; others, and without `resume` all, are dropped."""
    store = TileStore(folder, shape, core, dict(provenance), overwrite=True)
    if not run.resume:
        store.discard()
        store = TileStore(folder, shape, core, dict(provenance))
    return store


def discard_earlier(run: TiledRun) -> None:
    """Remove the tiles that an earlier run left of these fields, unless this one goes on with them."""
    for name in () if run.resume else run.outputs.names:
        folder = run.tile_folder(name)
        if folder.is_dir():
            for inner in STORES:
                discard_tiles(folder / inner)
            discard(folder)


def discard(folder: Path, *stores: TileStore) -> None:
    """Remove stores of tiles, and their folder where it is empty then."""
    for store in stores:
        store.discard()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def read_result(path: Path, window: Window) -> NDArray[Any]:
    """Read a window (y, x) of a written label map or stain."""
    return np.asarray(read_image(path).pixels[0, 0, window[0], window[1]])
