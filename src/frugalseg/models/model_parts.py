"""What a model learned from and what was held out, and how well it does on each part."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.scores import Scores
from frugalseg.learning.splits import Part, Split

Role = Literal["held out", "learned from", "new"]


@dataclass(frozen=True)
class ImagePart:
    """An image, or a part of it, as training used it.

    Attributes
    ----------
    name
        The image's, with the part's place where it is not the whole image.
    role
        "learned from"; "held out", which chose the weights; or "new".
    index
        Number of the image in the sequence that `fit` was given.
    area
        Rows and columns, px.
    checksum
        Of the image's labels or stain, so that another image is not taken for this one.
    """

    name: str
    role: Role
    index: int
    area: tuple[slice, slice]
    checksum: int = field(default=0, compare=False)


@dataclass(frozen=True)
class StainPartScore:
    """How well a stain model does on one part.

    Attributes
    ----------
    name, role
        Of the part, see `ImagePart`.
    pcc
        Pearson's correlation with the real stain's grey values (paper A, eq. 3); NaN where one of both is constant.
    pcc_learned
        The same on the scale of training, of the logarithm or the mask where one is learned.
    planes
        (C,Y,X) float32, what the network is given, z-scored.
    real, predicted
        (Y,X) float32, the stain on the scale of training: 0..1 for most pixels.
    """

    name: str
    role: Role
    pcc: float
    pcc_learned: float
    planes: NDArray[np.float32] = field(repr=False)
    real: NDArray[np.float32] = field(repr=False)
    predicted: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True)
class ObjectPartScore:
    """How well a model of nuclei or cells does on one part.

    Attributes
    ----------
    name, role
        Of the part, see `ImagePart`.
    mask_iou
        Overlap of all objects with all true ones (paper A, eq. 4), of the mask alone.
    scores
        Of the objects one by one.
    planes
        (C,Y,X) float32, what the network is given, z-scored.
    truth
        (Y,X) integers, the true labels; negative: not annotated.
    labels
        (Y,X) uint32, the predicted labels.
    """

    name: str
    role: Role
    mask_iou: float
    scores: Scores
    planes: NDArray[np.float32] = field(repr=False)
    truth: NDArray[np.int32] | NDArray[np.uint32] = field(repr=False)
    labels: NDArray[np.uint32] = field(repr=False)


def parts_of(
    split: Split, names: list[str], indices: list[int], shapes: list[tuple[int, int]], checksums: list[int]
) -> tuple[ImagePart, ...]:
    """Return the parts of a split, those held out first; the lists have an entry for each image that is used."""
    roles: list[tuple[Part, Role]] = [(part, "held out") for part in split.held_out]
    roles += [(part, "learned from") for part in split.train]
    return tuple(
        ImagePart(part.name(names[at]), role, indices[at], part.area(shapes[at]), checksums[at])
        for part, role in roles
        for at in (part.field,)
    )


def names_by_role(parts: tuple[ImagePart, ...], role: str) -> tuple[str, ...]:
    """Return the names of the parts of one role."""
    return tuple(part.name for part in parts if part.role == role)
