"""Which files a result was made from: what ``--resume`` compares, and what is never replaced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frugalseg.errors import MissingChannel
from frugalseg.images.field import Field

#: Path, size in bytes, and when it was last changed (ns). A folder (OME-Zarr) counts like a file.
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
    """

    read: tuple[FileState, ...] = ()
    listed: tuple[Path, ...] = ()

    def to_list(self) -> list[list[str | int]]:
        """What is read, as JSON holds it."""
        return [list(state) for state in self.read]

    def other_than(self, earlier: Sequence[Sequence[str | int]]) -> str | None:
        """Path of the first file that an earlier run did not read as it is now; one that is gone says nothing."""
        known = {tuple(state) for state in earlier}
        return next((state[0] for state in self.read if state not in known), None)


def sources_of(table: Iterable[Field], channels: Iterable[str]) -> dict[str, Sources]:
    """Files of every field by its name; `channels` are those that are read where a field has them."""
    names = tuple(channels)
    return {field.name: _sources(field, names) for field in table}


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file on the disk from all others, however its path is written; None where there is none.

    >>> identity(Path("/")) == identity(Path("/./")), identity(Path("/no/such/file"))
    (True, None)
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Values that differ, by name; those of inner mappings one by one.

    >>> differences({"seed": 1, "cutter": {"area": 2, "patch": 64}}, {"seed": 1, "cutter": {"area": 3, "patch": 64}})
    {'cutter: area': (2, 3)}
    """
    before, after = _flat(was), _flat(now)
    names = sorted({*before, *after})
    return {
        name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)
    }


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}: {inner}": one for inner, one in _flat(value).items()}
        else:
            flat[name] = value
    return flat


def _sources(field: Field, channels: tuple[str, ...]) -> Sources:
    paths: dict[Path, None] = {}
    for channel in channels:
        try:
            paths[field.reference(channel).path] = None
        except MissingChannel:  # said when the field's turn comes, where it matters
            continue
    states = (_state(path) for path in paths)
    listed = dict.fromkeys(reference.path for reference in field.channels.values())
    return Sources(tuple(state for state in states if state is not None), tuple(listed))


def _state(path: Path) -> FileState | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path.absolute()), found.st_size, found.st_mtime_ns
