"""Whether a model knows images like this one: by how the image looks, and by how sure the model is of its cells."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.models.looks import image_look, look_distance
from frugalseg.networks.cards import ObjectCard

#: Share of the cells of the training images whose confidence is below the usual one.
UNUSUAL = 0.1
#: What a model finds in the images that it learned from, and how sure it is of it, is measured in so many of them at most.
MEASURED = 8


def distance_from_learned(card: ObjectCard, planes: NDArray[np.float32], scale: float) -> float | None:
    """Return how far the look of an image is from the nearest image that the model was learned from.

    Parameters
    ----------
    card
        Of the model.
    planes : (C,Y,X) float32
        Normalised as the model needs it, at the image's scale.
    scale
        Network px per image px.

    Returns
    -------
    float or None
        Above 1 the image looks unlike all of them, see `frugalseg.models.looks.look_distance`. None: the model does not say.
    """
    if not card.looks:
        return None
    shape = scaled_shape((int(planes.shape[1]), int(planes.shape[2])), scale)
    return round(look_distance(image_look(resize_planes(planes, shape)), card.looks), 2)


def usual_confidence(confidence: Collection[float]) -> float | None:
    """Return the confidence that nine in ten cells exceed; None without cells."""
    return round(float(np.quantile(list(confidence), UNUSUAL)), 3) if confidence else None


def field_doubts(card: ObjectCard, distance: float | None, confidence: Collection[float]) -> tuple[str, ...]:
    """Return a sentence where an image looks unlike those that the model was learned from, and one where it is unsure.

    Parameters
    ----------
    card
        Of the model.
    distance
        From `distance_from_learned`.
    confidence
        Of every cell of the image, 0..1.

    Examples
    --------
    >>> field_doubts(ObjectCard.model_construct(usual_confidence=0.84, self_trained=True), 0.3, [0.91, 0.95, 0.7])
    ()
    """
    found = []
    if distance is not None and distance > 1:
        found.append(
            f"This field looks unlike every field that the model was learned from (distance {distance:.1f}; up to 1 is usual): check the result by eye, or learn from fields like "
            "it too."
        )
    usual = card.usual_confidence
    if card.self_trained and usual is not None and confidence and float(np.median(list(confidence))) < usual:
        found.append(
            f"The model is less sure of most {card.kind} than of nine in ten in the fields that it was learned from: check the "
            "result by eye, or learn from fields like this one too."
        )
    return tuple(found)
