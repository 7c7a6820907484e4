"""Find the foreground of fluorescence images, where cells are brighter than the background."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from frugalseg.cues.graph_cut import graph_cut
from frugalseg.cues.scaled_plane import ScaledPlane
from frugalseg.images.normalize import Plane, blur, log_level
from frugalseg.images.resize import resize_planes

#: Statistics are taken up to this many cell diameters from the centres of nuclei, so that a nearly empty field does not
#: dominate.
NEIGHBOURHOOD = 1.5
#: Pixels within this many cell diameters of a point, or of a nucleus' outline, are certainly cell.
CERTAIN, RIM = 0.15, 0.08
#: What is wider than this many cell diameters is background: glow of bright cells, uneven offset.
BACKGROUND = 4.0
#: Light is even within a window of this many cell diameters.
EVEN = 5.0
#: The local level of cells is used where a window holds at least this share of the usual amount of certain pixels.
ENOUGH = 0.05


def intensity_foreground(scaled: ScaledPlane) -> tuple[NDArray[np.bool_], Plane]:
    """Threshold the logarithm, then cut grey values by a graph cut (paper B, "Binary mask").

    The threshold is Otsu's on the logarithm, because stain differs between cells by factors. It is computed near the
    markers, and is never so high that it removes more than a tenth of the pixels that certainly are cell: where
    nearly everything is cell, Otsu would split the cells themselves.

    Where the areas of nuclei are known, they are certain cell, and light may be uneven: the local background is
    subtracted, and the threshold follows the local level of nuclei and their rims.

    Parameters
    ----------
    scaled : ScaledPlane
        Cells bright.

    Returns
    -------
    mask : (Y,X) bool
    log_odds : (Y,X) float32
        Evidence for "cell", in -4..4.
    """
    diameter, distance = scaled.diameter, scaled.distance
    plane = subtract_local_background(scaled.plane, diameter) if scaled.areas else scaled.plane
    level = log_level(plane, diameter)
    certain = distance < (RIM if scaled.areas else CERTAIN) * diameter
    near = level[certain | (distance < NEIGHBOURHOOD * diameter - scaled.radius)]
    threshold = min(float(threshold_otsu(near)), float(np.quantile(level[certain], 0.1)))
    above, below = near[near > threshold], near[near <= threshold]
    gap = float(above.mean() - below.mean()) if above.size and below.size else 1.0
    limit = threshold + (local_shift(level, certain, EVEN * diameter) if scaled.areas else 0.0)
    odds = np.clip(8.0 * (level - limit) / max(gap, 1e-6), -4.0, 4.0)
    log_odds: Plane = np.where(scaled.nuclei, 4.0, odds).astype(np.float32)
    return graph_cut(log_odds, 1.0, level) | scaled.nuclei, log_odds


def subtract_local_background(plane: Plane, diameter: float) -> Plane:
    """Return the plane (Y,X) without what an opening of `BACKGROUND` cell diameters leaves, found on a smaller copy."""
    step = max(1, round(diameter / 10))
    shape = (max(1, round(plane.shape[0] / step)), max(1, round(plane.shape[1] / step)))
    small = resize_planes(blur(plane, 0.1 * diameter)[None], shape)[0]
    width = BACKGROUND * diameter / step
    side = int(width) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    low = cv2.morphologyEx(small, cv2.MORPH_OPEN, disc, borderType=cv2.BORDER_REFLECT)
    rest: Plane = plane - resize_planes(blur(low, width / 3)[None], (plane.shape[0], plane.shape[1]))[0]
    return rest


def local_shift(level: Plane, certain: NDArray[np.bool_], sigma: float) -> Plane:
    """Return how much brighter (Y,X) cells are here than on average, by a Gaussian window over pixels that certainly are cell.

    It is 0 where the window holds too few of them.
    """
    weight = certain.astype(np.float32)
    amount = blur(weight, sigma)
    local = blur(level * weight, sigma) / np.maximum(amount, 1e-6)
    known = amount > ENOUGH * max(float(weight.mean()), 1e-6)
    return np.where(known, local - float(level[certain].mean()), 0.0).astype(np.float32)
