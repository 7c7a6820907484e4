"""Which predicted label file belongs to which truth: matched by the field's name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import InputError, MissingChannel, UnreadableFile
from frugalseg.images.discovery import TABLE_NAME, natural_key
from frugalseg.images.field import ChannelRef, Field
from frugalseg.images.fields import open_fields
from frugalseg.images.file_fields import is_zarr
from frugalseg.images.formats import IMAGE_SUFFIXES, LABEL_SUFFIXES, ROI_SUFFIXES, field_stem
from frugalseg.images.image import find_channel
from frugalseg.images.read import path_exists
from frugalseg.images.rois import read_rois
from frugalseg.runs.output_folder import RUN
from frugalseg.runs.records import read_json

TRUTH_NAMES = ("cells", "labels", "truth", "seg", "cp_masks", "masks", "mask", "rois")
"""Names of a truth, as a column of a table or the end of a file's name; the first that exists counts."""


@dataclass(frozen=True)
class Pairs:
    """Label files to compare.

    Attributes
    ----------
    pairs
        Field name -> (truth, prediction).
    without_truth, without_prediction
        Fields without a partner.
    notes
        What was chosen for the user.
    """

    pairs: Mapping[str, tuple[ChannelRef, ChannelRef]]
    without_truth: tuple[str, ...] = ()
    without_prediction: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_pairs(predicted: Path, truth: Path, labels: str | None = None) -> Pairs:
    """Match predicted and true label files.

    Parameters
    ----------
    predicted
        A label file, or a folder with one ``<field>_labels.tif`` per field; its other images count only if it has no
        such files.
    truth
        A label file, a folder of files ``<field>_cells.tif`` (or another of `TRUTH_NAMES`, or just ``<field>.tif``),
        a table of fields, or an OME-Zarr image or plate that holds the truth as label images.
    labels
        Column of the table, label image, channel of the only file, or ending of the file names, with the truth.

    Raises
    ------
    UnreadableFile, MissingChannel
        A file, folder or column does not exist.
    InputError
        No predicted field has a truth.
    """
    predictions = find_label_files(predicted)
    table = truth / TABLE_NAME if truth.is_dir() and (truth / TABLE_NAME).is_file() else truth
    lists_truths = table.suffix.lower() == ".csv" or (is_zarr(truth) and _holds_truths(truth, labels))
    if path_exists(truth) and not lists_truths and not _is_folder(truth):
        if len(predictions) != 1:
            raise InputError(
                f"{predicted} holds {len(predictions)} label maps and {truth} is one; give one file of it, or a folder as truth"
            )
        name, ref = next(iter(predictions.items()))
        return Pairs({name: (ChannelRef(truth, labels), ref)})
    if lists_truths:
        true, empty, note = _table_truths(table, labels)
    else:
        true, empty, note = _folder_truths(truth, labels), (), ""
    pairs = {name: (true[name], ref) for name, ref in predictions.items() if name in true}
    if not pairs:
        raise InputError(
            f"no field of {predicted} ({_some(list(predictions))}) has a truth in {truth} ({_some([*true, *empty])}); "
            "fields are matched by name"
        )
    unpaired = tuple(name for name in predictions if name not in true)
    notes = tuple(one for one in (note, note_on_other_runs(predicted, list(pairs))) if one)
    return Pairs(pairs, unpaired, tuple(name for name in true if name not in predictions), notes)


def note_on_other_runs(folder: Path, names: list[str]) -> str:
    """Return a sentence on label maps in a run's folder that its last run did not make; nothing where there are none."""
    if not (folder / RUN).is_file():
        return ""
    try:
        fields = read_json(folder / RUN).get("fields")
    except UnreadableFile:
        return ""
    others = [name for name in names if isinstance(fields, dict) and name not in fields]
    if not others:
        return ""
    return f"{len(others)} of {len(names)} label maps in {folder} are not of the run in its {RUN}, and may have other settings: {_some(others)}"


def read_label_file(
    name: str, ref: ChannelRef, role: str, shape: tuple[int, int] | None = None
) -> NDArray[np.int32] | NDArray[np.uint32]:
    """Read a label map (Y, X); raises as `frugalseg.images.field.Field.labels` does.

    Parameters
    ----------
    name, role
        What messages call it: `role` of field `name`.
    shape
        (Y, X) for files of outlines, which have no size of their own.
    """
    if shape is not None and ref.path.suffix.lower() in ROI_SUFFIXES and path_exists(ref.path):
        return read_rois(ref.path, shape).astype(np.uint32)
    labels = Field(name, {"field": name}, {role: ref}).labels(role)
    if labels is None:  # only where a table's cell is empty, and here a file is named
        raise UnreadableFile(f"field {name!r} has no {role}")
    return labels


