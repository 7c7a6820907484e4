"""Nuclei as areas: the seeds of cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import find_markers
from frugalseg.errors import BadPixels, InputError, SettingsError
from frugalseg.images.seeds import resize_seeds
from frugalseg.images.value_checks import is_label_map
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.inputs import as_partners, as_sequence, check_image, check_plane
from frugalseg.models.own_markers import own_markers
from frugalseg.networks.cards import ObjectCard


def marker_areas(cues: ImageCues) -> NDArray[np.uint32]:
    """Return the nuclei (Y,X) of an image whose cues are known; label i is marker i, counted from 1.

    A marker without an area, such as a point, is one pixel.
    """
    return resize_seeds(cues.markers.nuclei, cues.markers.points, cues.shape, cues.shape)


def shows_nuclei_as_labels(plane: NDArray[Any]) -> bool:
    """Return whether an array (Y,X) or (1,Y,X) is no stain, but a label map, dots that somebody set, or whole numbers that are all 0."""
    plane = plane[0] if plane.ndim == 3 else plane
    if is_label_map(plane[None], ""):
        return True
    there = plane != 0
    together = (there[1:] & there[:-1]).any() or (there[:, 1:] & there[:, :-1]).any()
    return plane.dtype.kind in "biu" and not together


def nucleus_seeds(stain: Any, image: Any, owner: str) -> NDArray[np.uint32]:
    """Return the nuclei (Y,X) of a nuclear stain that belongs to an image; all 0 where there is no nucleus.

    A label map of nuclei, or of a dot for each, is taken as it is: nuclei of other programs correct cells like those that are
    found here.

    Raises
    ------
    InputError
        The stain can't be used, or is not of the image's shape.
    """
    planes = check_image(image, owner)
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    plane = check_plane(stain, "nuclei", shape, owner)
    if not plane.any():
        return np.zeros(shape, np.uint32)
    if not shows_nuclei_as_labels(np.asarray(stain)):
        try:
            markers = find_markers(plane)
        except InputError as error:
            raise type(error)(f"{owner}: {error}") from error
    else:
        markers, _ = own_markers(stain, shape, owner, "nuclei")
    return resize_seeds(markers.nuclei, markers.points, shape, shape)


def nuclei_of_images(card: ObjectCard, nuclei: Any, images: Any) -> Sequence[Any]:
    """Return a nuclear stain or label map for each image, None where there is none.

    Raises
    ------
    InputError
        There are more or fewer than images.
    SettingsError
        The model finds nuclei itself.
    """
    if nuclei is None:
        return [None] * len(as_sequence(images))
    if card.kind != "cells":
        raise SettingsError("this model finds nuclei, and `nuclei` correct cells; leave them out")
    return as_partners(nuclei, "nuclei", images)


def numbered_as(cells: NDArray[np.uint32], given: Any) -> NDArray[np.uint32]:
    """Return cells (Y,X), numbered by the rank of their nuclei, with the numbers that these have in a label map; else as they are.

    Cells without a nucleus get the numbers after the largest.
    """
    nuclei = np.asarray(0 if given is None else given)
    if not nuclei.ndim or not shows_nuclei_as_labels(nuclei):
        return cells
    ids = np.unique(nuclei[nuclei > 0]).astype(np.int64)
    most, last = int(cells.max(initial=0)), int(ids.max(initial=0))
    without = np.arange(last + 1, last + 1 + max(most - len(ids), 0))
    numbers = np.concatenate([[0], ids, without])
    if numbers[-1] > np.iinfo(np.uint32).max:
        raise BadPixels(
            f"`nuclei` have numbers up to {last}, and none is left for cells without a nucleus; number them anew"
        )
    return numbers.astype(np.uint32)[cells]
