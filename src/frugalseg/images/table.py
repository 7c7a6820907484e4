"""The table of fields: one row per field, one column per channel (fields.csv)."""

import csv
from pathlib import Path

from frugalseg.errors import InputError, UnreadableFile
from frugalseg.images.field import ChannelRef, Field
from frugalseg.images.formats import FORMATS, IMAGE_SUFFIXES, LABEL_SUFFIXES

NOT_CHANNELS = ("field", "split")
FILE_SUFFIXES = (*IMAGE_SUFFIXES, *LABEL_SUFFIXES)


def read_table(path: Path) -> list[Field]:
    """Read the fields of a table with the columns field, optionally split, and one per channel.

    A column is a channel where at least one of its cells names an image file (relative to the table, optionally with
    ``#channel`` of a file that holds several); other columns describe the field. Files need not exist yet.
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
                f"{path.name}: rows {lines[name]} and {line} both are field {name!r}; rename one"
            )
        lines[name] = line
        origin = f"row {line} of {path.name}"
        channels: dict[str, ChannelRef] = {}
        for column in columns:
            cell = row[column]
            if cell and not _names_file(cell):
                raise UnreadableFile(
                    f"{origin}: {cell!r} in column {column!r} is no image file; {FORMATS} are read, an empty cell means none"
                )
            if cell:
                channels[column] = _cell_reference(path.parent, cell, f"{origin}, column {column!r}")
        fields.append(Field(name, row, channels, columns))
    return fields


def _names_file(cell: str) -> bool:
    cell = cell.lower()
    return cell.endswith(FILE_SUFFIXES) or any(f"{suffix}#" in cell for suffix in FILE_SUFFIXES)


def _cell_reference(folder: Path, cell: str, origin: str) -> ChannelRef:
    name, mark, inner = cell.rpartition("#")
    if mark and not (folder / cell).exists():
        return ChannelRef(folder / name, inner, origin)
    return ChannelRef(folder / cell, None, origin)


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the header, and each row with its line number; cells are separated by commas, semicolons or tabs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path} can't be read as a table in UTF-8 ({error})") from error
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(), delimiter=separator)
    header = [name.strip() for name in next(reader, [])]
    if "field" not in header or len(set(header)) < len(header):
        raise UnreadableFile(
            f"{path} needs a first line with the column 'field' and every name once; it has {', '.join(header) or 'nothing'}"
        )
    rows: list[tuple[int, dict[str, str]]] = []
    for cells in reader:
        values = [cell.strip() for cell in cells]
        if not any(values):
            continue
        if len(values) != len(header) or not values[header.index("field")]:
            raise UnreadableFile(
                f"row {reader.line_num} of {path.name} has {len(values)} cells for {len(header)} columns, or no field name"
            )
        rows.append((reader.line_num, dict(zip(header, values, strict=True))))
    if not rows:
        raise UnreadableFile(f"{path} has no row below its first line")
    return header, rows
