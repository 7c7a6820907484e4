"""Find the foreground of fluorescence images, where cells are brighter than the background."""

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from frugalseg.cues.graph_cut import graph_cut
from frugalseg.images.normalize import log_level

Plane = NDArray[np.float32]

#: Statistics are taken up to this many cell diameters from the markers, so that a nearly empty field does not dominate.
NEIGHBOURHOOD = 1.5
#: Pixels within this many cell diameters of a marker are certainly cell.
CERTAIN = 0.15


def intensity_foreground(plane: Plane, distance: Plane, diameter: float) -> tuple[NDArray[np.bool_], Plane]:
    """Threshold the logarithm, then cut grey values by a graph cut (paper B, "Binary mask").

    The threshold is Otsu's on the logarithm, because stain differs between cells by factors. It is computed near the
    markers, and is never so high that it removes more than a tenth of the pixels that certainly are cell: where
    nearly everything is cell, Otsu would split the cells themselves.

    Parameters
    ----------
    plane : (Y,X) float32
        Grey values, cells bright.
    distance : (Y,X) float32
        Distance of each pixel to its nearest marker, px.
    diameter : float
        Cell diameter, px.

    Returns
    -------
    mask : (Y,X) bool
    log_odds : (Y,X) float32
        Evidence for "cell", in -4..4.
    """
    level = log_level(plane, diameter)
    near = level[distance < NEIGHBOURHOOD * diameter]
    threshold = float(threshold_otsu(near))
    certain = level[distance < CERTAIN * diameter]
    threshold = min(threshold, float(np.quantile(certain, 0.1)))
    above, below = near[near > threshold], near[near <= threshold]
    gap = float(above.mean() - below.mean()) if above.size and below.size else 1.0
    log_odds = np.clip(8.0 * (level - threshold) / max(gap, 1e-6), -4.0, 4.0)
    return graph_cut(log_odds, 1.0, level), log_odds.astype(np.float32)
