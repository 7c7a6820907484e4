"""Finished tiles in a folder, so that an interrupted run can be resumed.

The file of a tile is complete or absent. ``run.json`` in the folder states the provenance of the tiles; tiles of another
run are an error, so that tiles of two models never end up in one result.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import OutputExists, UnreadableFile
from frugalseg.images.plain_files import parse_json, read_text
from frugalseg.images.tiles import Tile, Window
from frugalseg.images.unfinished import remove_unfinished
from frugalseg.images.write import atomic_file, plain, write_json

FORMAT = 1
CARD = "run.json"


class TileStore:
    """Arrays of tiles in a folder, by kind ("maps", "labels") and place in the grid of cores.

    Parameters
    ----------
    folder
        Created if missing. It should hold nothing else.
    shape
        (Y, X) of the whole image.
    core
        Side of the cores, px.
    provenance
        All that determines the result, as JSON: checksum of the model, image, settings.
    overwrite
        Delete the tiles of another run instead of raising an error.

    Raises
    ------
    OutputExists
        The folder holds tiles of another run, or other files.
    OutputFailed
        The folder can't be written.

    Examples
    --------
    >>> import tempfile
    >>> from frugalseg.images.tiles import plan_tiles
    >>> store = TileStore(Path(tempfile.mkdtemp()) / "work", (3, 4), 2, {"model": "abc"})
    >>> for tile in plan_tiles((3, 4), 2, 0):
    ...     store.save("maps", tile, np.full((1, 3, 4), tile.column, np.float32)[:, *tile.core])
    >>> store.read("maps", (slice(1, 3), slice(1, 3))).tolist()
    [[[0.0, 1.0], [0.0, 1.0]]]
    """

    def __init__(
        self,
        folder: str | Path,
        shape: tuple[int, int],
        core: int,
        provenance: Mapping[str, Any],
        overwrite: bool = False,
    ) -> None:
        self.folder, self.shape, self.core = Path(folder), shape, core
        wanted = {"format": FORMAT, "shape": list(shape), "core": core, "provenance": plain(provenance)}
        wanted = json.loads(json.dumps(wanted))
        card = self.folder / CARD
        remove_unfinished(card)
        stored_run = _content(card)
        if stored_run == wanted:
            return
        if stored_run is None and self.folder.exists() and any(self.folder.iterdir()):
            raise OutputExists(
                f"{self.folder} is not a folder of tiles; choose another folder, or an empty one"
            )
        if stored_run is not None and not overwrite:
            raise OutputExists(
                f"{self.folder} holds tiles of another run ({_differences(stored_run, wanted)}); "
                "give `overwrite` to delete them, or choose another folder"
            )
        _drop_tiles(self.folder)
        write_json(card, wanted, overwrite=True)

    def _file(self, kind: str, row: int, column: int, ending: str) -> Path:
        return self.folder / f"{kind}_{row:05d}_{column:05d}.{ending}"

    def has(self, kind: str, tile: Tile) -> bool:
        """Return whether the tile is finished."""
        return any(self._file(kind, tile.row, tile.column, ending).is_file() for ending in ("npy", "npz"))

    def save(self, kind: str, tile: Tile, core: NDArray[Any]) -> None:
        """Save the result of a core, (K, y, x) or (y, x)."""
        with atomic_file(self._file(kind, tile.row, tile.column, "npy"), overwrite=True) as file:
            np.save(file, core, allow_pickle=False)

    def save_parts(self, kind: str, tile: Tile, **parts: NDArray[Any]) -> None:
        """Save several arrays of a tile in one compressed file."""
        with atomic_file(self._file(kind, tile.row, tile.column, "npz"), overwrite=True) as file:
            np.savez_compressed(file, **parts)  # type: ignore[arg-type]  # no part is named allow_pickle

    def load_parts(self, kind: str, tile: Tile, *names: str) -> list[NDArray[Any]]:
        """Load some of the arrays that `save_parts` saved; `UnreadableFile` where there are none."""
        path = self._file(kind, tile.row, tile.column, "npz")
        try:
            with np.load(path, allow_pickle=False) as parts:
                return [parts[name] for name in names]
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise UnreadableFile(f"{path} can't be read ({error}); delete it and run again") from error

    def read(self, kind: str, window: Window) -> NDArray[Any]:
        """Read a window, (K, y, x) or (y, x), from the cores it touches, all of which must be finished."""
        rows, columns = window
        out: NDArray[Any] | None = None
        for row in range(rows.start // self.core, math.ceil(rows.stop / self.core)):
            for column in range(columns.start // self.core, math.ceil(columns.stop / self.core)):
                stored = self._mapped(self._file(kind, row, column, "npy"))
                if out is None:
                    size = rows.stop - rows.start, columns.stop - columns.start
                    out = np.empty((*stored.shape[:-2], *size), stored.dtype)
                pairs = [_overlap(rows, row * self.core, stored.shape[-2])]
                pairs.append(_overlap(columns, column * self.core, stored.shape[-1]))
                out[..., pairs[0][0], pairs[1][0]] = stored[..., pairs[0][1], pairs[1][1]]
        if out is None:
            raise UnreadableFile(f"the window {window} of {self.folder} is empty")
        return out

    def _mapped(self, path: Path) -> NDArray[Any]:
        # Mapped only while a part is copied, so the file does not stay in memory.
        try:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise UnreadableFile(f"{path} can't be read ({error}); delete it and run again") from error

    def discard(self) -> None:
        """Delete the tiles, and the folder unless it holds other files."""
        discard_tiles(self.folder)


def discard_tiles(folder: Path) -> None:
    """Delete the tiles that a store left in a folder, and the folder unless it holds other files."""
    remove_unfinished(folder / CARD)
    if _content(folder / CARD) is not None:
        _drop_tiles(folder)
        (folder / CARD).unlink()  # last, so that what a kill leaves is known as a store
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _drop_tiles(folder: Path) -> None:
    for pattern in ("*_?????_?????.np[yz]", ".*_?????_?????.np[yz].*.part"):
        for path in folder.glob(pattern):
            path.unlink()


def _overlap(wanted: slice, start: int, size: int) -> tuple[slice, slice]:
    """Return the common part in `wanted`, and in a piece of `size` that begins at `start`."""
    first, last = max(wanted.start, start), min(wanted.stop, start + size)
    return slice(first - wanted.start, last - wanted.start), slice(first - start, last - start)


def _content(card: Path) -> dict[str, Any] | None:
    """Return the provenance that the folder states; None where there is none."""
    if not card.is_file():
        return None
    try:
        stored_run = parse_json(read_text(card))
    except (UnreadableFile, ValueError):
        return None
    return stored_run if isinstance(stored_run, dict) and "provenance" in stored_run else None


def _differences(stored_run: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the names of what differs."""
    flat = [{**content, **dict(content["provenance"])} for content in (stored_run, wanted)]
    names = sorted((flat[0].keys() | flat[1].keys()) - {"provenance"})
    return ", ".join(f"other {name}" for name in names if flat[0].get(name) != flat[1].get(name)) or "damaged"
