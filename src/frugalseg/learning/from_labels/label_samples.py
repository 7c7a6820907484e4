"""Training samples of labelled fields."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_labels, resize_planes, scaled_shape
from frugalseg.instances.maps import PEAK, distance_target
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.splits import Part
from frugalseg.networks.object_net import Target


def label_sample(
    name: str,
    planes: NDArray[np.float32],
    labels: NDArray[np.integer[Any]],
    target: Target,
    scale: float,
    part: Part | None = None,
) -> CropSample:
    """Return the sample of one field, or of a part of it.

    Parameters
    ----------
    name
        Of the field, for messages.
    planes : (C,Y,X) float32
        z-scored, at the scale of the image.
    labels : (Y,X) integers
        0 background, negative: not annotated.
    target
        Decides the maps to learn: the mask of nuclei; or distance (0..1) and mask of cells.
    scale
        Model scale: network px per image px.
    part
        Part of the field; None: all of it. Where a cell crosses the edge of the part, that edge is no boundary of the cell.

    Returns
    -------
    CropSample
        With targets (1,y,x) for nuclei and (2,y,x) for cells.
    """
    shape = scaled_shape((int(planes.shape[1]), int(planes.shape[2])), scale)
    area = (slice(None), slice(None)) if part is None else part.area(shape)
    small = np.ascontiguousarray(resize_labels(labels, shape)[area])
    mask = (small > 0).astype(np.float32)
    targets = (
        mask[None] if target == "nuclei" else np.stack([distance_target(small) / np.float32(PEAK), mask])
    )
    inputs = np.ascontiguousarray(resize_planes(planes, shape)[:, *area])
    return CropSample(name, inputs, targets.astype(np.float32), small >= 0)
