"""The fields of a study's task, from files or from arrays: pixels by the name of a field, read when asked for."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import InputError, MissingChannel
from frugalseg.images.channels import input_names, parse_channels, read_inputs
from frugalseg.images.fields import FieldTable
from frugalseg.images.label_maps import as_labels
from frugalseg.images.masked import refuse_masked
from frugalseg.images.pixel_size import check_pixel_size
from frugalseg.models.inputs import is_array
from frugalseg.runs.provenance import content_checksum, find_sources


class StudyData(Protocol):
    """Where the pixels of a task come from."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all fields, in order."""

    def has(self, name: str, channel: str) -> bool:
        """Return whether a field has a channel."""

    def inputs(self, name: str, channels: str) -> NDArray[Any]:
        """Return the channels (C,Y,X) of a field, grey values; `channels` as of `frugalseg.images.channels`."""

    def input_names(self, name: str, channels: str) -> tuple[str, ...]:
        """Return a name for each of the inputs of a field, which a model keeps."""

    def plane(self, name: str, channel: str) -> NDArray[Any]:
        """Return one channel (Y,X) of a field, focal planes projected by their maximum."""

    def labels(self, name: str, channel: str) -> NDArray[Any]:
        """Return the label map (Y,X) of a field; negative: not annotated."""

    def pixel_size(self, name: str) -> tuple[float, float] | None:
        """Return (y, x) in um where it is known."""

    def state(self, names: Iterable[str], channels: Iterable[str]) -> str:
        """Return a text that is another one when a file or pixel of these fields has changed; found at once for files."""

    def checksum(self, names: Iterable[str], channels: Iterable[str]) -> str:
        """Return a text that is another one when what these fields show is another; copies of files have the same."""


class FileData:
    """Fields of a table.

    Parameters
    ----------
    table
        From `frugalseg.open_fields`.
    """

    def __init__(self, table: FieldTable) -> None:
        self.table = table

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all fields, in order."""
        return tuple(field.name for field in self.table)

    def has(self, name: str, channel: str) -> bool:
        """Return whether a field has a channel."""
        return self.table[name].has(channel)

    def inputs(self, name: str, channels: str) -> NDArray[Any]:
        """Return the channels (C,Y,X) of a field, grey values."""
        return read_inputs(self.table[name], parse_channels(channels))

    def input_names(self, name: str, channels: str) -> tuple[str, ...]:
        """Return a name for each of the inputs of a field, focal planes one by one."""
        return input_names(self.table[name], parse_channels(channels))

    def plane(self, name: str, channel: str) -> NDArray[Any]:
        """Return one channel (Y,X) of a field, focal planes projected by their maximum."""
        return self.table[name].plane(channel)

    def labels(self, name: str, channel: str) -> NDArray[Any]:
        """Return the label map (Y,X) of a field; `MissingChannel` where it has none."""
        found = self.table[name].labels(channel)
        if found is None:
            raise MissingChannel(
                f"field {name!r} has no labels in channel {channel!r}; name a field that has"
            )
        return found

    def pixel_size(self, name: str) -> tuple[float, float] | None:
        """Return (y, x) in um where the file states it."""
        return self.table[name].pixel_size

    def state(self, names: Iterable[str], channels: Iterable[str]) -> str:
        """Return a checksum of name, size and time of change of every file of these fields; not of their folder."""
        names, channels = tuple(names), tuple(channels)
        sources = find_sources([self.table[name] for name in names], channels)
        states = [(name, Path(path).name, *rest) for name, one in sources.items() for path, *rest in one.read]
        return hashlib.sha256(repr(states + self._parts(names, channels)).encode()).hexdigest()

    def checksum(self, names: Iterable[str], channels: Iterable[str]) -> str:
        """Return a checksum of name and content of every file of these fields, wherever it lies, and of what is read of it."""
        names, channels = tuple(names), tuple(channels)
        sources = find_sources([self.table[name] for name in names], channels)
        paths = [(name, Path(state[0])) for name, one in sources.items() for state in one.read]
        contents = [(name, path.name, content_checksum(path)) for name, path in paths]
        return hashlib.sha256(repr(contents + self._parts(names, channels)).encode()).hexdigest()

    def _parts(self, names: Sequence[str], channels: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the pixel size of each field, and what decides which pixels of a file are read, where that is not all there are."""
        there = (
            (name, one, self.table[name].reference(one))
            for name in names
            for one in channels
            if self.has(name, one)
        )
        parts = [
            (name, one, ref.index, ref.axes)
            for name, one, ref in there
            if (ref.index, ref.axes) != (None, None)
        ]
        return [*parts, *((name, self.pixel_size(name)) for name in names)]


