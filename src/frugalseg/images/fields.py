"""Fields of view from image files, folders, tables (fields.csv), and OME-Zarr images or plates."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from frugalseg.errors import InputError, SettingsError, UnreadableFile
from frugalseg.images.axes import check_stated_axes
from frugalseg.images.channel_lists import split_channels, unquote_channel
from frugalseg.images.discovery import list_fields
from frugalseg.images.field import Field
from frugalseg.images.file_fields import Problems
from frugalseg.images.plain_files import shortened


class FieldTable:
    """Fields of view in a fixed order, with access by number or name.

    Attributes
    ----------
    fields
        All of them.
    notes
        What the user should know of how they were found, such as files that were left out; one sentence each.

    Examples
    --------
    >>> table = FieldTable([Field("a", {"field": "a", "split": "train"}, {}), Field("b", {"field": "b", "split": "test"}, {})])
    >>> [field.name for field in table.where(["split=train"])]
    ['a']
    """

    def __init__(self, fields: Sequence[Field], notes: Sequence[str] = ()) -> None:
        self.fields, self.notes = tuple(fields), tuple(notes)
        self._by_name = {field.name: field for field in self.fields}
        if len(self._by_name) < len(self.fields):
            names = [field.name for field in self.fields]
            twice = sorted({name for name in names if names.count(name) > 1})
            files = [
                str(ref.path)
                for one in self.fields
                if one.name == twice[0]
                for ref in [*one.channels.values()][:1]
            ]
            of_files = f" ({' and '.join(map(shortened, files[:2]))})" if len(files) > 1 else ""
            raise InputError(
                f"two fields are called {twice[0]!r}{of_files}; results are named after fields, so rename one, or leave it out"
            )

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self.fields)

    def __iter__(self) -> Iterator[Field]:
        """Iterate over the fields in order."""
        return iter(self.fields)

    def __contains__(self, name: object) -> bool:
        """Return whether a field has that name."""
        return isinstance(name, str) and name in self._by_name

    def __getitem__(self, key: int | str) -> Field:
        """Return a field by name or number; `InputError` with the closest name where there is none."""
        if not isinstance(key, str):
            return self.fields[key]
        if key not in self._by_name:
            raise InputError(f"no field is called {key!r}{_suggest(key, list(self._by_name))}")
        return self._by_name[key]

    @property
    def channels(self) -> tuple[str, ...]:
        """Return every channel of a field or of its table, in order of appearance."""
        return tuple(
            dict.fromkeys(name for field in self.fields for name in (*field.columns, *field.channels))
        )

    def where(self, conditions: Sequence[str]) -> "FieldTable":
        """Return the fields that fulfil every condition: ``column=a,b`` (a or b) or ``column!=a,b`` (neither).

        A value with commas is taken as it is, or in double quotes beside others.
        Raises `SettingsError` where a condition or its column is wrong, and `InputError` where no field is left.
        """
        chosen, notes = self.fields, list(self.notes)
        for condition in conditions:
            column, equals, values = condition.partition("=")
            wanted = not column.endswith("!")
            column = column.removesuffix("!").strip()
            if not equals or not column:
                raise SettingsError(f"`where` {condition!r} is neither column=a,b nor column!=a,b")
            columns = list(dict.fromkeys(name for field in self.fields for name in field.row))
            if column not in columns:
                raise SettingsError(
                    f"`where` {condition!r}: there is no column {column!r}{_suggest(column, columns)}; "
                    f"there are {', '.join(columns)}"
                )
            values_left = sorted({field.row.get(column, "") for field in chosen})
            known = {field.row.get(column, "") for field in self.fields}
            allowed = _values(values, known)
            notes += _unknown_values(condition, values, allowed & known, known)
            chosen = tuple(field for field in chosen if (field.row.get(column, "") in allowed) is wanted)
            if not chosen:
                raise InputError(
                    f"`where` {condition!r} leaves no field; {column!r} is {', '.join(values_left[:8])}"
                    f"{', ...' if len(values_left) > 8 else ''}"
                )
        return FieldTable(chosen, tuple(notes))


def _unknown_values(condition: str, text: str, found: set[str], known: set[str]) -> list[str]:
    """Return a sentence for each value of a condition that no field has; none where a value holds commas itself."""
    parts = [] if text.strip() in known else [value.strip() for value in text.split(",")]
    if not found or any("," in value for value in found) or '"' in text:
        return []
    return [
        f"`where` {condition!r}: no field has {value!r}{_suggest(value, sorted(known))}"
        for value in parts
        if value not in known
    ]


def _values(text: str, known: set[str]) -> set[str]:
    """Return the values that stand in a condition: several between commas, unless the whole text is one."""
    if text.strip() in known:
        return {text.strip()}
    return {value.strip() for value in text.split(",")} | set(map(unquote_channel, split_channels(text)))


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f", did you mean {close[0]!r}" if close else ""


def _with_axes(field: Field, axes: str) -> Field:
    channels = {name: replace(ref, axes=axes) for name, ref in field.channels.items()}
    return replace(field, channels=channels)


def _order_notes(fields: Sequence[Field]) -> list[str]:
    """Return a sentence where files have the same channels in another order, so that an index means different ones."""
    orders = {field.name: tuple(name for name in field.channels if not name.isdecimal()) for field in fields}
    if not orders:
        return []
    first, known = next(iter(orders.items()))
    other = [
        name
        for name, order in orders.items()
        if [one for one in order if one in known] != [one for one in known if one in order]
    ]
    if not other:
        return []
    return [
        f"channels stand in another order in {len(other)} of {len(orders)} fields ({', '.join(known)} in {first!r}, "
        f"{', '.join(orders[other[0]])} in {other[0]!r}); give channels by name, not by index"
    ]


def open_fields(
    inputs: Sequence[str | Path],
    *,
    pattern: str | None = None,
    where: Sequence[str] = (),
    axes: str | None = None,
    problems: Problems | None = None,
) -> FieldTable:
    """List the fields of view in some inputs, without reading pixels.

    Parameters
    ----------
    inputs
        Image files, folders, tables (``.csv``), OME-Zarr images or plates, in any mixture. A folder with a
        ``fields.csv`` is that table; another folder is its image files, without results of earlier runs and of other programs.
    pattern
        How file names are composed, such as ``{field}_{channel}.tif``; further names in braces become columns. Upper and
        lower case, and ``.tif``, ``.tiff`` and ``.ome.tif``, are the same. Without
        ``{channel}``, and for files without a pattern, each file is one field with the channels it holds.
    where
        Which fields to keep: ``split=train``, ``field!=a,b``; all conditions must hold.
    axes
        Letters for the axes of files that do not name them, in the order in which they are stored, such as YXC; see
        `frugalseg.images.read.read_image`.
    problems
        A list that collects the errors of single fields, which are then left out. None: the first error is raised.

    Raises
    ------
    UnreadableFile
        An input is missing, or a file whose channels must be known can't be read. Files named in a table are
        opened when used.
    InputError, SettingsError
        No field is found or left, two fields have the same name, or `pattern`, `where` or `axes` is wrong.
    """
    if isinstance(inputs, str | Path):
        inputs = [inputs]
    if axes is not None:
        check_stated_axes(axes)
    if not inputs:
        raise UnreadableFile("no input was given; give image files, a folder, a fields.csv or an OME-Zarr")
    try:
        notes: list[str] = []
        fields = list_fields([Path(given) for given in inputs], pattern, problems, notes, axes)
    except OSError as error:
        raise UnreadableFile(
            f"{shortened(error.filename or 'an input')} can't be opened ({error.strerror or error}); allow reading it and its folder"
        ) from error
    if not fields and not problems:
        raise UnreadableFile(
            f"{shortened(inputs[0])} holds no image; give an OME-Zarr that lists at least one"
        )
    fields = _with_channels_of_others(fields)
    if axes is not None:
        fields = [_with_axes(field, axes) for field in fields]
    table = FieldTable(fields, [*notes, *_order_notes(fields)])
    return table.where(where) if where else table


def _with_channels_of_others(fields: Sequence[Field]) -> list[Field]:
    """Return fields whose files name their channels, as if they were rows of a table: one may lack a channel that others have."""
    whole = [field.columns == tuple(field.channels) for field in fields]
    names = dict.fromkeys(
        name
        for field, one in zip(fields, whole, strict=True)
        for name in field.channels
        if one and not name.isdecimal()
    )
    return [
        replace(field, columns=(*field.columns, *(name for name in names if name not in field.channels)))
        if one
        else field
        for field, one in zip(fields, whole, strict=True)
    ]
