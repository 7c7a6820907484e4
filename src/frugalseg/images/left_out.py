"""Files beside images that are no images of their own: results of earlier runs and of other programs, other formats."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from frugalseg.images.formats import FORMATS, IMAGE_SUFFIXES, field_stem

RESULT = re.compile(
    r"[_ -](labels?|(cp[_ -])?(masks?|flows?|outlines?|output)|seg|segmentations?|predictions?|probabilities|overlay"
    r"|(simple|object|pixel)[_ ](segmentation|predictions?|identities|probabilities|classification))(-\d+)?$",
    re.IGNORECASE,
)
"""How names end that frugalseg, cellpose, StarDist, ilastik and others give to what they made of an image."""

RECORD = "_record.json"
TEXTS = {
    ".csv",
    ".tsv",
    ".txt",
    ".md",
    ".json",
    ".yaml",
    ".yml",
    ".xml",
    ".html",
    ".htm",
    ".log",
    ".pdf",
    ".xlsx",
}
"""Suffixes that nobody takes for images, so nothing is said about them."""

MOST_LISTED = 20


def results_among(files: Sequence[Path], beside: bool = False) -> list[Path]:
    """Return the files that were made of other images, by their names or by the record of a run.

    Parameters
    ----------
    files
        Images, and possibly results.
    beside
        Return only files whose image is among `files` too: for files that were named one by one.

    Returns
    -------
    list of Path
        Nothing where all are results: then these are meant.

    Examples
    --------
    >>> [path.name for path in results_among([Path("a.tif"), Path("a_cp_masks.tif"), Path("b_seg.png")])]
    ['a_cp_masks.tif', 'b_seg.png']
    >>> [path.name for path in results_among([Path("a.tif"), Path("a_cp_masks.tif"), Path("b_seg.png")], beside=True)]
    ['a_cp_masks.tif']
    """
    stems = {field_stem(path).lower() for path in files}
    recorded = set[Path]().union(*(_recorded(folder) for folder in {path.parent for path in files}))
    found = [path for path in files if path in recorded or is_result(field_stem(path))]
    if beside:
        found = [
            path
            for path in found
            if RESULT.sub("", field_stem(path)).lower() in stems and path not in recorded
        ]
    return found if len(found) < len(files) else []


def is_result(stem: str) -> bool:
    """Return whether a name ends as names of results do.

    >>> is_result("hela_1_Simple Segmentation"), is_result("hela_1_cells")
    (True, False)
    """
    return RESULT.search(stem) is not None


def others_in(folder: Path, images: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return what a folder holds besides `images` and texts: files, and folders with images; hidden ones never count."""
    known = set(images)
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path not in known)
    files = [path for path in visible if path.is_file() and path.suffix.lower() not in TEXTS]
    return files, [path for path in visible if path.is_dir() and _holds_images(path)]


def left_out_note(paths: Sequence[Path], where: str, reason: str) -> list[str]:
    """Return one sentence on files that are left out, with their number and names; nothing where there are none.

    >>> left_out_note([Path("x/a.czi"), Path("x/b.czi")], "x", "are of formats that are not read")
    ['2 files in x left out, which are of formats that are not read: a.czi, b.czi']
    """
    if not paths:
        return []
    names = [path.name for path in paths[:MOST_LISTED]]
    more = f" and {len(paths) - MOST_LISTED} more" if len(paths) > MOST_LISTED else ""
    files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
    return [f"{files} in {where} left out, which {reason}: {', '.join(names)}{more}"]


LOOKS_MADE = "look like results of an earlier run or of another program"
NOT_READ = f"are no images that are read ({FORMATS} are)"
BELOW = "lie in a folder below, which is not searched (give it as input, or a pattern with /)"


def _recorded(folder: Path) -> set[Path]:
    """Return the results that records of earlier runs in this folder name."""
    found: set[Path] = set()
    for record in folder.glob(f"*{RECORD}"):
        try:
            content = json.loads(record.read_text(encoding="utf-8"))
            results = [content.get("result"), *content.get("other_results", ())]
        except (OSError, ValueError, AttributeError, TypeError):  # no record of a run
            continue
        found |= {folder / result for result in results if isinstance(result, str)}
    return found


def _holds_images(folder: Path) -> bool:
    try:
        return any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())
    except OSError:
        return False
