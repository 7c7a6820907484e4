"""Settings of learning from stains: the values of paper A, and our defaults."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from frugalseg.learning.first_weights import with_usual_encoder
from frugalseg.learning.from_stains.target_scales import TargetScale
from frugalseg.networks.encoders import EncoderName


class StainSettings(BaseModel):
    """Settings of learning from stains: network, crops, training.

    Attributes
    ----------
    encoder
        Encoder of the U-Net, see `frugalseg.networks.encoders.make_encoder`.
    weights
        Weights of the encoder at the start: "imagenet", "none", or a file.
    crop
        Side of a crop, px at the model scale.
    batch
        Crops per step.
    flips
        Whether crops are flipped and transposed at random; not in the paper.
    intensity_jitter
        Random change of grey values of the inputs, see `frugalseg.learning.augment.jitter_intensity`; 0 in the paper.
    target_scale
        On which scale the stain is learned, see `frugalseg.learning.from_stains.target_scales`; "linear" in paper A. The
        loss of a mask is the binary cross entropy of eq. 1's probability, any other's the mean absolute difference.
    percentiles
        Percentiles of the stain's grey values that are scaled to 0 and 1.
    learning_rate, schedule
        Of training, see `frugalseg.learning.trainer_settings.TrainerSettings`; "constant" in the paper.
    max_steps
        Upper bound of training steps.
    enough
        Mean loss of recent steps at which training ends; None: it goes on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: EncoderName = "small"
    weights: str = "none"
    crop: int = Field(192, ge=32, le=4096)
    batch: int = Field(8, ge=1)
    flips: bool = True
    intensity_jitter: float = Field(0.1, ge=0)
    target_scale: TargetScale = "linear"
    percentiles: tuple[float, float] = (1.0, 99.8)
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["constant", "budget"] = "budget"
    max_steps: int = Field(1000, ge=1)
    enough: float | None = Field(None, gt=0)

    @classmethod
    def preset(cls, name: Literal["default", "paper"], **changed: Any) -> Self:
        """Return the settings of a preset, with changes; a change that is None is ignored.

        "paper" has the values of paper A (supplementary table 1): encoder and start, crops, no augmentation, learning
        rate, and at most 192 000 steps of 10 crops: its "training samples" are steps, as 1000 epochs of 1920 crops make
        192 000 batches. What still differs from the paper:

        - The stain of cells (CellMask) has as many steps as that of nuclei; the authors took 132 000 for it.
        - The stain is scaled to 0..1 by percentiles of the training set; the authors learned its grey values.
        - Images are resized so that nuclei are 20 px wide (unless the scale is given), and a convolution at full
          resolution runs beside the encoder.
        - Crops are drawn anew in every step, and crops without signal are found from the stain itself.
        - Some fields are the validation set (unless that is switched off), and the weights that were best on them are
          kept. Training ends early when the validation score no longer rises, or the loss is stable.

        A mask is paper B's: training ends at a binary cross entropy of 0.15. Where nuclei cover less than 3 % of the crops,
        an empty mask costs less than that, and training ends before anything is learned; "default" has no such end.

        Examples
        --------
        >>> StainSettings.preset("paper").encoder
        'densenet121'
        """
        paper: dict[str, Any] = {
            "encoder": "densenet121",
            "weights": "imagenet",
            "crop": 512,
            "batch": 10,
            "flips": False,
            "intensity_jitter": 0.0,
            "learning_rate": 0.1,
            "schedule": "constant",
            "max_steps": 192_000,
            "enough": 0.15 if changed.get("target_scale") == "mask" else None,
        }
        values = paper if name == "paper" else {}
        return cls(**with_usual_encoder(values, changed))
