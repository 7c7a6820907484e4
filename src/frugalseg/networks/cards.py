"""What a model folder says of itself: one card per kind of model. This is the one place that knows their format."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from frugalseg import __version__
from frugalseg.images.image import Projection
from frugalseg.images.normalize import IntensityScale

#: Raised whenever older versions of frugalseg could not read the folder.
FORMAT: Literal[1] = 1


class TrainingSummary(BaseModel):
    """What the training run was, in short.

    Attributes
    ----------
    steps, stopped_because, seconds, seed
        As in the training record.
    fields
        Names of the fields that were learned from.
    held_out
        Names of the fields, or parts of fields, that were only scored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(ge=0)
    stopped_because: str
    seconds: float = Field(ge=0)
    seed: int
    fields: tuple[str, ...]
    held_out: tuple[str, ...] = ()


class Card(BaseModel):
    """What every model says.

    Attributes
    ----------
    format
        Version of the folder's layout.
    frugalseg, created
        Which version made it, and when (ISO 8601).
    channels
        Names of the input channels, in the order of the network's inputs; ``phase[3]`` is the third focal plane.
    pixel_size
        (y, x) of the training images in um, where known.
    settings
        The teacher's settings, as plain values.
    training
        The run.
    sha256
        Of the weights' file; filled in by `frugalseg.networks.store.save_model`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    frugalseg: str = __version__
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    channels: tuple[str, ...] = Field(min_length=1)
    pixel_size: tuple[float, float] | None = None
    settings: dict[str, Any]
    training: TrainingSummary
    sha256: str = ""


class MarkerCard(Card):
    """A cutter: cuts cells apart from their markers (paper B).

    Attributes
    ----------
    modalities
        "fluorescent" or "label-free" for each channel: how its grey values are normalised.
    nuclei
        Channel that the markers were found in; None where they were the user's own or found in a predicted stain.
    nuclei_from
        Name of the predicted stain that the markers were found in, if so.
    diameter
        Cell diameter in the training images, px.
    """

    kind: Literal["cutter"] = "cutter"
    modalities: tuple[Literal["fluorescent", "label-free"], ...] = Field(min_length=1)
    nuclei: str | None = None
    nuclei_from: str | None = None
    diameter: float = Field(gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(self.modalities) != len(self.channels):
            raise ValueError(f"{len(self.channels)} channels and {len(self.modalities)} appearances")
        return self


class StainCard(Card):
    """A stain model: predicts a fluorescent stain from label-free channels (paper A).

    Attributes
    ----------
    scale
        Network px per image px: images are resized by it before the network, and the stain back after it.
    target
        Name of the predicted channel.
    project
        How the focal planes of the target were made one.
    target_scale
        Between grey values of the stain and what the network says, by percentiles of the training set.
    """

    kind: Literal["stain"] = "stain"
    scale: float = Field(gt=0, le=4)
    target: str
    project: Projection = "max"
    target_scale: IntensityScale


class ObjectCard(Card):
    """A model of nuclei (one mask) or cells (distance and mask), learned from labels (paper A).

    Attributes
    ----------
    kind
        What it finds.
    scale
        Network px per image px.
    diameter
        Of a typical object in the training labels, px of the images.
    started_from
        What the weights were before: "nothing", "imagenet", or the kind and checksum of a model.
    """

    kind: Literal["nuclei", "cells"]
    scale: float = Field(gt=0, le=4)
    diameter: float = Field(gt=0, allow_inf_nan=False)
    started_from: str = "nothing"

    def diameter_at(self, scale: float) -> float:
        """Of a typical object, px of images that the network sees at `scale`."""
        return self.diameter * self.scale / scale


ModelCard = Annotated[MarkerCard | StainCard | ObjectCard, Field(discriminator="kind")]
ANY_CARD: TypeAdapter[MarkerCard | StainCard | ObjectCard] = TypeAdapter(ModelCard)