def find_label_files(path: Path) -> dict[str, ChannelRef]:
    """Return the label files of a run by field: a single file, or those of a folder; raises as `find_pairs`."""
    if not path_exists(path):
        raise UnreadableFile(f"{path} does not exist; give a label file, or the folder of a run")
    if not _is_folder(path):
        return {_predicted_field(path): ChannelRef(path)}
    files = _label_files(path)
    named = [file for file in files if _predicted_field(file) != field_stem(file)] or files
    if not named:
        raise UnreadableFile(f"{path} holds no label map; files like <field>_labels.tif are looked for")
    return _by_field((_predicted_field(file), file) for file in named)


def _predicted_field(path: Path) -> str:
    """Return the field of a label map, or of a set of outlines that `frugalseg rois` made of one."""
    ending = "_rois" if path.suffix.lower() in ROI_SUFFIXES else "_labels"
    return field_stem(path).removesuffix(ending)


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder of files; an OME-Zarr is one image."""
    return path.is_dir() and not is_zarr(path)


def _label_files(folder: Path) -> list[Path]:
    suffixes = (*IMAGE_SUFFIXES, *LABEL_SUFFIXES)
    images = (p for p in folder.iterdir() if p.suffix.lower() in suffixes and p.name[0] != ".")
    return sorted(images, key=lambda path: natural_key(path.name))


def _folder_truths(folder: Path, labels: str | None) -> dict[str, ChannelRef]:
    """List the truths of a folder without a table; of several for one field, the first of the endings counts."""
    if not folder.is_dir():
        raise UnreadableFile(f"{folder} does not exist; give a label file, a folder of them, or a fields.csv")
    true: dict[str, ChannelRef] = {}
    files = [(field_stem(file), file) for file in _label_files(folder)]
    taken: set[str] = set()  # a_cp_masks is the truth of a, and not also that of a_cp
    for ending in (labels,) if labels else TRUTH_NAMES:
        chosen = [(stem, file) for stem, file in files if stem.endswith(f"_{ending}") and stem not in taken]
        taken |= {stem for stem, _ in chosen}
        true = _by_field((stem.removesuffix(f"_{ending}"), file) for stem, file in chosen) | true
    return true if true or labels else _by_field(files)


def _by_field(files: Iterable[tuple[str, Path]]) -> dict[str, ChannelRef]:
    """Return the file of each field; `InputError` where two files are of the same one."""
    found: dict[str, ChannelRef] = {}
    for name, file in files:
        if name in found:
            raise InputError(
                f"{found[name].path.name} and {file.name} both are labels of field {name!r}; move one of them away"
            )
        found[name] = ChannelRef(file)
    return found


def _holds_truths(zarr: Path, labels: str | None) -> bool:
    """Return whether an OME-Zarr is a plate, several images, or an image with its truth, and not itself a label image."""
    fields = open_fields([zarr])
    return labels is not None or len(fields) > 1 or any(name in fields.channels for name in TRUTH_NAMES)


def _table_truths(table: Path, labels: str | None) -> tuple[dict[str, ChannelRef], tuple[str, ...], str]:
    """List the truths of a table or an OME-Zarr, the fields without one, and a note on the column that was chosen."""
    fields = open_fields([table])
    note = ""
    if labels is None:
        labels = next((name for name in TRUTH_NAMES if name in fields.channels), None)
        if labels is None:
            raise MissingChannel(
                f"{table} has no {'label image' if is_zarr(table) else 'column'} {', '.join(TRUTH_NAMES)}; name the one with the truth as `labels`: "
                f"{', '.join(fields.channels)}"
            )
        note = f"truth is {labels!r} of {table.name}; `labels` names another"
    channel = fields.channels[find_channel(labels, fields.channels, table.name)]
    true: dict[str, ChannelRef] = {}
    empty: list[str] = []
    for one_field in fields:
        if channel in one_field.channels:
            true[one_field.name] = one_field.channels[channel]
        else:
            empty.append(one_field.name)
    return true, tuple(empty), note


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") if names else "none"
