"""The table of fields: one row per field, one column per channel (fields.csv)."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from frugalseg.errors import InputError, UnreadableFile
from frugalseg.images.field import ChannelRef, Field
from frugalseg.images.formats import FORMATS, IMAGE_SUFFIXES, LABEL_SUFFIXES
from frugalseg.images.plain_files import read_text, shortened

NOT_CHANNELS = ("field", "split")
FILE_SUFFIXES = (*IMAGE_SUFFIXES, *LABEL_SUFFIXES)
CHANNEL_OF_FILE = re.compile(
    rf"(.*?(?:{'|'.join(map(re.escape, FILE_SUFFIXES))})(?:/[^#]*)?)#(.*)", re.IGNORECASE
)
"""A cell whose first # behind a suffix, or behind a path in an OME-Zarr, ends the file's name: other # are part of names."""
LONGEST_CELL = 4096
"""Characters; no path is longer."""


def read_table(path: Path) -> list[Field]:
    """Read the fields of a table with the columns field, optionally split, and one per channel.

    A column is a channel where at least one of its cells names an image file (relative to the table, optionally with
    ``#channel`` of a file that holds several) or an image in an OME-Zarr, such as ``a.zarr/labels/cells``; other columns describe the field. Files need not exist yet.
    """
    header, rows = _read_rows(path)
    columns = tuple(
        c for c in header if c not in NOT_CHANNELS and any(_names_file(row[c]) for _, row in rows)
    )
    if not columns:
        raise UnreadableFile(
            f"no column of {path} names image files; each channel needs a column of file names"
        )
    fields: list[Field] = []
    lines: dict[str, int] = {}
    for line, row in rows:
        name = row["field"]
        if name in lines:
            raise InputError(
                f"{path.name}: rows {lines[name]} and {line} both are field {shortened(name)!r}; rename one"
            )
        lines[name] = line
        origin = f"row {line} of {path.name}"
        channels: dict[str, ChannelRef] = {}
        for column in columns:
            cell = row[column]
            if cell and not _names_file(cell):
                raise UnreadableFile(
                    f"{origin}: {shortened(cell)!r} in column {column!r} is no image file; {FORMATS} are read, an empty cell means none"
                )
            if cell:
                channels[column] = _cell_reference(path.parent, cell, f"{origin}, column {column!r}")
        fields.append(Field(name, row, channels, columns))
    return fields


def _names_file(cell: str) -> bool:
    cell = cell.lower()
    inside = any(f"{suffix}#" in cell for suffix in FILE_SUFFIXES) or ".zarr/" in cell
    return inside or cell.endswith(FILE_SUFFIXES)


def _cell_reference(folder: Path, cell: str, origin: str) -> ChannelRef:
    match = CHANNEL_OF_FILE.fullmatch(cell)
    if match is None or (folder / cell).exists():
        return ChannelRef(_as_spelled(folder, cell), None, origin)
    name, inner = match.groups()
    if not inner:
        raise InputError(
            f"{origin}: {shortened(cell)!r} names no channel behind #; give its name or number, or leave out the #"
        )
    return ChannelRef(_as_spelled(folder, name), inner, origin)


def _as_spelled(folder: Path, name: str) -> Path:
    """Return the path of a file as its disk spells it: an accented letter may be one character or two, as on macOS."""
    others = unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)
    with suppress(OSError):  # reading says why
        for other in (one for one in others if one != name):
            if not (folder / name).exists() and (folder / other).exists():
                return folder / other
    return folder / name


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the header, and each row with its line number; cells are separated by commas, semicolons or tabs."""
    text = read_text(path, encoding="utf-8-sig")
    if "\0" in text:
        raise UnreadableFile(f"{path} is no table, it holds NUL characters; save it as CSV in UTF-8")
    lines = list(_lines(path, text))
    header = lines[0][1] if lines else []
    if "field" not in header or len(set(header)) < len(header):
        names = shortened(", ".join(header) or "nothing")
        raise UnreadableFile(
            f"{path} needs a first line with the column 'field' and every name once; it has {names}"
        )
    rows: list[tuple[int, dict[str, str]]] = []
    for number, values in lines[1:]:
        if not any(values):
            continue
        if len(values) != len(header) or not values[header.index("field")]:
            raise UnreadableFile(
                f"row {number} of {path.name} has {len(values)} cells for {len(header)} columns, or no field name"
            )
        rows.append((number, dict(zip(header, values, strict=True))))
    if not rows:
        raise UnreadableFile(f"{path} has no row below its first line")
    return header, rows


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Iterate over line numbers and cells."""
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        for cells in reader:
            longest = max(map(len, cells), default=0)
            if longest > LONGEST_CELL:
                raise csv.Error(f"a cell of {longest} characters, and {LONGEST_CELL} are allowed")
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UnreadableFile(
            f"row {reader.line_num} of {path} can't be read ({error}); save the table as CSV again"
        ) from error
