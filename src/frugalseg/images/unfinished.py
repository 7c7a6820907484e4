"""Hidden names under which results are written until they are whole, and what a killed run leaves under them."""

import hashlib
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

#: Most bytes of a name within a hidden name: 255 are allowed, and a mark and an ending are added.
LONGEST = 200
#: Hidden name of a file that is being written.
HIDDEN = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part")
#: Files that file managers, network drives and synchronisation put into any folder.
OF_THE_SYSTEM = re.compile(r"\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|\.nfs[0-9a-f]+")


def hidden_path(path: Path, what: str = "part") -> Path:
    """Return a new hidden path beside `path`, whose name says what it belongs to.

    >>> hidden_path(Path("out/run.json")).name[:10]
    '.run.json.'
    """
    return path.with_name(f".{_stem(path.name)}.{secrets.token_hex(4)}.{what}")


def hidden_paths(path: Path, what: str = "part") -> list[Path]:
    """Return the hidden paths of `path` that are there, left by a killed run or in use by one that goes on."""
    start, marked = f".{_stem(path.name)}.", re.compile(rf"[0-9a-f]{{8}}\.{what}")
    there = [one for one in _entries(path.parent) if one.name.startswith(start)]
    return sorted(one for one in there if marked.fullmatch(one.name, len(start)))


def remove_unfinished(*paths: Path) -> None:
    """Remove the hidden files that killed runs left of these files; what can't be removed stays."""
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault(path.parent, set()).add(_stem(path.name))
    for folder, stems in names.items():
        for one in _entries(folder):
            hidden = HIDDEN.fullmatch(one.name)
            if hidden and hidden[1] in stems and not one.is_dir():
                with suppress(OSError):
                    one.unlink()


def foreign_entries(folder: Path, own: Collection[str]) -> Iterator[Path]:
    """Iterate over what a folder holds beside `own` names, their hidden names and files of the system."""
    for path in sorted(folder.iterdir()):
        hidden = HIDDEN.fullmatch(path.name)
        known = path.name in own or OF_THE_SYSTEM.fullmatch(path.name) or (hidden and hidden[1] in own)
        if not known or path.is_dir():
            yield path


def remove_folder(folder: Path, own: Collection[str]) -> None:
    """Remove a folder and the `own` files in it; it stays as it is where it holds anything else, or can't be removed."""
    with suppress(OSError):
        if folder.is_dir() and not folder.is_symlink() and not any(foreign_entries(folder, own)):
            shutil.rmtree(folder)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _stem(name: str) -> str:
    """Return a name as hidden names have it: long ones are cut, and stay different."""
    stored = name.encode("utf-8", "surrogateescape")
    if len(stored) <= LONGEST:
        return name
    return f"{stored[:LONGEST].decode('utf-8', 'ignore')}~{hashlib.sha256(stored).hexdigest()[:12]}"
