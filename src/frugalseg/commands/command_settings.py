"""Settings of every command: those of the model that it uses, and the channels that it reads.

Their fields and descriptions are also the options and the help of the command line, so nothing heavy is imported here.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.models.model_settings import (
    NucleiSettings,
    ObjectModelSettings,
    StainModelSettings,
)
from frugalseg.runs.channel_settings import LearnCellsSettings, MarkerRunSettings

_LABEL_FREE = "Label-free channels and focal planes, such as 'phase[1,3,5],brightfield'."


class SegmentSettings(LearnCellsSettings, MarkerRunSettings):
    """Settings of ``frugalseg segment``."""


class OutlineSettings(NucleiSettings):
    """Settings of ``frugalseg segment --target nuclei``."""

    nuclei: str = Field(description="Channel with the nuclear stain, real or predicted.")
    truth: str | None = Field(
        default=None,
        description="Channel with true labels of nuclei, only to score the result; fields may lack it.",
    )


class LearnMarkersSettings(LearnCellsSettings):
    """Settings of ``frugalseg learn markers``."""


class PredictSettings(MarkerRunSettings):
    """Settings of ``frugalseg predict``; without any channel those of the model are used."""

    cells: tuple[str, ...] = Field(
        default=(),
        description="Channels, where they are named differently than in the model: as many and in the same order.",
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="Start of all random numbers.")
    fast: bool = Field(
        default=False,
        description="See each image once, and not several times flipped and enlarged: several times faster, with less "
        "accurate borders and without confidence, so dark cells where the model learned bright ones are not noticed. Models of "
        "nuclei or cells only.",
    )


class LearnStainsSettings(StainModelSettings):
    """Settings of ``frugalseg learn stains``."""

    inputs: str = Field(description=_LABEL_FREE)
    to: str = Field(description="Channel with the stain to predict.")
    project: Literal["max", "mean", "focus"] = Field(
        default="max",
        description="How focal planes of the stain become one: their maximum, their mean, or the sharpest plane.",
    )


class LearnLabelsSettings(ObjectModelSettings):
    """Settings of ``frugalseg learn labels``."""

    inputs: str | None = Field(
        default=None, description=f"{_LABEL_FREE} By default those of the model `start`."
    )
    labels: str = Field(
        description="Channel with label images; below 0 means not annotated. Fields without labels are left out, but for "
        "a self-trained start, which keeps what it finds in them."
    )
    target: Literal["nuclei", "cells"] = Field(
        description="What is outlined in the labels, and found by the model."
    )
    start: Path | None = Field(
        default=None,
        description="Model (folder) to start from: a stain model, or a model of nuclei or cells.",
    )


class SuggestSettings(BaseModel):
    """Settings of ``frugalseg suggest``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: str | None = Field(default=None, description=f"{_LABEL_FREE} By default those of the model.")
    nuclei: str | None = Field(
        default=None,
        description="Channel with the nuclear stain; fields may lack it. Cells that hold no nucleus or several speak for a crop.",
    )
    labels: str | None = Field(
        default=None,
        description="Channel with what is labelled already, below 0 where it is not; fields may lack it. It is never "
        "suggested, and what looks like it is worth less.",
    )
    after: tuple[Path, ...] = Field(
        default=(),
        description="Folder of earlier suggestions whose crops are outlined by now: they count as labelled. Repeatable.",
    )
    diameter: float | None = Field(
        default=None, gt=2, description="Diameter of a typical object, px, where it differs from the model's."
    )
    crop: int | None = Field(
        default=None, ge=16, description="Side of a crop, px. By default 12 diameters of a typical object."
    )
    count: int = Field(default=8, ge=1, description="How many crops to suggest.")
