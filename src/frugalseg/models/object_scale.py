"""At which scale a network of nuclei or cells sees an image: what sizes tell, or else the cells that it finds."""

import numpy as np
from numpy.typing import NDArray

from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.inputs import check_diameter
from frugalseg.models.model_scale import LARGEST_SCALE, SMALLEST_SCALE, scale_by_pixel_size
from frugalseg.models.object_dataset import typical_diameter
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.networks.cards import ObjectCard
from frugalseg.prediction.whole_image import predict_objects

#: A size that differs by up to this factor is the same; cues without more to go by are as unsure.
SIZE_FACTOR = 1.2
#: Scales that are tried, and the fewest cells whose size counts.
PASSES, FEWEST = 3, 5


def known_scale(
    card: ObjectCard, pixel_size: tuple[float, float] | None = None, diameter: float | None = None
) -> float | None:
    """Return network px per image px by the diameter of objects, or else by pixel sizes; None where neither is known."""
    if diameter is not None:
        check_diameter(diameter)
        return min(LARGEST_SCALE, card.scale * card.diameter / diameter)
    if pixel_size is None or card.pixel_size is None:
        return None
    return scale_by_pixel_size(card, pixel_size)


def scale_with_cues(
    network: ObjectNetwork,
    card: ObjectCard,
    planes: NDArray[np.float32],
    settings: LabelSettings,
    cues: ImageCues,
) -> float:
    """Return network px per image px where no size is known but cues are.

    A diameter that the user gave counts, then the size of the cells that the network finds, then that in the cues where it
    surely differs from training.
    """
    fitting = None if cues.size_factor == 1 else fitting_scale(network, card, planes, settings)
    if fitting is not None:
        return fitting
    ratio = cues.diameter / card.diameter
    surely = max(ratio, 1 / ratio) > cues.size_factor
    return min(LARGEST_SCALE, card.scale / ratio) if surely else card.scale


def fitting_scale(
    network: ObjectNetwork, card: ObjectCard, planes: NDArray[np.float32], settings: LabelSettings
) -> float | None:
    """Return network px per image px at which the cells that the network finds are as large as in the training images.

    What a network finds at a wrong scale tells the size well enough to try again; a scale counts once the cells found at
    it have the size that it assumes. None: no scale does, or there are hardly any cells.

    Parameters
    ----------
    network, card
        Of cells, trained.
    planes : (C,Y,X) float32
        The image, normalised.
    settings
        Of the network.
    """
    usual = card.found_diameter or card.diameter
    times = 1.0  # cells of the image are so many times as large as in training
    for _ in range(PASSES):
        scale = float(np.clip(card.scale / times, SMALLEST_SCALE / 2, LARGEST_SCALE))
        found = found_diameter(network, planes, settings.h, scale, card.diameter_at(scale))
        if found is None:
            return None
        if max(found / usual / times, usual * times / found) <= SIZE_FACTOR:
            return scale
        times = found / usual
    return None


def found_diameter(
    network: ObjectNetwork, planes: NDArray[np.float32], h: float, scale: float, diameter: float
) -> float | None:
    """Return the diameter, px, of a typical cell that the network finds in an image (C,Y,X); None if there are hardly any."""
    labels, _ = predict_objects(network, planes, "cells", scale, h, diameter)
    return typical_diameter([labels]) if len(np.unique(labels)) > FEWEST else None
