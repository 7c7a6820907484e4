"""Which encoder a network has, and which weights it begins with, where nothing else is asked for."""

from collections.abc import Mapping
from typing import Any

from frugalseg.networks.encoders import EncoderName

#: Its ImageNet weights come with the package; on HeLa with few labels mAP is 40 to 50 % higher than from random ones (docs/results/few-labels.md).
ENCODER: EncoderName = "efficientnet_lite0"


def usual_weights(encoder: str) -> str:
    """Return "imagenet" for the encoder whose weights are installed with the package, "none" for any other.

    Examples
    --------
    >>> usual_weights("efficientnet_lite0"), usual_weights("small")
    ('imagenet', 'none')
    """
    return "imagenet" if encoder == ENCODER else "none"


def with_usual_encoder(preset: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset's settings of a network with changes, and with an encoder and its weights where neither has them.

    A change that is None is ignored.

    Examples
    --------
    >>> with_usual_encoder({"crop": 64}, {"crop": None})
    {'encoder': 'efficientnet_lite0', 'weights': 'imagenet', 'crop': 64}
    >>> with_usual_encoder({}, {"encoder": "small"})
    {'encoder': 'small', 'weights': 'none'}
    """
    values = {**preset, **{key: value for key, value in changed.items() if value is not None}}
    encoder = values.get("encoder", ENCODER)
    return {"encoder": encoder, "weights": usual_weights(encoder), **values}
