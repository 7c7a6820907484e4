"""Scores of classical methods from the same cues, to compare a network with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.baselines import BASELINES
from frugalseg.evaluation.scores import Scores, compare_labels
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.seeded_image import cells_at_image_scale, seeded_image

#: Name of propagation without the phase halo, which is scored for label-free images only.
TRIMMED = "propagation_trimmed"


def score_baselines(truth: NDArray[Any], cues: ImageCues) -> dict[str, Scores]:
    """Score the classical methods from an image's nuclei and foreground, with labels cleaned as a model's.

    They start from the areas of nuclei where these are known, else from points. They work at the model scale on the
    square root of the first channel's grey values, of which the network's marker channel is made as well. That serves
    them better than the network's flattened input (``experiments/baseline_pixels.py``). In label-free images,
    propagation is also scored with the phase halo trimmed, as networks trim it.

    Parameters
    ----------
    truth : (Y,X) integers
        True cells; negative: not annotated.
    cues : ImageCues
        From `frugalseg.find_cues`.

    Returns
    -------
    dict
        Name of the method -> its scores.
    """
    points = cues.markers.points
    return {name: compare_labels(truth, cells, points) for name, cells in baseline_cells(cues).items()}


def baseline_cells(cues: ImageCues) -> dict[str, NDArray[np.uint32]]:
    """Return the cells (Y,X) uint32 that `score_baselines` scores, by the name of the method."""
    image = seeded_image(cues)
    cells = {name: method(image.pixels, image.seeds, image.foreground) for name, method in BASELINES.items()}
    if cues.modalities[0] == "label-free" and "propagation" in cells:
        cells[TRIMMED] = image.without_halo(cells["propagation"])
    return {name: cells_at_image_scale(small, cues) for name, small in cells.items()}
