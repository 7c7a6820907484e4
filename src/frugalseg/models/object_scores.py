"""How well a model of nuclei or cells does on labelled images."""

from collections.abc import Iterator, Sequence

from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import compare_labels
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.model_parts import ImagePart, ObjectPartScore
from frugalseg.models.object_dataset import LabelledImage, ObjectDataset
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.unseeded_objects import unseeded_objects


def score_parts(
    network: ObjectNetwork,
    images: Sequence[LabelledImage],
    parts: Sequence[ImagePart],
    scale: float,
    settings: LabelSettings,
    diameter: float,
) -> Iterator[ObjectPartScore]:
    """Find the objects of labelled images at their own scale, and score them part by part.

    Parameters
    ----------
    network
        In evaluation mode; the device it is on computes.
    images
        Labelled images; those that no part belongs to are left out.
    parts
        What is scored; every image as a whole where there are none.
    scale
        Network px per image px.
    settings
        Target and h.
    diameter
        Of a typical object, px of the images.
    """
    by_index = {one.index: one for one in images}
    whole = (slice(None), slice(None))
    for part in parts or [ImagePart(one.name, "new", one.index, whole) for one in images]:
        image, area = by_index[part.index], part.area
        found = unseeded_objects(SeenImage(network, settings, image.planes, ImageScale(scale), diameter))
        truth, predicted = image.labels[area], found.labels[area]
        overlap = mask_iou((found.maps[-1][area] > 0) & (truth >= 0), truth > 0)
        scores = compare_labels(truth, predicted)
        yield ObjectPartScore(part.name, part.role, overlap, scores, image.planes[:, *area], truth, predicted)


def score_dataset(
    network: ObjectNetwork, dataset: ObjectDataset, settings: LabelSettings
) -> tuple[ObjectPartScore, ...]:
    """Score a network on every part of its training data, see `score_parts`."""
    found = score_parts(
        network.eval(), dataset.images, dataset.parts, dataset.scale, settings, dataset.diameter
    )
    return tuple(found)
