"""An image and its nuclei at the model scale, as the classical methods take them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.geodesic import cost_image
from frugalseg.images.normalize import flatten
from frugalseg.images.resize import resize_labels, resize_planes, scaled_shape
from frugalseg.images.seeds import resize_seeds
from frugalseg.instances.clean import clean_labels
from frugalseg.instances.phase_halo import find_halo
from frugalseg.learning.from_markers.marker_settings import TARGET_DIAMETER
from frugalseg.models.image_cues import ImageCues


@dataclass(frozen=True)
class SeededImage:
    """The first channel of an image at the model scale, where cells are 30 px wide, and where its cells start.

    Attributes
    ----------
    plane
        (Y,X) float32, grey values.
    pixels
        (Y,X) float32, 0..1: root of the grey values.
    seeds
        (Y,X) uint32, nuclei or points; the label is the marker's number, from 1.
    foreground
        (Y,X) bool.
    """

    plane: NDArray[np.float32]
    pixels: NDArray[np.float32]
    seeds: NDArray[np.uint32]
    foreground: NDArray[np.bool_]

    def without_halo(self, labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return cells (Y,X) of a label-free image without the phase halo at their boundaries; seeds stay."""
        halo, _ = find_halo(labels, flatten(self.plane, TARGET_DIAMETER), labels > 0)
        return np.where(halo & (self.seeds == 0), 0, labels).astype(np.uint32)


def seeded_image(cues: ImageCues) -> SeededImage:
    """Return the image of the cues at the model scale, with seeds.

    Nuclei are seeds wherever they lie. A point outside of the foreground is none: it would be a cell of one pixel.
    """
    shape = scaled_shape(cues.shape, cues.factor)
    plane = resize_planes(cues.planes[:1], shape)[0]
    foreground = resize_labels(cues.foreground.mask, shape)
    seeds = resize_seeds(cues.markers.nuclei, cues.markers.points, cues.shape, shape)
    if cues.markers.nuclei is None:
        seeds = np.where(foreground, seeds, 0).astype(np.uint32)
    return SeededImage(plane, cost_image(plane), seeds, foreground)


def cells_at_image_scale(labels: NDArray[np.uint32], cues: ImageCues) -> NDArray[np.uint32]:
    """Return cells (Y,X) of the model scale at the image's, clean, each with the whole of its nucleus and of no other."""
    full = resize_labels(labels, cues.shape)
    nuclei = cues.markers.nuclei
    if nuclei is not None:
        full = np.where(nuclei > 0, nuclei, full).astype(np.uint32)
    return clean_labels(full, cues.markers.points)
