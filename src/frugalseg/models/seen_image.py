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
    in_contrast,
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
#: Contrast of an image that is seen with less: docs/decisions, 29.
LESS = 0.6
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
        Whether batch norms may be adapted, and the contrast lowered.
    usual_confidence
        Of the card: see `frugalseg.models.surer_sight`. None: the network sees every image alike.
    seen_anew
        Returns the image as another network sees it, in another contrast, at the scale that suits the cells which that one finds;
        None: at the same scale.
    unfolded
        The network with its batch norms; None: `network` has them.
    normalization
        How each channel was normalised; empty: nothing is known, and the contrast is not changed.
    contrast
        By what the grey values of `planes` without a stain were multiplied; below 0 they are inverted, bright for dark.
    adapted
        Whether the network's batch norms know the image.
    """

    network: ObjectNetwork
    settings: LabelSettings
    planes: NDArray[np.float32]
    at: ImageScale
    diameter: float
    may_enlarge: bool = True
    usual_confidence: float | None = None
    seen_anew: Callable[[ObjectNetwork, float], "SeenImage"] | None = None
    unfolded: ObjectNetwork | None = None
    normalization: tuple[Normalization, ...] = ()
    may_adapt: bool = True
    contrast: float = 1.0
    adapted: bool = False

    @property
    def inverted(self) -> bool:
        """Whether bright is seen for dark."""
        return self.contrast < 0

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
            return replace(self.seen_anew(network, self.contrast), adapted=True)
        return replace(self, network=network, unfolded=None, at=ImageScale(self.at.scale), adapted=True)

    def with_inverted_contrast(self) -> "SeenImage | None":
        """Return the image with bright for dark and dark for bright; None of fluorescence, where a stain is bright by nature."""
        return self._with_contrast(-1)

    def with_less_contrast(self) -> "SeenImage | None":
        """Return the image with grey values closer to their mean.

        None of fluorescence, whose logarithm is seen; and of a model that is not self-trained, for which it was not measured.

        How far z-scored cells differ from the background depends on what else is in the image: in one that is full of cells, or of
        which a dark corner was cut off, they differ more, and background and textures pass for cells.
        """
        return self._with_contrast(LESS) if self.may_adapt else None

    def _with_contrast(self, times: float) -> "SeenImage | None":
        if all(way == "log" for way in self.normalization):
            return None
        contrast = times * self.contrast
        if self.seen_anew is not None:
            return self.seen_anew(self.unfolded or self.network, contrast)
        planes = in_contrast(self.planes, self.normalization, times)
        return replace(self, planes=planes, at=ImageScale(self.at.scale), contrast=contrast)


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
    contrast: float = 1.0,
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
    contrast
        By what the normalised grey values of label-free channels are multiplied; below 0 the model sees them inverted.
    """
    start = scale_by_sizes(card, pixel_size, known_diameter(diameter, cues))

    def normalized(scale: float) -> NDArray[np.float32]:
        return in_contrast(model_planes(card, image, owner, scale), normalization_of(card), contrast)

    planes = normalized(start)
    folded = fold_norms(network)  # once for all that it is asked
    at = at or image_scale(folded, card, settings, planes, pixel_size, diameter, cues)
    if at.scale != start and set(normalization_of(card)) != {"zscore"}:
        planes, at = normalized(at.scale), ImageScale(at.scale)

    def anew(other: ObjectNetwork, contrast: float) -> SeenImage:
        known = pixel_size, diameter, cues
        return see_image(card, other, settings, image, owner, *known, contrast=contrast)

    seen = seen_by(card, folded, settings, planes, at)
    return replace(seen, unfolded=network, seen_anew=anew, contrast=contrast)


def see_planes(
    card: ObjectCard,
    network: ObjectNetwork,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    pixel_size: tuple[float, float] | None = None,
) -> SeenImage:
    """Return an image (C,Y,X) that is normalised already as a model sees it; all else as of `see_image`."""

    def anew(other: ObjectNetwork, contrast: float) -> SeenImage:
        now = in_contrast(planes, normalization_of(card), contrast)
        return replace(see_planes(card, other, settings, now, pixel_size), seen_anew=anew, contrast=contrast)

    folded = fold_norms(network)
    seen = seen_by(card, folded, settings, planes, image_scale(folded, card, settings, planes, pixel_size))
    return replace(seen, unfolded=network, seen_anew=anew)
