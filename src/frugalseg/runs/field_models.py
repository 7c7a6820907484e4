"""Models of a run that trains one for each field: their folders, beside the fields' labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from frugalseg.errors import OutputExists
from frugalseg.networks.store import check_free, remove_model
from frugalseg.report import TrainingCurve
from frugalseg.runs.checkpoint_folder import check_own, checkpoint_folder, drop_checkpoint
from frugalseg.runs.model_folder import TRAINING, read_curve


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
            check_own(checkpoint_folder(folder))

    def drop_checkpoints(self, names: Iterable[str]) -> None:
        """Remove checkpoints of fields whose cells are written: until then `resume` must not train again."""
        for name in names:
            drop_checkpoint(self.folders[name])

    def drop(self, names: Iterable[str]) -> None:
        """Remove models of fields from which nothing was learned: they are of an earlier run."""
        for name in names:
            remove_model(self.folders[name])

    def curve(self, name: str) -> TrainingCurve | None:
        """Return the training curve of a field that an earlier run completed."""
        return read_curve(self.folders[name] / TRAINING, name)
