"""How well a model of nuclei or cells does on labelled images."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from frugalseg.errors import FrugalsegError
from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import compare_labels
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.model_parts import ImagePart, ObjectPartScore
from frugalseg.models.model_scale import check_channel_count
from frugalseg.models.object_dataset import LabelledImage, ObjectDataset, read_labelled_images
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.training_options import say
from frugalseg.models.unseeded_objects import unseeded_objects
from frugalseg.networks.cards import ObjectCard

#: Returns an image as a network sees it.
See = Callable[[LabelledImage], SeenImage]


def score_images(
    images: Any, labels: Any, card: ObjectCard, parts: Sequence[ImagePart], see: See
) -> Iterator[ObjectPartScore]:
    """Score a model on images: part by part where they are those that it was fitted to, and else as new images.

    Parameters
    ----------
    images, labels
        As of `frugalseg.ObjectModel.fit`.
    card
        The model's.
    parts
        What the model was fitted to; empty where that is not known.
    see
        How the network, in evaluation mode, sees an image.

    Raises
    ------
    InputError
        A new image can't be used, or none can.
    """
    errors = list[FrugalsegError]()

    def keep(_: int, error: FrugalsegError) -> None:
        errors.append(error)

    kept = read_labelled_images(images, labels, card.kind, None, card.channels, keep, card, card.diameter)
    for one in kept:
        check_channel_count(card, one.planes, one.name)
    checksums = {one.index: one.checksum for one in kept}
    if not parts or {part.index: part.checksum for part in parts} != checksums:
        parts = ()
        if errors:
            raise errors[0]
        say(None, "", tuple(doubt for one in kept for doubt in one.doubts))
    return score_parts(kept, parts, see)


def score_parts(
    images: Sequence[LabelledImage], parts: Sequence[ImagePart], see: See
) -> Iterator[ObjectPartScore]:
    """Find the objects of labelled images, and score them part by part.

    Parameters
    ----------
    images
        Labelled images; those that no part belongs to are left out.
    parts
        What is scored; every image as a whole where there are none.
    see
        How the network, in evaluation mode, sees an image.
    """
    by_index = {one.index: one for one in images}
    whole = (slice(None), slice(None))
    for part in parts or [ImagePart(one.name, "new", one.index, whole) for one in images]:
        image, area = by_index[part.index], part.area
        found = unseeded_objects(see(image))
        truth, predicted = image.labels[area], found.labels[area]
        overlap = mask_iou((found.maps[-1][area] > 0) & (truth >= 0), truth > 0)
        scores = compare_labels(truth, predicted)
        yield ObjectPartScore(part.name, part.role, overlap, scores, image.planes[:, *area], truth, predicted)


def score_dataset(
    network: ObjectNetwork, dataset: ObjectDataset, settings: LabelSettings
) -> tuple[ObjectPartScore, ...]:
    """Score a network on every part of its training data, at the scale of training; see `score_parts`."""
    network.eval()
    scale, diameter = ImageScale(dataset.scale), dataset.diameter

    def see(image: LabelledImage) -> SeenImage:
        return SeenImage(network, settings, image.planes, scale, diameter)

    return tuple(score_parts(dataset.images, dataset.parts, see))
