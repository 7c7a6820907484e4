"""Training data of a model of nuclei or cells: labelled images, read once and kept, as they are few."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, FrugalsegError, InputError, WrongShape
from frugalseg.images.label_checks import check_objects
from frugalseg.images.resize import resize_labels, scaled_shape
from frugalseg.instances.boundary_distance import labels_beside_unknown
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.fingerprint import checksum_of
from frugalseg.learning.from_labels.label_samples import label_sample
from frugalseg.learning.splits import Part, Split, split_fields
from frugalseg.models.inputs import (
    Labels,
    as_partners,
    as_sequence,
    check_image,
    check_label_map,
    names_of,
    owner_of,
)
from frugalseg.models.model_parts import ImagePart, parts_of
from frugalseg.models.model_scale import normalization_of, normalized_planes, scale_for_objects, zscored_image
from frugalseg.models.model_settings import ObjectModelSettings
from frugalseg.models.training_options import OnError
from frugalseg.networks.cards import Normalization, ObjectCard, StainCard
from frugalseg.networks.object_net import Target


@dataclass(frozen=True)
class LabelledImage:
    """One image with its labels at its own scale.

    Attributes
    ----------
    name
        The image's.
    index
        Its number among all images.
    planes
        (C,Y,X) float32, normalised as the network sees them.
    labels
        (Y,X) integers, 0 background; negative: not annotated.
    checksum
        Of grey values and labels.
    doubts
        Why they may not be what they should, one sentence each.
    """

    name: str
    index: int
    planes: NDArray[np.float32]
    labels: Labels
    checksum: int
    doubts: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.labels.shape[0]), int(self.labels.shape[1])


@dataclass(frozen=True)
class ObjectDataset:
    """What a model of nuclei or cells learns from.

    Attributes
    ----------
    target
        What the labels are.
    images
        All that can be used.
    diameter
        Of a typical object, px of the images.
    scale
        Network px per image px.
    split
        Training and validation set; a part's field is a place in `images`.
    """

    target: Target
    images: tuple[LabelledImage, ...]
    diameter: float
    scale: float
    split: Split

    @property
    def parts(self) -> tuple[ImagePart, ...]:
        """The split as the model keeps it."""
        return parts_of(
            self.split,
            [one.name for one in self.images],
            [one.index for one in self.images],
            [one.shape for one in self.images],
            [one.checksum for one in self.images],
        )

    def samples(self) -> tuple[list[CropSample], list[tuple[CropSample, NDArray[np.integer[Any]]]]]:
        """Return the training set, and the validation set with its labels, at the network's scale."""
        return [self._sample(part)[0] for part in self.split.train], [
            self._sample(part) for part in self.split.held_out
        ]

    def _sample(self, part: Part) -> tuple[CropSample, NDArray[np.integer[Any]]]:
        one = self.images[part.field]
        sample = label_sample(part.name(one.name), one.planes, one.labels, self.target, self.scale, part)
        shape = scaled_shape(one.shape, self.scale)
        return sample, resize_labels(one.labels, shape)[part.area(shape)]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why labels may not be what they should, one sentence each."""
        return tuple(doubt for one in self.images for doubt in one.doubts)

    def line(self) -> str:
        """Return one line on what is about to be learned."""
        held_out = ", ".join(part.name for part in self.parts if part.role == "held out") or "nothing"
        bare = sum(not one.labels.any() for one in self.images)
        without = f" ({bare} without any, learned as background)" if bare else ""
        return (
            f"{len(self.images)} labelled fields with {self.target} of {self.diameter:.0f} px{without}, held out: {held_out}; "
            f"network px per image px {self.scale:.2f}"
        )


def read_labelled_images(
    images: Any,
    labels: Any,
    target: Target,
    names: Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    on_error: OnError | None = None,
    card: StainCard | ObjectCard | None = None,
    diameter: float | None = None,
) -> tuple[LabelledImage, ...]:
    """Check and keep every labelled image.

    Parameters
    ----------
    images, labels
        One array each, or sequences of the same length.
    target
        What the labels are, for messages.
    names, channels
        Of the images and their channels.
    on_error
        Called for images that can't be used, which are then left out; None: the first one is an error.
    card
        Of a model that sees the images as it always does, if they have as many channels; None: grey values are z-scored.
    diameter
        Of a typical object, px, for the logarithm of grey values; None: of the labelled objects.

    Raises
    ------
    InputError
        An image can't be used, or with `on_error` none can; or there is no label at all.
    """
    sequence, drawn = as_sequence(images), as_partners(labels, "labels", images)
    named = names_of(images, names)
    kept, errors = list[LabelledImage](), list[FrugalsegError]()
    for index in range(len(sequence)):
        owner = owner_of(index, images, names)
        try:
            one = labelled_image(sequence[index], drawn[index], named[index], index, owner, channels)
            if kept and len(one.planes) != len(kept[0].planes):
                raise WrongShape(
                    f"{owner} has {len(one.planes)} channels and {owner_of(kept[0].index, images, names)} "
                    f"{len(kept[0].planes)}; all images must have the same channels"
                )
        except FrugalsegError as error:
            if on_error is None:
                raise
            errors.append(error)
            on_error(index, error)
            continue
        kept.append(one)
    if not kept:
        raise errors[0]
    if not any((one.labels > 0).any() for one in kept):
        raise InputError(f"there is no object in `labels`; outline some {target} first")
    how = normalization_of(card)
    if set(how) <= {"zscore"} or len(how) != len(kept[0].planes):
        return tuple(kept)
    size = diameter or typical_diameter([one.labels for one in kept])
    return tuple(_normalized_anew(one, sequence[one.index], how, size) for one in kept)


def _normalized_anew(
    one: LabelledImage, image: Any, normalization: Sequence[Normalization], diameter: float
) -> LabelledImage:
    """Return a z-scored image normalised in another way, for which the size of objects had to be known first."""
    planes = check_image(image, one.name)
    return replace(one, planes=normalized_planes(planes, normalization, diameter, (), one.name))


def labelled_image(
    image: Any, labels: Any, name: str, index: int, owner: str, channels: Sequence[str] | None
) -> LabelledImage:
    """Return one checked image, z-scored, with its labels; `owner` is what messages call it."""
    planes = zscored_image(image, channels, owner)
    kept = check_label_map(labels, "labels", (int(planes.shape[1]), int(planes.shape[2])), owner)
    what = f"{owner}: `labels`"
    if not (kept >= 0).any():
        raise BadPixels(f"{what}: nothing is annotated (every label is negative); leave the image out")
    return LabelledImage(name, index, planes, kept, checksum_of(planes, kept), check_objects(kept, what))


def build_object_dataset(
    images: tuple[LabelledImage, ...],
    target: Target,
    settings: ObjectModelSettings,
    start: StainCard | ObjectCard | None,
    scale: float | None = None,
) -> ObjectDataset:
    """Choose the network's scale, training set and validation set; only parts with labels are held out.

    Parameters
    ----------
    images
        From `read_labelled_images`.
    target
        What the labels are.
    settings
        Scale, seed, whether something is held out.
    start
        Of the model that training starts from.
    scale
        Network px per image px where the settings name none; None: by the size of the objects.
    """
    diameter = typical_diameter([one.labels for one in images])
    scale = settings.scale or scale or scale_for_objects(target, diameter, start)
    shapes, filled = [one.shape for one in images], [one.labels > 0 for one in images]
    split = split_fields(shapes, settings.seed, settings.hold_out, filled)
    return ObjectDataset(target, images, diameter, scale, split)


def typical_diameter(labels: Sequence[Labels]) -> float:
    """Return the median diameter of the labelled objects in px.

    Objects that lie beside what is not annotated may be cut, and count only if there are no others.
    """
    cut = [np.isin(np.unique(one[one > 0]), labels_beside_unknown(one)) for one in labels]
    sizes = [np.unique(one[one > 0], return_counts=True)[1] for one in labels]
    every, whole = np.concatenate(sizes), ~np.concatenate(cut)
    return float(np.sqrt(4 * np.median(every[whole] if whole.any() else every) / np.pi))
