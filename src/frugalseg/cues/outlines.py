"""Draw the outline of every nucleus at full resolution, where its own stain falls off.

Finding nuclei and drawing them are two questions. `frugalseg.cues.nuclei` answers the first, at a smaller scale, with
contours that are wide enough not to break. Here each nucleus gets the contour a person would draw, between its own
surroundings and its own brightness, so neither a 100-fold spread of the stain between cells nor the glow of a bright
neighbour moves it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from frugalseg.cues.component_tree import CROSS, ellipticity, gradient_magnitude, shape_score
from frugalseg.errors import SettingsError, WrongShape

Plane = NDArray[np.float32]
Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]

#: Smoothing before levels are compared, px: the width of noise, and less than that of any optical blur.
SIGMA = 1.0
#: Shares of the way from the surroundings to the nucleus where the outline may be. Higher shares follow the bright
#: spots inside mouse nuclei (macrophages: with shares up to 0.85 one outline in twenty shrank to a third).
LEVELS = np.linspace(0.1, 0.6, 11)
#: Brightness of a nucleus: this percentile of its pixels, so that neither boundary nor nucleoli count.
BRIGHT = 75.0
#: How far a nucleus may grow, and where its surroundings end, in nucleus diameters.
GROWS, SURROUNDINGS = 0.15, 0.6
#: Share of the median area below which an object is too small: a diameter under 0.45 of the typical one.
LEAST_AREA = 0.2
#: Smallest outline, px.
MIN_AREA = 9


def outline_nuclei(flat: Plane, labels: NDArray[np.integer], level: float | None = None) -> Labels:
    """Redraw the outline of every nucleus at its own level.

    Parameters
    ----------
    flat
        (Y, X) float32, the nuclear stain with its background subtracted.
    labels
        (Y, X) integers, one id per nucleus, 0 elsewhere; rough outlines.
    level
        Where the outline lies between the nucleus' surroundings (0) and its own brightness (1); 0.5 is the half
        maximum. None: for each nucleus where its boundary is steepest and its shape most like an ellipse, of levels from
        0.1 to 0.6.

    Returns
    -------
    (Y, X) int32
        The same ids, each in one piece and without holes. A nucleus without any contour keeps its old outline.

    Raises
    ------
    WrongShape
        The two arrays differ in shape.
    SettingsError
        `level` is not between 0 and 1.

    Notes
    -----
    The edge of a blurred disk is where its slope is largest, which is also its half maximum where it is wide against the
    blur. The steepest contour needs no plateau: in nuclei out of focus, or with bright nucleoli, it stays at the edge.

    Examples
    --------
    >>> y, x = np.mgrid[:40, :40]
    >>> disk = ((y - 20) ** 2 + (x - 20) ** 2 < 100).astype(np.float32)
    >>> wide = ((y - 20) ** 2 + (x - 20) ** 2 < 169).astype(int)
    >>> drawn = outline_nuclei(disk, wide)
    >>> int(wide.sum()), int(disk.sum()), abs(int((drawn > 0).sum()) - int(disk.sum())) < 20
    (517, 305, True)
    """
    if flat.ndim != 2 or flat.shape != labels.shape:
        raise WrongShape(
            f"a stain of shape {flat.shape} does not fit `labels` of shape {labels.shape}; give the same (Y, X)"
        )
    if level is not None and not 0 < level < 1:
        raise SettingsError(f"`level` is {level}; give a number between 0 and 1, 0.5 is the half maximum")
    nuclei = labels.astype(np.int32)
    sizes = np.bincount(nuclei[nuclei > 0])
    if not sizes.any():
        return nuclei
    smooth = np.asarray(cv2.GaussianBlur(flat, (0, 0), SIGMA), np.float32)
    slope = gradient_magnitude(smooth)
    diameter = float(np.median(np.sqrt(4 * sizes[sizes > 0] / np.pi)))
    distance, nearest = ndi.distance_transform_edt(nuclei == 0, return_indices=True)
    around = np.where(distance <= SURROUNDINGS * diameter, nuclei[tuple(nearest)], 0)
    allowed = distance <= GROWS * diameter
    levels = LEVELS if level is None else np.array([level])
    drawn = np.zeros_like(nuclei)
    for number, box in enumerate(ndi.find_objects(around), start=1):
        if box is None or not sizes[number]:
            continue
        window = tuple(slice(max(side.start - 2, 0), side.stop + 2) for side in box)
        own = around[window] == number
        room = own & allowed[window]
        contour = _best_contour(
            smooth[window], slope[window], nuclei[window] == number, room, own & ~room, levels
        )
        drawn[window][contour] = number
    return drawn


def _best_contour(
    plane: Plane, slope: Plane, old: Mask, room: Mask, surroundings: Mask, levels: NDArray[np.float64]
) -> Mask:
    """Return the steepest contour of good shape within `room`, of all levels; the old one if there is none."""
    low = float(np.median(plane[surroundings])) if surroundings.sum() >= MIN_AREA else 0.0
    high = float(np.percentile(plane[old], BRIGHT))
    best, steepest = old, -1.0
    for level in levels:
        contour = _largest_piece((plane > low + level * (high - low)) & room)
        if int(contour.sum()) < MIN_AREA:
            continue
        steep = _steepness(contour, slope) * _roundness(contour)
        if steep > steepest:
            best, steepest = contour, steep
    return best


def _largest_piece(mask: Mask) -> Mask:
    """Return the largest component, its holes filled; nothing where there is none."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    if count < 2:
        return mask
    largest = pieces == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    # what can't be reached from outside is inside; many times faster than scipy's filling on such small windows
    open_ = cv2.copyMakeBorder((~largest).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, background = cv2.connectedComponents(open_, connectivity=8)
    return np.asarray(background[1:-1, 1:-1] != background[0, 0], bool)


def _roundness(contour: Mask) -> float:
    """Return the shape score of one contour, at least 0.001."""
    y, x = (axis.astype(np.float64) for axis in np.nonzero(contour))
    area = np.array([float(y.size)])
    shape = ellipticity(y - y.mean(), x - x.mean(), np.zeros(y.size, np.int32), area)
    return max(float(shape_score(shape)[0]), 1e-3)


def _steepness(contour: Mask, slope: Plane) -> float:
    """Return the mean slope along the boundary, over its inner and outer pixels; the image's edge is no boundary."""
    mask = contour.view(np.uint8)
    inner = contour & ~cv2.erode(mask, CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=1).astype(bool)
    outer = cv2.dilate(mask, CROSS).astype(bool) & ~contour
    if not inner.any() or not outer.any():
        return 0.0
    return float(slope[inner].mean() + slope[outer].mean()) / 2


def remove_small(labels: NDArray[np.integer]) -> Labels:
    """Remove labels (Y, X) of less than `LEAST_AREA` of the median area; those at the image's edge are kept.

    >>> labels = np.zeros((30, 30), int)
    >>> labels[2:12, 2:12], labels[15:25, 2:12], labels[5:7, 20:24] = 1, 2, 3
    >>> np.unique(remove_small(labels)).tolist()
    [0, 1, 2]
    """
    nuclei = labels.astype(np.int32)
    sizes = np.bincount(nuclei.ravel(), minlength=1)
    sizes[0] = 0
    if not sizes.any():
        return nuclei
    keep = sizes >= LEAST_AREA * float(np.median(sizes[sizes > 0]))
    for edge in (nuclei[0], nuclei[-1], nuclei[:, 0], nuclei[:, -1]):
        keep[edge] = True
    return np.where(keep[nuclei], nuclei, 0).astype(np.int32)
