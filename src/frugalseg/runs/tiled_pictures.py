"""Fields too large for the memory in the report: reduced pictures, and numbers of the whole field."""

import math

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.field import Field
from frugalseg.images.image import Image
from frugalseg.images.resize import scaled_shape
from frugalseg.images.resize_window import resize_labels_in_strips, resize_window
from frugalseg.images.tiles import ReadWindow, read_window
from frugalseg.models.stain_scale import learned_stain
from frugalseg.networks.cards import StainCard
from frugalseg.report import Comparison, FieldReport, preview
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.stain_pictures import compare_stains
from frugalseg.runs.tiled_run import TiledRun, read_result

PICTURE_SIDE = 1600
"""px of the longer side of a picture."""


def picture_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return (Y, X) of the picture of an image.

    Examples
    --------
    >>> picture_shape((20000, 10000))
    (1600, 800)
    """
    return scaled_shape(shape, min(1.0, PICTURE_SIDE / max(shape)))


def show_large_stain(
    run: TiledRun, field: Field, image: Image, card: StainCard, record: FieldRecord
) -> Comparison:
    """Show input, real and predicted stain of a finished field side by side."""
    path = run.outputs.result_path(field.name)
    predicted = _reduced(lambda window: read_result(path, window)[None], image.shape)
    real = None
    if run.truth is not None and field.has(run.truth) and record.pcc is not None:
        stain, index = field.reference(run.truth).open(f"field {field.name!r}")
        small = _reduced(lambda window: read_window(stain.pixels, [index], window, card.project), image.shape)
        real = learned_stain(card.target_scale, small[0])
    numbers: dict[str, float | str | None] = {} if record.pcc is None else {"PCC": record.pcc}
    if card.target_scale.how != "mask":  # of which the probability was written
        predicted = card.target_scale.apply(predicted)
    return compare_stains(field.name, _first_input(image), real, predicted[0], numbers)


def show_large_objects(run: TiledRun, field: Field, image: Image, record: FieldRecord) -> FieldReport:
    """Show a finished field with its cells, reduced; numbers are those of the whole image."""
    path = run.outputs.result_path(field.name)
    labels = resize_labels_in_strips(
        lambda window: read_result(path, window)[None], image.shape, picture_shape(image.shape)
    )
    reduced = math.ceil(max(image.shape) / PICTURE_SIDE)
    note = [f"The picture is reduced from {image.shape[0]} x {image.shape[1]} px."] if reduced > 1 else []
    return FieldReport(
        name=field.name,
        image=preview(_first_input(image)),
        labels=labels.astype(np.uint32),
        measurements=record.measurements,
        scores=record.scores,
        seconds=record.seconds,
        pixel_size=field.pixel_size,
        warnings=(*record.warnings, *note),
        look_distance=record.look_distance,
        n_cells=-1 if record.n_cells is None else record.n_cells,
        full_shape=image.shape,
    )


def _first_input(image: Image) -> NDArray[np.float32]:
    return _reduced(lambda window: read_window(image.pixels, [0], window), image.shape)


def _reduced(read: ReadWindow, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the whole image (C, y, x) as a picture, read strip by strip."""
    height, width = picture_shape(shape)
    return resize_window(read, shape, (height, width), (slice(0, height), slice(0, width)))
