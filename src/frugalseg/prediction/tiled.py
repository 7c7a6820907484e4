"""Predict an image that is too large for the memory, tile by tile; finished tiles are kept on disk.

The network sees a window of the image, that is a tile's core and a margin around it, and only the core is kept.

**Why tiles equal the whole image.** Up to the rounding of float32 they do, if

- no output pixel of the network depends on input more than `margin` px away, along y or x (`TILE_MARGINS`);
- the network is in evaluation mode (batch statistics frozen) and has no pooling over the whole image;
- the network pads at the lower and right side only, and windows start at multiples of its largest stride, so that it
  pools the same pixels as in the whole image;
- intensities are scaled by the moments of the whole image, not of the window, and outliers are replaced as in the whole
  image (`make_scaled_reader`);
- windows are resized as the whole image would be (`frugalseg.images.resize_window`);
- windows of a flipped image are planned in that image.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, WrongShape
from frugalseg.evaluation.streamed import StreamedCorrelation
from frugalseg.images.image import Image
from frugalseg.images.normalize import IntensityScale
from frugalseg.images.outliers import CONSTANT
from frugalseg.images.pixel_size import PixelSize
from frugalseg.images.resize_window import resize_window
from frugalseg.images.streamed_greys import measure_greys, read_without_outliers
from frugalseg.images.streamed_light import reader_in_even_light
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import ReadWindow, Tile, Window, plan_tiles, read_window, window_around
from frugalseg.images.write_tiles import write_tiles
from frugalseg.networks.cards import Normalization
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.folding import fold_norms
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, check_finite, predict_maps_whole
from frugalseg.networks.patches import Flips, apply_flips, flip_window, invert_flips, unflip_window
from frugalseg.networks.unet import Unet
from frugalseg.prediction.stain_values import in_original_units, learned_values, stored_type
from frugalseg.prediction.whole_image import ORIENTATIONS, mean_maps

ComputeMaps = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Turns channels (C, y, x) into maps (K, y, x)."""

Progress = Callable[[int, int], None]
"""Called with the number of finished tiles, and of all."""

MULTIPLE = 32
"""px; no encoder has a larger stride."""

TILE_MARGINS: dict[EncoderName, int] = {"small": 160, "efficientnet_lite0": 544, "densenet121": 576}
"""Margin around a tile's core by encoder, px at the model's scale. Measured reach of the first two: 138 and 518 px,
and 2 px more with the head for cells. DenseNet-121 reaches 1104 px, but with random weights its maps change by
less than 1e-4 beyond 352 px, so a wider margin would cost much for no visible difference."""


def predict_tiles(
    compute: ComputeMaps,
    read: ReadWindow,
    store: TileStore,
    margin: int,
    multiple: int = MULTIPLE,
    kind: str = "maps",
    progress: Progress | None = None,
    orientations: int = 1,
) -> None:
    """Compute the maps of every tile that is not finished yet.

    Parameters
    ----------
    compute
        Channels (C, y, x) of a window -> maps (K, y, x).
    read
        Returns the scaled channels of a window, (C, y, x) float32.
    store
        Receives the maps of the cores, (K, y, x) float32; 4 K bytes per px on disk.
    margin
        Width of what is shown around a core, px.
    multiple
        Largest stride of the network, px; the store's core must be a multiple of it.
    kind
        Kind of the tiles in the store.
    progress
        Called with (finished, all) after each tile, including those that were finished before.
    orientations
        Flips and transposes of the image that are averaged, as of `frugalseg.prediction.whole_image.oriented_maps`.

    Raises
    ------
    WrongShape
        `compute` returned something else than (K, y, x) of the window.
    SettingsError
        The store's core is no multiple of `multiple`.
    OutputFailed
        A tile can't be written.

    Notes
    -----
    An interruption, Ctrl-C included, loses the current tile only; a second call computes what is missing.
    """
    tiles = plan_tiles(store.shape, store.core, margin, multiple)
    for done, tile in enumerate(tiles, start=1):
        if not store.has(kind, tile):
            maps = [
                _maps_of_core(compute, read, tile.core, store.shape, (margin, multiple), flips)
                for flips in ORIENTATIONS[:orientations]
            ]
            store.save(kind, tile, mean_maps(maps))
        if progress is not None:
            progress(done, len(tiles))


def _maps_of_core(
    compute: ComputeMaps,
    read: ReadWindow,
    core: Window,
    shape: tuple[int, int],
    around: tuple[int, int],
    flips: Flips,
) -> NDArray[np.float32]:
    """Return the maps (K, y, x) of a core in one orientation of an image (Y, X); `around` is margin and multiple.

    The window is planned in the flipped image, so that the network pools the same pixels as in the whole flipped image.
    """
    there, flipped_shape = flip_window(core, shape, flips)
    window = window_around(there, flipped_shape, *around)
    inner = Tile(0, 0, there, window).inner
    planes = read(unflip_window(window, shape, flips))
    seen = np.ascontiguousarray(apply_flips(torch.from_numpy(planes), flips).numpy())
    maps = np.asarray(compute(seen), dtype=np.float32)
    if maps.ndim != 3 or maps.shape[1:] != seen.shape[1:]:
        raise WrongShape(f"maps of a window must be (K, {seen.shape[1]}, {seen.shape[2]}), not {maps.shape}")
    own = np.ascontiguousarray(maps[:, *inner])
    return np.ascontiguousarray(invert_flips(torch.from_numpy(own), flips).numpy())


