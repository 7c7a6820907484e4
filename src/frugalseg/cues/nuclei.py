"""Nuclei of any brightness as a label map: level tree, what the population says, and touching ones cut apart."""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from frugalseg.cues.background import noise_of
from frugalseg.cues.component_tree import Contours, build_component_tree, choose, component_levels, paint
from frugalseg.cues.population import least_stain, weighted_quantile
from frugalseg.cues.touching import split_touching

Plane = NDArray[np.float32]
Labels = NDArray[np.int32]

#: Diameter in px to which larger nuclei are shrunk before they are looked for.
TARGET_DIAMETER = 24.0
#: A nucleus is this many times stronger than noise.
ABOVE_NOISE = 8.0


def estimate_nucleus_diameter(flat: Plane, grey_step: float = 0.0) -> float:
    """Diameter in px of the typical nucleus of an image with its background subtracted; nan when there is none.

    All contours compete with no size preferred; the answer is the median of those chosen, weighted by
    strength and diameter so that specks of debris do not count. Images above 2 megapixels are halved first, and
    looked at in full when the nuclei turn out to be small.
    """
    if flat.size > 2e6:
        half = np.asarray(cv2.resize(flat, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
        diameter = 2 * estimate_nucleus_diameter(half, grey_step / 2)
        if diameter > 16:
            return diameter
    smooth = np.asarray(cv2.GaussianBlur(flat, (0, 0), 1.0), np.float32)
    noise = noise_of(flat, smooth, 1.0, grey_step)
    tree = build_component_tree(smooth, component_levels(4 * noise, float(smooth.max()), 1.25))
    contours = choose(tree, None, min(flat.shape) / 2)
    contours = contours[contours.strength > ABOVE_NOISE * noise]
    if not len(contours):
        return float("nan")
    return weighted_quantile(contours.diameter, contours.strength * contours.diameter, 0.5)


def find_nuclei(
    flat: Plane, diameter: float, log_intensity: bool | Literal["auto"], grey_step: float = 0.0
) -> Labels:
    """Label map (Y, X) of the nuclei in ``flat``, an image (Y, X) with its background subtracted.

    ``diameter`` is that of a typical nucleus, px; ``log_intensity`` as in `frugalseg.cues.markers.find_markers`.
    """
    shrink = min(1.0, TARGET_DIAMETER / diameter)
    plane = shrunk(flat, shrink)
    working = diameter * shrink
    sigma = max(0.06 * working, 0.8)
    smooth = np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)
    noise = noise_of(plane, smooth, sigma, grey_step)
    thresholds = component_levels(4 * noise, float(smooth.max()))
    contours = choose(build_component_tree(smooth, thresholds), working, min(plane.shape) / 2)
    contours = contours[contours.strength > ABOVE_NOISE * noise]
    relative = contours.diameter / working
    typical = contours[(contours.ellipticity > 0.93) & (relative > 0.6) & (relative < 1.6)]
    least = least_stain(typical.strength, log_intensity)
    contours = contours[_stain(contours, working) >= least]
    labels = paint(smooth, contours)
    labels = _add_overlapped(labels, smooth, thresholds, working, noise, least)
    labels = _split_all(labels, working)
    if shrink < 1:
        size = flat.shape[::-1]
        labels = cv2.resize(labels.astype(np.float32), size, interpolation=cv2.INTER_NEAREST).astype(np.int32)
    return np.asarray(labels, np.int32)


def _stain(contours: Contours, diameter: float) -> NDArray[np.float64]:
    """How much stain a nucleus holds: strength, less for the small ones that lie whole in the image."""
    share = np.where(contours.cut, 1, np.minimum(contours.diameter / diameter, 1) ** 2)
    return np.asarray(contours.strength * share)


def _add_overlapped(
    labels: Labels, smooth: Plane, thresholds: list[float], diameter: float, noise: float, least: float
) -> Labels:
    """Nuclei that are dimmer than one they overlap have no contour of their own: look again without the found."""
    if not labels.any():
        return labels
    reach = 2 * max(round(0.1 * diameter), 1) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    hidden = cv2.dilate((labels > 0).astype(np.uint8), kernel).astype(bool)
    contours = choose(build_component_tree(smooth, thresholds, hidden), diameter, 2 * diameter)
    relative = contours.diameter / diameter
    sure = (contours.ellipticity > 0.92) & (relative > 0.5) & (contours.strength > 2 * ABOVE_NOISE * noise)
    contours = contours[sure & (_stain(contours, diameter) >= least)]
    more = paint(np.where(hidden, np.float32(-np.inf), smooth), contours)
    return np.where(more > 0, more + labels.max(), labels).astype(np.int32)


def _split_all(labels: Labels, diameter: float) -> Labels:
    """Cut every label that is several touching nuclei; new ones are numbered on."""
    out = labels.copy()
    last = int(labels.max(initial=0))
    for i, box in enumerate(ndi.find_objects(labels), start=1):
        if box is None:
            continue
        grown = tuple(slice(max(b.start - 2, 0), b.stop + 2) for b in box)
        parts = split_touching(labels[grown] == i, diameter)
        for k in range(2, int(parts.max()) + 1):
            last += 1
            out[grown][parts == k] = last
    return out


def shrunk(plane: Plane, factor: float) -> Plane:
    """The plane (Y, X) at ``factor`` <= 1 times its size, by area."""
    if factor >= 1:
        return plane
    size = tuple(max(round(s * factor), 8) for s in plane.shape[::-1])
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
