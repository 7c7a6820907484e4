"""Rehearsal: while a model of cells is tuned to labels, it goes on learning what it found where nobody outlined anything.

Labels of one crop show few cells. A network that learns nothing else forgets the others, above all where the crop has no
example. What the start found, averaged over the orientations of the image, is a target like a label ("learning without
forgetting", Li and Hoiem 2016).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from frugalseg.errors import BadPixels, FrugalsegError
from frugalseg.images.resize import resize_labels, resize_planes
from frugalseg.learning.crop_batches import CropSample, Draw
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_labels.label_training import ObjectNetwork
from frugalseg.models.field_doubts import distance_from_learned
from frugalseg.models.inputs import as_sequence
from frugalseg.models.model_scale import in_contrast, model_planes, normalization_of
from frugalseg.models.object_dataset import ObjectDataset
from frugalseg.models.training_options import Log, OnError, say
from frugalseg.networks.cards import ObjectCard, StainCard
from frugalseg.prediction.whole_image import mean_maps, oriented_maps

#: So many images without labels at most are rehearsed, evenly spread over those that are given.
MOST_IMAGES = 16


def rehearsal_samples(
    network: ObjectNetwork,
    card: StainCard | ObjectCard | None,
    learning: LabelSettings,
    dataset: ObjectDataset,
    unlabelled: Any = None,
    log: Log | None = None,
    on_error: OnError | None = None,
    inverted: bool = False,
) -> list[CropSample]:
    """Return what a model finds where there are no labels, as training samples.

    Images that look unlike all that the model was learned from are left out: there it knows nothing to be kept.

    Parameters
    ----------
    network, card
        Of the start, before it is tuned; the device that the network is on computes.
    learning
        Share of rehearsal, orientations.
    dataset
        Labelled images, whose pixels that are not annotated count too, and the scale.
    unlabelled : (Y,X) or (C,Y,X), or a sequence of such arrays, optional
        Other images; read one by one.
    log, on_error
        Where `on_error` is given, images that can't be used are left out, and the log says which; it is of labelled images.
    inverted
        Whether the start learned from images of the other contrast, and its network was changed accordingly.

    Raises
    ------
    InputError
        An image can't be used, and there is no `on_error`.
    """
    if not (learning.rehearsed_crops and isinstance(card, ObjectCard)):
        return []
    network.eval()
    known, found = card.model_copy(update={"diameter": dataset.diameter}), list[CropSample]()
    for one in dataset.images:
        unknown = one.labels < 0
        if unknown.any() and not _looks_unlike(card, one.planes, dataset.scale, inverted):
            found.append(_sample(network, learning, one.name, one.planes, dataset.scale, unknown))
    others = () if unlabelled is None else as_sequence(unlabelled, "unlabelled")
    for index in np.unique(
        np.linspace(0, len(others) - 1, min(len(others), MOST_IMAGES)).round().astype(int)
    ):
        name = f"unlabelled[{index}]"
        try:
            planes = model_planes(known, others[int(index)], name)
        except FrugalsegError as error:
            if on_error is None:
                raise
            say(log, f"{name} is left out", (f"An image without labels is not rehearsed: {error}",))
            continue
        if not _looks_unlike(card, planes, dataset.scale, inverted):
            found.append(_sample(network, learning, name, planes, dataset.scale))
    try:
        _crops_of(found, learning, 0)
    except BadPixels:  # no image, or a few pixels that are not annotated: nothing to rehearse
        return []
    return found


def rehearsal_beside(
    labelled: Draw, n_labelled: int, rehearsed: Sequence[CropSample], learning: LabelSettings, seed: int
) -> Draw:
    """Return positions of crops of which the last of every step are of rehearsal.

    Parameters
    ----------
    labelled
        Positions of crops with labels.
    n_labelled
        Number of samples with labels; those of rehearsal are numbered on from there.
    rehearsed
        From `rehearsal_samples`.
    learning
        Crops, and how many of a step are of rehearsal.
    seed
        Of what is random.
    """
    other = _crops_of(rehearsed, learning, seed + 1)
    count = learning.rehearsed_crops

    def draw(step: int, crops: int) -> list[tuple[int, int, int]]:
        more = [(n_labelled + index, y, x) for index, y, x in other(step, count)]
        return [*labelled(step, crops - count), *more]

    return draw


def _crops_of(rehearsed: Sequence[CropSample], learning: LabelSettings, seed: int) -> CropSampler:
    masks = (
        np.ones(one.shape, np.float32) if one.valid is None else one.valid.astype(np.float32)
        for one in rehearsed
    )
    return CropSampler(masks, learning.crop, seed, threshold=0.5)


def _looks_unlike(card: ObjectCard, planes: NDArray[np.float32], scale: float, inverted: bool) -> bool:
    """Return whether an image (C,Y,X) looks, or looks inverted, unlike all that the start was learned from."""
    seen = in_contrast(planes, normalization_of(card), -1 if inverted else 1)
    distance = distance_from_learned(card, seen, scale)
    return distance is not None and distance > 1


def _sample(
    network: ObjectNetwork,
    learning: LabelSettings,
    name: str,
    planes: NDArray[np.float32],
    scale: float,
    unknown: NDArray[np.bool_] | None = None,
) -> CropSample:
    """Return the maps of an image at the network's scale as targets."""
    maps = mean_maps(oriented_maps(network, planes, scale, learning.orientations))
    shape = (int(maps.shape[1]), int(maps.shape[2]))
    targets = np.stack([maps[0].clip(0, 1), expit(maps[1])]).astype(np.float32)
    valid = None if unknown is None else resize_labels(unknown, shape)
    return CropSample(name, np.ascontiguousarray(resize_planes(planes, shape)), targets, valid)
