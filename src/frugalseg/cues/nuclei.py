"""Find nuclei of any brightness as a label map: component tree, dim nuclei left out, touching ones split."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from frugalseg.cues.background import estimate_noise
from frugalseg.cues.component_tree import (
    Contours,
    build_component_tree,
    choose_contours,
    component_levels,
    paint_contours,
)
from frugalseg.cues.population import least_stain, weighted_quantile
from frugalseg.cues.touching import split_touching
from frugalseg.images.resize import resize_labels

Plane = NDArray[np.float32]
Labels = NDArray[np.int32]

#: Largest diameter of a nucleus whose size is not known, in shorter sides of the image: a crop may hold one, cut by its edges.
LARGEST = 0.9
#: Diameter in px to which images of larger nuclei are shrunk.
TARGET_NUCLEUS_DIAMETER = 24.0
#: A nucleus is this many times stronger than noise.
ABOVE_NOISE = 8.0


def estimate_nucleus_diameter(flat: Plane, grey_step: float = 0.0) -> float:
    """Estimate the diameter in px of the typical nucleus of an image.

    All contours compete with no size preferred; the answer is the median of those chosen, weighted by strength and
    diameter so that specks hardly count. Images above 2 megapixels are halved first, and used in full when the nuclei
    turn out to be small.

    Parameters
    ----------
    flat
        (Y, X), its background subtracted.
    grey_step
        Smallest step between grey values.

    Returns
    -------
    float
        NaN when there is no nucleus.
    """
    if flat.size > 2e6:
        half = np.asarray(cv2.resize(flat, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
        diameter = 2 * estimate_nucleus_diameter(half, grey_step / 2)
        if diameter > 16:
            return diameter
    smooth = np.asarray(cv2.GaussianBlur(flat, (0, 0), 1.0), np.float32)
    noise = estimate_noise(flat, smooth, 1.0, grey_step)
    tree = build_component_tree(smooth, component_levels(4 * noise, float(smooth.max()), 1.25))
    contours = choose_contours(tree, None, LARGEST * min(flat.shape))
    contours = contours[contours.strength > ABOVE_NOISE * noise]
    if not len(contours):
        return float("nan")
    return weighted_quantile(contours.diameter, contours.strength * contours.diameter, 0.5)


def find_nuclei(
    flat: Plane, diameter: float, log_intensity: bool | Literal["auto"], grey_step: float = 0.0
) -> Labels:
    """Return the label map (Y, X) of the nuclei in an image.

    Parameters
    ----------
    flat
        (Y, X), its background subtracted.
    diameter
        Of a typical nucleus, px.
    log_intensity
        See `frugalseg.cues.markers.find_markers`.
    grey_step
        Smallest step between grey values.
    """
    factor = min(1.0, TARGET_NUCLEUS_DIAMETER / diameter)
    plane = shrink_plane(flat, factor)
    target = diameter * factor
    sigma = max(0.06 * target, 0.8)
    smooth = np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)
    noise = estimate_noise(plane, smooth, sigma, grey_step)
    thresholds = component_levels(4 * noise, float(smooth.max()))
    largest = max(LARGEST * min(plane.shape), 2 * target)
    contours = choose_contours(build_component_tree(smooth, thresholds), target, largest)
    contours = contours[contours.strength > ABOVE_NOISE * noise]
    relative = contours.diameter / target
    typical = contours[(contours.ellipticity > 0.93) & (relative > 0.6) & (relative < 1.6)]
    least = least_stain(typical.strength, log_intensity)
    contours = contours[_stain(contours, target) >= least]
    labels = paint_contours(smooth, contours)
    labels = _add_overlapped(labels, smooth, thresholds, target, noise, least)
    # what was filled is not above the threshold of its own contour; overlapped nuclei have none here
    own = np.concatenate(
        [[-np.inf], contours.threshold, np.full(int(labels.max(initial=0)) - len(contours), -np.inf)]
    )
    labels = _split_all(labels, target, smooth >= own[labels])
    if factor < 1:
        labels = resize_labels(labels, (int(flat.shape[0]), int(flat.shape[1])))
    return np.asarray(labels, np.int32)


def _stain(contours: Contours, diameter: float) -> NDArray[np.float64]:
    """Return how much stain nuclei hold: their strength, less for small ones that lie whole in the image."""
    share = np.where(contours.at_edge, 1, np.minimum(contours.diameter / diameter, 1) ** 2)
    return np.asarray(contours.strength * share)


def _add_overlapped(
    labels: Labels, smooth: Plane, thresholds: list[float], diameter: float, noise: float, least: float
) -> Labels:
    """Add nuclei that are dimmer than a nucleus they overlap, and so have no contour until that is hidden."""
    if not labels.any():
        return labels
    reach = 2 * max(round(0.1 * diameter), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    hidden = cv2.dilate((labels > 0).astype(np.uint8), kernel).astype(bool)
    contours = choose_contours(build_component_tree(smooth, thresholds, hidden), diameter, 2 * diameter)
    relative = contours.diameter / diameter
    sure = (contours.ellipticity > 0.92) & (relative > 0.5) & (contours.strength > 2 * ABOVE_NOISE * noise)
    contours = contours[sure & (_stain(contours, diameter) >= least)]
    more = paint_contours(np.where(hidden, np.float32(-np.inf), smooth), contours)
    return np.where(more > 0, more + labels.max(), labels).astype(np.int32)


def _split_all(labels: Labels, diameter: float, stained: NDArray[np.bool_]) -> Labels:
    """Split every label that is several touching nuclei; new nuclei get the next numbers.

    Holes were filled, as nuclei have dark spots inside. In a label of twice the area of a nucleus they may be gaps between nuclei that
    touch all around, so it is split as it is `stained` (Y,X), and each nucleus is filled by itself.
    """
    out = labels.copy()
    last = int(labels.max(initial=0))
    for i, box in enumerate(ndi.find_objects(labels), start=1):
        if box is None:
            continue
        grown = tuple(slice(max(b.start - 2, 0), b.stop + 2) for b in box)
        mask = labels[grown] == i
        gaps = mask & ~stained[grown]
        parts = split_touching(mask, diameter)
        if gaps.any() and mask.sum() > 2 * np.pi / 4 * diameter**2:
            apart = split_touching(mask & ~gaps, diameter)
            if apart.max() > parts.max():
                parts = _each_filled(apart)
                out[grown][mask & (parts == 0)] = 0
        for k in range(2, int(parts.max()) + 1):
            last += 1
            out[grown][parts == k] = last
    return out


def _each_filled(parts: Labels) -> Labels:
    """Return nuclei (Y,X) with their own holes filled; gaps between several stay."""
    filled = parts.copy()
    for k in range(1, int(parts.max()) + 1):
        filled[ndi.binary_fill_holes(parts == k) & (filled == 0)] = k
    return filled


def shrink_plane(plane: Plane, factor: float) -> Plane:
    """Return a plane (Y, X) resized by a factor of at most 1, averaging over areas."""
    if factor >= 1:
        return plane
    size = tuple(max(round(s * factor), 8) for s in plane.shape[::-1])
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
