"""The card of a model folder: what the model is and where it came from. One class per kind of model.

The format is known here and, for cards of older versions, in `frugalseg.networks.old_cards`.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from frugalseg import __version__
from frugalseg.images.image import Projection
from frugalseg.images.normalize import IntensityScale

#: Raised whenever older versions of frugalseg can't read the folder.
FORMAT: Literal[2] = 2
#: In px or um; beyond these bounds a card is damaged, and images would be resized to nothing or to more than any memory.
Length = Annotated[float, Field(gt=1e-6, lt=1e6)]
#: Model px per image px.
Scale = Annotated[float, Field(gt=1e-4, le=4)]

#: Of the grey values of a channel: mean 0 and standard deviation 1, or the logarithm of fluorescence, likewise.
Normalization = Literal["zscore", "even", "log"]


class TrainingSummary(BaseModel):
    """Summary of the training run.

    Attributes
    ----------
    steps, stopped_because, seconds, seed
        As in the training record.
    fields
        Names of the fields in the training set; of tens of thousands, only as many as a card may hold.
    held_out
        Names of the fields, or parts of fields, that were evaluated only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=0)
    stopped_because: str
    seconds: float = Field(ge=0)
    seed: int
    fields: tuple[str, ...]
    held_out: tuple[str, ...] = ()


class Card(BaseModel):
    """What the cards of all kinds of models hold.

    Attributes
    ----------
    format
        Version of the folder's layout.
    frugalseg, created
        Version of frugalseg that wrote it, and when (ISO 8601).
    channels
        Names of the input channels, in the order of the network's inputs; ``phase[3]`` is the third focal plane.
    pixel_size
        (y, x) of the training images in um, where known.
    settings
        Training settings, as plain values.
    training
        Summary of the training run.
    sha256
        Of the weights' file; filled in by `frugalseg.networks.store.save_model`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2] = FORMAT
    frugalseg: str = __version__
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    channels: tuple[str, ...] = Field(min_length=1, max_length=1000)
    pixel_size: tuple[Length, Length] | None = None
    settings: dict[str, Any]
    training: TrainingSummary
    sha256: str = ""


class MarkerCard(Card):
    """Card of a marker network, which segments the cell around each marker (paper B).

    Attributes
    ----------
    modalities
        Of each channel, "fluorescent" or "label-free"; its normalisation depends on it.
    nuclei
        Channel in which the markers were found; None where they were given, or found in a predicted stain.
    nuclei_from
        Name of the predicted stain in which the markers were found, if so.
    diameter
        Cell diameter in the training images, px.
    """

    kind: Literal["markers"] = "markers"
    modalities: tuple[Literal["fluorescent", "label-free"], ...] = Field(min_length=1)
    nuclei: str | None = None
    nuclei_from: str | None = None
    diameter: Length

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.modalities) != len(self.channels):
            raise ValueError(f"{len(self.channels)} channels and {len(self.modalities)} modalities")
        return self


class StainCard(Card):
    """Card of a stain model, which predicts a fluorescent stain from label-free channels (paper A).

    Attributes
    ----------
    scale
        Model px per image px: images are resized by it before the network, and the stain back after it.
    target
        Name of the predicted channel.
    project
        How the focal planes of the target were projected to one.
    target_scale
        Between grey values of the stain and what the network learned: percentiles of the training set, of their logarithm, or
        a mask; see `frugalseg.learning.from_stains.target_scales`.
    """

    kind: Literal["stain"] = "stain"
    scale: Scale
    target: str
    project: Projection = "max"
    target_scale: IntensityScale


class Look(BaseModel):
    """How an image looks to a network, as short numbers; `frugalseg.models.looks` measures and compares them.

    Attributes
    ----------
    values
        Correlations, -1..1, as many for each channel.
    spread
        How far parts of the image are from `values`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[float, ...] = Field(min_length=1)
    spread: float = Field(ge=0, allow_inf_nan=False)


class ObjectCard(Card):
    """Card of a model of nuclei (mask) or cells (distance map and mask), learned from labels (paper A).

    Attributes
    ----------
    kind
        What the model finds.
    scale
        Model px per image px.
    diameter
        Of a typical object in the training labels, px of the images.
    started_from
        Starting weights: "nothing", "imagenet", or the kind and checksum of a model.
    normalization
        Of the grey values of each channel: "zscore"; "even", z-scored in even light (`frugalseg.images.light`); or "log", the
        logarithm of fluorescence (`frugalseg.images.normalize.normalize_plane`). Empty: all channels are z-scored.
    self_trained
        Whether the labels were grown from nuclei and not drawn by a person.
    found_diameter
        Of a typical object that the trained network finds in the training images, px, where that was measured.
    looks
        Of the images that were learned from; empty where they are not known.
    usual_confidence
        Nine in ten cells of these images have a higher confidence, 0..1; None where it is not known.
    copes_with_finer
        Whether the network calls as much of these images cell when it sees them enlarged.
    """

    kind: Literal["nuclei", "cells"]
    scale: Scale
    diameter: Length
    started_from: str = "nothing"
    normalization: tuple[Normalization, ...] = ()
    self_trained: bool = False
    found_diameter: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    looks: tuple[Look, ...] = ()
    usual_confidence: float | None = Field(default=None, ge=0, le=1)
    copes_with_finer: bool = True

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.normalization) not in (0, len(self.channels)):
            raise ValueError(f"{len(self.channels)} channels and {len(self.normalization)} normalisations")
        return self

    def diameter_at(self, scale: float) -> float:
        """Return the diameter of a typical object in an image that is resized by `scale`, px of the image."""
        return self.diameter * self.scale / scale


ModelCard = Annotated[MarkerCard | StainCard | ObjectCard, Field(discriminator="kind")]
ANY_CARD: TypeAdapter[MarkerCard | StainCard | ObjectCard] = TypeAdapter(ModelCard)
