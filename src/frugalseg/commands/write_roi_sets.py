"""``frugalseg rois``: label maps as sets of outlines that the ROI manager of ImageJ and Fiji opens."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from frugalseg.errors import FrugalsegError, OutputExists, OutputFailed
from frugalseg.images.memory import memory_errors
from frugalseg.images.unfinished import remove_unfinished
from frugalseg.images.write import path_taken, plain
from frugalseg.images.write_rois import write_rois
from frugalseg.runs.label_pairs import find_label_files, read_label_file
from frugalseg.runs.options import RunOptions

SUFFIX = "_rois.zip"


@dataclass(frozen=True)
class RoiSets:
    """Sets that were written.

    Attributes
    ----------
    folder
        Where they are.
    fields
        Field -> its file.
    failed
        Field -> why it has none, in one line.
    """

    folder: Path
    fields: dict[str, Path]
    failed: dict[str, str]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain values for JSON."""
        content: dict[str, JsonValue] = plain(
            {"folder": self.folder, "fields": self.fields, "failed": self.failed}
        )
        return content


def write_roi_sets(labels: str | Path, out: str | Path, options: RunOptions | None = None) -> RoiSets:
    """Write the objects of label files as ImageJ regions, ``<field>_rois.zip`` for each.

    Parameters
    ----------
    labels
        A label file, or a folder with one ``<field>_labels.tif`` for each field, such as the results of a run.
    out
        Folder of the sets.
    options
        Whether sets that are there are replaced.

    Returns
    -------
    RoiSets
        Label files that can't be read, or hold no object, are listed with the reason.

    Raises
    ------
    InputError
        There is no label file.
    OutputExists, OutputFailed
        A set exists already; nothing can be written.
    """
    overwrite = options is not None and options.overwrite
    files, folder = find_label_files(Path(labels)), Path(out)
    targets = {name: folder / f"{name}{SUFFIX}" for name in files}
    taken = next((path for path in targets.values() if path_taken(path)), None)
    if taken is not None and not overwrite:
        raise OutputExists(f"{taken} exists already; give `overwrite` to replace it")
    if path_taken(folder) and not folder.is_dir():
        raise OutputFailed(f"{folder} is a file; sets need a folder, so choose another name")
    remove_unfinished(*targets.values())
    done: dict[str, Path] = {}
    failed: dict[str, str] = {}
    for name, ref in files.items():
        try:
            with memory_errors(f"the labels of field {name!r}"):
                write_rois(targets[name], read_label_file(name, ref, "labels"), overwrite)
        except OutputFailed:
            raise
        except FrugalsegError as error:
            failed[name] = str(error)
        else:
            done[name] = targets[name]
    return RoiSets(folder, done, failed)
