"""Maps of images of any size, tile by tile: bounded memory, and nothing finished is computed twice.

**The rule of the halo.** The network looks at a window, its core and a halo around it, and only the core is kept.
A network whose output at a pixel depends on no input more than `halo` px away, along y or x, gives the maps of the
whole image, up to the rounding of float32. It must also be
in its final state (batch statistics frozen, no pooling over the whole image), and pad at the lower and right side
only; windows start at multiples of its largest stride, so that it pools the same pixels as in the whole image. Intensity scaling must
come from the whole image, not from the window (`frugalseg.images.tiles.streamed_moments`).
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from frugalseg.errors import WrongShape
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import ReadWindow, plan_tiles

MapsOf = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Turns channels (C, y, x) into maps (K, y, x)."""

Progress = Callable[[int, int], None]
"""Is told the number of finished tiles, and of all."""

MULTIPLE = 32
"""px; no encoder has a larger stride."""


def maps_of(network: nn.Module, device: torch.device | None = None) -> MapsOf:
    """Wrap a network (N,C,y,x) -> (N,K,y,x) as a function of numpy arrays (C,y,x) -> (K,y,x).

    It is put into evaluation mode and on `device`, the CPU when None.

    >>> maps_of(nn.Conv2d(2, 3, 1))(np.zeros((2, 4, 5), np.float32)).shape
    (3, 4, 5)
    """
    device = device or torch.device("cpu")
    network = network.to(device).eval()

    def compute(planes: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))[None].to(device)
            maps: NDArray[np.float32] = network(batch)[0].float().cpu().numpy()
        return maps

    return compute


def predict_maps(
    compute: MapsOf,
    read: ReadWindow,
    store: TileStore,
    halo: int,
    multiple: int = MULTIPLE,
    kind: str = "maps",
    progress: Progress | None = None,
) -> None:
    """Compute the maps of every tile that is not finished yet.

    Parameters
    ----------
    compute
        Channels (C, y, x) of a window -> maps (K, y, x); see `maps_of`.
    read
        Gives the scaled channels of a window, (C, y, x) float32.
    store
        Receives the maps of the cores, (K, y, x) float32; 4 K bytes per px on the disk.
    halo
        What is seen around a core, px, such as `frugalseg.prediction.tiled_image.HALOS`.
    multiple
        Largest stride of the network, px; the store's core must be a multiple of it.
    kind
        Kind of the tiles in the store.
    progress
        Is told (finished, all) after each tile, those found finished included.

    Raises
    ------
    WrongShape
        `compute` gave something else than (K, y, x) of the window.
    SettingsError
        The store's core is no multiple of `multiple`.
    OutputFailed
        A tile can't be written.

    Whatever ends it early, Ctrl-C included, loses the tile it was at; a second call computes what is missing.
    """
    tiles = plan_tiles(store.shape, store.core, halo, multiple)
    for done, tile in enumerate(tiles, start=1):
        if not store.has(kind, tile):
            planes = read(tile.window)
            maps = np.asarray(compute(planes), dtype=np.float32)
            if maps.ndim != 3 or maps.shape[1:] != planes.shape[1:]:
                raise WrongShape(
                    f"maps of a window must be (K, {planes.shape[1]}, {planes.shape[2]}), not {maps.shape}"
                )
            store.save(kind, tile, maps[:, *tile.inner])
        if progress is not None:
            progress(done, len(tiles))