class ArrayData:
    """Fields that are arrays.

    Parameters
    ----------
    channels
        Name of a channel -> one array (Y,X) for each field, None where a field lacks it. Label maps are channels too.
    names
        Of the fields; "1", "2", ... without them.
    pixel_sizes
        (y, x) in um of each field, where known.

    Raises
    ------
    InputError
        Channels differ in the number of fields.

    Examples
    --------
    >>> data = ArrayData({"phase": [np.zeros((8, 8))], "cells": [None]})
    >>> data.names, data.has("1", "cells")
    (('1',), False)
    """

    def __init__(
        self,
        channels: Mapping[str, Sequence[NDArray[Any] | None]],
        names: Sequence[str] | None = None,
        pixel_sizes: Sequence[tuple[float, float] | None] | None = None,
    ) -> None:
        if not isinstance(channels, Mapping) or not all(hasattr(one, "__len__") for one in channels.values()):
            raise InputError(
                "`channels` must be a dict: name of a channel -> a list with one array (Y,X), or None, for each field"
            )
        for name, one in channels.items():
            shape = tuple(getattr(one, "shape", ()))
            if is_array(one) and len(shape) != 3:
                raise InputError(
                    f"channel {name!r} of `channels` is one array of shape {shape}; give a list with one (Y,X) for each field"
                )
        counts = {name: len(arrays) for name, arrays in channels.items()}
        if len(set(counts.values())) != 1:
            raise InputError(
                f"`channels` has {counts} arrays; give one array, or None, for each field in every channel"
            )
        number = next(iter(counts.values()))
        self.channels = dict(channels)
        self.names = tuple(names) if names is not None else tuple(str(i + 1) for i in range(number))
        if len(set(self.names)) != number:
            raise InputError(
                f"`names` has {len(set(self.names))} different names for {number} fields; give each its own"
            )
        wrong = [one for one in self.names if not _can_be_file_name(one)]
        if wrong:
            raise InputError(
                f"`names` has {wrong[0]!r}, which can't be a part of a file's name; give a text without slashes for each field"
            )
        sizes = (None,) * number if pixel_sizes is None else pixel_sizes
        if not hasattr(sizes, "__len__") or len(sizes) != number:
            raise InputError(
                f"`pixel_sizes` is {sizes!r}; give one (y, x) in um, or None, for each of the {number} fields"
            )
        self._sizes = tuple(map(check_pixel_size, sizes))

    def has(self, name: str, channel: str) -> bool:
        """Return whether a field has a channel."""
        return channel in self.channels and self.channels[channel][self._index(name)] is not None

    def inputs(self, name: str, channels: str) -> NDArray[Any]:
        """Return the channels (C,Y,X) of a field, grey values; `InputError` for focal planes, which an array (Y,X) has not."""
        return np.stack([self.plane(name, one) for one in self.input_names(name, channels)])

    def input_names(self, name: str, channels: str) -> tuple[str, ...]:
        """Return the names of the inputs, the same for every field."""
        found = parse_channels(channels)
        for one in found:
            if one.planes is not None:
                raise InputError(
                    f"{str(one)!r} names focal planes, and arrays are one plane (Y,X) each; give every plane a channel of its own"
                )
        return tuple(one.channel for one in found)

    def plane(self, name: str, channel: str) -> NDArray[Any]:
        """Return one channel (Y,X) of a field."""
        found = self.channels.get(channel, [None] * len(self.names))[self._index(name)]
        if found is None:
            raise MissingChannel(
                f"field {name!r} has no channel {channel!r}; there are {', '.join(self.channels)}"
            )
        refuse_masked(found, f"field {name!r}, channel {channel!r}")
        return np.asarray(found)

    def labels(self, name: str, channel: str) -> NDArray[Any]:
        """Return the label map (Y,X) of a field."""
        return as_labels(self.plane(name, channel), f"field {name!r}, channel {channel!r}")

    def pixel_size(self, name: str) -> tuple[float, float] | None:
        """Return (y, x) in um where it is known."""
        return self._sizes[self._index(name)]

    def state(self, names: Iterable[str], channels: Iterable[str]) -> str:
        """Return a checksum of the pixels of these fields, and of their sizes where these are known."""
        found = hashlib.sha256()
        wanted = tuple(channels)
        for name in names:
            if self.pixel_size(name) is not None:
                found.update(f"{name}/{self.pixel_size(name)}".encode())
            for channel in wanted:
                if self.has(name, channel):
                    array = np.ascontiguousarray(self.plane(name, channel))
                    found.update(f"{name}/{channel}/{array.shape}/{array.dtype}".encode())
                    found.update(array.tobytes())
        return found.hexdigest()

    def checksum(self, names: Iterable[str], channels: Iterable[str]) -> str:
        """Return a checksum of the pixels of these fields."""
        return self.state(names, channels)

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise InputError(f"no field is called {name!r}; there are {', '.join(self.names)}")
        return self.names.index(name)


def _can_be_file_name(name: object) -> bool:
    """Return whether a name is a text that results can be called by: never a path."""
    return isinstance(name, str) and Path(name).name == name and name not in ("", "..") and "\0" not in name
