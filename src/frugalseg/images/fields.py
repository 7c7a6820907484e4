"""Many fields of view: from image files, a folder, a table (fields.csv), or an OME-Zarr image or plate."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from frugalseg.errors import InputError, SettingsError, UnreadableFile
from frugalseg.images.discovery import Problems, list_fields
from frugalseg.images.field import Field


class FieldTable:
    """Fields in a fixed order, found by number or name.

    Examples
    --------
    >>> table = FieldTable([Field("a", {"field": "a", "split": "train"}, {}), Field("b", {"field": "b", "split": "test"}, {})])
    >>> [field.name for field in table.where(["split=train"])]
    ['a']
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        self._by_name = {field.name: field for field in self.fields}
        if len(self._by_name) < len(self.fields):
            names = [field.name for field in self.fields]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InputError(
                f"two fields are called {twice[0]!r}; results are named after fields, so rename one"
            )

    def __len__(self) -> int:
        """Count the fields."""
        return len(self.fields)

    def __iter__(self) -> Iterator[Field]:
        """Give the fields in order."""
        return iter(self.fields)

    def __contains__(self, name: object) -> bool:
        """Whether a field of that name is in the table."""
        return isinstance(name, str) and name in self._by_name

    def __getitem__(self, key: int | str) -> Field:
        """Give a field by name or number."""
        return self.named(key) if isinstance(key, str) else self.fields[key]

    def named(self, name: str) -> Field:
        """Field of that name; `InputError` with the closest one where there is none."""
        if name not in self._by_name:
            raise InputError(f"no field is called {name!r}{_suggest(name, list(self._by_name))}")
        return self._by_name[name]

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that at least one field has or its table knows, in order of appearance."""
        return tuple(
            dict.fromkeys(name for field in self.fields for name in (*field.columns, *field.channels))
        )

    def where(self, conditions: Sequence[str]) -> "FieldTable":
        """Fields whose row fulfils every condition: ``column=a,b`` (one of them) or ``column!=a,b`` (none).

        Raises `SettingsError` for a condition or column that can't be, `InputError` where no field is left.
        """
        chosen = self.fields
        for condition in conditions:
            column, equals, values = condition.partition("=")
            wanted = not column.endswith("!")
            column = column.removesuffix("!").strip()
            allowed = {value.strip() for value in values.split(",")}
            if not equals or not column:
                raise SettingsError(f"--where {condition!r} is neither column=a,b nor column!=a,b")
            columns = list(dict.fromkeys(name for field in self.fields for name in field.row))
            if column not in columns:
                raise SettingsError(
                    f"--where {condition!r}: there is no column {column!r}{_suggest(column, columns)}; "
                    f"there are {', '.join(columns)}"
                )
            there = sorted({field.row.get(column, "") for field in chosen})
            chosen = tuple(field for field in chosen if (field.row.get(column, "") in allowed) is wanted)
            if not chosen:
                raise InputError(
                    f"--where {condition!r} leaves no field; {column!r} is {', '.join(there[:8])}"
                    f"{', ...' if len(there) > 8 else ''}"
                )
        return FieldTable(chosen)


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}" if close else ""


def open_fields(
    inputs: Sequence[str | Path],
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    problems: Problems | None = None,
) -> FieldTable:
    """List the fields that the inputs hold; no pixels are read.

    Parameters
    ----------
    inputs
        Image files, folders, tables (``.csv``), OME-Zarr images or plates, in any mixture. A folder with a
        ``fields.csv`` is that table; another folder is its image files.
    pattern
        How file names are made, such as ``{field}_{channel}.tif``; further names in braces become columns. Without
        ``{channel}``, and for files without a pattern, each file is one field with the channels it holds.
    where
        Which rows to take: ``split=train``, ``field!=a,b``; all conditions must hold.
    problems
        A list that collects what is wrong with single fields, which are then left out, instead of an error.

    Raises
    ------
    UnreadableFile
        An input is missing, or a file whose channels must be known can't be read. Files named in a table are
        opened when used.
    InputError, SettingsError
        No field is found or left, two have one name, the pattern or a condition can't be.
    """
    if isinstance(inputs, str | Path):
        inputs = [inputs]
    if not inputs:
        raise UnreadableFile("no input was given; give image files, a folder, a fields.csv or an OME-Zarr")
    try:
        fields = list_fields([Path(given) for given in inputs], pattern, problems)
    except OSError as error:
        raise UnreadableFile(
            f"{error.filename or 'an input'} can't be opened ({error.strerror or error}); allow reading it and its folder"
        ) from error
    table = FieldTable(fields)
    return table.where(where) if where else table
