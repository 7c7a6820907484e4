"""Which encoder a network has, and which weights it begins with, where nothing else is asked for."""

from typing import Any

from frugalseg.networks.encoders import EncoderName

#: Its ImageNet weights come with the package; with few labels they are worth half as much again as random ones (docs/results.md).
ENCODER: EncoderName = "efficientnet_lite0"


def usual_weights(encoder: str) -> str:
    """Return "imagenet" for the encoder whose weights are installed with the package, "none" for any other.

    Examples
    --------
    >>> usual_weights("efficientnet_lite0"), usual_weights("small")
    ('imagenet', 'none')
    """
    return "imagenet" if encoder == ENCODER else "none"


def with_usual_encoder(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings of a network with an encoder and its weights, those of `values` where it has them.

    Examples
    --------
    >>> with_usual_encoder({"crop": 64})
    {'encoder': 'efficientnet_lite0', 'weights': 'imagenet', 'crop': 64}
    >>> with_usual_encoder({"encoder": "small"})
    {'encoder': 'small', 'weights': 'none'}
    """
    encoder = values.get("encoder", ENCODER)
    return {"encoder": encoder, "weights": usual_weights(encoder), **values}
