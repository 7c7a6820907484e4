"""What lies in a run's folder before it begins: results of earlier runs, and files that are never replaced."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from frugalseg.errors import OutputExists, UnreadableFile
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import Sources, identity
from frugalseg.runs.records import read_json


def refuse_earlier_results(run: Path, places: Sequence[Path], options: RunOptions) -> None:
    """Refuse to replace what lies at the places of results, unless an earlier run made it and it was asked for.

    Parameters
    ----------
    run
        Where ``run.json`` goes. It is written before any result, so without it nothing there is a run's.
    places
        Where results go.
    options
        `overwrite` replaces, and `resume` keeps what an earlier run made.

    Raises
    ------
    OutputExists
        There is something, and it is no run's, or neither is set.
    """
    there = [path for path in places if path.exists()]
    if not there:
        return
    found = f"{there[0]} and {len(there) - 1} more files are" if len(there) > 1 else f"{there[0]} is"
    if not run.exists():
        raise OutputExists(
            f"{found} there, where results would go, but no {run.name} that says which run made them, so nothing is replaced; "
            "give another folder, or move them away"
        )
    if not (options.overwrite or options.resume):
        raise OutputExists(
            f"{found} there already; give `overwrite` to replace them, `resume` to go on, or another folder"
        )


def spare_inputs(sources: Mapping[str, Sources], places: Mapping[str, tuple[Path, Path]]) -> None:
    """Refuse to replace an image that was given, whatever was asked; a result of an earlier run is none.

    Parameters
    ----------
    sources
        Files of every field, by the field's name.
    places
        Where the result and the record of every field go.

    Raises
    ------
    OutputExists
        One of the images lies there.
    """
    read = {identity(Path(state[0])) for one in sources.values() for state in one.read}
    listed = {identity(path) for one in sources.values() for path in one.listed}
    for result, record in places.values():
        found = identity(result)
        if found is not None and (found in read or (found in listed and not _is_ours(result, record))):
            raise OutputExists(
                f"{result} is one of the images that were given, and those are never replaced; give another folder"
            )


def _is_ours(result: Path, record: Path) -> bool:
    """Whether an earlier run made what lies at the place of a field's result."""
    try:
        return read_json(record).get("result") == result.name
    except UnreadableFile:
        return False
