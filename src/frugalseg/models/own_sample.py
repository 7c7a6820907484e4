"""What a student learns from in a further round: the cells that it finds itself, where they can be trusted."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.freed_memory import give_back_freed_memory
from frugalseg.images.resize import resize_labels
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.from_labels.label_samples import label_sample
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seeded_cells import SeededCells, at_both_scales, better_of, copes
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.student_images import StudentImage
from frugalseg.models.student_start import Student
from frugalseg.networks.heads import MASK


class OwnSample(NamedTuple):
    """What a student learns from one image in a further round.

    Attributes
    ----------
    sample
        The image, normalised, and the cells to learn.
    labels
        (Y,X) uint32, the cells that the student finds at its usual scale, numbered like their nuclei.
    """

    sample: CropSample
    labels: NDArray[np.uint32]


def own_samples(student: Student, images: Sequence[StudentImage]) -> list[OwnSample]:
    """Return what a student is to learn from images: the cells that it finds in them, corrected by the nuclei.

    They are found in the images enlarged, where the orientations of an image agree as well on them, if the student copes
    with that in all images together.

    Nothing is learned where network and teacher disagree on foreground, unless all orientations of the image say the
    same: without this anchor, faint parts of cells get lost from round to round; with the teacher's word against a
    network that is sure, its errors stay.
    """
    usual, finer, areas = list[OwnSample](), list[OwnSample](), list[tuple[float, float]]()
    for one in images:
        at = ImageScale(student.scale)
        # in fluorescence the mask is matched to the teacher's area, at the network's scale and at no other
        larger = not student.sees_fluorescence
        seen = SeenImage(student.network, student.learning, one.planes, at, student.diameter, larger)
        own, enlarged = at_both_scales(seen, one.nuclei)
        usual.append(OwnSample(_own_sample(student, one, own), own.labels))
        better = better_of(own, enlarged)
        sample = usual[-1].sample if better is own else _own_sample(student, one, better)
        finer.append(OwnSample(sample, own.labels))
        areas.append((own.area, (enlarged or own).area))
        give_back_freed_memory()
    return finer if copes([one for one, _ in areas], [one for _, one in areas]) else usual


def _own_sample(student: Student, image: StudentImage, own: SeededCells) -> CropSample:
    sample = label_sample(image.name, image.planes, own.labels, "cells", student.scale)
    agree = resize_labels((own.labels > 0) == (image.cells > 0), sample.shape)
    sure = resize_labels(unanimous(own.maps), sample.shape)
    return CropSample(sample.name, sample.planes, sample.targets, agree | sure)


def unanimous(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Return where (Y,X) the maps (K,Y,X) of all orientations say cell, or all say background.

    Examples
    --------
    >>> maps = np.zeros((3, 2, 1, 3), np.float32)
    >>> maps[:, MASK] = [[[2, -1, 1]], [[1, -2, -1]], [[3, -1, 1]]]
    >>> unanimous(list(maps)).tolist()
    [[True, True, False]]
    """
    inside = np.stack([one[MASK] > 0 for one in maps])
    return np.asarray(inside.all(axis=0) | ~inside.any(axis=0))
