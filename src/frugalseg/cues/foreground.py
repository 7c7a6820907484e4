"""Find the foreground, where there are cells, by the method that fits the image."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from frugalseg.cues.intensity import intensity_foreground
from frugalseg.cues.markers import Markers, check_inside, markers_from_points
from frugalseg.cues.modality import detect_modality
from frugalseg.cues.scaled_plane import MEASURED_WIDER, TARGET_DIAMETER, scale_plane
from frugalseg.cues.scribbles import BACKGROUND, CELL, scribble_foreground, shrink_strokes
from frugalseg.cues.texture_scale import label_free_foreground
from frugalseg.errors import BadPixels, NoMarkers, SettingsError, WrongShape
from frugalseg.images.masked import refuse_masked
from frugalseg.images.normalize import Plane
from frugalseg.images.outliers import planes_without_outliers
from frugalseg.images.resize import resize_planes

Method = Literal["auto", "intensity", "texture", "scribbles", "mask"]


@dataclass(frozen=True)
class Foreground:
    """Where there are cells.

    Attributes
    ----------
    mask
        (Y,X) bool.
    probability
        (Y,X) float32, 0..1: of being foreground, by the evidence of each pixel, before the graph cut; near 1 in nuclei.
    method
        "intensity", "texture", "scribbles" or "mask".
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    method: str


def find_foreground(
    cells: ArrayLike,
    markers: Markers | ArrayLike,
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
    markers : Markers or (N,2) float
        Points (y, x) in px; there certainly are cells. Where `Markers` know the areas of nuclei, these are foreground,
        and the search is more exact (not with scribbles or a mask, which are the user's own).
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
        The image is constant, or it or the mask is not finite.
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
    found = markers if isinstance(markers, Markers) else markers_from_points(_finite(markers))
    method = _choose_method(method, planes, scribbles, mask)
    shape = planes.shape[1:]
    if mask is not None and method == "mask":
        given = _same_shape(mask, shape, "mask")
        if not np.isfinite(given).all():
            raise BadPixels(
                "`mask` has NaN or infinite pixels; give 0 for background and anything above it for cells"
            )
        own = np.asarray(given > 0)
        return Foreground(own, own.astype(np.float32), "mask")
    planes = planes_without_outliers(planes)
    if len(found) == 0:
        raise NoMarkers("there is no marker, so it is unknown where cells are; give markers or a `mask`")
    if not (np.isfinite(diameter) and diameter > 0):
        raise SettingsError(f"`diameter` is {diameter}; give the cell diameter in px, above 0")
    if found.nuclei is not None:
        _same_shape(found.nuclei, shape, "markers.nuclei")
    check_inside(found.points, (int(shape[0]), int(shape[1])))
    if method == "scribbles" and scribbles is not None:
        return _from_scribbles(planes, _same_shape(scribbles, shape, "scribbles"), diameter)
    wide = diameter if found.nuclei is None else MEASURED_WIDER * diameter
    scaled = scale_plane(planes[0], found, wide)
    if method == "auto":
        modality = detect_modality(scaled.plane, scaled.diameter, scaled.seeds)
        method = "intensity" if modality == "fluorescent" else "texture"
    if method == "intensity":
        small_mask, log_odds = intensity_foreground(scaled)
    else:
        small_mask, log_odds = label_free_foreground(planes[0], found, wide)
    whole, probability = _full_size(small_mask, log_odds, shape)
    return Foreground(whole if found.nuclei is None else whole | (found.nuclei > 0), probability, method)


def _from_scribbles(planes: NDArray[np.float32], scribbles: NDArray[Any], diameter: float) -> Foreground:
    factor = min(1.0, TARGET_DIAMETER / diameter)
    small = resize_planes(planes, factor)
    strokes = shrink_strokes(scribbles, small.shape[1:])
    whole, probability = _full_size(*scribble_foreground(small, strokes, diameter * factor), planes.shape[1:])
    # strokes stay as drawn, at the image's scale
    return Foreground((whole & (scribbles != BACKGROUND)) | (scribbles == CELL), probability, "scribbles")


def _full_size(
    mask: NDArray[np.bool_], log_odds: Plane, shape: tuple[int, ...]
) -> tuple[NDArray[np.bool_], Plane]:
    """Return mask and probability (Y,X) at the image's scale."""
    stack = np.stack([mask, expit(log_odds)]).astype(np.float32)
    full = resize_planes(stack, (int(shape[0]), int(shape[1])))
    return full[0] > 0.5, np.clip(full[1], 0, 1).astype(np.float32)


def _finite(points: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if not np.isfinite(found).all():
        raise BadPixels("some markers have no finite position; leave them out")
    return found


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
    refuse_masked(values, f"`{what}`")
    array = np.asarray(values)
    if array.shape != shape:
        raise WrongShape(f"`{what}` has shape {array.shape} and the image {shape}; give the same (Y, X)")
    return array
