"""What a result was made from: files and settings that `resume` compares, and images that are never replaced."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from frugalseg.errors import FrugalsegError, MissingChannel, SettingsError, UnreadableFile
from frugalseg.images.channel_lists import unquote_channel
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.plain_files import shortened

#: Path, size in bytes, and when it was last changed (ns). A folder (OME-Zarr) counts like a file with all that is in it.
FileState = tuple[str, int, int]


@dataclass(frozen=True)
class Sources:
    """Files of one field.

    Attributes
    ----------
    read
        Those that the run reads and that are there.
    listed
        All that its table names or its folder holds.
    models
        Files of models that the run reads while it goes on.
    pixel_size
        (y, x) in um, whichever file states it.
    """

    read: tuple[FileState, ...] = ()
    listed: tuple[Path, ...] = ()
    models: tuple[FileState, ...] = ()
    pixel_size: tuple[float, float] | None = None

    def other_than(self, earlier: Sequence[FileState], size: tuple[float, float] | None = None) -> str | None:
        """Return what is not as an earlier run read it: the path of the first file, or the pixel size; what is missing doesn't count."""
        known = set(earlier)
        other = next((state[0] for state in self.read if state not in known), None)
        if other is None and None not in (size, self.pixel_size) and size != self.pixel_size:
            return f"a pixel size of {self.pixel_size} um,"
        return other

    def check_unchanged(self, owner: str) -> None:
        """Refuse files that were changed or removed after the run began.

        Raises
        ------
        UnreadableFile
            There is one; what was computed may be of two states of it. `owner` is for the message.
        """
        for state in (*self.read, *self.models):
            if file_state(Path(state[0])) != state:
                raise UnreadableFile(
                    f"{owner}: {state[0]} was changed or removed while the run went on, so no result is written; run again "
                    "once nothing writes to it any more"
                )


def find_sources(
    table: Iterable[Field], channels: Iterable[str], models: Iterable[Path] = ()
) -> dict[str, Sources]:
    """Return the files of every field by its name.

    Parameters
    ----------
    table
        The fields.
    channels
        Those that are read where a field has them.
    models
        Files of models that are read while the run goes on.
    """
    names = tuple(channels)
    states = tuple(state for state in map(file_state, models) if state is not None)
    return {field.name: _sources(field, names, states) for field in table}


def check_channels(table: FieldTable, images: Sequence[str], labels: Sequence[str] = ()) -> None:
    """Refuse, before anything is computed or written, channels that no field has.

    Channels that only some fields lack are reported later, for those fields.

    Parameters
    ----------
    table
        The fields.
    images, labels
        Channels that every field should have, and those that single fields may lack.

    Raises
    ------
    InputError
        The first field's error, where no field can be used.
    SettingsError
        A channel is given by index, and files have the same channels in another order.
    """
    errors = [error for error in (_missing(field, images) for field in table) if error is not None]
    if len(errors) == len(table):
        raise errors[0]
    for channel in labels:
        if not any(field.has(channel) for field in table):
            table[0].reference(channel)
    for channel in (*images, *labels):
        _check_order(table, channel)


def identity(path: Path) -> tuple[int, int] | None:
    """Return the identity of a file on the disk, however its path is written; None without a file.

    Examples
    --------
    >>> identity(Path("/")) == identity(Path("/./")), identity(Path("/no/such/file"))
    (True, None)
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def differences(
    before: Mapping[str, JsonValue], now: Mapping[str, JsonValue]
) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Return the values that differ, by name; those of inner mappings one by one.

    Examples
    --------
    >>> differences({"seed": 1, "net": {"area": 2, "patch": 64}}, {"seed": 1, "net": {"area": 3, "patch": 64}})
    {'net: area': (2, 3)}
    """
    old, new = _flat(before), _flat(now)
    names = sorted({*old, *new})
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def first_few(texts: Iterable[str], most: int = 4) -> str:
    """Join the first few texts, each shortened, and say that there are more.

    Examples
    --------
    >>> first_few("abcdef", 3)
    'a, b, c, ...'
    """
    listed = [shortened(text, 80) for text in texts]
    return ", ".join([*listed[:most], "..."] if len(listed) > most else listed)


def _flat(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    flat: dict[str, JsonValue] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}: {inner}": content for inner, content in _flat(value).items()}
        else:
            flat[name] = value
    return flat


def _check_order(table: FieldTable, channel: str) -> None:
    """`SettingsError` where an index means one channel in one field and another in the next."""
    first: tuple[Field, str, tuple[str, ...]] | None = None
    for field in table:
        try:
            reference = field.reference(channel)
            typed = channel not in field.columns and unquote_channel(channel).rpartition("#")[2].isdecimal()
            stored = isinstance(reference.index, str) and reference.index.isdecimal()  # in a table's cell
            if not (typed or stored):
                continue
            image, index = reference.open(f"field {field.name!r}")
        except FrugalsegError:  # reported when the field's turn comes
            continue
        first = first or (field, image.channels[index], image.channels)
        name, before = image.channels[index], first[1]
        if name != before and (name in first[2] or before in image.channels):
            raise SettingsError(
                f"channel {channel!r} is {before!r} in field {first[0].name!r} and {name!r} in field {field.name!r}, because "
                f"the order of the channels differs; give its name in the file, such as {before}"
            )


def _missing(field: Field, channels: Sequence[str]) -> FrugalsegError | None:
    try:
        for channel in channels:
            field.reference(channel).open(f"field {field.name!r}")
    except FrugalsegError as error:
        return error
    return None


def _sources(field: Field, channels: tuple[str, ...], models: tuple[FileState, ...]) -> Sources:
    paths: dict[Path, None] = {}
    for channel in channels:
        try:
            paths[field.reference(channel).path] = None
        except MissingChannel:  # reported when the field's turn comes, where it matters
            continue
    states = (file_state(path) for path in paths)
    listed = dict.fromkeys(reference.path for reference in field.channels.values())
    return Sources(
        tuple(state for state in states if state is not None), tuple(listed), models, field.pixel_size
    )


def file_state(path: Path) -> FileState | None:
    """Return the state of a file, or of a folder with all that is in it; None where there is none.

    Labels in an OME-Zarr are images of their own, and may be added to it.
    """
    try:
        found = path.stat()
        size, changed = (0, 0) if path.is_dir() else (found.st_size, found.st_mtime_ns)
        for state in (file.stat() for file in _files_in(path)):
            size, changed = size + state.st_size, max(changed, state.st_mtime_ns)
    except OSError:
        return None
    return str(path.absolute()), size, changed


def content_checksum(path: Path) -> str:
    """Return the checksum of what a file holds, or a folder with all that is in it: a copy of it has the same one.

    Raises
    ------
    UnreadableFile
        It can't be read.
    """
    found = hashlib.sha256()
    try:
        for file in _files_in(path) if path.is_dir() else [path]:
            with file.open("rb") as stream:
                found.update(f"{file.relative_to(path).as_posix()}\0".encode())
                found.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise UnreadableFile(f"{path} can't be read: {error.strerror}") from error
    return found.hexdigest()


def _files_in(folder: Path) -> list[Path]:
    """Return the files of a folder in order, those of an OME-Zarr's labels left out; none for a file."""
    files: list[Path] = []
    for at, inner, names in os.walk(folder):
        if Path(at) == folder and "labels" in inner:
            inner.remove("labels")
        files += (Path(at, name) for name in names)
    return sorted(files)
