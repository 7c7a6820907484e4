"""Markers that a user gives instead of a nuclear stain."""

from dataclasses import replace
from typing import Any

import numpy as np

from frugalseg.cues.markers import Markers, check_inside, markers_from_points, markers_of
from frugalseg.errors import NoMarkers, WrongShape
from frugalseg.images.label_checks import check_objects
from frugalseg.models.inputs import check_label_map

#: Labels below this diameter in px are points that somebody drew, and say nothing about the size of a nucleus.
POINT_DIAMETER = 3.0


def own_markers(
    given: Any, shape: tuple[int, int], owner: str, parameter: str = "markers"
) -> tuple[Markers, tuple[str, ...]]:
    """Return markers from a label map of the image's shape (Y,X), from points (N,2), or as they are; and doubts on the label map.

    Raises
    ------
    BadPixels
        The label map is a mask, or otherwise surely none.
    NoMarkers
        There is no label or point.
    WrongShape
        Points lie outside of the image; `owner` is what messages call it.
    """
    doubts: tuple[str, ...] = ()
    if isinstance(given, Markers):
        markers = given
        if markers.nuclei is not None and markers.nuclei.shape != shape:
            raise WrongShape(
                f"{owner}: `{parameter}` are of an image of {markers.nuclei.shape[0]} x {markers.nuclei.shape[1]} px, and this one has "
                f"{shape[0]} x {shape[1]} px; give the markers of this image"
            )
    elif (size := np.shape(given)) != shape and len(size) == 2 and size[1] == 2:
        if not np.isfinite(np.asarray(given, float)).all():
            raise WrongShape(
                f"{owner}: `{parameter}` hold points that are not finite; give y and x of each in px"
            )
        markers = markers_from_points(given)
    else:
        labels = check_label_map(given, parameter, shape, owner)
        doubts = check_objects(labels, f"{owner}: `{parameter}`")
        markers = markers_of(labels)
        if markers.diameter < POINT_DIAMETER:
            markers = replace(markers, diameter=float("nan"), nuclei=None)
    if len(markers) == 0:
        raise NoMarkers(f"{owner}: there is no label or point in `{parameter}`; is it the right array?")
    check_inside(markers.points, shape, f"{owner}: ")
    return markers, doubts
