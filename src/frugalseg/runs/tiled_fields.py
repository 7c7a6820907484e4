"""Fields too large for the memory: a stain, nuclei or cells, tile by tile.

Finished tiles lie in ``OUT/.<field>.tiles`` until the field's result is written, so that `resume` goes on with the
missing ones. `frugalseg.prediction.tiled` says what is at the network's scale and what at the image's.
"""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from frugalseg.errors import InputError
from frugalseg.images.field import Field
from frugalseg.images.image import Image
from frugalseg.images.resize import scaled_shape
from frugalseg.images.resize_window import resize_window
from frugalseg.images.tile_store import TileStore
from frugalseg.images.tiles import Window, read_window
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.instances.stitch import label_tiles, stitch_tiles, write_stitched
from frugalseg.models.field_doubts import distance_from_learned, field_doubts
from frugalseg.models.model_scale import LARGEST_AT_MODEL_SCALE, model_planes, normalization_of
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.stain_model import StainModel
from frugalseg.networks.unet import Unet
from frugalseg.prediction.tiled import (
    TILE_MARGINS,
    make_map_reader,
    make_scaled_reader,
    predict_image_tiles,
    write_stain,
)
from frugalseg.runs.provenance import file_state
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.tiled_numbers import compared, measure_large, real_stain, score_large, truth_of_large
from frugalseg.runs.tiled_run import MAPS, PARTS, TiledRun, discard, kept_tiles, open_store

LARGEST_IN_MEMORY = 24_000_000
"""Pixels at the image's scale, of all inputs together, of such a field: about 2 GB while cells are separated."""

CORE_AT_MODEL_SCALE, CORE = 768, 2048
"""Sides of the tiles, px at the network's scale and at the image's."""

MIDDLE = 1536
"""Side of the part that shows how a large field looks and how large its cells are, px at the network's scale."""

LARGEST_OBJECT = 640
"""px; windows reach twice as far beyond a tile. Larger objects are joined from their parts."""


def is_large(image: Image, scale: float) -> bool:
    """Whether an image (C,1,Y,X) is predicted in tiles by a network that sees it at `scale`."""
    pixels = math.prod(image.shape)
    small = math.prod(scaled_shape(image.shape, scale))
    return small > LARGEST_AT_MODEL_SCALE or pixels * len(image.channels) > LARGEST_IN_MEMORY


def scale_of_field(
    image: Image, model: ObjectModel, pixel_size: tuple[float, float] | None, diameter: float | None
) -> ImageScale:
    """Return the scale: what sizes tell, or else the cells that the model finds in the middle of the field.

    Maps are those of the whole field, or None.
    """
    card = model.card
    if diameter is not None or not card.self_trained:
        return ImageScale(model.scale_for(pixel_size, diameter))
    window = _middle(image.shape, math.ceil(MIDDLE / card.scale))
    pixels = read_window(image.pixels, range(len(image.channels)), window, owner=image.name)
    planes = model_planes(card, pixels, f"field {image.name!r}", model.scale_for(pixel_size))
    seen = model.image_scale(planes, pixel_size)
    return seen if pixels.shape[1:] == image.shape else ImageScale(seen.scale)


