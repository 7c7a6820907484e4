"""From the maps of a network to numbered nuclei or cells."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from frugalseg.instances.holes import fill_holes
from frugalseg.instances.maps import PEAK, distance_target, instances_from_maps


def labels_of_maps(
    maps: NDArray[np.float32], target: Literal["nuclei", "cells"], h: float = 20.0
) -> NDArray[np.uint32]:
    """Numbered objects (Y,X) uint32, without holes, of a network's maps (K,Y,X).

    Parameters
    ----------
    maps
        Of a `NucleusNetwork`: the mask's logit; touching nuclei are cut where the mask is narrow. Of a `CellNetwork`:
        distance 0..1 and the mask's logit.
    target
        Which of both.
    h
        Height that a maximum of the distance must have, in per cent (paper A, step 4).
    """
    mask = maps[-1] > 0
    if target == "cells":
        return fill_holes(instances_from_maps(maps[0] * PEAK, mask, h))
    from scipy import ndimage

    connected, _ = ndimage.label(mask, np.ones((3, 3)))
    return fill_holes(instances_from_maps(distance_target(connected, single_peak=False), mask, h))
