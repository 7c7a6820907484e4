"""Estimate the diameter of a typical cell from its nuclei."""

import numpy as np
from scipy.spatial import cKDTree

from frugalseg.cues.markers import Markers
from frugalseg.errors import NoMarkers, SettingsError

#: Second neighbours further than this many nucleus diameters: the field is sparse.
SPARSE = 4.0
#: Diameter of a cell in nucleus diameters: the least, the most, and in a sparse field.
NARROWEST, WIDEST, ALONE = 1.2, 2.4, 2.0


def estimate_cell_diameter(markers: Markers, shape: tuple[int, int]) -> float:
    """Estimate the diameter in px of a typical cell, from the size and the spacing of the nuclei.

    Where cells lie together, a cell is about as wide as the distance to its second nearest neighbour (the nearest is
    often a sister that has just divided), but at most 2.4 nuclei wide, since flat cells leave gaps. Where they lie apart
    (more than 4 nuclei to the second neighbour), spacing says nothing, and a cell is taken to be 2 nuclei wide.

    Parameters
    ----------
    markers
        Nuclei; where their diameter is unknown (a user's points), the spacing alone decides.
    shape
        (Y, X) of the image, px; spacing alone gives at most a quarter of its shorter side.

    Returns
    -------
    float
        Diameter in px.

    Raises
    ------
    NoMarkers
        There is no marker.
    SettingsError
        There are fewer than three points of unknown diameter.

    Examples
    --------
    >>> from frugalseg.cues.markers import markers_from_points
    >>> grid = [(y, x) for y in range(10, 100, 20) for x in range(10, 100, 20)]
    >>> estimate_cell_diameter(markers_from_points(grid, diameter=10), (100, 100))
    20.0
    """
    n = len(markers)
    if n == 0:
        raise NoMarkers("there is no marker to estimate the cell diameter from; is it the nuclear channel?")
    if n < 3 and not np.isfinite(markers.diameter):
        raise SettingsError(
            f"the cell diameter can't be estimated from {n} points alone; give `diameter` in px"
        )
    spacing = np.inf
    if n >= 3:
        spacing = float(np.median(cKDTree(markers.points).query(markers.points, k=3)[0][:, 2]))
    if not np.isfinite(markers.diameter):
        return float(min(spacing, min(shape) / 4))
    relative = spacing / markers.diameter
    relative = ALONE if relative > SPARSE else min(max(relative, NARROWEST), WIDEST)
    return float(relative * markers.diameter)
