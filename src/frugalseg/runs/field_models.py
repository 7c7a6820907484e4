"""Models of a run that trains one for each field: their folders, beside the fields' labels."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from frugalseg.errors import OutputExists
from frugalseg.networks.store import check_free
from frugalseg.report import TrainingCurve
from frugalseg.runs.model_folder import TRAINING, drop_checkpoint, read_curve


@dataclass(frozen=True)
class FieldModels:
    """Folders of the models of a run: one per field, beside its labels."""

    folders: Mapping[str, Path]

    def check(self, replaced: bool) -> None:
        """Refuse, before anything is trained, folders that must not be replaced."""
        for folder in self.folders.values():
            check_free(folder, overwrite=True)
            if folder.exists() and not replaced:
                raise OutputExists(
                    f"{folder} exists already; give `overwrite` to replace it, `resume` to go on, or another folder"
                )

    def drop_checkpoints(self, names: Iterable[str]) -> None:
        """Remove checkpoints of fields whose cells are written: until then `resume` must not train again."""
        for name in names:
            drop_checkpoint(self.folders[name])

    def drop(self, names: Iterable[str]) -> None:
        """Remove models of fields from which nothing was learned: they are of an earlier run."""
        for name in names:
            shutil.rmtree(self.folders[name], ignore_errors=True)

    def curve(self, name: str) -> TrainingCurve | None:
        """Return the training curve of a field that an earlier run completed."""
        return read_curve(self.folders[name] / TRAINING, name)
