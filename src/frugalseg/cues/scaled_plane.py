"""A plane and its markers at the scale at which the foreground is found."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from frugalseg.cues.markers import Markers
from frugalseg.images.normalize import Plane
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.images.seeds import resize_seeds

#: Images are resized until a cell is this many px wide.
TARGET_DIAMETER = 30.0
#: Images are enlarged by at most this much where areas of nuclei are known; with points alone they are not enlarged.
MOST_ENLARGED = 2.0
#: Cells measured in the foreground are wider than true ones by this factor, as it is a little too wide and holds cells
#: without a marker. Windows were chosen with diameters measured so (median over labelled sets 1.12 to 1.14).
MEASURED_WIDER = 1.12


@dataclass(frozen=True)
class ScaledPlane:
    """A plane at the scale at which the foreground is found, and where its markers are.

    Attributes
    ----------
    plane
        (Y,X) float32, grey values.
    seeds
        (Y,X) uint32: areas of nuclei, or single pixels where only points are known; label i + 1 is marker i.
    diameter
        Of a cell, px.
    areas
        Whether the areas of nuclei are known.
    """

    plane: Plane
    seeds: NDArray[np.uint32]
    diameter: float
    areas: bool

    @cached_property
    def nuclei(self) -> NDArray[np.bool_]:
        """Pixels (Y,X) of nuclei, which certainly are cell; none where only points are known."""
        return (self.seeds > 0) if self.areas else np.zeros(self.seeds.shape, bool)

    @cached_property
    def distance(self) -> Plane:
        """Distance (Y,X) of every pixel to the nearest nucleus or point, px."""
        distance: Plane = ndimage.distance_transform_edt(self.seeds == 0).astype(np.float32)
        return distance

    @cached_property
    def radius(self) -> float:
        """Radius of the mean nucleus, px; 0 where only points are known."""
        count = max(1, len(np.unique(self.seeds)) - 1)
        return float(np.sqrt(self.nuclei.sum() / count / np.pi))


def scale_plane(plane: Plane, markers: Markers, diameter: float) -> ScaledPlane:
    """Return a plane where a cell of `diameter` px is `TARGET_DIAMETER` px wide, or as near to it as is allowed.

    Parameters
    ----------
    plane : (Y,X) float32
        Grey values.
    markers : Markers
        At least one.
    diameter : float
        Of a cell, px.
    """
    shape = (int(plane.shape[0]), int(plane.shape[1]))
    areas = markers.nuclei is not None
    factor = min(MOST_ENLARGED if areas else 1.0, TARGET_DIAMETER / diameter)
    new = scaled_shape(shape, factor)
    small = resize_planes(plane[None], new)[0]
    seeds = resize_seeds(markers.nuclei, markers.points, shape, new)
    return ScaledPlane(small, seeds, diameter * factor, areas)
