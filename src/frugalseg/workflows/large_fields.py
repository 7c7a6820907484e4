"""Fields that are too large for the memory: a stain, nuclei or cells, tile by tile.

Finished tiles lie in ``OUT/.<field>.tiles`` until the field's result is written, so that ``--resume`` goes on with
the missing ones. What is at the network's scale and what is at the image's is said in `frugalseg.prediction.tiled`.
"""

import math
import time
from functools import partial
from pathlib import Path
from typing import Any

from frugalseg.images.field import Field
from frugalseg.images.image import Image
from frugalseg.images.resize import scaled_shape
from frugalseg.images.tile_store import TileStore
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.instances.stitch import label_tiles, stitch_tiles, write_stitched
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork
from frugalseg.networks.unet import Unet
from frugalseg.prediction.tiled import (
    TILE_MARGINS,
    make_map_reader,
    make_scaled_reader,
    predict_image_tiles,
    write_stain,
)
from frugalseg.workflows.large_numbers import measured, real_stain, score_large
from frugalseg.workflows.large_run import LargeRun, discard, open_store, progress_bar, tiles_kept

LARGEST_AT_MODEL_SCALE = 6_000_000
"""Pixels at the network's scale of a field that is predicted in one piece; one of 2160 x 2160 px is."""

LARGEST_IN_MEMORY = 24_000_000
"""Pixels at the image's scale, of all inputs together, of such a field: about 2 GB while cells are cut."""

CORE_AT_MODEL_SCALE, CORE = 768, 2048
"""Sides of the tiles, px at the network's scale and at the image's."""

LARGEST_OBJECT = 640
"""px; windows reach twice as far beyond a tile. Objects larger than this are joined from their parts."""


def is_large(image: Image, scale: float) -> bool:
    """Whether an image (C,1,Y,X) is to be predicted in tiles by a network that sees it at `scale`."""
    pixels = math.prod(image.shape)
    small = math.prod(scaled_shape(image.shape, scale))
    return small > LARGEST_AT_MODEL_SCALE or pixels * len(image.channels) > LARGEST_IN_MEMORY


def predict_large_stain(
    run: LargeRun, field: Field, image: Image, card: StainCard, network: Unet, scale: float
) -> None:
    """Predict, write and score the stain of a field that is too large for the memory.

    Parameters
    ----------
    run, field
        See `LargeRun`.
    image
        The field's inputs, lazy.
    card, network, scale
        The model, and network px per image px.

    Raises
    ------
    Interrupted
        By the user; finished tiles are kept.
    InputError, OutputFailed
        As of `frugalseg.predict`.
    """
    start = time.monotonic()
    with tiles_kept(run, field.name) as work:
        store, _ = _finished_maps(run, work, field, image, card, network, scale)
        real, warnings = real_stain(run, field, image.shape, card)
        with progress_bar(run, "writing") as told:
            pcc = write_stain(
                run.outputs.result_path(field.name),
                make_map_reader(store, image.shape),
                image.shape,
                (card.target, card.target_scale),
                field.pixel_size,
                CORE,
                real,
                told,
            )
        record: dict[str, Any] = {"warnings": warnings}
        if pcc is not None and math.isfinite(pcc):
            record["pcc"] = pcc
            run.say(f"  PCC {pcc:.3f}")
        record["seconds"] = round(time.monotonic() - start, 2)
        run.outputs.write_record(field.name, record)
        discard(work, store)


def find_large_objects(
    run: LargeRun,
    field: Field,
    image: Image,
    card: ObjectCard,
    network: NucleusNetwork | CellNetwork,
    scale: float,
    h: float,
) -> None:
    """Find, write, measure and score the nuclei or cells of a field that is too large for the memory.

    Parameters and errors are those of `predict_large_stain`; `h` is of `frugalseg.instances.map_labels.labels_from_maps`.
    """
    start = time.monotonic()
    diameter = card.diameter_at(scale)
    largest = min(LARGEST_OBJECT, math.ceil(4 * diameter))
    with tiles_kept(run, field.name) as work:
        store, provenance = _finished_maps(run, work, field, image, card, network, scale)
        maps = make_map_reader(store, image.shape)
        provenance = {**provenance, "h": h, "diameter": diameter, "largest": largest}
        labels = open_store(run, work / "labels", image.shape, CORE, provenance)
        with progress_bar(run, f"cutting {card.kind}") as told:
            cut = partial(labels_from_maps, target=card.kind, h=h, diameter=diameter)
            label_tiles(labels, cut, largest, maps, progress=told)
        stitched = stitch_tiles(labels)
        write_stitched(run.outputs.result_path(field.name), stitched, field.pixel_size, overwrite=True)
        record: dict[str, Any] = {"n_cells": stitched.count, "warnings": []}
        if not stitched.count:
            record["warnings"].append("Nothing was found.")
        rows = measured(run, field, image, card, stitched, largest, record)
        score_large(run, field, maps, stitched, record)
        record["seconds"] = round(time.monotonic() - start, 2)
        run.outputs.write_record(field.name, record, rows)
        discard(work, store, labels)
    run.say(f"  {record['n_cells']} {card.kind} in {record['seconds']:.0f} s")
    if "scores" in record:
        run.say(f"  scores: mIoU {record['scores']['cell_miou']:.3f}, mAP {record['scores']['mAP']:.3f}")


def _finished_maps(
    run: LargeRun,
    work: Path,
    field: Field,
    image: Image,
    card: StainCard | ObjectCard,
    network: Unet | NucleusNetwork | CellNetwork,
    scale: float,
) -> tuple[TileStore, dict[str, Any]]:
    """All tiles of the maps, and what they were made from."""
    halo = TILE_MARGINS[(network if isinstance(network, Unet) else network.unet).encoder_name]
    paths = sorted({field.reference(one.channel).path for one in run.channels})
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    provenance = {
        "weights": card.sha256,
        "inputs": [str(one) for one in run.channels],
        "files": states,
        "scale": scale,
        "halo": halo,
    }
    store = open_store(run, work / "maps", scaled_shape(image.shape, scale), CORE_AT_MODEL_SCALE, provenance)
    with run.console.status("measuring brightness"):
        read = make_scaled_reader(image, store)
    with progress_bar(run, "network") as told:
        predict_image_tiles(network, read, image.shape, store, halo, told)
    return store, provenance
