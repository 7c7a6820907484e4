"""Stitch the labels of tiles to one label map, of an image too large to be labelled at once.

Every tile is labelled on a window that reaches beyond its core, and only the labels of the core are kept. The name of an
object in all tiles is its **first pixel** in raster order: all windows that see the whole object agree on it, so the
parts of an object in neighbouring cores have the same name.

**Tile margin.** With `largest` = d, windows reach 2 d beyond the core. An object that touches a core and is at most d px
high and wide is then seen whole, and so is every object of at most d px that touches it, so that a watershed meets the
same neighbours as in the whole image: the cells are those of the whole image, pixel by pixel; they are numbered by their first pixels. This
needs a labelling in which an object depends on nothing but the maps under it and under the objects it touches (no
threshold from the whole image). Where touching objects are independent (connected components of a threshold), a margin
of 2 d is enough for objects of 2 d.

**Larger objects** are named differently by windows that see different parts of them. Their parts are joined where two
tiles meet: both tiles know the pixels on both sides of the line between them, and two names become one where they share
more than half of the shorter of their runs along that line. Connected components of any size come out whole; the
outlines of touching objects of that size may change at the edges of cores. No pixel belongs to two cores, so the
result does not depend on the order of the tiles.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import WrongShape
from frugalseg.images.pixel_size import PixelSize
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import Tile, Window, plan_tiles
from frugalseg.images.write_tiles import write_tiles

ToLabels = Callable[[NDArray[Any]], NDArray[Any]]
"""Turns maps (K, y, x) into labels (y, x): integers, 0 is background."""

ReadMaps = Callable[[Window], NDArray[Any]]
"""Returns the maps (K, y, x) of a window."""

Progress = Callable[[int, int], None]
"""Called with the number of finished tiles, and of all."""

BACKGROUND = -1
EDGES = ("top", "bottom", "left", "right")


def label_tiles(
    store: TileStore,
    to_labels: ToLabels,
    largest: int,
    maps: str | ReadMaps = "maps",
    labels: str = "labels",
    progress: Progress | None = None,
) -> None:
    """Label every tile that is not labelled yet.

    Parameters
    ----------
    store
        Receives the labels; holds the maps of all tiles, unless `maps` is a function.
    to_labels
        Maps (K, y, x) of a window -> labels (y, x).
    largest
        Height and width of the largest object whose labels must be those of the whole image, px.
    maps, labels
        Kinds of tiles in the store. Instead of a kind, `maps` may be a function that returns the maps of a window.
    progress
        Called with (finished, all) after each tile.

    Raises
    ------
    WrongShape
        `to_labels` returned something else than (y, x) integers of 0 and above.

    Notes
    -----
    Memory is that of one window, (core + 4 largest)^2 px. After an interruption a second call labels the missing tiles.
    """
    tiles = plan_tiles(store.shape, store.core, margin=2 * largest)
    for done, tile in enumerate(tiles, start=1):
        if not store.has(labels, tile):
            view = to_labels(store.read(maps, tile.window) if isinstance(maps, str) else maps(tile.window))
            store.save_parts(labels, tile, **_named_core(view, tile, store.shape))
        if progress is not None:
            progress(done, len(tiles))


def _named_core(view: NDArray[Any], tile: Tile, shape: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """Return the core's labels, counted from 1; the name of each; and the names along both sides of the core's edges."""
    rows, columns = tile.window
    size = rows.stop - rows.start, columns.stop - columns.start
    view = np.asarray(view)
    if view.shape != size or view.dtype.kind not in "iub" or (view.size and int(view.min()) < 0):
        raise WrongShape(
            f"labels of a window must be {size} integers of 0 and above, not {view.dtype} of shape {view.shape}"
        )
    if int(view.max(initial=0)) > view.size:
        ids, flat = np.unique(view, return_inverse=True)
        view = flat.reshape(size) + int(ids[0] != 0)
    view = view.astype(np.int64)
    first = np.zeros(int(view.max(initial=0)) + 1, np.int64)
    # of repeated indices the last assignment stays, so the first pixel of every label comes last
    first[view.ravel()[::-1]] = np.arange(view.size - 1, -1, -1)
    names = (first // size[1] + rows.start) * shape[1] + first % size[1] + columns.start
    core = view[tile.inner]
    present = np.bincount(core.ravel(), minlength=len(first)) > 0
    present[0] = False
    new = np.cumsum(present) * present
    around = np.zeros((core.shape[0] + 2, core.shape[1] + 2), np.int64)
    spans = [(max(0, part.start - 1), part.stop + 1) for part in tile.inner]
    seen = view[slice(*spans[0]), slice(*spans[1])]
    at = [start + 1 - part.start for (start, _), part in zip(spans, tile.inner, strict=True)]
    around[at[0] : at[0] + seen.shape[0], at[1] : at[1] + seen.shape[1]] = seen
    named = np.where(present, names, BACKGROUND)[around]
    edges = (named[:2], named[-2:], named[:, :2].T, named[:, -2:].T)
    return {
        "core": new[core].astype(np.uint32),
        "names": names[present],
        **dict(zip(EDGES, edges, strict=True)),
    }


@dataclass(frozen=True)
class Stitched:
    """The label map of the whole image, still in its tiles.

    Attributes
    ----------
    store, kind
        Store and kind of the tiles.
    names : (N,) int64
        Names of objects, ascending.
    ids : (N,) uint32
        Id of each; 1 to `count` in raster order of the objects' first pixels, whatever the tiles were.
    count
        Number of objects.
    """

    store: TileStore
    kind: str
    names: NDArray[np.int64]
    ids: NDArray[np.uint32]
    count: int

    def core(self, tile: Tile) -> NDArray[np.uint32]:
        """Return the labels (y, x) of a tile's core."""
        core, names = self.store.load_parts(self.kind, tile, "core", "names")
        own = np.zeros(len(names) + 1, np.uint32)
        own[1:] = self.ids[np.searchsorted(self.names, names)]
        labels: NDArray[np.uint32] = own[core]
        return labels

    def whole(self) -> NDArray[np.uint32]:
        """Return the labels (Y, X) of the image, in memory."""
        out = np.zeros(self.store.shape, np.uint32)
        for tile in plan_tiles(self.store.shape, self.store.core, margin=0):
            out[tile.core] = self.core(tile)
        return out


