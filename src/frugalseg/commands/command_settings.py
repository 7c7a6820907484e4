"""Settings of every command: those of the model that it uses, and the channels that it reads.

Their fields and descriptions are also the options and the help of the command line, so nothing heavy is imported here.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.model_settings import (
    MarkerModelSettings,
    NucleiSettings,
    ObjectModelSettings,
    StainModelSettings,
)

_LABEL_FREE = "Label-free channels and focal planes, such as 'phase[1,3,5],brightfield'."


class CueChannels(BaseModel):
    """Channels in which cells, nuclei and hints of the user are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
        default=None, description="Your own markers instead of nuclei: a label image with one label per cell."
    )
    scribbles: str | None = Field(
        default=None, description="Label image with a few strokes: 1 background, 2 cell, 0 elsewhere."
    )
    mask: str | None = Field(
        default=None, description="Your own foreground: an image that is above 0 where there are cells."
    )


class Scoring(BaseModel):
    """What the result is compared with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    truth: str | None = Field(
        default=None, description="Channel with true labels, only to score the result; fields may lack it."
    )
    baselines: bool = Field(
        default=True, description="Score classical methods as well, where there are true labels."
    )


class SegmentSettings(MarkerModelSettings, CueChannels, Scoring):
    """Settings of ``frugalseg segment``."""


class OutlineSettings(NucleiSettings):
    """Settings of ``frugalseg segment --target nuclei``."""

    nuclei: str = Field(description="Channel with the nuclear stain, real or predicted.")
    truth: str | None = Field(
        default=None,
        description="Channel with true labels of nuclei, only to score the result; fields may lack it.",
    )


class LearnMarkersSettings(MarkerModelSettings, CueChannels):
    """Settings of ``frugalseg learn markers``."""


class PredictSettings(CueSettings, CueChannels, Scoring):
    """Settings of ``frugalseg predict``; without any channel those of the model are used."""

    cells: tuple[str, ...] = Field(
        default=(),
        description="Channels, where they are named differently than in the model: as many and in the same order.",
    )
    seed: int = Field(default=0, ge=0, description="Start of all random numbers.")


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
        description="Channel with label images; below 0 means not annotated. Fields without labels are left out."
    )
    target: Literal["nuclei", "cells"] = Field(
        description="What is outlined in the labels, and found by the model."
    )
    start: Path | None = Field(
        default=None,
        description="Model (folder) to start from: a stain model, or a model of nuclei or cells.",
    )
