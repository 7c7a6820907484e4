"""Stain, nuclei or cells of a field that is too large for the memory: windows in, tiles on the disk, windows out.

A window of the image is z-scored by the moments of the whole image, resized to the network's scale as the whole image
would be, and what the network says of it is kept as a tile at the network's scale. From these tiles windows of the
maps come back at the image's scale, again as if resized as a whole. So nothing depends on where the tiles are, but
for what lies beyond the halo (`HALOS`).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from frugalseg.errors import BadPixels
from frugalseg.evaluation.streamed import StreamedCorrelation
from frugalseg.images.image import Image
from frugalseg.images.normalize import IntensityScale
from frugalseg.images.resize_window import resize_window
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import ReadWindow, plan_tiles, read_window, streamed_moments
from frugalseg.images.write import PixelSize
from frugalseg.images.write_tiles import write_tiles
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, predict_maps_whole
from frugalseg.networks.unet import Unet
from frugalseg.prediction.tiled import Progress, predict_maps
from frugalseg.prediction.whole_stain import in_original_units, stored_type

HALOS: dict[EncoderName, int] = {
    "small": 160,
    "resnet18": 320,
    "efficientnet_lite0": 544,
    "densenet121": 576,
}
"""How far beyond a core, px at its scale, a network with this encoder is shown the image. No weight of the first three
reaches further: 138, 310 and 518 px were traced, and 2 px more with the head of cells. DenseNet-121 reaches 1104 px, but the maps of one with random
weights changed by less than 1e-4 beyond 352 px, so room for the rest would cost much and change nothing to be seen."""

CONSTANT = 1e-8
"""Standard deviation, as a share of the mean, below which a channel is constant but for rounding."""


def read_scaled(image: Image, store: TileStore, core: int = 1024) -> ReadWindow:
    """Give a function that reads windows of an image, each channel z-scored over the whole image.

    Parameters
    ----------
    image
        One channel per input and one focal plane: `frugalseg.images.channels.lazy_inputs`.
    store
        Keeps the moments: measuring them means reading the whole image once.
    core
        Side of the parts that are read at once, px.

    Raises
    ------
    BadPixels
        A channel is constant, or holds NaN or infinite values.
    UnreadableFile
        The image can't be read.
    """
    inputs = range(len(image.channels))
    read: ReadWindow = lambda window: read_window(image.pixels, inputs, window, owner=image.name)  # noqa: E731
    first = plan_tiles(store.shape, store.core, halo=0)[0]
    if not store.has("moments", first):
        mean, sd = streamed_moments(read, image.shape, core)
        store.save_parts("moments", first, mean=mean, sd=sd)
    mean, sd = store.load_parts("moments", first, "mean", "sd")
    for name, centre, spread in zip(image.channels, mean, sd, strict=True):
        if spread <= CONSTANT * abs(centre):
            raise BadPixels(
                f"field {image.name!r}: channel {name!r} is constant (every pixel is {centre:g}); choose another channel or "
                "leave the field out"
            )
    scale = IntensityScale(centre=tuple(mean.tolist()), spread=tuple(sd.tolist()))
    return lambda window: scale.apply(read(window))


def tile_maps(
    network: Unet | NucleusNetwork | CellNetwork,
    read: ReadWindow,
    shape: tuple[int, int],
    store: TileStore,
    halo: int,
    progress: Progress | None = None,
) -> None:
    """Compute the maps of every tile, at the network's scale, that is not finished yet.

    Parameters
    ----------
    network
        Trained; the device it is on computes.
    read
        Gives scaled windows (C, y, x) of the image, of `shape` (Y, X).
    store
        Of the image's shape at the network's scale.
    halo
        Of `HALOS`.
    progress
        Is told (finished, all) after each tile.
    """
    unet = network if isinstance(network, Unet) else network.unet
    predict_maps(
        partial(predict_maps_whole, network),
        lambda window: resize_window(read, shape, store.shape, window),
        store,
        halo,
        unet.stride,
        progress=progress,
    )


def maps_at(store: TileStore, shape: tuple[int, int]) -> ReadWindow:
    """Give a function that reads windows of finished maps, (K, y, x), as resized to `shape`."""
    return lambda window: resize_window(partial(store.read, "maps"), store.shape, shape, window)


def write_stain(
    path: Path,
    read: ReadWindow,
    shape: tuple[int, int],
    target: tuple[str, IntensityScale],
    pixel_size: PixelSize,
    core: int,
    truth: ReadWindow | None = None,
    progress: Progress | None = None,
) -> float | None:
    """Write a predicted stain as `frugalseg predict` does, one tile in memory at a time.

    Parameters
    ----------
    path
        Where to; a file that is there is replaced.
    read
        Gives windows (1, y, x) of the stain on the scale of training.
    shape
        (Y, X) of the stain.
    target
        Name of the stain, and how its grey values were scaled.
    pixel_size
        (y, x) in um.
    core
        Side of the tiles, px.
    truth
        Gives windows (1, y, x) of the real stain, to compare with.
    progress
        Is told (finished, all) after each tile.

    Returns
    -------
    Pearson's correlation with the real stain; NaN where one of both is constant, None without a real stain.
    """
    name, target_scale = target
    tiles = plan_tiles(shape, core, halo=0)
    correlation = StreamedCorrelation()

    def grey() -> Iterator[NDArray[Any]]:
        for done, tile in enumerate(tiles, start=1):
            stain = read(tile.core)[0]
            if truth is not None:
                correlation.add(stain, target_scale.apply(truth(tile.core))[0])
            yield in_original_units(stain, target_scale)
            if progress is not None:
                progress(done, len(tiles))

    write_tiles(path, grey(), shape, stored_type(target_scale), core, [name], pixel_size, overwrite=True)
    return None if truth is None else correlation.value()
