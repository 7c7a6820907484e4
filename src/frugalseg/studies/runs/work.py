"""What a run of a study is given besides its specification and the pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from frugalseg.learning.device import Device
from frugalseg.models.training_options import Progress


@dataclass(frozen=True)
class Work:
    """Where a run writes, and what it may use.

    Attributes
    ----------
    folder
        Of the run, hidden until the run is done: the model goes to ``model`` in it, labels to ``<field>_labels.tif``, stains to
        ``<field>_stain.tif``.
    models
        Name of each run that this one needs -> its model folder.
    data_root
        Folder that paths of models in the design are relative to.
    device
        Where to compute.
    checkpoint
        Folder in which training is saved now and then; with `resume` it continues from there.
    progress
        Called after every training step.
    """

    folder: Path
    models: Mapping[str, Path] = field(default_factory=dict)
    data_root: Path = Path()
    device: Device = "cpu"
    checkpoint: Path | None = None
    resume: bool = False
    progress: Progress | None = None

    @property
    def model(self) -> Path:
        """Folder that the run's model is saved in."""
        return self.folder / "model"
