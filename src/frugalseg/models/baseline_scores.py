"""Scores of classical methods from the same cues, to compare a network with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.baselines import BASELINES
from frugalseg.evaluation.scores import Scores, score_labels
from frugalseg.images.geodesic import cost_image
from frugalseg.images.resize import resize_labels, resize_planes, resize_points, scaled_shape
from frugalseg.instances.clean import clean_labels
from frugalseg.models.image_cues import ImageCues


def score_baselines(truth: NDArray[Any], cues: ImageCues) -> dict[str, Scores]:
    """Score the classical methods from an image's markers and foreground, with labels cleaned as a model's.

    They work at the model scale on the square root of the first channel's grey values, of which the network's marker
    channel is made as well. That serves them better than the network's flattened input
    (``experiments/baseline_pixels.py``).

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
    shape = scaled_shape(cues.shape, cues.factor)
    pixels = cost_image(resize_planes(cues.planes[:1], shape)[0])
    points = resize_points(cues.markers.points, cues.shape, shape)
    foreground = resize_labels(cues.foreground.mask, shape)
    scores = {}
    for name, method in BASELINES.items():
        small: NDArray[np.uint32] = method(pixels, points, foreground)
        labels = clean_labels(resize_labels(small, cues.shape), cues.markers.points)
        scores[name] = score_labels(truth, labels, cues.markers.points)
    return scores
