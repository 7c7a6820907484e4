"""The halo of label-free images at the cells' borders: which grey values it has, and how to leave it out.

Phase contrast puts a halo or a shadow along every border, on the background's side. Texture can't tell it from a
cell. Its sign depends on the optics, so it is read off the image: of the pixels much darker, or much brighter, than
the background, do more lie at borders than inside cells?
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

#: Much darker or brighter: by so many (robust) standard deviations of the background.
CONTRAST = 6.0
#: Borders are this wide, and insides this far from one, px at the working scale (cells of 30 px).
RING, INSIDE = 2.0, 4.0
#: A halo makes up at least this share of the ring, and is so many times more frequent there than inside.
LEAST_SHARE, ENRICHMENT = 0.1, 2.0
#: Halo is cut away up to this far from a border, px at the working scale.
REACH = 1.0

Sign = Literal["dark", "bright"]


def find_halo(
    labels: NDArray[np.uint32], plane: NDArray[np.float32], foreground: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Sign | None]:
    """Pixels of cells that are halo.

    Parameters
    ----------
    labels : (Y,X) uint32
        Cells at the working scale, where a cell is about 30 px wide.
    plane : (Y,X) float32
        Label-free image with even illumination.
    foreground : (Y,X) bool
        Where there are cells; the rest tells the background's grey value and noise.

    Returns
    -------
    halo : (Y,X) bool
        Empty where the image has no halo, or too little background to tell.
    sign : {"dark", "bright"} or None
        What the halo is.
    """
    nothing = np.zeros(labels.shape, dtype=bool)
    smooth = cv2.GaussianBlur(plane, (0, 0), 0.7, borderType=cv2.BORDER_REFLECT)
    background = smooth[~foreground]
    if background.size < 100 or not labels.any():
        return nothing, None
    centre = float(np.median(background))
    noise = 1.4826 * float(np.median(np.abs(background - centre)))
    away = border_distance(labels)
    ring, inside = (labels > 0) & (away <= RING), away > INSIDE
    if not inside.any():
        return nothing, None
    for sign, extreme in (
        ("dark", smooth < centre - CONTRAST * noise),
        ("bright", smooth > centre + CONTRAST * noise),
    ):
        at_border, within = float(extreme[ring].mean()), float(extreme[inside].mean())
        if at_border > LEAST_SHARE and at_border > ENRICHMENT * within:
            halo: NDArray[np.bool_] = extreme & (labels > 0) & (away <= REACH)
            return halo, sign  # type: ignore[return-value]  # the tuple's literals are inferred as str
    return nothing, None


def border_distance(labels: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Distance (Y,X) in px to the nearest pixel that lies on a border; 0 on borders and on background."""
    border = labels == 0
    for axis in (0, 1):
        first = tuple(slice(0, -1) if a == axis else slice(None) for a in (0, 1))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in (0, 1))
        differ = labels[first] != labels[second]
        border[first] |= differ
        border[second] |= differ
    if not border.any():
        return np.full(labels.shape, np.inf)
    distance: NDArray[np.float64] = ndimage.distance_transform_edt(~border)
    return distance
