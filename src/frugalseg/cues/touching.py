"""Split nuclei that touch without a gap in the stain, at the waist of their common outline."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from frugalseg.cues.component_tree import ellipticity

Mask = NDArray[np.bool_]

#: Outlines this close to an ellipse are one nucleus.
ONE_ELLIPSE = 0.975
#: A waist narrower than this share of the thinner half's width separates two nuclei.
WAIST = 0.93
#: Smallest diameter of a half, as a share of the typical nucleus.
SMALLEST = 0.4


def split_touching(mask: Mask, diameter: float) -> NDArray[np.int32]:
    """Split one outline into the nuclei it is made of; a lone nucleus stays whole.

    Parameters
    ----------
    mask
        (Y, X), one component, with a margin of background where the image allows.
    diameter
        Diameter of a typical nucleus in px.

    Returns
    -------
    (Y, X) int32
        Nuclei numbered from 1, 0 outside the mask.

    Notes
    -----
    Centres are maxima of the distance to the outline with a waist between them; the line between them is that of a
    watershed on this distance. The split is kept when the halves are closer to ellipses than the whole.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:40, :60]
    >>> pair = ((y - 20) ** 2 + (x - 20) ** 2 < 100) | ((y - 20) ** 2 + (x - 38) ** 2 < 100)
    >>> int(split_touching(pair, diameter=20).max())
    2
    """
    whole = mask.astype(np.int32)
    before = float(_ellipticities(whole)[0])
    if before >= ONE_ELLIPSE:
        return whole
    # padded with its own edge, because the image's edge is no outline
    padded = np.pad(mask, 1, mode="edge").astype(np.uint8)
    raw = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    distance = np.asarray(cv2.GaussianBlur(raw, (0, 0), max(0.05 * diameter, 0.5)), np.float32)
    centres = _centres(distance, mask, diameter)
    if len(centres) < 2:
        return whole
    seeds = np.zeros(mask.shape, np.int32)
    seeds[centres[:, 0], centres[:, 1]] = np.arange(1, len(centres) + 1)
    parts = np.asarray(watershed(-distance, seeds, mask=mask), np.int32)
    area = np.bincount(parts[mask], minlength=len(centres) + 1)[1:]
    after = float(np.average(_ellipticities(parts), weights=area))
    big_enough = area.min() >= np.pi / 4 * (SMALLEST * diameter) ** 2
    return parts if big_enough and after > before + 0.25 * (1 - before) else whole


def lowest_between(values: NDArray[np.float32], a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return the lowest of the values (Y, X) along the straight line between two pixels (2,)."""
    n = int(np.abs(a - b).max()) + 1
    y, x = (np.rint(np.linspace(a[i], b[i], n)).astype(int) for i in (0, 1))
    return float(values[y, x].min())


def _centres(distance: NDArray[np.float32], mask: Mask, diameter: float) -> NDArray[np.int64]:
    """Return the maxima (n, 2) of the distance map, highest first, each with a waist before all higher ones."""
    size = 2 * max(round(0.15 * diameter), 1) + 1
    top = cv2.dilate(distance, np.ones((size, size), np.uint8))
    peaks = np.argwhere((distance == top) & mask & (distance > 0.15 * diameter))
    peaks = peaks[np.argsort(-distance[peaks[:, 0], peaks[:, 1]], kind="stable")]
    kept: list[NDArray[np.int64]] = []
    for peak in peaks:
        width = float(distance[peak[0], peak[1]])
        if all(lowest_between(distance, peak, other) < WAIST * width for other in kept):
            kept.append(peak)
    return np.array(kept, np.int64).reshape(-1, 2)


def _ellipticities(parts: NDArray[np.int32]) -> NDArray[np.float64]:
    y, x = np.nonzero(parts)
    index = parts[y, x] - 1
    area = np.bincount(index).astype(float)
    cy, cx = np.bincount(index, y) / area, np.bincount(index, x) / area
    return ellipticity(y - cy[index], x - cx[index], index, area)
