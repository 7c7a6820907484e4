"""Cells that a classical method finds from nuclei and foreground: what the first student learns from, in seconds."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from frugalseg.evaluation.baselines import propagation, watershed_intensity
from frugalseg.images.normalize import log_level
from frugalseg.learning.from_markers.marker_settings import TARGET_DIAMETER
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.seeded_image import SeededImage, cells_at_image_scale, seeded_image

#: Nuclei are brighter than the outer cytoplasm where their log level is higher by this much. Measured: 0.58 to 0.71 where
#: the stain shines through nuclei (neurons), below 0.33 elsewhere.
BRIGHTER = 0.45
#: The outer cytoplasm begins this many px from the nucleus, at the model scale.
OUTER = 4.0


def teacher_cells(cues: ImageCues) -> NDArray[np.uint32]:
    """Return the cells (Y,X) uint32 that grow from the nuclei inside the foreground; the id is the marker's number, from 1.

    Propagation from the areas of the nuclei; in label-free images the phase halo is trimmed. Where nuclei are much brighter
    than the rest of the cell, the stain gets dimmer from the nucleus to the boundary, and a watershed on intensity
    finds the dark line between cells.

    Parameters
    ----------
    cues : ImageCues
        From `frugalseg.find_cues`.

    Examples
    --------
    >>> from frugalseg.models.image_cues import find_cues
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    >>> labels = teacher_cells(find_cues(cells.cytoplasm, cells.nuclear, diameter=30))
    >>> labels.dtype.name, labels.max()
    ('uint32', np.uint32(6))
    """
    image = seeded_image(cues)
    grow = watershed_intensity if stain_draws_borders(cues, image) else propagation
    labels = grow(image.pixels, image.seeds, image.foreground)
    label_free = cues.modalities[0] == "label-free"
    return cells_at_image_scale(image.without_halo(labels) if label_free else labels, cues)


def stain_draws_borders(cues: ImageCues, image: SeededImage | None = None) -> bool:
    """Return whether the stain dims from the nucleus outwards, so that a dark line lies between cells.

    Such a line is finer than what a network predicts at the model scale: there the teacher is better than its student.

    Parameters
    ----------
    cues : ImageCues
        From `frugalseg.find_cues`.
    image : SeededImage, optional
        Of these cues, where it is there already.
    """
    if cues.modalities[0] == "label-free":
        return False
    return nuclear_contrast(seeded_image(cues) if image is None else image) > BRIGHTER


def nuclear_contrast(image: SeededImage) -> float:
    """Return how much brighter nuclei are than the outer cytoplasm: median over cells of the difference of log levels.

    It is 0 where no cell has an outer cytoplasm.
    """
    if not image.seeds.any():
        return 0.0
    level = log_level(image.plane, TARGET_DIAMETER)
    distance, nearest = ndimage.distance_transform_edt(image.seeds == 0, return_indices=True)
    owner = image.seeds[tuple(nearest)].astype(np.int64)
    outer = np.where(image.foreground & (distance >= OUTER), owner, 0)
    ids = np.intersect1d(image.seeds[image.seeds > 0], outer[outer > 0])
    if not len(ids):
        return 0.0
    inside = np.asarray(ndimage.median(level, image.seeds.astype(np.int64), ids))
    return float(np.median(inside - np.asarray(ndimage.median(level, outer, ids))))
