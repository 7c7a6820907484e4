"""An image as a network of nuclei or cells sees it: at a scale, and enlarged."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.model_scale import (
    LARGEST_AT_MODEL_SCALE,
    inverted_planes,
    model_planes,
    normalization_of,
)
from frugalseg.models.object_scale import ImageScale, image_scale, known_diameter, scale_by_sizes
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.networks.adapted_norms import adapt_norms
from frugalseg.networks.cards import Normalization, ObjectCard
from frugalseg.networks.folding import fold_norms

#: Share of the image in the statistics of adapted batch norms: docs/decisions, 25.
SHARE = 0.3
#: Largest stride of an encoder, px, and side of the smallest image, network px, that tells its norms anything.
STRIDE, SMALLEST = 32, 64


@dataclass(frozen=True)
class SeenImage:
    """An image, and the network that is to find nuclei or cells in it.

    Attributes
    ----------
    network, settings
        Of the model; its batch norms may be folded into its convolutions.
    planes
        (C,Y,X) float32, the image, normalised.
    at
        Network px per image px, and what the network has said at it.
    diameter
        Of a typical object, px of the image.
    may_enlarge
        Whether the network may see the image enlarged, for finer borders: see `frugalseg.models.seeded_cells.copes`.
    may_adapt
        Whether batch norms may be adapted.
    usual_confidence
        Of the card: see `frugalseg.models.surer_sight`. None: the network sees every image alike.
    seen_anew
        Returns the image as another network sees it, inverted or not, at the scale that suits the cells which that one finds;
        None: at the same scale.
    unfolded
        The network with its batch norms; None: `network` has them.
    normalization
        How each channel was normalised; empty: nothing is known, and nothing is inverted.
    inverted, adapted
        Whether `planes` are inverted, and whether the network's batch norms know the image.
    """

    network: ObjectNetwork
    settings: LabelSettings
    planes: NDArray[np.float32]
    at: ImageScale
    diameter: float
    may_enlarge: bool = True
    usual_confidence: float | None = None
    seen_anew: Callable[[ObjectNetwork, bool], "SeenImage"] | None = None
    unfolded: ObjectNetwork | None = None
    normalization: tuple[Normalization, ...] = ()
    may_adapt: bool = True
    inverted: bool = False
    adapted: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X), px of the image."""
        return int(self.planes.shape[1]), int(self.planes.shape[2])

    def enlarged(self) -> Self | None:
        """Return the image seen larger, by the usual zoom of training.

        None: it may not be; or the network sees one orientation or one scale only, and can't tell whether it copes; or the
        image is too large for it.
        """
        settings = self.settings
        if not self.may_enlarge or settings.orientations == 1 or not settings.zoom:
            return None
        scale = self.at.scale * math.exp(settings.zoom)
        if math.prod(scaled_shape(self.shape, scale)) > LARGEST_AT_MODEL_SCALE:
            return None
        return replace(self, at=ImageScale(scale))

    def with_adapted_norms(self) -> "SeenImage | None":
        """Return the image seen by a network whose batch norms know it.

        None: they may not, or it is too small to tell them anything.
        """
        shape = scaled_shape(self.shape, self.at.scale)
        if not self.may_adapt or min(shape) < SMALLEST:
            return None
        # of other sizes the network pads the image, and would count the padding
        rows, columns = (side // STRIDE * STRIDE for side in shape)
        small = np.ascontiguousarray(resize_planes(self.planes, shape)[:, :rows, :columns])
        network = adapt_norms(self.unfolded or self.network, small, SHARE)
        if self.seen_anew is not None:
            return replace(self.seen_anew(network, self.inverted), adapted=True)
        return replace(self, network=network, unfolded=None, at=ImageScale(self.at.scale), adapted=True)

    def with_inverted_contrast(self) -> "SeenImage | None":
        """Return the image with bright for dark and dark for bright; None of fluorescence, where a stain is bright by nature."""
        if all(way == "log" for way in self.normalization):
            return None
        if self.seen_anew is not None:
            return self.seen_anew(self.unfolded or self.network, not self.inverted)
        planes = inverted_planes(self.planes, self.normalization)
        return replace(self, planes=planes, at=ImageScale(self.at.scale), inverted=not self.inverted)


def seen_by(
    card: ObjectCard,
    network: ObjectNetwork,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    at: ImageScale,
) -> SeenImage:
    """Return an image as a model sees it, by its card; all else as of `SeenImage`."""
    diameter, usual = card.diameter_at(at.scale), card.usual_confidence
    seen = SeenImage(network, settings, planes, at, diameter, card.copes_with_finer, usual)
    return replace(seen, normalization=normalization_of(card), may_adapt=card.self_trained)


def see_image(
    card: ObjectCard,
    network: ObjectNetwork,
    settings: LabelSettings,
    image: Any,
    owner: str,
    pixel_size: tuple[float, float] | None = None,
    diameter: float | None = None,
    cues: ImageCues | None = None,
    at: ImageScale | None = None,
    inverted: bool = False,
) -> SeenImage:
    """Return an image (Y,X) or (C,Y,X) as a model sees it, at the scale that suits it: see `image_scale`.

    How much the logarithm of fluorescence is smoothed, and how light is told from cells, depends on the size of cells, so grey values are
    normalised again where they turn out to be of another size than was known before.

    Parameters
    ----------
    card, network, settings
        Of the model.
    image, owner
        Grey values, and what messages call the image.
    pixel_size, diameter, cues
        As of `image_scale`.
    at
        What `image_scale` has found for this image before.
    inverted
        Whether the model is to see label-free channels inverted.
    """
    start = scale_by_sizes(card, pixel_size, known_diameter(diameter, cues))

    def normalized(scale: float) -> NDArray[np.float32]:
        planes = model_planes(card, image, owner, scale)
        return inverted_planes(planes, normalization_of(card)) if inverted else planes

    planes = normalized(start)
    folded = fold_norms(network)  # once for all that it is asked
    at = at or image_scale(folded, card, settings, planes, pixel_size, diameter, cues)
    if at.scale != start and set(normalization_of(card)) != {"zscore"}:
        planes, at = normalized(at.scale), ImageScale(at.scale)

    def anew(other: ObjectNetwork, invert: bool) -> SeenImage:
        known = pixel_size, diameter, cues
        return see_image(card, other, settings, image, owner, *known, inverted=invert)

    seen = seen_by(card, folded, settings, planes, at)
    return replace(seen, unfolded=network, seen_anew=anew, inverted=inverted)


def see_planes(
    card: ObjectCard,
    network: ObjectNetwork,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    pixel_size: tuple[float, float] | None = None,
) -> SeenImage:
    """Return an image (C,Y,X) that is normalised already as a model sees it; all else as of `see_image`."""

    def anew(other: ObjectNetwork, invert: bool) -> SeenImage:
        now = inverted_planes(planes, normalization_of(card)) if invert else planes
        return replace(see_planes(card, other, settings, now, pixel_size), seen_anew=anew, inverted=invert)

    folded = fold_norms(network)
    seen = seen_by(card, folded, settings, planes, image_scale(folded, card, settings, planes, pixel_size))
    return replace(seen, unfolded=network, seen_anew=anew)
