"""A folder of results that appears whole or not at all, and in which a user's own work is never deleted.

It is written under a hidden name and renamed once it is complete. Its ``run.json`` lists every other file with a checksum, so
that what a user has changed or added is known when the results are to be replaced.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from frugalseg.errors import OutputExists, OutputFailed, UnreadableFile
from frugalseg.images.unfinished import OF_THE_SYSTEM, hidden_path, hidden_paths
from frugalseg.images.write import folder_taken
from frugalseg.runs.output_folder import RUN
from frugalseg.runs.provenance import Sources
from frugalseg.runs.records import read_json


@contextmanager
def whole_folder(folder: Path, command: str, overwrite: bool) -> Iterator[Path]:
    """Yield a hidden folder to write into, which takes the place of `folder` when the block is done.

    Parameters
    ----------
    folder
        Of the results; it is missing, empty, or holds results of this command that `overwrite` replaces.
    command
        As in the ``run.json`` that the block writes.
    overwrite
        Replace earlier results.

    Raises
    ------
    OutputExists
        There is something that is not replaced.
    OutputFailed
        The folder can't be written.
    """
    check_replaceable(folder, command, overwrite)
    folder = folder.resolve()  # a link to results stays a link
    hidden, old = hidden_path(folder), hidden_path(folder, "old")
    try:
        hidden.mkdir(parents=True)
        yield hidden
        check_replaceable(folder, command, overwrite, clean=False)  # again: this took a while
        if (folder / RUN).exists():
            folder.rename(old)
        elif folder.exists():
            folder.rmdir()  # it is empty
        hidden.rename(folder)
    except OSError as error:
        raise OutputFailed(
            f"{folder} could not be written: {error.strerror}; choose another folder"
        ) from error
    finally:
        _restore(folder)
        shutil.rmtree(hidden, ignore_errors=True)


def check_replaceable(folder: Path, command: str, overwrite: bool, clean: bool = True) -> None:
    """Check that results may take the place of a folder; `clean` removes what killed runs left beside it.

    Raises
    ------
    OutputExists, OutputFailed
        They may not.
    """
    if not folder.name:
        raise OutputExists(f"{folder} is no name for a folder of results; give the name of a new folder")
    if clean:
        _restore(folder.resolve())
        for left in hidden_paths(folder.resolve()):
            shutil.rmtree(left, ignore_errors=True)
    if not folder_taken(folder) or not any(folder.iterdir()):
        return
    listed = listed_files(folder, command)
    if listed is None:
        raise OutputExists(
            f"{folder} holds something else than results of `{command}`; choose another folder"
        )
    if not overwrite:
        raise OutputExists(
            f"{folder} holds results already; give `overwrite` to replace them, or another folder"
        )
    own = next((name for name, checksum in checksums(folder).items() if listed.get(name) != checksum), None)
    if own is not None:
        raise OutputExists(
            f"{folder / own} was changed or added after the results were written, and work of yours is never deleted; move it, "
            "or choose another folder"
        )


def refuse_inputs_within(folder: Path, sources: Mapping[str, Sources]) -> None:
    """Raise `OutputExists` where an image that was given lies in the folder that is to be replaced."""
    for path in (Path(state[0]) for one in sources.values() for state in one.read):
        if path.resolve().is_relative_to(folder.resolve()):
            raise OutputExists(
                f"{path} is one of the images that were given, and lies in {folder}; give another folder"
            )


def checksums(folder: Path) -> dict[str, str]:
    """Return the checksum of every file below a folder by its name; ``run.json`` and files of the system don't count."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not OF_THE_SYSTEM.fullmatch(path.name)
    )
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items() if name != RUN
    }


def listed_files(folder: Path, command: str) -> dict[str, object] | None:
    """Return the files that the results of this command had when they were written; None where they are of no such run."""
    try:
        record = read_json(folder / RUN)
    except UnreadableFile:
        return None
    results = record.get("results")
    return dict(results) if record.get("command") == command and isinstance(results, dict) else None


def _restore(folder: Path) -> None:
    """Restore the name of results that a killed run was about to replace, and remove those that were replaced."""
    newest_first = sorted(hidden_paths(folder, "old"), key=lambda old: old.stat().st_mtime_ns, reverse=True)
    for old in newest_first:
        if not folder.exists():
            with suppress(OSError):  # it keeps its hidden name, and is not lost
                old.rename(folder)
        else:
            shutil.rmtree(old, ignore_errors=True)