def predict_image_tiles(
    network: Unet | NucleusNetwork | CellNetwork,
    read: ReadWindow,
    shape: tuple[int, int],
    store: TileStore,
    margin: int,
    orientations: int,
    progress: Progress | None = None,
) -> None:
    """Compute a network's maps of an image, at the model's scale, in every tile that is not finished yet.

    Parameters
    ----------
    network
        Trained; computes on the device it is on.
    read
        Returns scaled windows (C, y, x) of the image; see `make_scaled_reader`.
    shape
        (Y, X) of the image, px.
    store
        Of the image's shape at the model's scale.
    margin
        From `TILE_MARGINS`.
    orientations
        Of the image that are averaged.
    progress
        Called with (finished, all) after each tile.
    """
    unet, folded = network if isinstance(network, Unet) else network.unet, fold_norms(network)
    predict_tiles(
        lambda planes: check_finite(predict_maps_whole(folded, planes)),
        lambda window: resize_window(read, shape, store.shape, window),
        store,
        margin,
        unet.stride,
        progress=progress,
        orientations=orientations,
    )


def make_scaled_reader(
    image: Image,
    store: TileStore,
    core: int = 1024,
    normalization: Sequence[Normalization] = (),
    diameter: float = 0.0,
) -> ReadWindow:
    """Return a function that reads windows of an image without outliers, each channel z-scored over the whole image.

    Parameters
    ----------
    image
        One channel per input and one focal plane: `frugalseg.images.channels.lazy_inputs`.
    store
        Keeps the moments, because measuring them means reading the whole image once.
    core
        Side of the parts that are read at once, px.
    normalization
        Of each channel: "zscore", or "even" for even light.
    diameter
        Of a cell, px, for the light.

    Raises
    ------
    BadPixels
        A channel is constant, or holds NaN or infinite values.
    UnreadableFile
        The image can't be read.
    """
    inputs = range(len(image.channels))
    read: ReadWindow = lambda window: read_window(image.pixels, inputs, window, owner=image.name)  # noqa: E731
    first = plan_tiles(store.shape, store.core, 0)[0]
    if "even" in normalization:
        channels = [how == "even" for how in normalization]
        read = reader_in_even_light(read, image.shape, channels, diameter, store)
    if not store.has("moments", first):
        greys = measure_greys(read, image.shape, core)
        store.save_parts("moments", first, mean=greys.mean, sd=greys.sd, limits=greys.limits)
    mean, sd, limits = store.load_parts("moments", first, "mean", "sd", "limits")
    for name, centre, spread in zip(image.channels, mean, sd, strict=True):
        if spread <= CONSTANT * abs(centre):
            raise BadPixels(
                f"field {image.name!r}: channel {name!r} is constant (every pixel is {centre:g}); choose another channel or "
                "leave the field out"
            )
    scale = IntensityScale(centre=tuple(mean.tolist()), spread=tuple(sd.tolist()))
    return lambda window: scale.apply(read_without_outliers(read, window, image.shape, limits))


def make_map_reader(store: TileStore, shape: tuple[int, int]) -> ReadWindow:
    """Return a function that reads windows of finished maps, (K, y, x), as resized to `shape` (Y, X)."""
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
    """Write a predicted stain in its original units, one tile in memory at a time.

    Parameters
    ----------
    path
        An existing file is replaced.
    read
        Returns windows (1, y, x) of the network's output.
    shape
        (Y, X) of the stain, px.
    target
        Name of the stain, and how its grey values were scaled.
    pixel_size
        (y, x) in um.
    core
        Side of the tiles, px.
    truth
        Returns windows (1, y, x) of the real stain, to compare with.
    progress
        Called with (finished, all) after each tile.

    Returns
    -------
    float or None
        Pearson's correlation with the real stain's grey values; NaN where either is constant, None without a real stain.
    """
    name, target_scale = target
    tiles = plan_tiles(shape, core, 0)
    correlation = StreamedCorrelation()

    def grey() -> Iterator[NDArray[Any]]:
        for done, tile in enumerate(tiles, start=1):
            stain = learned_values(read(tile.core)[0], target_scale)
            if truth is not None:
                correlation.add(target_scale.undo(stain[None])[0], truth(tile.core)[0])
            yield in_original_units(stain, target_scale)
            if progress is not None:
                progress(done, len(tiles))

    write_tiles(path, grey(), shape, stored_type(target_scale), core, [name], pixel_size, overwrite=True)
    return None if truth is None else correlation.value()
