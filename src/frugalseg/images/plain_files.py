"""The door for files: what kind of thing a path is, and texts that others wrote, of a bounded size."""

import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from frugalseg.errors import UnreadableFile
from frugalseg.images.memory import check_memory

LARGEST_TEXT = 2**28
"""Bytes of a table or of metadata; more is something else under that name."""
DEEPEST = 64
"""Levels of lists and objects inside each other; metadata and records have fewer than ten."""
_KINDS = (
    (stat.S_ISFIFO, "a named pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_plain(path: Path) -> None:
    """Refuse a path that leads to neither a file nor a folder, without opening it; links are followed.

    Opening a pipe waits for a writer, which may never come, and a device such as /dev/zero never ends.

    Raises
    ------
    UnreadableFile
        It is a pipe, a device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return  # that it is missing or closed is said where it is opened
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), None)
    if kind is not None:
        link = "a link to " if path.is_symlink() else ""
        raise UnreadableFile(f"{path} is {link}{kind}, not a file; give a file or a folder")


def read_text(path: Path, largest: int = LARGEST_TEXT, encoding: str = "utf-8") -> str:
    """Read a text that others wrote.

    Raises
    ------
    UnreadableFile
        It is missing, no file, too large, or no text in UTF-8.
    """
    check_plain(path)
    try:
        size = path.stat().st_size
        if size > largest:
            raise UnreadableFile(
                f"{path} is too large for what it is: {size} bytes, and {largest} are allowed"
            )
        check_memory(8 * size, str(path))
        with path.open("rb") as file:
            content = file.read(size)
        return content.decode(encoding)
    except OSError as error:
        raise UnreadableFile(f"{shortened(path)} can't be read ({error.strerror or error})") from error
    except ValueError as error:
        raise UnreadableFile(f"{shortened(path)} can't be read as text in UTF-8 ({error})") from error


def parse_json(text: str) -> Any:
    """Return the content of a JSON text that others wrote; `ValueError` for every kind of damage.

    >>> parse_json('{"a": [1]}')
    {'a': [1]}
    >>> parse_json("[" * 1000 + "]" * 1000)
    Traceback (most recent call last):
    ...
    ValueError: it is nested too deeply
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [content]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _members(outer)]
        if not level:
            return content
    raise ValueError("it is nested too deeply")


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def shortened(text: object, most: int = 200) -> str:
    """Return a text, without its middle where it is longer than a message should be.

    >>> shortened("a" * 300, 10)
    'aaaaa...aaaaa'
    """
    whole = str(text)
    return whole if len(whole) <= most else f"{whole[: most // 2]}...{whole[-(most // 2) :]}"
