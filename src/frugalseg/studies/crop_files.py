"""Suggested crops as files: pixels as they were, labels to be corrected, and tables of both."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.channels import InputChannel, lazy_inputs
from frugalseg.images.field import Field
from frugalseg.images.write import write_image, write_labels
from frugalseg.runs.output_folder import LABELS_SUFFIX
from frugalseg.studies.suggest import Suggestion

#: Column of the labels in the table of the crops.
LABELS = "labels"
#: Columns of the list, and the attribute of a suggestion that each holds.
_COLUMNS = {
    "field": "name",
    "y": "y",
    "x": "x",
    "height": "height",
    "width": "width",
    "score": "score",
    "objects": "objects",
    "disagreement": "disagreement",
    "misfits": "misfits",
    "look_distance": "look_distance",
}


def crop_names(chosen: Sequence[Suggestion]) -> list[str]:
    """Return ``<rank>_<field>`` of each crop; ranks have as many digits as the last."""
    digits = len(str(len(chosen)))
    return [f"{rank:0{digits}d}_{one.name}" for rank, one in enumerate(chosen, start=1)]


def write_crop(
    folder: Path,
    name: str,
    field: Field,
    channels: Sequence[InputChannel],
    crop: Suggestion,
    objects: NDArray[np.uint32],
) -> None:
    """Write a crop as ``<name>.tif`` and its objects as ``<name>_labels.tif``; both keep the pixel size.

    Parameters
    ----------
    folder, name
        Where, and how both are called.
    field, channels
        What the crop is of. Grey values are written as they are in the file.
    crop
        Its place.
    objects : (Y,X) uint32
        What a model finds in it.

    Raises
    ------
    OutputFailed, InputError
        A file can't be written, or the field can't be read.
    """
    image = lazy_inputs(field, channels)
    planes = [np.asarray(image.pixels[index, 0, *crop.area]) for index in range(len(image.channels))]
    pixels = planes[0] if len(planes) == 1 else np.stack(planes)
    write_image(folder / f"{name}.tif", pixels, image.channels, field.pixel_size)
    write_labels(folder / f"{name}{LABELS_SUFFIX}", objects, field.pixel_size)


def field_table(names: Sequence[str], inputs: Sequence[str]) -> str:
    """Return the ``fields.csv`` of the crops, with a column for each input and one for the labels.

    >>> print(field_table(["1_a"], ["phase", "dic"]))
    field,phase,dic,labels
    1_a,1_a.tif#0,1_a.tif#1,1_a_labels.tif
    <BLANKLINE>
    """
    places = [""] if len(inputs) == 1 else [f"#{index}" for index in range(len(inputs))]
    rows = [[name, *(f"{name}.tif{at}" for at in places), f"{name}{LABELS_SUFFIX}"] for name in names]
    return _csv([["field", *inputs, LABELS], *rows])


def suggestion_table(chosen: Sequence[Suggestion]) -> str:
    """Return the list of the crops as CSV, the best first."""
    rows = [
        [rank, *(getattr(one, name) for name in _COLUMNS.values())]
        for rank, one in enumerate(chosen, start=1)
    ]
    return _csv([["rank", *_COLUMNS], *rows])


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
