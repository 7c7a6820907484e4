"""What a student learns from in a further round: the cells that it finds itself, where they can be trusted."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_labels
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.from_labels.label_samples import label_sample
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seeded_cells import cells_at, seeded_cells
from frugalseg.models.student_images import StudentImage
from frugalseg.models.student_start import Student
from frugalseg.networks.heads import MASK


def own_sample(student: Student, image: StudentImage) -> CropSample:
    """Return an image, normalised, with the cells that the student finds in it, corrected by the nuclei.

    Nothing is learned where network and teacher disagree on foreground, unless all orientations of the image say the
    same: without this anchor, faint parts of cells get lost from round to round; with the teacher's word against a
    network that is sure, its errors stay.
    """
    # in fluorescence the mask is matched to the teacher's area, at the network's scale and at no other
    find = cells_at if student.sees_fluorescence else seeded_cells
    seen = ImageScale(student.scale)
    own = find(student.network, student.learning, image.planes, image.nuclei, seen, student.diameter)
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
