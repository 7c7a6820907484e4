"""Numbers of fields too large for the memory: measurements of cells, and scores where there is a truth."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.measurements import Row
from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import compare_labels
from frugalseg.evaluation.streamed import measure_tiles
from frugalseg.images.channel_lists import unquote_channel
from frugalseg.images.field import Field
from frugalseg.images.image import Image
from frugalseg.images.streamed_greys import measure_greys, read_without_outliers
from frugalseg.images.tiles import ReadWindow, plan_tiles, read_window
from frugalseg.instances.stitch import Stitched
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.runs.cell_pages import check_same_pixels, read_truth
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.tiled_run import TiledRun, read_result

LARGEST_SCORED = 40_000_000
"""Pixels of label maps that are compared; both have to be in memory."""

MOST_MEASURED = 100_000
"""Cells of one field whose measurements are written."""


def real_stain(
    run: TiledRun, field: Field, shape: tuple[int, int], card: StainCard
) -> tuple[ReadWindow | None, tuple[str, ...]]:
    """Return windows (1, y, x) of the real stain without outliers where there is one, and warnings."""
    if run.truth is None or not field.has(run.truth):
        return None, ()
    real, index = field.reference(run.truth).open(f"field {field.name!r}")
    check_same_pixels(field.name, shape, run.truth, real.shape)
    if card.project == "focus" and real.pixels.shape[1] > 1:
        return None, (
            f"{run.truth!r} was not compared: the sharpest plane of so large a stack would have to be found in memory.",
        )
    owner = f"field {field.name!r}"
    read: ReadWindow = lambda window: read_window(real.pixels, [index], window, card.project, owner)  # noqa: E731
    limits = measure_greys(read, shape).limits
    return lambda window: read_without_outliers(read, window, shape, limits), ()


def compared(record: FieldRecord, pcc: float, run: TiledRun) -> FieldRecord:
    """Return the record of a stain with its PCC, or with a warning where that is not defined."""
    if math.isfinite(pcc):
        return record.with_values(pcc=pcc)
    constant = f"{run.truth!r} or what was predicted of it has one grey value only, so there is no PCC."
    run.log.line(f"  warning: {constant}")
    return record.with_values(warnings=(*record.warnings, constant))


def measure_large(
    run: TiledRun, field: Field, image: Image, card: ObjectCard, stitched: Stitched, largest: int
) -> tuple[Sequence[Row], tuple[str, ...]]:
    """Return rows of ``measurements.csv``, and warnings."""
    if stitched.count > MOST_MEASURED:
        return (), (
            f"There are {stitched.count} {card.kind}, so they were counted and not measured one by one (the limit is "
            f"{MOST_MEASURED}).",
        )
    path, inputs = run.outputs.result_path(field.name), range(len(image.channels))
    read: ReadWindow = lambda window: read_window(image.pixels, inputs, window, owner=image.name)  # noqa: E731
    limits = measure_greys(read, image.shape).limits
    with run.log.bar("measuring") as progress:
        rows = measure_tiles(
            lambda window: read_result(path, window),
            lambda window: read_without_outliers(read, window, image.shape, limits),
            image.shape,
            tuple(map(unquote_channel, card.channels)),
            largest,
            stitched.store.core,
            field.pixel_size,
            progress,
        )
    return rows, ()


def truth_of_large(
    run: TiledRun, field: Field, shape: tuple[int, int]
) -> tuple[NDArray[Any] | None, tuple[str, ...]]:
    """Return the true labels of a field where there are any and they fit into memory; and warnings. Errors as of `read_truth`."""
    if run.truth is None or not field.has(run.truth):
        return None, ()
    if math.prod(shape) > LARGEST_SCORED:
        return None, (
            f"{shape[0]} x {shape[1]} px are too many to be compared with {run.truth!r}, so the field was not scored (the "
            f"limit is {LARGEST_SCORED} px); score parts of it with `frugalseg score`.",
        )
    return read_truth(field, run.truth, run.log, shape)


def score_large(truth: NDArray[Any], maps: ReadWindow, stitched: Stitched) -> dict[str, object]:
    """Return `scores` and `mask_iou` for the field's record."""
    shape = stitched.store.shape
    mask = np.zeros(shape, bool)
    for tile in plan_tiles(shape, stitched.store.core, margin=0):
        mask[tile.core] = maps(tile.core)[-1] > 0
    return {
        "scores": compare_labels(truth, stitched.whole()),
        "mask_iou": mask_iou(mask & (truth >= 0), truth > 0),
    }
