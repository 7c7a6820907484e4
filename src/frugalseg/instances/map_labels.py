"""Turn the maps of a network into numbered nuclei or cells."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import SettingsError
from frugalseg.instances.holes import fill_holes
from frugalseg.instances.maps import PEAK, instances_from_maps

#: Objects below this share of the area of a typical object are removed.
LEAST_AREA = 0.03
#: The depth of nuclei counts as at least this share of the typical radius, and this many px: neither a bump on the
#: boundary of a large nucleus nor a step of the pixel grid is a nucleus.
LEAST_DEPTH, LEAST_DEPTH_PX = 0.5, 4.0
#: Half of a disk's pixels are nearer to its boundary than this share of its radius.
MEDIAN_DEPTH = 1 - math.sqrt(0.5)


def labels_from_maps(
    maps: NDArray[np.float32],
    target: Literal["nuclei", "cells"],
    h: float = 20.0,
    diameter: float | None = None,
) -> NDArray[np.uint32]:
    """Return the numbered objects of a network's maps.

    Parameters
    ----------
    maps
        (K,Y,X). For nuclei: the mask's logit; touching nuclei are split where the mask is narrow. For cells: distance
        0..1 and the mask's logit.
    target
        What the maps are of.
    h
        Height by which a maximum of the distance must stand out, in per cent (paper A, step 4). For nuclei: the depth
        that is lost on the path to a deeper nucleus, in per cent of the nucleus's own depth, see `nucleus_heights`.
    diameter
        Of a typical object, px. Objects of less than 3 % of its area are removed. None: that of nuclei is estimated
        from the mask, and cells of any area are kept.

    Returns
    -------
    (Y,X) uint32
        0 is background; without holes.

    Raises
    ------
    SettingsError
        h is not above 0 and below 100.
    """
    mask = maps[-1] > 0
    least = 0 if diameter is None else _least_area(diameter)
    if target == "cells":
        return fill_holes(instances_from_maps(maps[0] * PEAK, mask, h, min_area=least))
    depth = _depth(mask)
    if diameter is None:
        diameter = _typical_diameter(depth[mask])
        least = _least_area(diameter)
    heights = nucleus_heights(depth, diameter, h)
    # a height that is equal but for rounding counts
    nuclei = instances_from_maps(heights, mask, h * (1 - 1e-9), min_peak=0.0, min_area=least)
    return fill_holes(nuclei)


def nucleus_heights(depth: NDArray[np.float64], diameter: float, h: float) -> NDArray[np.float64]:
    """Return heights in which the same h means the same share of depth for every nucleus.

    Parameters
    ----------
    depth : (Y,X)
        Distance from the outermost pixels of the mask, px.
    diameter
        Of a typical nucleus, px.
    h
        Per cent, above 0 and below 100.

    Returns
    -------
    (Y,X) float64
        In per cent of a depth k, half the typical radius but at least 4 px, and growing by the logarithm above it. So
        a maximum stands out by h when the path to a higher maximum falls to 1 - h / 100 of its depth; below k, when
        the loss is h per cent of k.

    Raises
    ------
    SettingsError
        h is not above 0 and below 100.

    Examples
    --------
    >>> nucleus_heights(np.array([2.0, 4.0, 8.0, 10.0, 40.0, 50.0]), 16, h=20).round(1).tolist()
    [50.0, 100.0, 162.1, 182.1, 306.4, 326.4]
    """
    if not 0 < h < 100:
        raise SettingsError(
            f"`h` is {h}; give the share of a nucleus's depth in per cent, above 0 and below 100"
        )
    k = max(LEAST_DEPTH * diameter / 2, LEAST_DEPTH_PX)
    slope = h / -math.log1p(-h / 100)
    return np.where(depth < k, PEAK * depth / k, PEAK + slope * np.log(np.maximum(depth, k) / k))


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the distance (Y,X) in px from the mask's outermost pixels; 0 outside, and in a mask without a boundary."""
    from frugalseg.instances.boundary_distance import squared_boundary_distance

    depth = np.sqrt(squared_boundary_distance(mask.astype(np.int64))) - 1
    depth[~mask | np.isinf(depth)] = 0.0
    return depth


def _typical_diameter(depth: NDArray[np.float64]) -> float:
    """Return the diameter of disks with pixels (n,) as deep; small and single large objects hardly count."""
    return 2 * float(np.median(depth) + 0.5) / MEDIAN_DEPTH if depth.size else 1.0


def _least_area(diameter: float) -> int:
    return math.ceil(LEAST_AREA * math.pi / 4 * diameter**2)
