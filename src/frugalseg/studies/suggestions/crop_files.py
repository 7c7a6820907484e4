"""Suggested crops as files: pixels as they were, labels to be corrected, and tables of both."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Default
from pydantic import JsonValue

from frugalseg.errors import UnreadableFile
from frugalseg.images.channels import parse_channels
from frugalseg.images.discovery import TABLE_NAME
from frugalseg.images.image import Image
from frugalseg.images.plain_files import read_text
from frugalseg.images.table import read_table
from frugalseg.images.write import write_image, write_labels
from frugalseg.report import NumberTable
from frugalseg.runs.manifest import RunRecord
from frugalseg.runs.output_folder import LABELS_SUFFIX
from frugalseg.runs.provenance import first_few
from frugalseg.runs.whole_folder import checksums, listed_files
from frugalseg.studies.suggestions.suggest import Suggestion

#: The list of the crops, and the folder that they are in.
LIST, CROPS = "suggestions.csv", "crops"
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
    "rounds": "rounds",
    "look_distance": "look_distance",
}
#: What the columns of the report's table are.
_NOTE = (
    "Disagreement: on how many objects flips and transposes of the image disagree. Misfits: how many cells hold no nucleus or "
    "several, and how many nuclei are in no cell. Rounds: on how many cells the last two rounds of self-training differ. Look distance: above 1 the crop looks unlike all that was learned from or labelled."
)

#: y, x, height and width of a crop, px.
Window = tuple[int, int, int, int]


class SuggestRecord(RunRecord):
    """The file ``run.json`` of suggestions.

    Attributes
    ----------
    suggestions
        The crops, the best first.
    next_step
        The command that learns from the crops once they are outlined.
    results
        Checksum of every file that was written.
    """

    suggestions: tuple[dict[str, JsonValue], ...] = ()
    next_step: str = ""
    results: dict[str, str] = Default(default_factory=dict)


def crop_names(chosen: Sequence[Suggestion], first: int = 1) -> list[str]:
    """Return ``<rank>_<field>`` of each crop; ranks begin with `first` and have as many digits as the last."""
    return [_crop_name(first + at, one.name, first + len(chosen) - 1) for at, one in enumerate(chosen)]


def _crop_name(rank: int, field: str, last: int) -> str:
    return f"{rank:0{len(str(last))}d}_{field}"


def write_crop(
    folder: Path,
    name: str,
    image: Image,
    crop: Suggestion,
    objects: NDArray[np.uint32],
) -> None:
    """Write a crop as ``<name>.tif`` and its objects as ``<name>_labels.tif``; both keep the pixel size.

    Parameters
    ----------
    folder, name
        Where, and how both are called.
    image
        What the crop is of, (C,1,Y,X). Grey values are written as they are in the file.
    crop
        Its place.
    objects : (Y,X) uint32
        What a model finds in it.

    Raises
    ------
    OutputFailed, InputError
        A file can't be written, or the field can't be read.
    """
    planes = [np.asarray(image.pixels[index, 0, *crop.area]) for index in range(len(image.channels))]
    pixels = planes[0] if len(planes) == 1 else np.stack(planes)
    write_image(folder / f"{name}.tif", pixels, image.channels, image.pixel_size)
    write_labels(folder / f"{name}{LABELS_SUFFIX}", objects, image.pixel_size)


def field_table(names: Sequence[str], inputs: Sequence[str], labels: str = LABELS) -> str:
    """Return the ``fields.csv`` of the crops, with a column for each input and one, `labels`, for the labels.

    Inputs are named as by `frugalseg.images.channels.input_names`, which can be read as columns, too.

    >>> print(field_table(["1_a"], ["phase", "dic"]))
    field,phase,dic,labels
    1_a,1_a.tif#0,1_a.tif#1,1_a_labels.tif
    <BLANKLINE>
    """
    places = [""] if len(inputs) == 1 else [f"#{index}" for index in range(len(inputs))]
    rows = [[name, *(f"{name}.tif{at}" for at in places), f"{name}{LABELS_SUFFIX}"] for name in names]
    return _csv([["field", *map(_column, inputs), labels], *rows])


def _column(name: str) -> str:
    """Return a column that is found by the name of an input: without quotes, but for those of a focal plane."""
    (channel,) = parse_channels(name)
    return channel.channel if channel.planes is None else name


def suggestion_table(chosen: Sequence[Suggestion], first: int = 1) -> str:
    """Return the list of the crops as CSV, the best first; ranks begin with `first`."""
    rows = [
        [rank, *(getattr(one, name) for name in _COLUMNS.values())]
        for rank, one in enumerate(chosen, start=first)
    ]
    return _csv([["rank", *_COLUMNS], *rows])


def report_table(chosen: Sequence[Suggestion], first: int = 1) -> NumberTable:
    """Return the list of the crops for the report, with what speaks for each."""
    columns = ["crop", "score", "objects", "disagreement", "misfits", "rounds", "look distance", "why"]
    rows = [
        [
            name,
            one.score,
            one.objects,
            one.disagreement,
            one.misfits,
            one.rounds,
            one.look_distance,
            " ".join(one.reasons),
        ]
        for name, one in zip(crop_names(chosen, first), chosen, strict=True)
    ]
    return NumberTable(title="Crops to outline next", columns=columns, rows=rows, note=_NOTE)


def earlier_windows(folders: Iterable[Path]) -> dict[str, list[Window]]:
    """Return the crops of earlier suggestions that are labelled by now, by the name of their field.

    Parameters
    ----------
    folders
        Results of `suggest`. A crop whose row was deleted from their ``crops/fields.csv`` was left out, and does not count.

    Raises
    ------
    UnreadableFile
        There are no such results, or they are damaged.
    """
    found: dict[str, list[Window]] = {}
    for folder in folders:
        rows = _ranked_windows(folder)
        kept = {one.name for one in read_table(folder / CROPS / TABLE_NAME)}
        for rank, name, window in rows:
            if _crop_name(rank, name, rows[-1][0]) in kept:
                found.setdefault(name, []).append(window)
    return found


def next_rank(folders: Iterable[Path]) -> int:
    """Return the rank of the first crop after earlier suggestions, so that no two crops have the same name.

    Raises `UnreadableFile` as `earlier_windows` does.
    """
    return 1 + max((rank for folder in folders for rank, *_ in _ranked_windows(folder)), default=0)


def doubts_on_proposals(files: Iterable[Path]) -> list[str]:
    """Return a sentence for each folder of crops whose labels are not corrected yet, or lie in files that are not read.

    Parameters
    ----------
    files
        Label maps that are to be learned from.
    """
    doubts: list[str] = []
    folders: dict[Path, list[str]] = {}
    for file in files:
        folders.setdefault(file.parent, []).append(file.name)
    for folder, names in folders.items():
        listed = listed_files(folder.parent, "suggest") or {}
        proposed = [name for name in names if f"{CROPS}/{name}" in listed]
        if folder.name != CROPS or not proposed:
            continue
        now = checksums(folder)
        same = [name for name in proposed if now.get(name) == listed[f"{CROPS}/{name}"]]
        added = [name for name in now if f"{CROPS}/{name}" not in listed and name not in names]
        if same:
            doubts.append(
                f"{len(same)} of {len(proposed)} label maps in {folder} are what the model proposed, unchanged since `suggest` wrote "
                "them; if the outlines are not right, correct them first."
            )
        if added:
            doubts.append(
                f"Files in {folder} that are not read: {first_few(added)}. If they hold corrected outlines, name them in the column of "
                f"the labels in its {TABLE_NAME}."
            )
    return doubts


def _ranked_windows(folder: Path) -> list[tuple[int, str, Window]]:
    """Return rank, field and place of the crops in a list that `suggest` wrote."""
    if not (folder / LIST).is_file():
        raise UnreadableFile(f"{folder} holds no results of `suggest`; give the folder of its results")
    try:
        return [
            (
                int(row["rank"]),
                row["field"],
                (int(row["y"]), int(row["x"]), int(row["height"]), int(row["width"])),
            )
            for row in csv.DictReader(io.StringIO(read_text(folder / LIST)))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFile(
            f"{folder / LIST} is damaged, or no list that `suggest` wrote; give the folder of its results"
        ) from error


def _csv(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
