"""The checkpoint of a training run: written whole or not at all; reading one never runs code from it."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from frugalseg.errors import BadModel, OutputFailed
from frugalseg.images.plain_files import check_plain
from frugalseg.images.unfinished import remove_unfinished
from frugalseg.images.write import atomic_file
from frugalseg.learning.training_record import TrainingRecord

CHECKPOINT = "last.ckpt"
#: Key that checkpoints of older versions have; those were written by Lightning.
LIGHTNING = "pytorch-lightning_version"
AGAIN = "start again without `resume`"


@dataclass(frozen=True)
class Checkpoint:
    """State of a training run between two steps.

    Attributes
    ----------
    network, optimizer
        State dictionaries.
    record
        What happened so far.
    best
        Weights of the best validation step; empty where there was none.
    finished
        Whether training is complete.
    of
        Which training it is of, see `frugalseg.learning.fingerprint.fingerprint`.
    """

    network: dict[str, Tensor]
    optimizer: dict[str, Any]
    record: TrainingRecord
    best: dict[str, Tensor]
    finished: bool
    of: str = ""

    def save(self, file: Path) -> None:
        """Write to a file, whole or not at all; where that fails, the checkpoint before stays.

        Raises
        ------
        OutputFailed
            If the file can't be written, or its folder was removed: it is made once, by `begin_folder`.
        """
        if not file.parent.is_dir():
            raise OutputFailed(
                f"{file.parent} was removed while training went on, so {file.name} can't be written; run again"
            )
        content = {
            "network": self.network,
            "optimizer": self.optimizer,
            "record": self.record.to_dict(),
            "best": self.best,
            "finished": self.finished,
            "of": self.of,
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        with atomic_file(file, overwrite=True) as opened:
            opened.write(buffer.getbuffer())

    @staticmethod
    def begin_folder(file: Path) -> None:
        """Make the folder of a checkpoint, and remove what killed runs left in it.

        Raises
        ------
        OutputFailed
            If it can't be made.
        """
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFailed(
                f"{file} could not be written: {error.strerror}; choose another folder"
            ) from error
        remove_unfinished(file)

    @staticmethod
    def remove_rounds(folder: Path) -> None:
        """Remove the checkpoints of all rounds of an earlier training, of which later ones would be taken for this one's.

        Raises
        ------
        OutputFailed
            If one can't be removed.
        """
        for file in folder.glob(f"round_*/{CHECKPOINT}"):
            try:
                file.unlink()
            except OSError as error:
                raise OutputFailed(
                    f"{file} is of an earlier training and can't be removed ({error.strerror}); choose another folder"
                ) from error

    @classmethod
    def load(cls, file: Path) -> "Checkpoint":
        """Read from a file.

        Raises
        ------
        BadModel
            If the file is damaged, holds more than tensors and plain values, or is of an older version.
        """
        try:
            check_plain(file)
            content = torch.load(file, map_location="cpu", weights_only=True)
            if LIGHTNING in content:
                raise BadModel(f"{file} can't be resumed: it is of an older version of frugalseg; {AGAIN}")
            record = TrainingRecord.from_dict(content["record"])
            states = dict(content["network"]), content["optimizer"]
            return cls(*states, record, content["best"], content["finished"], content.get("of", ""))
        except BadModel:
            raise
        except Exception as error:  # torch has half a dozen kinds of errors for damaged files
            reason = "it is damaged, or holds more than tensors and plain values"
            raise BadModel(f"{file} can't be resumed: {reason}; {AGAIN}") from error
