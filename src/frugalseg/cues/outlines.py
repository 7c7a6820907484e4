"""The outline of every nucleus, at full resolution: where its own stain falls off.

Finding nuclei and drawing them are two questions. `frugalseg.cues.nuclei` answers the first with contours that are
wide enough not to break, at a working scale. Here each nucleus that was found gets the contour a person would
draw, between its own surroundings and its own brightness, so neither a 100-fold spread of the stain between cells
nor the glow of a bright neighbour moves it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from frugalseg.cues.component_tree import ellipticity
from frugalseg.errors import SettingsError, WrongShape

Plane = NDArray[np.float32]
Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]

#: Smoothing before levels are compared, px: the width of noise, and less than that of any optical blur.
SIGMA = 1.0
#: Shares of the way from the surroundings to the nucleus where the outline may be. Higher ones follow the bright spots
#: inside mouse nuclei (seen on macrophages: at up to 0.85 one outline in twenty shrank to a third).
LEVELS = np.linspace(0.1, 0.6, 11)
#: Brightness of a nucleus: this percentile of its pixels, so that neither rim nor nucleoli count.
BRIGHT = 75.0
#: How far a nucleus may grow, and where its surroundings end, in nucleus diameters.
GROWS, SURROUNDINGS = 0.15, 0.6
#: Share of the median area below which something is debris: a diameter under 0.45 of the typical one.
DEBRIS = 0.2
#: Smallest outline, px.
MIN_AREA = 9


def outline_nuclei(flat: Plane, labels: NDArray[np.integer], level: float | None = None) -> Labels:
    """Redraw the outline of every nucleus at a level of its own.

    Parameters
    ----------
    flat
        (Y, X) float32, the nuclear stain with its background subtracted.
    labels
        (Y, X) integers, one id per nucleus, 0 elsewhere; roughly right.
    level
        Where the outline lies on the way from the nucleus' surroundings (0) to its own brightness (1); 0.5 is the half
        maximum. None: for each nucleus where its border is steepest and its shape most like an ellipse, of levels from
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
        raise WrongShape(f"a stain of shape {flat.shape} does not fit labels of shape {labels.shape}")
    if level is not None and not 0 < level < 1:
        raise SettingsError(
            f"the outline's level is {level}; give a number between 0 and 1, 0.5 is the half maximum"
        )
    found = labels.astype(np.int32)
    sizes = np.bincount(found[found > 0])
    if not sizes.any():
        return found
    smooth = np.asarray(cv2.GaussianBlur(flat, (0, 0), SIGMA), np.float32)
    slope = _slope_of(smooth)
    diameter = float(np.median(np.sqrt(4 * sizes[sizes > 0] / np.pi)))
    distance, nearest = ndi.distance_transform_edt(found == 0, return_indices=True)
    around = np.where(distance <= SURROUNDINGS * diameter, found[tuple(nearest)], 0)
    allowed = distance <= GROWS * diameter
    levels = LEVELS if level is None else np.array([level])
    drawn = np.zeros_like(found)
    for number, box in enumerate(ndi.find_objects(around), start=1):
        if box is None or not sizes[number]:
            continue
        window = tuple(slice(max(side.start - 2, 0), side.stop + 2) for side in box)
        own = around[window] == number
        room = own & allowed[window]
        contour = _best_contour(
            smooth[window], slope[window], found[window] == number, room, own & ~room, levels
        )
        drawn[window][contour] = number
    return drawn


def _slope_of(plane: Plane) -> Plane:
    gy = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8)
    gx = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8)
    return np.asarray(cv2.magnitude(gx, gy), np.float32)


def _best_contour(
    plane: Plane, slope: Plane, old: Mask, room: Mask, surroundings: Mask, levels: NDArray[np.float64]
) -> Mask:
    """Of the contours at all levels, within `room`, the steepest of good shape; the old one if there is none."""
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
    """The largest component, its holes filled; nothing where there is none."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    if count < 2:
        return mask
    largest = pieces == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    # what can't be reached from outside belongs to it; many times faster than scipy's filling on such small windows
    open_ = cv2.copyMakeBorder((~largest).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, background = cv2.connectedComponents(open_, connectivity=8)
    return np.asarray(background[1:-1, 1:-1] != background[0, 0], bool)


def _roundness(contour: Mask) -> float:
    """From almost 0 for ragged outlines to 1 for ellipses, as nuclei are judged when they are looked for."""
    y, x = (axis.astype(np.float64) for axis in np.nonzero(contour))
    area = np.array([float(y.size)])
    shape = ellipticity(y - y.mean(), x - x.mean(), np.zeros(y.size, np.int32), area)
    return max(float(np.clip((shape[0] - 0.8) / 0.18, 0, 1)) ** 2, 1e-3)


def _steepness(contour: Mask, slope: Plane) -> float:
    """Mean slope along the border, over its inner and outer pixels; the image's edge is no border."""
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    mask = contour.view(np.uint8)
    inner = contour & ~cv2.erode(mask, cross, borderType=cv2.BORDER_CONSTANT, borderValue=1).astype(bool)
    outer = cv2.dilate(mask, cross).astype(bool) & ~contour
    if not inner.any() or not outer.any():
        return 0.0
    return float(slope[inner].mean() + slope[outer].mean()) / 2


def remove_small(labels: NDArray[np.integer]) -> Labels:
    """Remove what is too small for a nucleus among these: less than `DEBRIS` of their median area, border ones kept.

    >>> labels = np.zeros((30, 30), int)
    >>> labels[2:12, 2:12], labels[15:25, 2:12], labels[5:7, 20:24] = 1, 2, 3
    >>> np.unique(remove_small(labels)).tolist()
    [0, 1, 2]
    """
    found = labels.astype(np.int32)
    sizes = np.bincount(found.ravel(), minlength=1)
    sizes[0] = 0
    if not sizes.any():
        return found
    keep = sizes >= DEBRIS * float(np.median(sizes[sizes > 0]))
    for edge in (found[0], found[-1], found[:, 0], found[:, -1]):
        keep[edge] = True
    return np.where(keep[found], found, 0).astype(np.int32)