def _middle(shape: tuple[int, int], side: int) -> Window:
    """Return the middle of an image, at most so many px along each side."""
    parts = [(length, min(length, side)) for length in shape]
    rows, columns = (slice((length - part) // 2, (length + part) // 2) for length, part in parts)
    return rows, columns


def predict_large_stain(
    run: TiledRun, field: Field, image: Image, model: StainModel, scale: float
) -> FieldRecord:
    """Predict, write and score the stain of a field that is too large for the memory.

    Parameters
    ----------
    run, field
        Where results go; which field.
    image
        The field's inputs, lazy.
    model
        Predicts the stain.
    scale
        Network px per image px.

    Raises
    ------
    Interrupted
        By the user; finished tiles are kept.
    InputError, OutputFailed
        The field can't be read; its result can't be written.
    """
    card = model.card
    with kept_tiles(run, field.name) as folder:
        store, _ = _finished_maps(run, folder, field, image, model, scale)
        real, warnings = real_stain(run, field, image.shape, card)
        with run.log.bar("writing") as progress:
            pcc = write_stain(
                run.place_of_result(field.name),
                make_map_reader(store, image.shape),
                image.shape,
                (card.target, card.target_scale),
                field.pixel_size,
                CORE,
                real,
                progress,
            )
        discard(folder, store)
    record = FieldRecord(warnings=warnings)
    return record if pcc is None else compared(record, pcc, run)


def find_large_objects(
    run: TiledRun,
    field: Field,
    image: Image,
    model: ObjectModel,
    scale: float,
    resized: str | None = None,
) -> FieldRecord:
    """Find, write, measure and score the nuclei or cells of a field that is too large for the memory.

    `resized` is a sentence for the user; all else and errors are as of `predict_large_stain`.
    """
    logarithms = [
        repr(name)
        for name, how in zip(model.card.channels, normalization_of(model.card), strict=True)
        if how == "log"
    ]
    if logarithms:
        raise InputError(
            f"field {field.name!r} is too large for this model, which sees the logarithm of {', '.join(logarithms)} and needs "
            "the whole image for it; cut the field into parts"
        )
    truth, on_truth = truth_of_large(run, field, image.shape)  # before hours are spent
    kind, h, diameter = model.card.kind, model.settings.h, model.card.diameter_at(scale)
    largest = min(LARGEST_OBJECT, math.ceil(4 * diameter))
    with kept_tiles(run, field.name) as folder:
        store, provenance = _finished_maps(run, folder, field, image, model, scale)
        maps = make_map_reader(store, image.shape)
        provenance = {**provenance, "h": h, "diameter": diameter, "largest": largest}
        labels = open_store(run, folder / PARTS, image.shape, CORE, provenance)
        with run.log.bar(f"separating {kind}") as progress:
            separate = partial(labels_from_maps, target=kind, h=h, diameter=diameter)
            label_tiles(labels, separate, largest, maps, progress=progress)
        stitched = stitch_tiles(labels)
        write_stitched(run.place_of_result(field.name), stitched, field.pixel_size, overwrite=True)
        rows, unmeasured = measure_large(run, field, image, model.card, stitched, largest)
        distance = _look_distance(image, model, store, scale)
        scores = {} if truth is None else score_large(truth, maps, stitched)
        discard(folder, store, labels)
    doubts = [None if stitched.count else "Nothing was found.", resized, *unmeasured]
    warnings = [doubt for doubt in (*doubts, *field_doubts(model.card, distance, ())) if doubt]
    for warning in warnings:
        run.log.line(f"  warning: {warning}")
    record = FieldRecord(
        n_cells=stitched.count,
        tiled=True,
        warnings=(*warnings, *on_truth),
        measurements=tuple(rows),
    )
    return record.with_values(**scores, **({} if distance is None else {"look_distance": distance}))


def _look_distance(image: Image, model: ObjectModel, store: TileStore, scale: float) -> float | None:
    """Return how far the middle of an image looks from those that the model was learned from, as the network sees it."""
    if not model.card.looks:
        return None
    read = make_scaled_reader(
        image, store, normalization=normalization_of(model.card), diameter=model.card.diameter_at(scale)
    )
    planes = resize_window(read, image.shape, store.shape, _middle(store.shape, MIDDLE))
    return distance_from_learned(model.card, planes, 1.0)


def _finished_maps(
    run: TiledRun, folder: Path, field: Field, image: Image, model: StainModel | ObjectModel, scale: float
) -> tuple[TileStore, Mapping[str, object]]:
    """Return all tiles of the maps, and what they were made from."""
    network = model.network
    orientations = model.settings.orientations if isinstance(model, ObjectModel) else 1
    margin = TILE_MARGINS[(network if isinstance(network, Unet) else network.unet).encoder_name]
    paths = sorted({field.reference(channel.channel).path for channel in run.channels})
    states = [file_state(path) for path in paths]
    provenance: dict[str, object] = {
        "weights": model.card.sha256,
        "inputs": [str(channel) for channel in run.channels],
        "files": states,
        "scale": scale,
        "margin": margin,
        "orientations": orientations,
        "greys": ["without outliers", *normalization_of(model.card)],
    }
    store = open_store(run, folder / MAPS, scaled_shape(image.shape, scale), CORE_AT_MODEL_SCALE, provenance)
    with run.log.status("measuring brightness"):
        diameter = model.card.diameter_at(scale) if isinstance(model, ObjectModel) else 0.0
        read = make_scaled_reader(image, store, normalization=normalization_of(model.card), diameter=diameter)
    with run.log.bar("network") as progress:
        predict_image_tiles(network, read, image.shape, store, margin, orientations, progress)
    return store, provenance
