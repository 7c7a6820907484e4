"""How a stain model is learned: the paper's numbers, and ours."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.networks.encoders import EncoderName


class StainSettings(BaseModel):
    """Settings of learning from stains.

    Attributes
    ----------
    encoder
        Of the U-Net, see `frugalseg.networks.encoders.make_encoder`.
    weights
        Start of the encoder: "imagenet", "none", or a file.
    crop
        Side of a crop, px at the network's scale.
    batch
        Crops per step.
    turn
        Flip and transpose crops at random; not in the paper.
    intensity_jitter
        How much contrast, brightness and noise of the inputs change, see
        `frugalseg.learning.augment.jitter_intensity`. 0 in the paper.
    percentiles
        Grey values of the training set that become 0 and 1.
    learning_rate, schedule
        Adam's; "constant" (the paper) or "budget", see `frugalseg.learning.trainer.TrainerSettings`.
    max_steps
        Upper bound of training steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: EncoderName = "small"
    weights: str = "none"
    crop: int = Field(192, ge=32, le=4096)
    batch: int = Field(8, ge=1)
    turn: bool = True
    intensity_jitter: float = Field(0.1, ge=0)
    percentiles: tuple[float, float] = (1.0, 99.8)
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["constant", "budget"] = "budget"
    max_steps: int = Field(1000, ge=1)

    @classmethod
    def preset(cls, name: Literal["default", "paper"], **changed: Any) -> Self:
        """Make the settings of a preset, with some of them changed (None: not).

        "paper" has the numbers of paper A (supplementary table 1): its encoder and start, its crops, no augmentation,
        its rate, and as many training samples at most; the batch is not stated there. What still differs:

        - The stain is scaled to 0..1 by percentiles of the training set; the authors learned its grey values.
        - Images are resized so that nuclei are 20 px wide (unless the scale is given), and a convolution at full
          resolution stands beside the encoder.
        - Crops are drawn anew in every step, and where the stain is empty is found from the stain itself.
        - Some fields are held out (unless that is switched off) and the weights that were best on them are kept. Training
          ends before its last step when these no longer get better, or the loss is stable.

        Examples
        --------
        >>> StainSettings.preset("paper").encoder
        'densenet121'
        """
        paper: dict[str, Any] = {
            "encoder": "densenet121",
            "weights": "imagenet",
            "crop": 512,
            "turn": False,
            "intensity_jitter": 0.0,
            "learning_rate": 0.1,
            "schedule": "constant",
            "max_steps": 192_000 // 8,
        }
        values = paper if name == "paper" else {}
        return cls(**{**values, **{key: value for key, value in changed.items() if value is not None}})
