"""Field and channel of a file from its name, by a pattern such as ``{field}_{channel}.tif``."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from frugalseg.errors import InputError, SettingsError, UnreadableFile
from frugalseg.images.formats import TIFF_SUFFIXES
from frugalseg.images.left_out import TEXTS, is_result

TIFFS = "|".join(re.escape(suffix) for suffix in TIFF_SUFFIXES)
TIFF_ENDING, ANY_TIFF = rf"(.*?)(?:\.ome)?(?:{TIFFS})", rf"(?:\.ome)?(?:{TIFFS})"
"""How a pattern ends that is for TIFF files, and what such a pattern fits."""


@dataclass(frozen=True)
class MatchedNames:
    """Files by field and channel.

    Attributes
    ----------
    paths
        Field -> channel -> file; the channel is "" where the pattern has none.
    rows
        Field -> what the further names of the pattern stand for.
    has_channels
        Whether the pattern has ``{channel}``.
    unfit
        Files that do not fit, other than texts and tables.
    mixed
        Field -> in which further name its files differ first: they may be of different places.
    results
        Files that fit a pattern without ``{channel}``, but were made of another image.
    """

    paths: dict[str, dict[str, Path]]
    rows: dict[str, dict[str, str]]
    has_channels: bool
    unfit: tuple[Path, ...]
    results: tuple[Path, ...]
    mixed: dict[str, str]


def match_names(files: Sequence[Path], folder: Path | None, pattern: str) -> MatchedNames:
    """Sort files by field and channel.

    Parameters
    ----------
    files
        In the order of the fields.
    folder
        That the files lie in or below; None for files that were named one by one.
    pattern
        Names in braces stand for a part of the file's name; with a / they are matched with folders as well.

    Raises
    ------
    SettingsError
        The pattern can't be used.
    UnreadableFile
        No file fits.
    InputError
        Two files are the same channel of a field.
    """
    regex = pattern_regex(pattern)
    has_channels = "channel" in regex.groupindex
    matches = {path: regex.fullmatch(_name(path, folder, pattern)) for path in files}
    found = {path: match.groupdict() for path, match in matches.items() if match is not None}
    made = [path for path, parts in found.items() if not has_channels and is_result(parts["field"])]
    results = made if len(made) < len(found) else []
    rows: dict[str, dict[str, str]] = {}
    paths: dict[str, dict[str, Path]] = {}
    spelled: dict[str, str] = {}
    mixed: dict[str, str] = {}
    for path, parts in found.items():
        if path in results:
            continue
        field, channel = parts["field"], parts.pop("channel", "")
        channel = spelled.setdefault(channel.lower(), channel)
        if channel in paths.setdefault(field, {}):
            raise InputError(
                f"{paths[field][channel].name} and {path.name} are both channel {channel!r} of field {field!r} by the "
                f"pattern {pattern!r}; make {{field}} cover what tells them apart, or move one away"
            )
        row = rows.setdefault(field, parts)
        for name in (name for name in parts if parts[name].lower() != row[name].lower()):
            mixed.setdefault(field, f"{{{name}}} is {row[name]!r} and {parts[name]!r}")
        paths[field][channel] = path
    if not paths:
        example = next((path.name for path in files), None)
        seen = f", which has for example {example!r}" if example else ", which is empty"
        raise UnreadableFile(f"no file fits the pattern {pattern!r} in {folder or 'the files given'}{seen}")
    unfit = tuple(path for path in files if path not in found and path.suffix.lower() not in TEXTS)
    return MatchedNames(paths, rows, has_channels, unfit, tuple(results), mixed)


def _name(path: Path, folder: Path | None, pattern: str) -> str:
    name = path.relative_to(folder).as_posix() if folder and "/" in pattern else path.name
    return unicodedata.normalize("NFC", name)  # macOS may write an accented letter as two characters


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """Return ``{field}_{channel}.tif`` as a regular expression; the last name takes as little as it can.

    Upper and lower case are the same, and so are all suffixes of TIFF files.

    >>> pattern_regex("{field}_{channel}.tif").fullmatch("hela_1_phase.tif").groupdict()
    {'field': 'hela_1', 'channel': 'phase'}
    """
    parts = re.split(r"\{([^{}]*)\}", unicodedata.normalize("NFC", pattern))
    names = parts[1::2]
    wrong = [name for name in names if not name.isidentifier()]
    if (
        "field" not in names
        or wrong
        or len(set(names)) < len(names)
        or re.search(r"[{}]", "".join(parts[::2]))
    ):
        raise SettingsError(
            f"`pattern` {pattern!r} can't be used; it needs {{field}}, and each name in braces once, "
            "as in '{field}_{channel}.tif'"
        )
    last = re.fullmatch(TIFF_ENDING, parts[-1], re.IGNORECASE)
    ending = re.escape(parts[-1]) if last is None else re.escape(last.group(1)) + ANY_TIFF
    inner = (f"(?P<{part}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts[:-2]))
    # The last name leaves .ome to the suffix.
    return re.compile(f"{''.join(inner)}(?P<{parts[-2]}>[^/]+?){ending}", re.IGNORECASE)
