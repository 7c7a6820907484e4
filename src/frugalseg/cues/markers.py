"""Find one point per nucleus: the marker where a cell starts."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import find_objects

from frugalseg.cues.background import check_plane, smallest_grey_step, subtract_background
from frugalseg.cues.blobs import blob_points
from frugalseg.cues.nuclei import (
    TARGET_NUCLEUS_DIAMETER,
    estimate_nucleus_diameter,
    find_nuclei,
    shrink_plane,
)
from frugalseg.errors import SettingsError, WrongShape
from frugalseg.images.label_checks import warn_of_doubts
from frugalseg.images.label_maps import as_labels
from frugalseg.images.masked import refuse_masked
from frugalseg.images.resize import resize_points

Method = Literal["auto", "threshold", "log", "doh"]


@dataclass(frozen=True)
class Markers:
    """Points that stand for cells, and what they were found from.

    Attributes
    ----------
    points
        (N, 2) float64, y and x in px; the centre of the first pixel is (0, 0).
    diameter
        Typical diameter of a nucleus in px, NaN when it isn't known.
    method
        "threshold", "log", "doh", "points" or "labels".
    nuclei
        (Y, X) label map, label i + 1 is the nucleus of point i; None when the method finds points only.
    """

    points: NDArray[np.float64]
    diameter: float
    method: str
    nuclei: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """Return the number of markers."""
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
        Diameter of a typical nucleus in px; all scales are derived from it. None: estimated from the image.
    method
        "threshold": every nucleus gets the threshold at which its boundary is steepest, and touching nuclei are split
        by intensity and by shape. "log" and "doh": blobs of about `diameter`, by the Laplacian of Gaussian or the
        determinant of the Hessian (`frugalseg.cues.blobs`). "auto" is "threshold".
    log_intensity
        True where the stain varies between cells (a reporter): a nucleus counts however dim it is beside the others.
        False: objects far dimmer than the rest are no nuclei. "auto" decides from the image.

    Returns
    -------
    Markers
        Empty when there is no nucleus.

    Raises
    ------
    WrongShape, BadPixels
        The image is no plane, empty, constant, or holds NaN.
    SettingsError
        Unknown method, or a diameter that is not above 2 px.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> field = make_cells((128, 128), n_cells=12, seed=3)
    >>> len(find_markers(field.nuclear)), len(find_markers(field.nuclear, method="log"))
    (12, 12)
    """
    if method not in get_args(Method):
        raise SettingsError(f"`method` is {method!r}; choose one of {', '.join(get_args(Method))}")
    if diameter is not None and not 2 < diameter < np.inf:
        raise SettingsError(f"the nucleus diameter is {diameter} px; give a number above 2, or none")
    plane = check_plane(nuclei)
    flat = subtract_background(plane)
    step = smallest_grey_step(plane)
    if diameter is None:
        diameter = estimate_nucleus_diameter(flat, step)
    name = "threshold" if method == "auto" else method
    if not np.isfinite(diameter):
        labels = np.zeros(plane.shape, np.int32) if name == "threshold" else None
        return Markers(np.zeros((0, 2)), diameter, name, labels)
    if name == "threshold":
        return markers_of(find_nuclei(flat, diameter, log_intensity, step), name)
    factor = min(1.0, TARGET_NUCLEUS_DIAMETER / diameter)
    small = shrink_plane(flat, factor)
    points = blob_points(small, diameter * factor, name, log_intensity, step)
    return Markers(resize_points(points, small.shape, flat.shape), float(diameter), name)


def markers_from_points(points: ArrayLike, diameter: float = float("nan")) -> Markers:
    """Return markers from a user's own points.

    Parameters
    ----------
    points
        (N, 2), y and x in px.
    diameter
        Diameter of a typical nucleus in px, where known.

    Raises
    ------
    WrongShape
        The points are not (N, 2) finite numbers.

    Examples
    --------
    >>> len(markers_from_points([[10, 20], [30, 40]]))
    2
    """
    try:
        array = np.array(points, float)
    except (TypeError, ValueError) as error:
        raise WrongShape(
            f"`points` of type {type(points).__name__} are not all numbers; give (N, 2) finite numbers, y and x in px"
        ) from error
    array = array.reshape(-1, 2) if array.size == 0 else array
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise WrongShape(f"`points` have shape {array.shape}; give (N, 2) finite numbers, y and x in px")
    return Markers(array, float(diameter), "points")


def markers_from_labels(labels: ArrayLike) -> Markers:
    """Return one marker per label of a label map of nuclei, in the order of the labels.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background.

    Raises
    ------
    WrongShape
        The labels are not (Y, X), or have no pixel.
    BadPixels
        They are no whole numbers, a mask, a grey image, or otherwise surely no label map; a doubt is a Python warning.

    Examples
    --------
    >>> markers_from_labels([[0, 7, 7], [4, 0, 0]]).points.tolist()
    [[1.0, 0.0], [0.0, 1.5]]
    """
    refuse_masked(labels, "`labels`")
    array = np.asarray(labels)
    if array.ndim != 2 or array.size == 0:
        raise WrongShape(f"`labels` have the shape {array.shape}; give one label map (Y, X) with pixels")
    warn_of_doubts(array, "`labels`")
    return markers_of(as_labels(array, "`labels`"))


def check_inside(points: NDArray[np.float64], shape: tuple[int, int], owner: str = "") -> None:
    """`WrongShape` where points (N,2) lie outside of an image of a shape (Y, X); `owner` stands before the message."""
    outside = ((points < -0.5) | (points > np.array(shape) - 0.5)).any(axis=1)
    if outside.any():
        raise WrongShape(
            f"{owner}{int(outside.sum())} of {len(points)} `markers` lie outside of the image of {shape[0]} x {shape[1]} px; "
            "points are (y, x) in px"
        )


def markers_of(labels: NDArray[np.generic], method: str = "labels") -> Markers:
    """Return the markers of a label map (Y, X) that is known to be one; see `markers_from_labels`."""
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
    # the centroid of a bent nucleus may lie outside of it: then the nearest pixel of the nucleus is taken
    row, column = np.rint(points).astype(int).T
    bent = np.flatnonzero(dense[row, column] != np.arange(1, n + 1))
    places = find_objects(dense) if bent.size else []
    for i in bent:
        own = np.argwhere(dense[places[i]] == i + 1) + [side.start for side in places[i]]
        points[i] = own[np.argmin(((own - points[i]) ** 2).sum(axis=1))]
    diameter = float(np.median(np.sqrt(4 * area / np.pi))) if n else float("nan")
    return Markers(points, diameter, method, dense)
