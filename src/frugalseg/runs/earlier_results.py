"""What lies in a run's folder before it begins: results of earlier runs, and files that are never replaced."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from frugalseg.errors import OutputExists, OutputFailed, SettingsError, UnreadableFile
from frugalseg.images.write import write_text
from frugalseg.report.number_texts import count_text
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import Sources, content_checksum, first_few, identity
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
    found = (
        f"{there[0]} and {count_text(len(there) - 1, 'more file')} are"
        if len(there) > 1
        else f"{there[0]} is"
    )
    if not run.exists():
        raise OutputExists(
            f"{found} there, where results would go, but no {run.name} that says which run made them, so nothing is replaced; "
            "give another folder, or move them away"
        )
    if not (options.overwrite or options.resume):
        raise OutputExists(
            f"{found} there already; give `overwrite` to replace them, `resume` to go on, or another folder"
        )


def spare_inputs(
    folder: Path, sources: Mapping[str, Sources], places: Mapping[str, tuple[Path, Path]]
) -> None:
    """Refuse to replace an image that was given, or to write into one, whatever was asked; a result of an earlier run is none.

    Parameters
    ----------
    folder
        Of the results.
    sources
        Files of every field, by the field's name.
    places
        Where the result and the record of every field go.

    Raises
    ------
    OutputExists
        One of the images lies there, or the folder in one of them.
    """
    refuse_inside_inputs(folder, sources)
    read = {identity(Path(state[0])) for one in sources.values() for state in one.read}
    listed = {identity(path) for one in sources.values() for path in one.listed}
    for result, record in places.values():
        found = identity(result)
        if found is not None and (found in read or (found in listed and not _is_ours(result, record))):
            raise OutputExists(
                f"{result} is one of the images that were given, and those are never replaced; give another folder"
            )


def spare_own_work(places: Iterable[tuple[Path, Path]]) -> None:
    """Refuse to replace a result that no run made, such as labels drawn by hand, or that was changed since a run made it.

    Parameters
    ----------
    places
        Result and record of each field that is to be written; a folder (OME-Zarr) is not looked at.

    Raises
    ------
    OutputExists
        There is one.
    """
    for result, record in places:
        if not result.is_file():
            continue
        if not record.exists():
            raise OutputExists(
                f"{result} is no result of a run, and what no run made is never replaced; give another folder, or move it away"
            )
        try:
            kept = read_json(record)
        except UnreadableFile:  # the record is damaged
            continue
        made = _made_of(kept)
        if result.name not in made:
            raise OutputExists(
                f"{result} is not the result that {record.name} is of, and what no run made is never replaced; give another folder, or "
                "move it away"
            )
        if made[result.name] not in (None, content_checksum(result)):
            raise OutputExists(
                f"{result} was changed after it was written, and work of yours is never replaced; give another folder, or move it "
                "away"
            )


def refuse_to_lose(folder: Path, others: Sequence[str]) -> None:
    """Raise `SettingsError` where complete fields of the run to be resumed are not among the images any more."""
    if others:
        raise SettingsError(
            f"{folder} holds {first_few(others)}, which {'is' if len(others) == 1 else 'are'} not among the images now, and its "
            "measurements would be lost; resume with these images too, or give another folder"
        )


def remove_field_results(places: Iterable[tuple[Path, Path]]) -> None:
    """Remove the results of fields with their records; what a record knows of other results stays."""
    for result, record in places:
        others = made_by("", record, result).get("other_results")
        remove(result)
        if others:
            begin_record(record, {"other_results": others})
        else:
            remove(record)


def made_by(run: str, record: Path, result: Path) -> dict[str, JsonValue]:
    """Return which run makes a field's result, for its record; with other results that the record before it knew, such as a stain."""
    try:
        before = _made_of(read_json(record))
    except UnreadableFile:  # there is none
        before = {}
    others: dict[str, JsonValue] = {
        name: one for name, one in before.items() if name != result.name and (result.parent / name).exists()
    }
    return {"run": run, "result": result.name, **({"other_results": others} if others else {})}


def _made_of(kept: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return all results that a record knows, with their checksums."""
    others, own = kept.get("other_results"), kept.get("result")
    made = dict(others) if isinstance(others, dict) else {}
    return made | ({own: kept.get("result_checksum")} if isinstance(own, str) else {})


def begin_record(record: Path, made: Mapping[str, JsonValue]) -> None:
    """Write what makes a field's result, before the result, so that a run that is killed in between knows it as its own."""
    write_text(record, json.dumps({**made, "unfinished": True}) + "\n", overwrite=True)


def write_result(
    result: Path, record: Path, write: Callable[[Path], None], made: Mapping[str, JsonValue]
) -> None:
    """Write a field's result, after a record that says so; no record is left where nothing was written."""
    begin_record(record, made)
    try:
        write(result)
    except BaseException:
        if not result.exists():
            record.unlink(missing_ok=True)
        raise


def refuse_inside_inputs(folder: Path, sources: Mapping[str, Sources]) -> None:
    """Raise `OutputExists` where results would go into an OME-Zarr that was given."""
    inside = {folder.resolve(), *folder.resolve().parents}
    for path in (Path(state[0]) for one in sources.values() for state in one.read):
        if path.resolve() in inside:
            raise OutputExists(f"{folder} lies in {path}, an image that was given; give another folder")


def _is_ours(result: Path, record: Path) -> bool:
    """Whether an earlier run made what lies at the place of a field's result."""
    try:
        return result.name in _made_of(read_json(record))
    except UnreadableFile:
        return False


def remove(path: Path) -> None:
    """Remove a file, where it is there; `OutputFailed` where that can't be done."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(f"{path} can't be replaced: {error.strerror}; choose another folder") from error
