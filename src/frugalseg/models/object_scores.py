"""How well a model of nuclei or cells does on labelled images."""

from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import score_labels
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.model_parts import ImagePart, ObjectPartScore
from frugalseg.models.object_dataset import LabelledImage, ObjectDataset
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.prediction.whole_image import predict_objects


def score_part(
    network: ObjectNetwork,
    image: LabelledImage,
    part: ImagePart,
    scale: float,
    settings: LabelSettings,
    diameter: float,
) -> ObjectPartScore:
    """Find the objects of an image at its own scale, and score those in one part of it.

    Parameters
    ----------
    network
        In evaluation mode; the device it is on computes.
    image
        With its labels.
    part
        Of that image.
    scale
        Network px per image px.
    settings
        Target and h.
    diameter
        Of a typical object, px of the image.
    """
    labels, maps = predict_objects(network, image.planes, settings.target, scale, settings.h, diameter)
    truth, predicted = image.labels[part.area], labels[part.area]
    overlap = mask_iou((maps[-1][part.area] > 0) & (truth >= 0), truth > 0)
    planes = image.planes[:, *part.area]
    return ObjectPartScore(
        part.name, part.role, overlap, score_labels(truth, predicted), planes, truth, predicted
    )


def score_dataset(
    network: ObjectNetwork, dataset: ObjectDataset, settings: LabelSettings
) -> tuple[ObjectPartScore, ...]:
    """Score every part of a dataset, those held out first."""
    by_index = {one.index: one for one in dataset.images}
    return tuple(
        score_part(network, by_index[part.index], part, dataset.scale, settings, dataset.diameter)
        for part in dataset.parts
    )
