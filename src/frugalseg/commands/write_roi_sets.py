"""``frugalseg rois``: label maps as sets of outlines that the ROI manager of ImageJ and Fiji opens."""

import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field as Default

from frugalseg.errors import FrugalsegError, InputError, OutputExists, OutputFailed
from frugalseg.images.label_checks import check_objects
from frugalseg.images.memory import memory_errors
from frugalseg.images.write import write_json
from frugalseg.images.write_rois import write_rois
from frugalseg.runs.label_pairs import find_label_files, note_on_other_runs, read_label_file
from frugalseg.runs.manifest import RunRecord, RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import RUN
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.versions import versions
from frugalseg.runs.whole_folder import checksums, whole_folder

COMMAND, SUFFIX = "rois", "_rois.zip"


class RoiRecord(RunRecord):
    """The file ``run.json`` of sets of regions; `results` is the checksum of every set as it was written."""

    results: dict[str, str] = Default(default_factory=dict)


def write_roi_sets(labels: str | Path, out: str | Path, options: RunOptions | None = None) -> RunResult:
    """Write the objects of label files as ImageJ regions.

    Parameters
    ----------
    labels
        A label file, or a folder with one ``<field>_labels.tif`` for each field, such as the results of a run.
    out
        Folder of the sets, ``<field>_rois.zip`` for each field, and ``run.json``.
    options
        Whether sets that are there are replaced; those that were changed since, corrected in Fiji for example, never are.

    Returns
    -------
    RunResult
        Label files that can't be read, are none, or hold no object are listed with the reason.

    Raises
    ------
    InputError
        There is no label file, or none can be used.
    OutputExists, OutputFailed
        `out` holds something else, or sets that are not replaced; nothing can be written.
    """
    options, folder = options or RunOptions(), Path(out)
    started, begun, log = datetime.now(UTC), time.monotonic(), RunLog(options.quiet)
    files = find_label_files(Path(labels))
    inside = next(
        (one.path for one in files.values() if folder.resolve() in one.path.resolve().parents), None
    )
    if inside is not None:
        raise OutputExists(f"{inside} is one of the label files, and lies in {folder}; give another folder")
    if note := note_on_other_runs(Path(labels), list(files)):
        log.warn(note)
    done: dict[str, FieldRecord] = {}
    errors: dict[str, FrugalsegError] = {}
    with whole_folder(folder, COMMAND, options.overwrite) as hidden:
        for name, ref in files.items():
            try:
                with memory_errors(f"the labels of field {name!r}"):
                    objects = read_label_file(name, ref, "labels")
                    for doubt in check_objects(objects, f"field {name!r}: {ref.path.name}"):
                        log.warn(doubt)
                    if not objects.any():
                        raise InputError(
                            f"field {name!r}: {ref.path.name} holds no object, and ImageJ has no empty set"
                        )
                    write_rois(hidden / f"{name}{SUFFIX}", objects)
            except OutputFailed:
                raise
            except FrugalsegError as error:
                errors[name] = error
            else:
                done[name] = FieldRecord()
        if not done:
            raise next(iter(errors.values()))
        record = RoiRecord(
            command=COMMAND,
            state="done",
            settings={"labels": str(labels)},
            versions=versions(),
            started=started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - begun, 2),
            fields=done,
            failed={name: str(error) for name, error in errors.items()},
            results=checksums(hidden),
        )
        write_json(hidden / RUN, record.to_dict())
    return RunResult(folder=folder, record=record)
