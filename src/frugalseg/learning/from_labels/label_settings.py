"""Settings of learning from labels: the values of paper A, and our defaults."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.learning.first_weights import with_usual_encoder
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.object_net import Target


class LabelSettings(BaseModel):
    """Settings of learning from labels: network, crops, loss, training, and use of the trained network.

    Attributes
    ----------
    target
        Objects of the labels, which the network finds.
    encoder
        Encoder of the U-Net; with a start model, its encoder.
    weights
        Weights of the encoder at the start, without a start model: "imagenet", "none", or a file.
    crop
        Side of a crop, px at the model scale.
    batch
        Crops per step.
    slope, midpoint
        Of the sigmoid of eq. 1, for nuclei: steepness, and stain that has probability 0.5; 1 and 0.5 in the paper.
    alpha
        Weight of the mask in eq. 2, for cells; None: the initial ratio of both terms, as in the paper.
    flips, intensity_jitter, zoom
        Augmentation, see `frugalseg.learning.crop_batches.CropBatches`; none in the paper.
    learning_rate, schedule
        Of training, see `frugalseg.learning.trainer_settings.TrainerSettings`; "constant" in the paper.
    max_steps
        Upper bound of training steps.
    h
        Height of the h-maxima of the distance map that become cells, in per cent of a cell's largest distance to its
        boundary (for nuclei see `frugalseg.instances.map_labels.labels_from_maps`); 10 in the paper, on a map of another
        unit, and in its preset.
    orientations
        Flips and transposes that are averaged when the trained network is used; 1 in the paper.
    rehearsal
        Share of the crops of a step that show what nobody outlined, and teach what the start model finds there, so that
        it is not forgotten; 0 in the paper, see `frugalseg.models.rehearsal`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Target
    encoder: EncoderName = "small"
    weights: str = "none"
    crop: int = Field(160, ge=32, le=4096)
    batch: int = Field(8, ge=1)
    slope: float = Field(1.0, gt=0, allow_inf_nan=False)
    midpoint: float = Field(0.5, allow_inf_nan=False)
    alpha: float | None = Field(None, ge=0, allow_inf_nan=False)
    flips: bool = True
    intensity_jitter: float = Field(0.2, ge=0)
    zoom: float = Field(0.1, ge=0, le=0.5)
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["constant", "budget"] = "budget"
    max_steps: int = Field(600, ge=1)
    h: float = Field(20.0, gt=0, lt=100)
    orientations: Literal[1, 2, 4, 8] = 4
    rehearsal: float = Field(0.0, ge=0, lt=1, allow_inf_nan=False)

    @property
    def rehearsed_crops(self) -> int:
        """Crops of a step that teach what the start model finds; at least one crop shows labels.

        Examples
        --------
        >>> LabelSettings(target="cells", batch=8, rehearsal=0.5).rehearsed_crops
        4
        """
        return min(round(self.batch * self.rehearsal), self.batch - 1)

    @classmethod
    def preset(cls, name: Literal["default", "paper", "tuning"], **changed: Any) -> Self:
        """Return the settings of a preset, with changes; a change that is None is ignored.

        "paper" has the values of paper A (supplementary tables 1 and 2): encoder and start, crops, no augmentation,
        learning rate, and at most 20 000 steps for nuclei or 10 000 for cells. The "training samples" there are steps of
        10 crops: in every row they are the epochs times the batches of 10 in an epoch. What still differs from the paper:

        - Nuclei have 20 000 steps from every start; the authors stopped the ImageNet start after 5 000 or 10 000.
        - A batch has 10 crops also where one image is labelled, of which the authors took 5: crops are drawn anew here.
        - The distance map is in per cent of each cell's largest distance (docs/decisions, 11), so h has another unit.
        - The two convolutions for cells have the stain and the features before it as inputs, and end without batch norm
          and ReLU. All starts share this network; the authors' ImageNet start has another one.
        - Images are resized so that nuclei are 20 or cells 30 px wide, or as those of the start model, and a convolution
          at full resolution runs beside the encoder.
        - A part of the labels is the validation set (unless that is switched off), and the weights that were best on it
          are kept. Training ends early when the validation score no longer rises, or the loss is stable.

        "tuning" is for a self-trained start: few steps of small crops, as it was trained, half of them rehearsal.

        Examples
        --------
        >>> LabelSettings.preset("paper", target="cells").crop
        512
        """
        paper: dict[str, Any] = {
            "encoder": "densenet121",
            "weights": "imagenet",
            "h": 10.0,
            "crop": 512,
            "batch": 10,
            "flips": False,
            "intensity_jitter": 0.0,
            "zoom": 0.0,
            "learning_rate": 0.01,
            "schedule": "constant",
            "orientations": 1,
            "max_steps": 10_000 if changed.get("target") == "cells" else 20_000,
        }
        tuning: dict[str, Any] = {
            "crop": 128,
            "zoom": 0.25,
            "max_steps": 100,
            "rehearsal": 0.5,
        }
        values = {"default": {}, "paper": paper, "tuning": tuning}[name]
        return cls(**with_usual_encoder(values, changed))
