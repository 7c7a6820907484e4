"""Fields that are too large for the memory in the report: small pictures, numbers of the whole."""

import math

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.field import Field
from frugalseg.images.image import Image
from frugalseg.images.resize import scaled_shape
from frugalseg.images.resize_window import resize_labels_in_strips, resize_window
from frugalseg.images.tiles import ReadWindow, read_window
from frugalseg.networks.cards import StainCard
from frugalseg.report import Comparison, FieldReport, preview
from frugalseg.workflows.judging import scores_of
from frugalseg.workflows.large_run import LargeRun, read_result
from frugalseg.workflows.stains import compare

PICTURE_SIDE = 1600
"""px of the longer side of a picture."""


def picture_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """(Y, X) of the picture of an image.

    >>> picture_shape((20000, 10000))
    (1600, 800)
    """
    return scaled_shape(shape, min(1.0, PICTURE_SIDE / max(shape)))


def large_comparison(run: LargeRun, field: Field, image: Image, card: StainCard) -> Comparison:
    """Input, real and predicted stain of a finished field side by side."""
    path, record = run.outputs.result_path(field.name), run.outputs.done[field.name]
    predicted = _small(lambda window: read_result(path, window)[None], image.shape)
    real = None
    if run.truth is not None and field.has(run.truth) and "pcc" in record:
        stain, index = field.reference(run.truth).open(f"field {field.name!r}")
        small = _small(lambda window: read_window(stain.pixels, [index], window, card.project), image.shape)
        real = card.target_scale.apply(small)[0]
    numbers: dict[str, float | str] = {"PCC": record["pcc"]} if record.get("pcc") is not None else {}
    first = _first_input(image)
    return compare(field.name, first, real, card.target_scale.apply(predicted)[0], numbers)


def large_report(run: LargeRun, field: Field, image: Image) -> FieldReport:
    """The picture of a finished field with its cells, and their numbers; what is in px is so at the image's scale."""
    path, record = run.outputs.result_path(field.name), run.outputs.done[field.name]
    labels = resize_labels_in_strips(
        lambda window: read_result(path, window)[None], image.shape, picture_shape(image.shape)
    )
    reduced = math.ceil(max(image.shape) / PICTURE_SIDE)
    note = [f"The picture is reduced from {image.shape[0]} x {image.shape[1]} px."] if reduced > 1 else []
    return FieldReport(
        name=field.name,
        image=preview(_first_input(image)),
        labels=labels.astype(np.uint32),
        measurements=record["measurements"],
        scores=scores_of(record),
        seconds=record["seconds"],
        warnings=(*record["warnings"], *note),
        n_cells=record["n_cells"],
    )


def _first_input(image: Image) -> NDArray[np.float32]:
    return _small(lambda window: read_window(image.pixels, [0], window), image.shape)


def _small(read: ReadWindow, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The whole image (C, y, x) as a picture, read strip by strip."""
    height, width = picture_shape(shape)
    return resize_window(read, shape, (height, width), (slice(0, height), slice(0, width)))
