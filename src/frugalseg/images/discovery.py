"""Find the fields in files, folders, tables and OME-Zarr."""

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from frugalseg.errors import InputError, SettingsError, UnreadableFile
from frugalseg.images.field import ChannelRef, Field
from frugalseg.images.file_fields import Problems, fields_of_files, is_zarr
from frugalseg.images.formats import FORMATS, IMAGE_SUFFIXES, field_stem
from frugalseg.images.left_out import (
    LOOKS_MADE,
    NOT_READ,
    is_result,
    left_out_note,
    others_in,
    results_among,
)
from frugalseg.images.name_patterns import match_names
from frugalseg.images.plain_files import shortened
from frugalseg.images.read import path_exists
from frugalseg.images.table import read_table
from frugalseg.images.write import in_utf8

TABLE_NAME = "fields.csv"

LONGEST_NAME = 200
"""Most bytes in the name of a field: a result file adds an ending, and 255 bytes are allowed."""


def list_fields(
    inputs: Sequence[Path],
    pattern: str | None,
    problems: Problems | None,
    notes: list[str],
    axes: str | None = None,
) -> list[Field]:
    """Return the fields of all inputs in the order given; see `frugalseg.images.fields.open_fields`.

    What was left out is added to `notes`, one sentence each.
    """
    fields: list[Field] = []
    files: list[Path] = []
    named: list[Path] = []
    paths = [path for item in inputs for path in _expand(item)]
    if pattern is not None and all(path.suffix.lower() == ".csv" for path in paths):
        raise SettingsError(
            f"`pattern` {pattern!r} tells fields by the names of files, and {shortened(paths[0])} lists them itself; leave "
            "`pattern` out, or give the folder of the files"
        )
    for path in paths:
        if path.is_dir() and not is_zarr(path) and pattern is not None:
            fields += _pattern_fields(
                _files_below(path, "/" in pattern), path, pattern, problems, notes, axes
            )
        elif path.is_dir() and not is_zarr(path) and not (path / TABLE_NAME).exists():
            files += _images_in(path, notes)
        elif path.is_dir() and not is_zarr(path):
            fields += read_table(path / TABLE_NAME)
        elif path.suffix.lower() == ".csv":
            fields += read_table(path)
        else:
            named.append(path)
    made = results_among(named, beside=True) if pattern is None else []
    notes += left_out_note(made, "the files given", f"{LOOKS_MADE} (give them alone to use them)")
    files += [path for path in named if path not in made]
    if pattern is not None:
        zarrs = [path for path in files if is_zarr(path)]
        files = [path for path in files if path not in zarrs]
        fields += _pattern_fields(files, None, pattern, problems, notes, axes) if files else []
        files = zarrs
    fields += _file_fields(files, problems, notes, axes)
    for field in fields:
        if field.name in ("", ".", "..") or re.search(r'[\\/:*?"<>|\0]', field.name):
            raise InputError(
                f"field {shortened(field.name)!r} can't name a result file; use letters, digits, _ - and ."
            )
        _check_encoding(field)
        size = len(field.name.encode("utf-8"))
        if size > LONGEST_NAME:
            raise InputError(
                f"field {field.name[:40] + '...'!r} can't name a result file: its name is {size} bytes long and "
                f"{LONGEST_NAME} are allowed; rename it"
            )
    return fields


def _check_encoding(field: Field) -> None:
    """Refuse names that records of a run can't hold, now and not when they are written."""
    for text in (field.name, *(str(ref.path.absolute()) for ref in field.channels.values())):
        if (readable := in_utf8(text)) != text:
            raise InputError(
                f"'{shortened(readable)}' is not in UTF-8, so results can't say what they are of; rename that file or folder"
            )


def natural_key(text: str) -> list[tuple[int, str]]:
    """Return a sort key that puts hela_2 before hela_10.

    >>> sorted(["hela_10", "hela_2"], key=natural_key)
    ['hela_2', 'hela_10']
    """
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", text)]


