"""Find the foreground, where there are cells, by the method that fits the image."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.special import expit

from frugalseg.cues.intensity import intensity_foreground
from frugalseg.cues.modality import detect_modality
from frugalseg.cues.scribbles import BACKGROUND, CELL, scribble_foreground, shrink_strokes
from frugalseg.cues.texture import texture_foreground
from frugalseg.errors import BadPixels, NoMarkers, SettingsError, WrongShape
from frugalseg.images.resize import resize_planes, resize_points

Method = Literal["auto", "intensity", "texture", "scribbles", "mask"]

#: Images are shrunk until a cell is this many px wide.
TARGET_DIAMETER = 30.0


@dataclass(frozen=True)
class Foreground:
    """Where there are cells.

    Attributes
    ----------
    mask
        (Y,X) bool.
    probability
        (Y,X) float32, 0..1: of being foreground, by the evidence of each pixel, before the graph cut.
    method
        "intensity", "texture", "scribbles" or "mask".
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    method: str


def find_foreground(
    cells: ArrayLike,
    points: ArrayLike,
    diameter: float,
    method: Method = "auto",
    scribbles: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Foreground:
    """Find where there are cells, without a label.

    Parameters
    ----------
    cells : (C,Y,X) or (Y,X) float
        Image of the cells. The first channel is used, scribbles use all.
    points : (N,2) float
        Markers (y, x) in px; there certainly are cells.
    diameter : float
        Cell diameter, px.
    method : {"auto", "intensity", "texture", "scribbles", "mask"}
        "intensity": graph cut on grey values, for fluorescence. "texture": local texture, mixture model and
        graph cut, for label-free images. "scribbles": random forest trained on a few strokes, then graph cut.
        "mask": the given mask. "auto": the mask or the scribbles if given, else by the modality of the image.
    scribbles : (Y,X) int, optional
        0 unknown, 1 background, 2 cell.
    mask : (Y,X), optional
        Anything above 0 is foreground.

    Returns
    -------
    Foreground
        At the image's scale.

    Raises
    ------
    NoMarkers
        There is no marker.
    WrongShape
        The arrays do not belong together.
    BadPixels
        The image is constant or not finite.
    SettingsError
        The method is unknown, what it needs is missing, or it has no use for the given mask or scribbles.

    References
    ----------
    Din and Yu, "Unsupervised deep learning method for cell segmentation", "Binary mask".

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> field = make_cells((128, 128), seed=1)
    >>> foreground = find_foreground(field.planes(["cytoplasm"]), field.markers, diameter=30)
    >>> foreground.method, bool((foreground.mask == (field.cells > 0)).mean() > 0.85)
    ('intensity', True)
    """
    planes = np.asarray(cells, dtype=np.float32)
    planes = planes[None] if planes.ndim == 2 else planes
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    method = _choose_method(method, planes, scribbles, mask)
    shape = planes.shape[1:]
    if mask is not None and method == "mask":
        own = np.asarray(_same_shape(mask, shape, "mask") > 0)
        return Foreground(own, own.astype(np.float32), "mask")
    if len(points) == 0:
        raise NoMarkers("there is no marker, so it is unknown where cells are; give markers or a `mask`")
    if not (np.isfinite(diameter) and diameter > 0):
        raise SettingsError(f"`diameter` is {diameter}; give the cell diameter in px, above 0")
    if not np.isfinite(points).all():
        raise BadPixels("some markers have no finite position; leave them out")
    factor = min(1.0, TARGET_DIAMETER / diameter)
    small = resize_planes(planes, factor)
    distance = marker_distance(resize_points(points, shape, factor), small.shape[1:])
    size = diameter * factor
    if method == "auto":
        method = "intensity" if detect_modality(small[0], size) == "fluorescent" else "texture"
    if method == "scribbles":
        strokes = shrink_strokes(_same_shape(scribbles, shape, "scribbles"), small.shape[1:])
        small_mask, log_odds = scribble_foreground(small, strokes, size)
    elif method == "intensity":
        small_mask, log_odds = intensity_foreground(small[0], distance, size)
    else:
        small_mask, log_odds = texture_foreground(small[0], distance, size)
    full = resize_planes(np.stack([small_mask, expit(log_odds)]).astype(np.float32), shape)
    whole = full[0] > 0.5
    if method == "scribbles" and scribbles is not None:  # strokes stay as drawn, at the image's scale
        whole = (whole & (np.asarray(scribbles) != BACKGROUND)) | (np.asarray(scribbles) == CELL)
    return Foreground(whole, np.clip(full[1], 0, 1).astype(np.float32), method)


def marker_distance(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the distance (Y,X) of every pixel to the nearest marker, px."""
    free = np.ones(shape, dtype=bool)
    rows, columns = np.clip(np.round(points).astype(int), 0, np.array(shape) - 1).T
    free[rows, columns] = False
    distance: NDArray[np.float32] = ndimage.distance_transform_edt(free).astype(np.float32)
    return distance


def _choose_method(method: Method, planes: NDArray[np.float32], scribbles: object, mask: object) -> Method:
    """Return the method to use, once the arrays are checked; see `find_foreground` for the errors."""
    if method not in get_args(Method):
        raise SettingsError(
            f"`foreground` method {method!r} is unknown; choose one of {', '.join(get_args(Method))}"
        )
    if planes.ndim != 3 or planes.size == 0:
        raise WrongShape(
            f"the foreground needs an image (C,Y,X) or (Y,X) with pixels, not of shape {planes.shape}"
        )
    if not np.isfinite(planes).all():
        raise BadPixels(
            "the image of the cells has NaN or infinite pixels; replace them or leave the image out"
        )
    idle = "mask" if mask is not None and method not in ("auto", "mask") else None
    if scribbles is not None and method in ("intensity", "texture"):
        idle = idle or "scribbles"
    if idle is not None:
        raise SettingsError(
            f"`foreground` method {method!r} has no use for `{idle}`; leave one of them out, or choose 'auto'"
        )
    if method == "auto" and (mask is not None or scribbles is not None):
        method = "mask" if mask is not None else "scribbles"
    if (method == "mask" and mask is None) or (method == "scribbles" and scribbles is None):
        raise SettingsError(
            f"`foreground` method {method!r} needs `{method}`; give an image of them, or choose 'auto'"
        )
    if method != "mask" and float(np.ptp(planes[0])) == 0.0:
        raise BadPixels(
            "the image of the cells is constant, so there is no foreground to find; is it the right channel?"
        )
    return method


def _same_shape(values: ArrayLike | None, shape: tuple[int, ...], what: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.shape != shape:
        raise WrongShape(f"`{what}` has shape {array.shape} and the image {shape}; give the same (Y, X)")
    return array
