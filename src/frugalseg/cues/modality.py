"""Detect whether a plane shows fluorescence, or cells without a stain."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from frugalseg.cues.markers import Markers
from frugalseg.cues.scaled_plane import TARGET_DIAMETER
from frugalseg.images.light import even_light
from frugalseg.images.normalize import Modality, Plane, blur
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.images.seeds import resize_seeds

#: Above this, brightness and local contrast are correlated as in light that cells emit. Measured on 24 real and 12
#: synthetic fields: fluorescence 0.54 to 0.76, phase contrast and bright-field -0.15 to 0.33, but up to 0.57 where a
#: label-free field is all cells. There more grey values lie below their median than above.
CORRELATION = 0.45
#: A place near a nucleus is brighter than one far from all so often, and more, where the cells emit light: above what planes without a stain
#: reach even if they are inverted (`experiments/modality.py`).
BRIGHTER = 0.85


def detect_modality(
    plane: Plane, diameter: float, nuclei: NDArray[np.unsignedinteger] | None = None
) -> Modality:
    """Detect fluorescence or label-free microscopy from the plane itself.

    Where cells emit light, bright places vary more (photon noise and structure grow with the signal), and empty places
    are dark and smooth. In phase contrast, DIC and bright-field, grey values swing around the empty background. Where nuclei are known, so
    are places that certainly are cell; noise and a display's gamma hide what brightness does to contrast, and not that cells are brighter.

    Parameters
    ----------
    plane : (Y,X) float32
        Grey values.
    diameter : float
        Cell diameter, px.
    nuclei : (Y,X) integers, optional
        Above 0 in nuclei, or at a point of each.

    Returns
    -------
    {"fluorescent", "label-free"}

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((128, 128), seed=0)
    >>> [detect_modality(plane, 30) for plane in cells.planes(["cytoplasm", "phase"])]
    ['fluorescent', 'label-free']
    """
    # Where the light is brighter, contrast is higher too, with a stain or without.
    plane = even_light(plane, diameter)
    level = blur(plane, diameter / 10.0)
    power = blur((plane - level) ** 2, diameter / 6.0)
    contrast = np.log(power + 1e-6 * float(power.max()) + 1e-12)
    if float(level.std()) == 0.0 or float(contrast.std()) == 0.0:
        return "label-free"
    if nuclei is not None and brighter_near(plane, nuclei, diameter) > BRIGHTER:
        return "fluorescent"
    together = float(np.corrcoef(level.ravel(), contrast.ravel())[0, 1])
    low, middle, high = np.quantile(level, (0.05, 0.5, 0.95))
    return "fluorescent" if together > CORRELATION and high - middle > middle - low else "label-free"


def find_modalities(planes: NDArray[np.float32], markers: Markers, diameter: float) -> tuple[Modality, ...]:
    """Detect the modality of each channel of an image (C,Y,X) whose nuclei are known; `diameter` is that of a cell, px."""
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    small = scaled_shape(shape, TARGET_DIAMETER / diameter)
    nuclei = resize_seeds(markers.nuclei, markers.points, shape, small)
    return tuple(detect_modality(plane, TARGET_DIAMETER, nuclei) for plane in resize_planes(planes, small))


def brighter_near(plane: Plane, nuclei: NDArray[np.unsignedinteger], diameter: float) -> float:
    """Return how often a place in or around a nucleus is brighter than one in the quarter of the plane that is farthest from all, 0..1.

    Parameters
    ----------
    plane : (Y,X) float32
        Grey values; they are smoothed.
    nuclei : (Y,X) integers
        Above 0 in nuclei. Without any, or where nuclei are everywhere, the answer is 0.5.
    diameter : float
        Cell diameter, px.

    Examples
    --------
    >>> nuclei = np.zeros((60, 60), np.uint32)
    >>> nuclei[10, 10] = 1
    >>> brighter_near(-np.hypot(*np.mgrid[-10:50, -10:50]).astype(np.float32), nuclei, 20.0)
    1.0
    """
    if not nuclei.any():
        return 0.5
    distance = ndimage.distance_transform_edt(nuclei == 0)
    near, far = distance <= diameter / 4, distance >= np.quantile(distance, 0.75)
    level = blur(plane, diameter / 10.0)
    return float(roc_auc_score(np.repeat([1, 0], [near.sum(), far.sum()]), np.r_[level[near], level[far]]))
