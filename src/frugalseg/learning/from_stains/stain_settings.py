"""Settings of learning from stains: the values of paper A, and our defaults."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

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
    percentiles
        Percentiles of the stain's grey values in the training set that are scaled to 0 and 1.
    learning_rate, schedule
        Of training, see `frugalseg.learning.trainer_settings.TrainerSettings`; "constant" in the paper.
    max_steps
        Upper bound of training steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: EncoderName = "small"
    weights: str = "none"
    crop: int = Field(192, ge=32, le=4096)
    batch: int = Field(8, ge=1)
    flips: bool = True
    intensity_jitter: float = Field(0.1, ge=0)
    percentiles: tuple[float, float] = (1.0, 99.8)
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["constant", "budget"] = "budget"
    max_steps: int = Field(1000, ge=1)

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
        }
        values = paper if name == "paper" else {}
        return cls(**{**values, **{key: value for key, value in changed.items() if value is not None}})
