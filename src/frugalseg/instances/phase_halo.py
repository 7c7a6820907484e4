"""Find the phase halo at the cells' boundaries in label-free images, so that it can be left out of the cells.

In phase contrast a halo or a shadow lies along every boundary, on the background's side. Its texture is like that of a
cell. Its sign depends on the optics, so it is measured: of the pixels much darker, or much brighter, than the
background, are more at boundaries than inside cells?
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Much darker or brighter: by this many (robust) standard deviations of the background.
CONTRAST = 6.0
#: Width of the ring along boundaries, and distance of the inside from them, px at the model's scale (cells of 30 px).
RING, INSIDE = 2.0, 4.0
#: A halo makes up at least this share of the ring, and is this many times more frequent there than inside.
LEAST_SHARE, ENRICHMENT = 0.1, 2.0
#: Halo is found up to this far from a boundary, px at the model's scale.
REACH = 1.0

Sign = Literal["dark", "bright"]


def find_halo(
    labels: NDArray[np.uint32], plane: NDArray[np.float32], foreground: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Sign | None]:
    """Return the pixels of cells that are halo.

    Parameters
    ----------
    labels : (Y,X) uint32
        Cells at the model's scale, where a cell is about 30 px wide.
    plane : (Y,X) float32
        Label-free image with even illumination.
    foreground : (Y,X) bool
        Where there are cells; grey value and noise of the background are measured elsewhere.

    Returns
    -------
    halo : (Y,X) bool
        False everywhere if the image has no halo, or too little background to measure it.
    sign : {"dark", "bright"} or None
        Whether the halo is darker or brighter than the background.
    """
    nothing = np.zeros(labels.shape, dtype=bool)
    smooth = cv2.GaussianBlur(plane, (0, 0), 0.7, borderType=cv2.BORDER_REFLECT)
    background = smooth[~foreground]
    if background.size < 100 or not labels.any():
        return nothing, None
    centre = float(np.median(background))
    noise = 1.4826 * float(np.median(np.abs(background - centre)))
    depth = boundary_distance(labels)
    ring, inside = (labels > 0) & (depth <= RING), depth > INSIDE
    if not inside.any():
        return nothing, None
    candidates: tuple[tuple[Sign, NDArray[np.bool_]], ...] = (
        ("dark", smooth < centre - CONTRAST * noise),
        ("bright", smooth > centre + CONTRAST * noise),
    )
    for sign, extreme in candidates:
        at_boundary, within = float(extreme[ring].mean()), float(extreme[inside].mean())
        if at_boundary > LEAST_SHARE and at_boundary > ENRICHMENT * within:
            return extreme & (labels > 0) & (depth <= REACH), sign
    return nothing, None


def boundary_distance(labels: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return the distance (Y,X) in px to the nearest boundary pixel; 0 on boundaries and on background."""
    boundary = labels == 0
    for axis in (0, 1):
        first = tuple(slice(0, -1) if a == axis else slice(None) for a in (0, 1))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))
        differ = labels[first] != labels[second]
        boundary[first] |= differ
        boundary[second] |= differ
    if not boundary.any():
        return np.full(labels.shape, np.inf)
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(~boundary)
    return distance
