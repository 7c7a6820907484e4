"""How a start sees the labelled images that it is tuned to, at which scale and in which contrast; and what is usual afterwards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import scaled_shape
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.field_doubts import MEASURED, usual_confidence
from frugalseg.models.model_scale import LARGEST_AT_MODEL_SCALE, normalization_of
from frugalseg.models.object_dataset import ObjectDataset
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.models.seen_image import SeenImage, see_planes, seen_by
from frugalseg.models.surer_sight import surer_sight
from frugalseg.models.unseeded_objects import objects_at
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.networks.inverted_input import invert_input
from frugalseg.networks.object_net import CellNetwork, Target


@dataclass(frozen=True)
class StartSight:
    """How a start sees labelled images.

    Attributes
    ----------
    scale
        Network px per image px; None: as large as objects in the labels say.
    inverted
        Whether it sees bright for dark.
    """

    scale: float | None = None
    inverted: bool = False

    def of(self, start: str) -> str:
        """Return what a start is called that sees images so."""
        return f"{start}, inverted" if self.inverted else start


def meet_images(
    network: ObjectNetwork,
    card: StainCard | ObjectCard | None,
    images: Sequence[NDArray[np.float32]],
    target: Target,
    pixel_size: tuple[float, float] | None,
) -> StartSight:
    """Return how a model of the target sees labelled images; any other model sees them as they are.

    Where it sees most images inverted (docs/decisions, 26), the network is changed, in place, so that it finds the same in the
    images as they are. The scale is the one that a self-trained model chooses by itself. A few outlined cells say less about their
    size: of 46 cells in one crop, the median diameter was 12 % larger than in the whole image.

    Parameters
    ----------
    network, card
        Of the start, before it is tuned; None: there is none.
    images
        (C,Y,X) each, normalised.
    target
        What the labels are.
    pixel_size
        (y, x) in um.
    """
    if not isinstance(card, ObjectCard) or card.kind != target:
        return StartSight()
    network.eval()
    settings = LabelSettings.model_validate(card.settings)
    seen = [best_contrast(see_planes(card, network, settings, one, pixel_size)) for one in images]
    inverted = 2 * sum(one.inverted for one in seen) > len(seen)
    if inverted:
        assert isinstance(network, CellNetwork)  # nuclei are never seen inverted
        invert_input(network, [way != "log" for way in normalization_of(card)])
    scales = [one.at.scale for one in seen if one.inverted == inverted]
    return StartSight(float(np.median(scales)) if card.self_trained else None, inverted)


def with_usual_confidence(
    card: ObjectCard, network: ObjectNetwork, settings: LabelSettings, dataset: ObjectDataset
) -> ObjectCard:
    """Return a card that says how sure the network is of nine in ten cells in the first images that it learned from.

    It stays as it is where a network does not tell: of nuclei, and where it sees an image in one orientation only.
    """
    network.eval()
    sure = list[float]()
    for one in dataset.images[:MEASURED]:
        seen = seen_by(card, network, settings, one.planes, ImageScale(card.scale))
        if _in_one_piece(seen):
            sure += objects_at(seen).confidence.values()
    return card.model_copy(update={"usual_confidence": usual_confidence(sure)})


def best_contrast(image: SeenImage) -> SeenImage:
    """Return an image of cells as it is or inverted, whichever the network is surer of; as it is where nothing tells.

    That is so of nuclei, and of an image that is too large to be seen in one piece.
    """
    if image.settings.target == "nuclei" or image.usual_confidence is None or not _in_one_piece(image):
        return image
    return surer_sight(image, objects_at(image), objects_at, (SeenImage.with_inverted_contrast,))[0]


def _in_one_piece(image: SeenImage) -> bool:
    return math.prod(scaled_shape(image.shape, image.at.scale)) <= LARGEST_AT_MODEL_SCALE
