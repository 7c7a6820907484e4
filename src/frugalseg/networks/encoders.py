"""The encoders a U-Net can have, by name."""

from typing import Literal, get_args

from frugalseg.errors import SettingsError
from frugalseg.networks.densenet import DenseNet121
from frugalseg.networks.efficientnet_lite import EfficientNetLite0
from frugalseg.networks.pyramid import Encoder
from frugalseg.networks.small_encoder import SmallEncoder

EncoderName = Literal["small", "efficientnet_lite0", "densenet121"]

ENCODERS: dict[EncoderName, type[Encoder]] = {
    "small": SmallEncoder,
    "efficientnet_lite0": EfficientNetLite0,
    "densenet121": DenseNet121,
}


def make_encoder(name: EncoderName, in_channels: int) -> Encoder:
    """Return an encoder with random weights.

    Parameters
    ----------
    name
        "small": 1.3 M weights, for training on a CPU. "efficientnet_lite0": 3.0 M weights; its ImageNet weights come
        with a Python package. "densenet121": 7.0 M weights, the encoder of paper A, slowest.
    in_channels
        Channels of the image.

    Raises
    ------
    SettingsError
        There is no such encoder, or no input channel.

    Examples
    --------
    >>> encoder = make_encoder("efficientnet_lite0", in_channels=2)
    >>> encoder.widths, encoder.strides
    ((16, 24, 40, 112, 320), (2, 4, 8, 16, 32))
    """
    if name not in ENCODERS:
        raise SettingsError(f"there is no encoder {name!r}; choose one of {', '.join(get_args(EncoderName))}")
    return ENCODERS[name](in_channels)