def stitch_tiles(store: TileStore, labels: str = "labels") -> Stitched:
    """Number the objects of all tiles; all tiles must be labelled already.

    Parameters
    ----------
    store
        With the tiles of `label_tiles`.
    labels
        Kind of the tiles in the store.

    Notes
    -----
    Memory is that of the names of all objects, 12 bytes each, and of the edges of two rows of tiles.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    tiles = plan_tiles(store.shape, store.core, margin=0)
    of_tiles = [store.load_parts(labels, tile, "names")[0] for tile in tiles]
    names = np.unique(np.concatenate([np.zeros(0, np.int64), *of_tiles]))
    pairs = np.searchsorted(
        names, np.concatenate([np.zeros((0, 2), np.int64), *_joined(store, labels, tiles)])
    )
    joined = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(names),) * 2)
    count, part = connected_components(joined, directed=False) if len(names) else (0, np.zeros(0, np.int64))
    # names ascend, so the first name of an object is its first pixel, by which objects are numbered
    _, firsts = np.unique(part, return_index=True)
    rank = np.empty(count, np.uint32)
    rank[np.argsort(firsts)] = np.arange(1, count + 1)
    return Stitched(store, labels, names, rank[part], int(count))


def _joined(store: TileStore, labels: str, tiles: list[Tile]) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of names, (n, 2), that are one object seen by two neighbouring tiles."""
    above: dict[int, list[NDArray[Any]]] = {}
    for row in range(tiles[-1].row + 1 if tiles else 0):
        own = {t.column: store.load_parts(labels, t, *EDGES) for t in tiles if t.row == row}
        for column, (top, _, left, _) in own.items():
            if column - 1 in own:
                yield _agreeing(own[column - 1][3][:, 1:-1], left[:, 1:-1])
            if column in above:
                yield _agreeing(above[column][1][:, 1:-1], top[:, 1:-1])
            if column - 1 in above:  # they meet in one corner: its last pixels and the first of this tile
                corner = above[column - 1][1][:, -2:]
                yield _agreeing(corner[[0, 1], [0, 1], None], top[:, :2][[0, 1], [0, 1], None])
            if column + 1 in above:
                corner = above[column + 1][1][:, :2]
                yield _agreeing(corner[[0, 1], [1, 0], None], top[:, -2:][[0, 1], [1, 0], None])
        above = own


def _agreeing(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return different names (n, 2) that two tiles (lines, pixels) give to mostly the same runs of pixels."""
    pairs = []
    for a, b in zip(first, second, strict=True):
        if np.array_equal(a, b):
            continue
        run_a, run_b = (np.cumsum(np.diff(line, prepend=line[:1]) != 0) for line in (a, b))
        starts = np.flatnonzero(np.diff(run_a + run_b, prepend=-1))
        shared = np.diff(starts, append=len(a))
        shorter = np.minimum(np.bincount(run_a)[run_a[starts]], np.bincount(run_b)[run_b[starts]])
        a, b = a[starts], b[starts]
        same = (a != b) & (a != BACKGROUND) & (b != BACKGROUND) & (2 * shared > shorter)
        pairs.append(np.stack([a[same], b[same]], axis=1))
    return np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)


def write_stitched(
    path: str | Path, stitched: Stitched, pixel_size: PixelSize = None, overwrite: bool = False
) -> None:
    """Write the label map as a tiled TIFF, uint16 or uint32, one tile in memory at a time.

    Raises
    ------
    OutputExists, OutputFailed
        As of `frugalseg.images.write.write_labels`.
    """
    tiles = plan_tiles(stitched.store.shape, stitched.store.core, margin=0)
    dtype = np.dtype(np.uint16 if stitched.count <= np.iinfo(np.uint16).max else np.uint32)
    cores = (stitched.core(tile).astype(dtype) for tile in tiles)
    write_tiles(path, cores, stitched.store.shape, dtype, stitched.store.core, (), pixel_size, overwrite)
