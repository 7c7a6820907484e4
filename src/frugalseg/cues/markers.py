"""One point per nucleus: where every cell starts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from frugalseg.cues.background import check_plane, grey_step_of, noise_of, subtract_background
from frugalseg.cues.blobs import blob_points
from frugalseg.cues.nuclei import TARGET_DIAMETER, estimate_nucleus_diameter, find_nuclei, shrunk
from frugalseg.errors import NoMarkers, SettingsError, WrongShape
from frugalseg.images.resize import resize_points

Plane = NDArray[np.float32]
Method = Literal["auto", "threshold", "log", "doh"]

#: Second neighbours further than this many nucleus diameters: the field is sparse.
SPARSE = 4.0


@dataclass(frozen=True)
class Markers:
    """Points that stand for cells, and what they were found from.

    Attributes
    ----------
    points
        (N, 2) float64, y and x in px; the centre of the first pixel is (0, 0).
    diameter
        Typical diameter of a nucleus in px, nan when it isn't known.
    method
        "threshold", "log", "doh", "points" or "labels".
    nuclei
        (Y, X) label map, label i + 1 is the nucleus of point i; None when the method gives points only.
    """

    points: NDArray[np.float64]
    diameter: float
    method: str
    nuclei: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.points)


def find_markers(
    nuclei: ArrayLike,
    diameter: float | None = None,
    method: Method = "auto",
    log_intensity: bool | Literal["auto"] = "auto",
) -> Markers:
    """Find one point per nucleus.

    Parameters
    ----------
    nuclei
        (Y, X) image of the nuclear stain, real or predicted, nuclei bright.
    diameter
        Diameter of a typical nucleus in px; all scales derive from it. None: estimated from the image.
    method
        "threshold": every nucleus gets the threshold at which its border is steepest, and touching nuclei
        are split by intensity and by shape. "log" and "doh": blobs of about ``diameter``. "auto" is "threshold".
    log_intensity
        True where the stain varies between cells (a reporter): a nucleus counts however dim it is beside the
        others. False: those far dimmer than the rest are debris. "auto" decides from the image.

    Returns
    -------
    Markers; empty when there is no nucleus.

    Raises
    ------
    WrongShape, BadPixels
        The image is no plane, empty, constant, or holds NaN.
    SettingsError
        Unknown method, or a diameter that is not above 2 px.
    """
    plane = check_plane(nuclei)
    if method not in ("auto", "threshold", "log", "doh"):
        raise SettingsError(f"unknown marker method {method!r}; use auto, threshold, log or doh")
    if diameter is not None and not 2 < diameter < np.inf:
        raise SettingsError(f"the nucleus diameter is {diameter} px; give a number above 2, or none")
    flat = subtract_background(plane)
    step = grey_step_of(plane)
    if diameter is None:
        diameter = estimate_nucleus_diameter(flat, step)
    name = "threshold" if method == "auto" else method
    if not np.isfinite(diameter):
        return Markers(
            np.zeros((0, 2)), diameter, name, np.zeros(plane.shape, np.int32) if name == "threshold" else None
        )
    if name == "threshold":
        return _from_label_map(find_nuclei(flat, diameter, log_intensity, step), name)
    shrink = min(1.0, TARGET_DIAMETER / diameter)
    small = shrunk(flat, shrink)
    noise = noise_of(small, small, 0.0, step)
    points = blob_points(small, diameter * shrink, noise, "log" if name == "log" else "doh", log_intensity)
    return Markers(resize_points(points, small.shape, flat.shape), float(diameter), name)


def markers_from_points(points: ArrayLike, diameter: float = float("nan")) -> Markers:
    """Markers from the user's own points (N, 2), y and x in px."""
    array = np.asarray(points, float).reshape(-1, 2) if np.size(points) == 0 else np.asarray(points, float)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise WrongShape(f"points have the shape {array.shape}; give (N, 2) finite numbers, y and x in px")
    return Markers(array, float(diameter), "points")


def markers_from_labels(labels: ArrayLike) -> Markers:
    """Markers from a label image (Y, X) of nuclei: one point per label, in the order of the labels."""
    array = np.asarray(labels)
    if array.ndim != 2:
        raise WrongShape(f"the label image has {array.ndim} axes; give one plane (Y, X)")
    return _from_label_map(array, "labels")


def estimate_cell_diameter(markers: Markers, shape: tuple[int, int]) -> float:
    """Diameter in px of a typical cell, from the size and the spacing of the nuclei.

    Where cells lie together, a cell is about as wide as the way to its second nearest neighbour (the nearest is
    often a sister just divided), but at most 2.4 nuclei wide, since flat cells leave gaps. Where they lie
    apart (more than 4 nuclei to the second neighbour), spacing says nothing, and a cell is taken to be 2 nuclei wide.

    Parameters
    ----------
    markers
        As found; without a nucleus diameter (a user's points) the spacing alone decides.
    shape
        (Y, X) of the image; a quarter of its shorter side is the most that spacing alone can answer.

    Raises
    ------
    NoMarkers
        There is no marker.
    SettingsError
        Fewer than three points of unknown diameter: give the cell diameter.

    Examples
    --------
    >>> grid = [(y, x) for y in range(10, 100, 20) for x in range(10, 100, 20)]
    >>> estimate_cell_diameter(markers_from_points(grid, diameter=10), (100, 100))
    20.0
    """
    n = len(markers)
    if n == 0:
        raise NoMarkers("there is no marker to estimate the cell diameter from; is it the nuclear channel?")
    if n < 3 and not np.isfinite(markers.diameter):
        raise SettingsError(f"a cell diameter can't be estimated from {n} points alone; give it in px")
    spacing = np.inf
    if n >= 3:
        spacing = float(np.median(cKDTree(markers.points).query(markers.points, k=3)[0][:, 2]))
    if not np.isfinite(markers.diameter):
        return float(min(spacing, min(shape) / 4))
    relative = spacing / markers.diameter
    relative = 2.0 if relative > SPARSE else min(max(relative, 1.2), 2.4)
    return float(relative * markers.diameter)


def _from_label_map(labels: NDArray[np.generic], method: str) -> Markers:
    values, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    order = np.zeros(values.size, np.int64)
    order[values > 0] = np.arange(1, int((values > 0).sum()) + 1)
    dense = order[index].astype(np.int32)
    n = int(dense.max(initial=0))
    flat = dense.ravel()
    inside = np.flatnonzero(flat)
    which = flat[inside] - 1
    area = np.bincount(which, minlength=n).astype(float)
    y, x = np.divmod(inside, labels.shape[1])
    points = np.stack([np.bincount(which, y, n), np.bincount(which, x, n)], axis=1) / area[:, None]
    # the centroid of a bent nucleus may lie outside of it: then its own pixel next to it
    row, column = np.rint(points).astype(int).T
    for i in np.flatnonzero(dense[row, column] != np.arange(1, n + 1)):
        own = np.argwhere(dense == i + 1)
        points[i] = own[np.argmin(((own - points[i]) ** 2).sum(axis=1))]
    diameter = float(np.median(np.sqrt(4 * area / np.pi))) if n else float("nan")
    return Markers(points, diameter, method, dense)
