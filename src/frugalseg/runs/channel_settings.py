"""Which channels a run reads, and what its results are compared with; imports nothing heavy.

The fields and descriptions are also the options and the help of the command line.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from frugalseg.errors import SettingsError
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.model_settings import EncoderChoice, MarkerModelSettings

#: Rounds of self-training where none are asked for.
ROUNDS = 3


class CueChannels(CueSettings):
    """Channels in which cells, nuclei and hints of the user are found."""

    cells: tuple[str, ...] = Field(
        min_length=1,
        description="Channels that show the whole cell, by name or index; the foreground is found in the first.",
    )
    nuclei: str | None = Field(
        default=None, description="Channel with the nuclear stain; each nucleus marks one cell."
    )
    nuclei_from: str | None = Field(
        default=None,
        description="Stain model (folder) that predicts the nuclear stain where none was imaged; `nuclei` is then only "
        "compared with the prediction.",
    )
    markers: str | None = Field(
        default=None,
        description="Your own markers instead of nuclei: a label image with one label per cell. Cells are numbered from 1 in the order "
        "of these labels, which the column marker of measurements.csv repeats.",
    )
    scribbles: str | None = Field(
        default=None, description="Label image with a few strokes: 1 background, 2 cell, 0 elsewhere."
    )
    mask: str | None = Field(
        default=None, description="Your own foreground: a label image or mask, above 0 where there are cells."
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.markers is not None and (self.nuclei is not None or self.nuclei_from is not None):
            raise SettingsError(
                f"markers are given as {self.markers!r} and as nuclei too; give one of `nuclei`, `nuclei_from` and "
                "`markers`: every cell starts from it"
            )
        if self.mask is not None and self.foreground != "auto":
            raise SettingsError(
                f"`mask` {self.mask} is the foreground itself and `foreground` {self.foreground} a way to find one; give one "
                "of them"
            )
        if self.mask is not None and self.scribbles is not None:
            raise SettingsError(
                f"`mask` {self.mask} is the foreground itself, so `scribbles` {self.scribbles} have no use; give one of them"
            )
        if self.markers is not None:
            self.check_for_own_markers()
        if self.scribbles is not None and self.foreground not in ("auto", "scribbles"):
            raise SettingsError(
                f"`foreground` {self.foreground} has no use for `scribbles` {self.scribbles}; give one of them"
            )
        return self

    @property
    def has_source(self) -> bool:
        """Whether nuclei or markers are given."""
        return any(one is not None for one in (self.nuclei, self.nuclei_from, self.markers))

    def check_source(self) -> None:
        """Refuse settings that say nothing, or too much, of where cells start; raises `SettingsError`."""
        real = self.nuclei if self.nuclei_from is None else self.nuclei_from
        if (real is None) == (self.markers is None):
            raise SettingsError(
                "give one of `nuclei`, `nuclei_from` and `markers`: every cell starts from it"
            )

    def images(self) -> tuple[str, ...]:
        """Return the channels that every field must have."""
        needed = self.nuclei if self.nuclei_from is None else None
        return (*self.cells, *(() if needed is None else (needed,)))

    def label_images(self) -> tuple[str, ...]:
        """Return the channels with labels, which single fields may lack."""
        return tuple(name for name in (self.markers, self.scribbles, self.mask) if name is not None)


class Scoring(BaseModel):
    """What results are compared with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    truth: str | None = Field(
        default=None, description="Channel with true labels, only to score the result; fields may lack it."
    )
    baselines: bool = Field(
        default=True, description="Score classical methods as well, where there are true labels."
    )


class MarkerRunSettings(CueChannels, Scoring):
    """Settings of a run that starts cells from markers."""

    def label_images(self) -> tuple[str, ...]:
        """Return the channels with labels, which single fields may lack."""
        return (*super().label_images(), *(() if self.truth is None else (self.truth,)))


class LearnCellsSettings(CueChannels, MarkerModelSettings):
    """Settings of a run that learns cells from their nuclei."""

    rounds: int | None = Field(
        default=None,
        ge=0,
        le=10,
        description="Rounds of self-training, in which one network for all images learns from its own cells. By default 3. "
        "0 trains the marker network of the paper instead, which needs nuclei also where it is used; so does `preset='paper'`.",
    )
    encoder: EncoderChoice = Field(
        default="efficientnet_lite0",
        description="Encoder of the network that self-training trains; 'small' is faster and a little less accurate. That of "
        "`start`, where there is one.",
    )
    weights: str | None = Field(
        default=None,
        min_length=1,
        description="Weights that this encoder starts from: 'imagenet' (the default where there are any), 'none', or a file.",
    )
    max_steps: int | None = Field(
        default=None,
        ge=1,
        description="Training steps of the first round, 300 by default; each further round takes half as many. With `rounds` 0 an "
        "upper bound: training ends when the loss is stable.",
    )
    start: Path | None = Field(
        default=None,
        description="Model (folder) whose weights self-training starts from: a stain model, or a model of nuclei or cells, "
        "trained on such images. In label-free images the cells that a model of cells finds are learned first, so it may be a student "
        "of another cell line.",
    )

    @model_validator(mode="after")
    def _start_of_a_student(self) -> Self:
        if self.start is not None and self.n_rounds == 0:
            raise SettingsError(
                f"`start` {self.start} is for self-training, and without rounds there is none; leave `start` out, or give "
                "`rounds` of 1 or more"
            )
        return self

    @model_validator(mode="after")
    def _rounds_fit(self) -> Self:
        if self.preset == "paper" and self.n_rounds:
            raise SettingsError(
                f"`preset` 'paper' is for a marker network, and `rounds` {self.rounds} asks for self-training, which has no preset; "
                "leave one of them out, or give `rounds` 0"
            )
        of_student = [name for name in ("encoder", "weights") if name in self.model_fields_set]
        if of_student and self.n_rounds == 0:
            name = of_student[0]
            raise SettingsError(
                f"`{name}` {getattr(self, name)!r} is for self-training, and without rounds there is none; leave `{name}` out, or "
                "give `rounds` of 1 or more"
            )
        return self

    @property
    def n_rounds(self) -> int:
        """Rounds of self-training; 0: a marker network."""
        if self.rounds is None:
            return 0 if self.preset == "paper" else ROUNDS
        return self.rounds
