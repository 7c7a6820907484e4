"""Choose the scale of texture windows by what lies around the nuclei."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import Markers
from frugalseg.cues.scaled_plane import ScaledPlane, scale_plane
from frugalseg.cues.texture import (
    cut_texture,
    ring_around_nuclei,
    texture_evidence,
    texture_foreground,
    textured_region,
)
from frugalseg.images.normalize import Plane

#: Windows are multiplied by these in turn, until the mask holds ENOUGH of the ring around the nuclei.
SCALES = (0.75, 0.85, 1.0)
ENOUGH = 0.98


def label_free_foreground(plane: Plane, markers: Markers, diameter: float) -> tuple[NDArray[np.bool_], Plane]:
    """Find the foreground of a label-free plane, with the narrowest texture windows that see the cells.

    Narrow windows see boundaries sharply, and take smooth parts of cells for background. A ring around the nuclei is
    nearly all cell, so the share of it that a mask holds is a recall that needs no truth. If the widest windows still
    miss too much of it, cells are not one class: flat ones are told from the background by what that looks like, again
    in the narrowest windows that see them. With points alone, windows are as wide as they come.

    Parameters
    ----------
    plane : (Y,X) float32
        Phase contrast, DIC, bright-field.
    markers : Markers
        At least one.
    diameter : float
        Of a cell as measured in the foreground, px: see `frugalseg.cues.scaled_plane.MEASURED_WIDER`.

    Returns
    -------
    mask : (Y,X) bool
        At the scale chosen.
    log_odds : (Y,X) float32
        Evidence for "cell" from texture alone, in -4..4.
    """
    if markers.nuclei is None:
        return texture_foreground(scale_plane(plane, markers, diameter))
    for from_background, scale in product((False, True), SCALES):
        scaled = scale_plane(plane, markers, diameter * scale)
        evidence = texture_evidence(scaled, from_background)
        if evidence is None:  # all cell
            return texture_foreground(scaled)
        rough = cut_texture(scaled, evidence, textured_region(scaled, evidence, exact=False))
        if _ring_share(rough, scaled, scaled.diameter / scale) >= ENOUGH:
            break
    assert evidence is not None  # for the type checker: the loop returned without any
    return cut_texture(scaled, evidence, textured_region(scaled, evidence)), evidence.log_odds


def _ring_share(mask: NDArray[np.bool_], scaled: ScaledPlane, diameter: float) -> float:
    ring = ring_around_nuclei(scaled, diameter)
    return float(mask[ring].mean()) if ring.any() else 1.0
