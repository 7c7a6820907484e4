"""Estimate the diameter of a typical cell: in the foreground around its nucleus, or from points alone."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from frugalseg.cues.intensity import intensity_foreground
from frugalseg.cues.markers import Markers
from frugalseg.cues.modality import detect_modality
from frugalseg.cues.scaled_plane import MEASURED_WIDER, ScaledPlane, scale_plane
from frugalseg.cues.texture import texture_evidence, textured_region
from frugalseg.errors import NoMarkers, SettingsError
from frugalseg.images.normalize import Plane
from frugalseg.images.resize import resize_labels

Mask = NDArray[np.bool_]

#: Second neighbours further than this many nucleus diameters: the field is sparse.
SPARSE = 4.0
#: Diameter of a cell in nucleus diameters: the least, the most, and in a sparse field.
NARROWEST, WIDEST, ALONE = 1.2, 2.4, 2.0
#: Diameter of a cell in nucleus diameters, where it is measured in the foreground: at the start, the least and the most.
START, LEAST, MOST = 3.0, 1.2, 6.0
#: The search ends when the diameter changes by less than this factor (as a logarithm), or after so many rounds.
TOLERANCE, ROUNDS = 0.1, 5
#: A cell reaches at most this many diameters beyond its nucleus.
REACH = 1.2
#: Spread of the logarithm of the diameters of cells, at least.
SPREAD = 0.3
#: Least factor of uncertainty of a diameter measured in the foreground, and the factor where it is guessed from spacing.
SURE, UNSURE = 1.2, 1.5


@dataclass(frozen=True)
class CellSize:
    """Diameter of a typical cell, and how sure it is.

    Attributes
    ----------
    diameter
        Of a circle of the median cell's area, px.
    factor
        The true diameter probably lies between `diameter` / `factor` and `diameter` * `factor`: a rule of thumb, not
        calibrated (``experiments/foreground_sets.py``). 1 where the user gave the diameter.
    """

    diameter: float
    factor: float


def estimate_cell_size(
    plane: Plane,
    markers: Markers,
    method: Literal["auto", "intensity", "texture", "scribbles"] = "auto",
    mask: Mask | None = None,
) -> CellSize:
    """Estimate the size of a typical cell from nuclei and foreground.

    Every pixel of the foreground belongs to its nearest nucleus. The diameter is the one with which the foreground has to be
    found for its cells to be as wide. It is divided by `MEASURED_WIDER`, by which such cells are too wide; not where the
    user gave the foreground. Where only points are known, their spacing decides (`estimate_cell_diameter`).

    Parameters
    ----------
    plane : (Y,X) float32
        Image of the cells.
    markers : Markers
        Nuclei or points.
    method
        How the foreground is found, see `frugalseg.find_foreground`; scribbles are not used for the size.
    mask : (Y,X) bool, optional
        The user's own foreground, in place of one that is found.

    Returns
    -------
    CellSize
        At least 1.2 and at most 6 nuclei wide, before the division.

    Raises
    ------
    NoMarkers, SettingsError
        As of `estimate_cell_diameter`.

    Examples
    --------
    >>> from frugalseg.cues.markers import find_markers
    >>> from frugalseg.synthetic.cells import make_cells
    >>> field = make_cells((160, 160), diameter=30, dim_nuclei=0, seed=1)
    >>> size = estimate_cell_size(field.cytoplasm, find_markers(field.nuclear))
    >>> bool(30 / 1.2 < size.diameter < 30 * 1.2), size.factor
    (True, 1.2)
    """
    if len(markers) == 0 or markers.nuclei is None or not np.isfinite(markers.diameter):
        return CellSize(estimate_cell_diameter(markers, (plane.shape[0], plane.shape[1])), UNSURE)
    find = _foreground_finder(scale_plane(plane, markers, START * markers.diameter), method, mask)
    diameter, spread = START * markers.diameter, SPREAD
    history = [diameter]
    for _ in range(ROUNDS):
        scaled = scale_plane(plane, markers, diameter)
        measured, spread = size_of_cells(scaled.seeds, find(scaled), scaled.diameter)
        relative = measured / scaled.diameter * diameter / markers.diameter
        history.append(float(np.clip(relative, LEAST, MOST)) * markers.diameter)
        change, diameter = abs(np.log(history[-1] / diameter)), history[-1]
        if change < TOLERANCE:
            break
    wider = MEASURED_WIDER if mask is None else 1.0
    return CellSize(diameter / wider, _uncertainty(history, spread, len(markers)))


def size_of_cells(seeds: NDArray[np.uint32], mask: Mask, diameter: float) -> tuple[float, float]:
    """Return the median diameter (px) of cells around nuclei in the foreground, and the spread of its logarithm.

    Parameters
    ----------
    seeds : (Y,X) uint32
        Nuclei. Those at the image's edge do not count, unless there are no others.
    mask : (Y,X) bool
        Foreground; a pixel belongs to the nearest nucleus, if that is at most `REACH` diameters away.
    diameter
        About that of a cell, px.

    Examples
    --------
    >>> seeds = np.zeros((9, 9), np.uint32); seeds[4, 4] = 1
    >>> size, spread = size_of_cells(seeds, np.pad(np.ones((5, 5), bool), 2), 6.0)
    >>> bool(np.isclose(size**2 * np.pi / 4, 25)), spread
    (True, 0.0)
    """
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    cells = np.where((mask & (distance < REACH * diameter)) | (seeds > 0), seeds[tuple(nearest)], 0)
    area = np.bincount(cells.ravel(), minlength=int(seeds.max()) + 1)
    edge = np.unique(np.concatenate([seeds[0], seeds[-1], seeds[:, 0], seeds[:, -1]]))
    inner = area > 0
    inner[edge] = False
    inner[0] = False
    if not inner.any():
        inner[1:] = area[1:] > 0
    diameters = np.sqrt(4 * area[inner] / np.pi)
    return float(np.median(diameters)), float(np.std(np.log(diameters)))


def _foreground_finder(start: ScaledPlane, method: str, mask: Mask | None) -> Callable[[ScaledPlane], Mask]:
    """Return the function that finds the foreground of a scaled plane, well enough for sizes."""
    if mask is not None:
        return lambda scaled: resize_labels(mask, (scaled.seeds.shape[0], scaled.seeds.shape[1]))
    fluorescent = method == "intensity" or (
        method != "texture" and detect_modality(start.plane, start.diameter, start.seeds) == "fluorescent"
    )
    return (lambda scaled: intensity_foreground(scaled)[0]) if fluorescent else _textured_cells


def _textured_cells(scaled: ScaledPlane) -> Mask:
    evidence = texture_evidence(scaled)
    if evidence is None:
        return np.ones(scaled.seeds.shape, bool)
    depth = ndimage.distance_transform_edt(textured_region(scaled, evidence))
    return np.asarray((depth > evidence.reach) | scaled.nuclei)


def _uncertainty(history: list[float], spread: float, count: int) -> float:
    """Return the factor of `CellSize`: from the spread of cells, and from how much the result follows the start."""
    sensitivity = 0.0
    if len(history) > 2:
        first, second = (abs(np.log(b / a)) for a, b in pairwise(history[:3]))
        sensitivity = min(0.8, second / first)
    error = np.hypot(max(spread, SPREAD) / np.sqrt(count), 0.1 / (1 - sensitivity))
    return max(SURE, float(np.exp(error)))


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
        Points of unknown diameter are fewer than three, or lie on each other.

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
        if spacing <= 2:
            raise SettingsError(
                f"the second nearest of the points is mostly {spacing:.1f} px away, so points lie on each other; give one point per "
                "cell, or `diameter` in px"
            )
        return float(min(spacing, min(shape) / 4))
    relative = spacing / markers.diameter
    relative = ALONE if relative > SPARSE else min(max(relative, NARROWEST), WIDEST)
    return float(relative * markers.diameter)
