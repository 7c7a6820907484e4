"""How nuclei or cells are learned from labels: the paper's numbers, and ours."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.object_net import Target


class LabelSettings(BaseModel):
    """Settings of learning from labels.

    Attributes
    ----------
    target
        What the labels are, and the network finds.
    encoder
        Of the U-Net; the start model's where there is one.
    weights
        Start of the encoder where there is no start model: "imagenet", "none", or a file.
    crop
        Side of a crop, px at the network's scale.
    batch
        Crops per step.
    slope
        Of the sigmoid of eq. 1, nuclei only; 1 in the paper.
    alpha
        Weight of the mask in eq. 2, cells only; None: the initial ratio of both terms, as in the paper.
    turn, intensity_jitter, zoom
        Augmentation, see `frugalseg.learning.crop_batches.CropBatches`; none in the paper.
    learning_rate, schedule
        Adam's; "constant" (the paper) or "budget", see `frugalseg.learning.trainer.TrainerSettings`.
    max_steps
        Upper bound of training steps.
    h
        Height that a maximum of the distance map must have to be a cell, in per cent of a cell's largest distance to
        its border (of nuclei see `frugalseg.instances.map_labels.labels_from_maps`); 10 in the paper, on a map of another
        unit, and in its preset.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: Target
    encoder: EncoderName = "small"
    weights: str = "none"
    crop: int = Field(160, ge=32, le=4096)
    batch: int = Field(8, ge=1)
    slope: float = Field(1.0, gt=0, allow_inf_nan=False)
    alpha: float | None = Field(None, ge=0, allow_inf_nan=False)
    turn: bool = True
    intensity_jitter: float = Field(0.2, ge=0)
    zoom: float = Field(0.1, ge=0, le=0.5)
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["constant", "budget"] = "budget"
    max_steps: int = Field(600, ge=1)
    h: float = Field(20.0, gt=0, lt=100)

    @classmethod
    def preset(cls, name: Literal["default", "paper"], **changed: Any) -> Self:
        """Make the settings of a preset, with some of them changed (None: not).

        "paper" has the numbers of paper A (supplementary tables 1 and 2): its encoder and start, its crops, no
        augmentation, its rate, and 20 000 training samples at most; the batch is not stated there. What still differs:

        - The distance map is in per cent of each cell's own depth (docs/decisions, 11); so h means something else.
        - The two convolutions of cells see the stain and what it was made of, and end without batch norm and ReLU. Every
          start has them; the authors' ImageNet start has another network.
        - Images are resized so that nuclei are 20 or cells 30 px wide, or as those of the start model, and a convolution at
          full resolution stands beside the encoder.
        - A part of the labels is held out (unless that is switched off) and the weights that were best on it are kept.
          Training ends before its last step when these no longer get better, or the loss is stable.

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
            "turn": False,
            "intensity_jitter": 0.0,
            "zoom": 0.0,
            "learning_rate": 0.01,
            "schedule": "constant",
            "max_steps": 20_000 // 8,
        }
        values = paper if name == "paper" else {}
        return cls(**{**values, **{key: value for key, value in changed.items() if value is not None}})
