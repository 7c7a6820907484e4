"""The folder ``MODEL.part`` beside a model while it is trained: its checkpoint, and what the training was asked for.

``request.json`` is written before the first checkpoint and removed after the last, so a folder without it is no
training's. Nothing but what training itself wrote is ever removed.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import JsonValue

from frugalseg.errors import OutputExists, OutputFailed, UnreadableFile
from frugalseg.images.unfinished import foreign_entries, remove_unfinished
from frugalseg.images.write import plain, write_json
from frugalseg.learning.checkpoint import CHECKPOINT
from frugalseg.runs.records import read_json

#: What the training was asked for; older versions had another name for it.
REQUEST, OLD_REQUEST = "request.json", "asked.json"


def checkpoint_folder(model: Path) -> Path:
    """Return the folder beside a model that holds the checkpoint while it is trained.

    Raises
    ------
    OutputExists
        The model has no name of its own, as the current folder has none.
    """
    if not model.name:
        raise OutputExists(f"{model} is no name for a model; give the name of a new folder")
    return model.with_name(f"{model.name}.part")


def read_request(part: Path, name: str = REQUEST) -> dict[str, JsonValue] | None:
    """Return what a training was asked for; None where no training made this folder."""
    try:
        request = read_json(part / name)
    except UnreadableFile:
        return None
    return request if "files" in request else None


def has_request(part: Path) -> bool:
    """Return whether a training made this folder."""
    return any(read_request(part, name) is not None for name in (REQUEST, OLD_REQUEST))


def has_checkpoint(part: Path) -> bool:
    """Return whether a training was interrupted there, in any of its rounds."""
    return has_request(part) and any((folder / CHECKPOINT).is_file() for folder in _folders(part))


def begin_checkpoint(model: Path, request: Mapping[str, JsonValue]) -> Path:
    """Return the folder for the checkpoint, without one that a run with other settings or files left.

    Raises
    ------
    OutputExists
        A folder is there that no training made.
    OutputFailed
        Nothing can be written.
    """
    part = checkpoint_folder(model)
    if read_request(part) == plain(dict(request)):
        return part
    check_own(part)
    try:
        _remove(part)
    except OSError as error:
        raise OutputFailed(
            f"{error.filename or part} is of an earlier training and can't be removed ({error.strerror}); allow writing its "
            "folder, or choose another name for the model"
        ) from error
    write_json(part / REQUEST, request)
    return part


def drop_checkpoint(model: Path) -> None:
    """Remove the folder of the checkpoint; what training did not make stays, and so does what can't be removed."""
    part = checkpoint_folder(model)
    if has_request(part) or _foreign(part) is None:
        with suppress(OSError):
            _remove(part)


def check_own(part: Path) -> None:
    """Refuse a folder at the place of the checkpoint that training did not make, or that holds something else too.

    Raises
    ------
    OutputExists
        It is such a folder, or a file.
    """
    foreign = _foreign(part)
    if foreign is not None:
        holds = "is there" if foreign == part else f"holds {foreign.name}"
        raise OutputExists(
            f"{part} is needed while the model is trained, and {holds} without being of a training; move it, or choose another "
            "name for the model"
        )


def _foreign(part: Path) -> Path | None:
    """Return what training did not make, at this place or in the folder there; None where there is nothing such."""
    if not part.is_dir():
        return part if part.exists() or part.is_symlink() else None
    for path in foreign_entries(part, (REQUEST, OLD_REQUEST, CHECKPOINT)):
        if path not in _folders(part):
            return path
        inside = next(foreign_entries(path, (CHECKPOINT,)), None)
        if inside is not None:
            return inside
    files = [part / REQUEST, part / OLD_REQUEST, *(folder / CHECKPOINT for folder in _folders(part))]
    return None if has_request(part) else next((file for file in files if file.exists()), None)


def _folders(part: Path) -> Iterator[Path]:
    """Iterate over the folders that may hold a checkpoint: those of the rounds, then the folder itself."""
    if part.is_dir():
        rounds = (path for path in sorted(part.iterdir()) if re.fullmatch(r"round_\d+", path.name))
        yield from (path for path in rounds if path.is_dir() and not path.is_symlink())
        yield part


def _remove(part: Path) -> None:
    """Remove what training made, the request last: a kill on the way leaves a folder that is known as a training's."""
    for folder in _folders(part):
        (folder / CHECKPOINT).unlink(missing_ok=True)
        remove_unfinished(folder / CHECKPOINT)
        if folder != part and not any(folder.iterdir()):
            folder.rmdir()
    if part.is_dir():
        remove_unfinished(part / REQUEST)
        for name in (REQUEST, OLD_REQUEST):
            (part / name).unlink(missing_ok=True)
        if not any(part.iterdir()):
            with suppress(NotADirectoryError):  # a link to a folder stays
                part.rmdir()
