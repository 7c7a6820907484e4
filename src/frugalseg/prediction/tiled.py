"""Maps of images of any size, tile by tile: bounded memory, and nothing finished is computed twice.

**The rule of the halo.** The network looks at a window, its core and a halo around it, and only the core is kept.
A network whose output at a pixel depends on no input more than `halo` px away, along y or x, gives the maps of the
whole image, up to the rounding of float32. The halo a network needs can be measured: `network_reach`. It must also be
in its final state (batch statistics frozen, no pooling over the whole image), and pad at the lower and right side
only; windows start at multiples of its largest stride, so that it pools the same pixels as in the whole image. Intensity scaling must
come from the whole image, not from the window (`frugalseg.images.tiles.streamed_moments`).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from frugalseg.errors import SettingsError, WrongShape
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import ReadWindow, plan_tiles
from frugalseg.images.write import PixelSize
from frugalseg.images.write_tiles import write_tiles

MapsOf = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Turns channels (C, y, x) into maps (K, y, x)."""

Progress = Callable[[int, int], None]
"""Is told the number of finished tiles, and of all."""

CORE, HALO, MULTIPLE = 768, 192, 32
"""Default sides in px: windows of 1152 px. A U-Net with the small encoder looks 176 px far, and no encoder has a stride above 32."""


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
    halo: int = HALO,
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
        What is seen around a core, px.
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


def network_reach(
    compute: MapsOf,
    channels: int,
    multiple: int = MULTIPLE,
    side: int = 1024,
    tolerance: float = 1e-4,
    seed: int = 0,
) -> int:
    """Measure how far beyond a pixel a network looks, as far as it matters.

    Parameters
    ----------
    compute
        See `predict_maps`.
    channels
        Number of input channels.
    multiple
        Largest stride, px.
    side
        Side of the image of noise (mean 0, standard deviation 1) to measure on, px.
    tolerance
        Changes of the maps up to this don't matter.
    seed
        Of the noise.

    Returns
    -------
    Distance in px, a multiple of `multiple`, from a border cut through the image beyond which no map changes by more
    than `tolerance`. Measured on noise, it is an estimate for real images: real images have more contrast at large
    scale.

    Raises
    ------
    SettingsError
        The reach is more than `side` allows to measure.

    Examples
    --------
    >>> _ = torch.manual_seed(0)
    >>> network_reach(maps_of(nn.Conv2d(1, 1, 9, padding=4)), channels=1, multiple=2, side=64)
    4
    """
    cut = multiple
    image = np.random.default_rng(seed).standard_normal((channels, side, side)).astype(np.float32)
    whole = compute(image)[:, cut:, cut:]
    change = np.abs(compute(image[:, cut:, cut:]) - whole).max(axis=0)
    rows, columns = np.indices(change.shape, sparse=True)
    changed = np.minimum(rows, columns)[change > tolerance]
    reach = 0 if changed.size == 0 else int(changed.max()) + 1
    if reach > change.shape[0] - multiple:
        raise SettingsError(
            f"the network looks further than {change.shape[0] - multiple} px; measure it on a larger side than {side}"
        )
    return -(-reach // multiple) * multiple


def write_maps(
    path: str | Path,
    store: TileStore,
    channels: Sequence[str],
    pixel_size: PixelSize = None,
    overwrite: bool = False,
    kind: str = "maps",
    finish: MapsOf | None = None,
) -> None:
    """Write the maps of all tiles as one tiled float32 OME-TIFF (C, Y, X), one tile in memory at a time.

    `channels` names the maps; `finish` may change them on the way, for example back to grey values. Raises
    `OutputExists` or `OutputFailed` as `frugalseg.images.write.write_image` does.
    """
    if not channels:
        raise SettingsError("maps need names to be written as channels")
    tiles = plan_tiles(store.shape, store.core, halo=0)

    def cores() -> Iterator[NDArray[np.float32]]:
        for index in range(len(channels)):
            for tile in tiles:
                maps = store.read(kind, tile.core)
                if len(maps) != len(channels):
                    raise WrongShape(f"there are {len(maps)} maps for {len(channels)} names")
                yield (maps if finish is None else finish(maps))[index]

    shape = (len(channels), *store.shape)
    write_tiles(path, cores(), shape, np.dtype(np.float32), store.core, channels, pixel_size, overwrite)
