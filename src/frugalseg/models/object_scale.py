"""At which scale a network of nuclei or cells sees an image: what sizes tell, or else the cells that it finds."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.inputs import check_diameter
from frugalseg.models.model_scale import LARGEST_SCALE, SMALLEST_SCALE, scale_by_pixel_size
from frugalseg.models.object_dataset import typical_diameter
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.networks.cards import ObjectCard
from frugalseg.prediction.whole_image import objects_from_maps, oriented_maps

#: A size that differs by up to this factor is the same; cues without more to go by are as unsure.
SIZE_FACTOR = 1.2
#: Scales that are tried, and the fewest cells whose size counts.
PASSES, FEWEST = 3, 5


class ImageScale(NamedTuple):
    """The scale at which a network sees an image.

    Attributes
    ----------
    scale
        Network px per image px.
    maps
        (K,y,x), what the network says of the image at this scale, as it lies; None where the network was not asked.
    """

    scale: float
    maps: NDArray[np.float32] | None = None


def scale_by_sizes(
    card: ObjectCard, pixel_size: tuple[float, float] | None = None, diameter: float | None = None
) -> float:
    """Return network px per image px by the diameter of objects, or else by pixel sizes; the model's own without either."""
    if diameter is None:
        return scale_by_pixel_size(card, pixel_size)
    check_diameter(diameter)
    return min(LARGEST_SCALE, card.scale * card.diameter / diameter)


def known_diameter(diameter: float | None, cues: ImageCues | None) -> float | None:
    """Return the diameter of objects that the user gave, here or to the cues, px; None where there is none."""
    given_to_cues = cues is not None and cues.size_factor == 1
    return cues.diameter if diameter is None and cues is not None and given_to_cues else diameter


def image_scale(
    network: ObjectNetwork,
    card: ObjectCard,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    pixel_size: tuple[float, float] | None = None,
    diameter: float | None = None,
    cues: ImageCues | None = None,
) -> ImageScale:
    """Return the scale at which objects of an image look as large as in training.

    A diameter decides, also one that the user gave to the cues. Else pixel sizes say where to begin, and a self-trained
    network corrects that by the cells that it finds: cells of another line differ at the same magnification. Where it
    can't, and there are no pixel sizes, the size in the cues counts if it surely differs from training.

    Parameters
    ----------
    network, card, settings
        Of nuclei or cells, trained.
    planes : (C,Y,X) float32
        The image, normalised.
    pixel_size : (float, float), optional
        (y, x) in um.
    diameter : float, optional
        Of a typical object, px.
    cues : ImageCues, optional
        Of the image.
    """
    diameter = known_diameter(diameter, cues)
    start = scale_by_sizes(card, pixel_size, diameter)
    if diameter is not None:
        return ImageScale(start)
    fitting = fitting_scale(network, card, settings, planes, start) if card.self_trained else None
    if fitting is not None or cues is None or (pixel_size is not None and card.pixel_size is not None):
        return fitting or ImageScale(start)
    ratio = cues.diameter / card.diameter
    surely = max(ratio, 1 / ratio) > cues.size_factor
    return ImageScale(scale_by_sizes(card, None, cues.diameter) if surely else start)


def fitting_scale(
    network: ObjectNetwork,
    card: ObjectCard,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    start: float,
) -> ImageScale | None:
    """Return the scale at which the cells that the network finds are as large as in the training images.

    What a network finds at a wrong scale tells the size well enough to try again; a scale counts once the cells found at
    it have the size that it assumes. None: no scale does, or there are hardly any cells.

    Parameters
    ----------
    network, card, settings
        Of cells, trained.
    planes : (C,Y,X) float32
        The image, normalised.
    start
        The scale to try first.
    """
    usual = card.found_diameter or card.diameter
    times = card.scale / start  # cells of the image are so many times as large as in training
    for _ in range(PASSES):
        scale = float(np.clip(card.scale / times, SMALLEST_SCALE / 2, LARGEST_SCALE))
        found, maps = found_diameter(network, planes, settings.h, scale, card.diameter_at(scale))
        if found is None:
            return None
        if max(found / usual / times, usual * times / found) <= SIZE_FACTOR:
            return ImageScale(scale, maps)
        times = found / usual
    return None


def found_diameter(
    network: ObjectNetwork, planes: NDArray[np.float32], h: float, scale: float, diameter: float
) -> tuple[float | None, NDArray[np.float32]]:
    """Return the diameter, px, of a typical cell that the network finds in an image (C,Y,X), and the maps (K,y,x) that tell.

    The diameter is None if there are hardly any cells; the maps are those of the image as it lies, at the network's scale.
    """
    oriented = oriented_maps(network, planes, scale)
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    labels, _ = objects_from_maps(oriented, shape, "cells", h, diameter)
    return typical_diameter([labels]) if len(np.unique(labels)) > FEWEST else None, oriented[0]
