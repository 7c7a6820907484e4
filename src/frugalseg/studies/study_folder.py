"""The folder of a study: the design, its runs, and a lock so that two studies never write into it at once."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import yaml

from frugalseg.errors import OutputExists, SettingsError, UnreadableFile
from frugalseg.images.unfinished import OF_THE_SYSTEM, remove_unfinished
from frugalseg.images.write import folder_taken, write_text
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.report.result_files import SCORES, STUDY, remove_results
from frugalseg.studies.runs.run_folder import RUNS, output_errors, remove_leftovers

DESIGN = "design.yaml"
UNFINISHED, _LOCK = ".unfinished", ".lock"


def check_folder(out: Path, design: StudyDesign) -> None:
    """Refuse a folder that holds something else than a study, before anything is written.

    A folder with this very design in it and nothing else may become that of the study.

    Raises
    ------
    OutputExists, OutputFailed
        It does, or it is no folder.
    """
    with output_errors(out):
        there = [path.name for path in out.iterdir()] if folder_taken(out) else []
    others = [name for name in there if not OF_THE_SYSTEM.fullmatch(name) and not name.startswith(".")]
    is_study = DESIGN in others and any(name in there for name in (STUDY, RUNS, _LOCK))
    if others and not (is_study or (others == [DESIGN] and _read(out / DESIGN) == design)):
        raise OutputExists(
            f"{out} holds {others[0]} and is no study; give a new folder, or that of a study to go on with it"
        )


def begin_folder(out: Path, design: str) -> None:
    """Write the design, and remove what a killed study left, and what was found with another design.

    Raises
    ------
    OutputFailed
        Nothing can be written or removed.
    """
    remove_unfinished(*(out / name for name in (DESIGN, SCORES, STUDY)))
    remove_leftovers(out)
    before = _read(out / DESIGN)
    if before == StudyDesign.parse(yaml.safe_load(design)):
        return  # whatever its comments say
    if (out / DESIGN).exists():
        remove_results(out, () if before is None else before.tasks)
    write_text(out / DESIGN, design, overwrite=True)


def _read(file: Path) -> StudyDesign | None:
    """Return the design in a file, None where there is none."""
    try:
        return StudyDesign.read(file)
    except (UnreadableFile, SettingsError):
        return None


def remove_runs(out: Path, names: Iterable[str]) -> None:
    """Remove runs, and all checkpoints, so that a study starts anew.

    Raises
    ------
    OutputFailed
        One can't be removed.
    """
    for folder in (*(out / RUNS / name for name in names), out / UNFINISHED):
        with output_errors(folder), suppress(FileNotFoundError):
            shutil.rmtree(folder)


def checkpoint_of(out: Path, fingerprint: str) -> Path:
    """Return the folder of a run's checkpoint, which belongs to this very fingerprint."""
    return out / UNFINISHED / fingerprint[:24]


def remove_other_checkpoints(out: Path, fingerprints: Iterable[str]) -> None:
    """Remove checkpoints of runs that are no longer to be made; what can't be removed stays."""
    wanted = {checkpoint_of(out, one).name for one in fingerprints}
    folder = out / UNFINISHED
    for path in list(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in wanted:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def only_study(out: Path) -> Iterator[None]:
    """Hold the lock of a study's folder; the system takes it back from a process that is killed.

    Raises
    ------
    OutputExists
        Another study runs in this folder.
    OutputFailed
        Nothing can be written.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such locks
        yield
        return
    with output_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputExists(
                f"a study is running in {out}; wait for its end, or give another folder"
            ) from None
        except OSError:  # some network drives have no locks
            pass
        yield
    finally:
        os.close(lock)