def _expand(path: Path) -> list[Path]:
    """Return the path itself, or the files that a * in it stands for where the shell has not replaced it."""
    if path_exists(path):
        return [path]
    folder = next(
        parent for parent in path.parents if path_exists(parent)
    )  # brackets in its name are no pattern
    rest = str(path.relative_to(folder))
    if glob.has_magic(rest):
        names = glob.glob(rest, root_dir=folder)  # noqa: PTH207 - it leaves out hidden files
        if names:
            return [folder / name for name in sorted(names, key=natural_key)]
        raise UnreadableFile(f"no file fits {shortened(path)}")
    raise UnreadableFile(f"{shortened(path)} does not exist")


def _files_below(folder: Path, deep: bool) -> list[Path]:
    """List the files that a pattern may fit, without hidden ones (macOS leaves ._copies beside images)."""
    paths = folder.rglob("*") if deep else folder.iterdir()
    visible = (
        path for path in paths if not path.name.startswith(".") and (not path.is_dir() or is_zarr(path))
    )
    return sorted(visible, key=lambda path: natural_key(path.as_posix()))


def _images_in(folder: Path, notes: list[str]) -> list[Path]:
    """List the image files and OME-Zarr images of a folder, without hidden ones and results of other runs."""
    paths = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    if not paths:
        raise UnreadableFile(f"{folder} holds no image and no {TABLE_NAME}; {FORMATS} are read")
    paths.sort(key=lambda path: natural_key(path.name))
    made = results_among(paths)
    others, below = others_in(folder, paths)
    made_too = [path for path in others if is_result(field_stem(path))]
    notes += left_out_note(
        [*made, *made_too], str(folder), f"{LOOKS_MADE} (name them or give a pattern to use them)"
    )
    notes += left_out_note([path for path in others if path not in made_too], str(folder), NOT_READ)
    if below:
        notes.append(
            f"folders in {folder} are not searched without a pattern that has a /: {', '.join(path.name for path in below)}"
        )
    return [path for path in paths if path not in made]


def _file_fields(
    files: list[Path], problems: Problems | None, notes: list[str], axes: str | None
) -> list[Field]:
    """Return one field per file, with the channels of the file; equal names get the name of their folder or plate in front."""
    stems = [field_stem(path) for path in files]
    names = [
        stem if stems.count(stem) == 1 else f"{_folder_of(path).name}_{stem}"
        for path, stem in zip(files, stems, strict=True)
    ]
    fields = fields_of_files(list(zip(names, files, strict=True)), None, problems, notes, axes)
    found = [field.name for field in fields]
    return [_with_plate(field) if found.count(field.name) > 1 else field for field in fields]


def _with_plate(field: Field) -> Field:
    """Return a field of a plate with the plate's name in front of its own; others as they are."""
    plate = field.row.get("plate")
    name = f"{plate}_{field.name}" if plate else field.name
    return replace(field, name=name, row={**field.row, "field": name})


def _folder_of(path: Path) -> Path:
    """Return the folder that a path names; links are not followed, as many may lead into one folder."""
    return Path(os.path.abspath(path)).parent  # noqa: PTH100 - Path.absolute keeps ..


def _pattern_fields(
    files: Sequence[Path],
    folder: Path | None,
    pattern: str,
    problems: Problems | None,
    notes: list[str],
    axes: str | None,
) -> list[Field]:
    """Return the fields whose files fit the pattern; other files are left out, which is noted."""
    found = match_names(files, folder, pattern)
    where = str(folder) if folder else "the files given"
    notes += left_out_note(found.unfit, where, f"do not fit the pattern {pattern!r}")
    notes += left_out_note(
        found.results, where, f"{LOOKS_MADE} (put how they end into the pattern to use them)"
    )
    if found.mixed:
        field, how = next(iter(found.mixed.items()))
        others = f", and so do those of {len(found.mixed) - 1} more fields" if len(found.mixed) > 1 else ""
        notes.append(
            f"The files of field {field!r} differ by the pattern {pattern!r}: {how}{others}. If they show different places, let "
            "{field} cover it."
        )
    rows = found.rows
    if not found.has_channels:
        return fields_of_files(
            [(name, paths[""]) for name, paths in found.paths.items()], rows, problems, notes, axes
        )
    columns = tuple(dict.fromkeys(channel for paths in found.paths.values() for channel in paths))
    return [
        Field(
            name,
            {**rows[name], **{c: paths[c].name if c in paths else "" for c in columns}},
            {c: ChannelRef(paths[c]) for c in columns if c in paths},
            columns,
        )
        for name, paths in found.paths.items()
    ]
