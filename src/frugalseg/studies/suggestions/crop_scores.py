"""The crops of one image, and what speaks for labelling each: a model in doubt, nuclei that contradict it, an unusual look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import SettingsError
from frugalseg.evaluation.matching import match_labels
from frugalseg.evaluation.nuclei_agreement import find_misfits
from frugalseg.images.pixel_size import check_pixel_size
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.images.seeds import resize_every_label
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.models.inputs import check_image, check_label_map
from frugalseg.models.looks import image_look
from frugalseg.models.marker_areas import nucleus_seeds
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.seen_image import see_image
from frugalseg.models.start_sight import best_contrast
from frugalseg.models.student_images import pixels_checksum
from frugalseg.networks.cards import Look
from frugalseg.prediction.whole_image import ORIENTATIONS, mean_maps, oriented_maps

#: Side of a crop in diameters of a typical object, where none is given.
CROP_DIAMETERS = 12
#: Smallest side of a crop, px: with less there is no object to outline.
SMALLEST_CROP = 16
#: Crops are tried at every so many-th part of their side.
POSITIONS = 4

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class CropScores:
    """The crops of one image that could be labelled.

    Attributes
    ----------
    name
        The image's.
    windows
        (N,4) integers: y, x, height and width, px of the image. No pixel in them is labelled. They overlap.
    objects
        (N,) objects found in the crop; one that is cut counts by its share.
    disagreement
        (N,) how many of them differ between the flips and transposes of the image, see `disagreement`.
    misfits
        (N,) objects and nuclei that do not fit each other; NaN where no nuclei were given.
    rounds
        (N,) on how many cells the last two rounds of self-training differ; NaN where the model did not learn from the image.
    empty
        (N,) whether neither an object, in any orientation or round, nor a nucleus was found.
    looks
        N looks.
    labelled
        The look of what is labelled already; empty where nothing is.
    scale
        Network px per image px at which the model sees the image.
    """

    name: str
    windows: NDArray[np.intp]
    objects: NDArray[np.float64]
    disagreement: NDArray[np.float64]
    misfits: NDArray[np.float64]
    rounds: NDArray[np.float64]
    empty: NDArray[np.bool_]
    looks: tuple[Look, ...]
    labelled: tuple[Look, ...]
    scale: float

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.windows)


def score_crops(
    model: ObjectModel,
    image: Any,
    nuclei: Any = None,
    labels: Any = None,
    *,
    crop: int | None = None,
    pixel_size: float | tuple[float, float] | None = None,
    diameter: float | None = None,
    name: str = "image 1",
    owner: str = "the image",
) -> CropScores:
    """Measure what speaks for labelling each crop of an image.

    Parameters
    ----------
    model
        Of nuclei or cells.
    image, nuclei, labels, crop, pixel_size, diameter
        As of `frugalseg.suggest`, of one image.
    name, owner
        Of the image, and what messages call it.

    Raises
    ------
    InputError
        The image can't be used, or nuclei or labels do not belong to it.
    """
    about = model.card, model.network, model.settings, image, owner
    seen = best_contrast(see_image(*about, check_pixel_size(pixel_size), diameter))
    planes, scale = seen.planes, seen.at.scale
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    known = _labelled_pixels(labels, shape, owner)
    size = model.card.diameter_at(scale)
    windows = free_windows(known, crop or max(SMALLEST_CROP, round(CROP_DIAMETERS * size)))
    small = resize_planes(planes, scaled_shape(shape, scale))
    places = _resized(windows, shape, small.shape[1:])
    looks = tuple(image_look(small[:, y : y + h, x : x + w]) for y, x, h, w in places.tolist())
    labelled = tuple(
        image_look(small[:, y : y + h, x : x + w])
        for y, x, h, w in _resized(_bounding_box(known), shape, small.shape[1:]).tolist()
    )
    if not len(windows):
        none = np.zeros(0)
        return CropScores(name, windows, none, none, none, none, np.zeros(0, bool), (), labelled, scale)
    objects, doubt = _objects_and_doubt(model, planes, scale, size)
    found = _sums(spread(objects, np.unique(objects[objects > 0])), places)
    doubts, misfits = _sums(doubt, places), np.full(len(windows), np.nan)
    rounds = _rounds_differ(model, check_image(image, owner), windows)
    empty = (found == 0) & (doubts == 0) & ~(rounds > 0)
    if nuclei is not None:
        seeds = resize_every_label(nucleus_seeds(nuclei, image, owner), objects.shape)
        misfits = _sums(_misfit_density(objects, seeds), places)
        empty &= _sums((seeds > 0).astype(np.float64), places) == 0
    return CropScores(name, windows, found, doubts, misfits, rounds, empty, looks, labelled, scale)


def check_crop(crop: int | None, shapes: Sequence[tuple[int, int]]) -> None:
    """Check a side of crops, px, against the (Y, X) of all images; None stands for the usual one.

    Raises
    ------
    SettingsError
        It is too small for any object, or larger than every image.
    """
    if crop is None:
        return
    if not isinstance(crop, int | np.integer):
        raise SettingsError(f"`crop` is {crop!r}; give a whole number of px")
    if crop < SMALLEST_CROP:
        raise SettingsError(f"`crop` is {crop} px; give at least {SMALLEST_CROP} px")
    largest = max(shapes, key=max)
    if crop > max(largest):
        raise SettingsError(
            f"`crop` is {crop} px, and the largest image has {largest[0]} x {largest[1]} px; give at most {max(largest)}, or "
            "leave it out"
        )


def free_windows(labelled: NDArray[np.bool_], crop: int) -> NDArray[np.intp]:
    """Return the windows (N,4) of an image, y, x, height and width, in which no pixel is labelled.

    Parameters
    ----------
    labelled : (Y,X) bool
        What is labelled.
    crop
        Side of a window, px; at an image that is smaller, the side of the image.

    Examples
    --------
    >>> labelled = np.zeros((4, 12), bool)
    >>> labelled[:, :6] = True
    >>> free_windows(labelled, 4).tolist()
    [[0, 6, 4, 4], [0, 7, 4, 4], [0, 8, 4, 4]]
    """
    sides = [min(crop, side) for side in labelled.shape]
    rows, columns = (
        sorted({*range(0, full - side, max(1, crop // POSITIONS)), full - side})
        for full, side in zip(labelled.shape, sides, strict=True)
    )
    windows = np.array([(y, x, *sides) for y in rows for x in columns], dtype=np.intp)
    return np.asarray(windows[_sums(labelled.astype(np.float64), windows) == 0])


def disagreement(one: Labels, other: Labels) -> NDArray[np.float64]:
    """Return where two label maps of the same image differ, as a density of objects.

    Parameters
    ----------
    one, other : (Y,X) integers
        0 is background.

    Returns
    -------
    (Y,X) float64
        Every object spreads 1 - IoU, with its best partner in the other map, over its own pixels; half of the sum over both
        maps. So two maps that are alike sum up to 0, and two maps of n objects that have none in common to n.

    Examples
    --------
    >>> float(disagreement(np.array([[1, 1, 0, 0, 2, 2]]), np.array([[4, 4, 0, 0, 0, 0]])).sum())
    0.5
    """
    density = np.zeros(one.shape)
    for own, partner in ((one, other), (other, one)):
        match = match_labels(own, partner)
        best, _ = match.best()
        density += spread(own, match.true_ids, 1 - best) / 2
    return density


def spread(
    labels: Labels, ids: NDArray[np.integer[Any]], values: NDArray[np.float64] | float = 1.0
) -> NDArray[np.float64]:
    """Return a density (Y,X) in which each of some objects of a label map has its value, evenly over its pixels.

    >>> spread(np.array([[1, 1, 7, 0]]), np.array([1, 7]), np.array([3.0, 2.0])).tolist()
    [[1.5, 1.5, 2.0, 0.0]]
    """
    sizes = np.bincount(labels.ravel().astype(np.intp))
    table = np.zeros(len(sizes))
    table[ids] = values
    return np.asarray((table / np.maximum(sizes, 1))[labels])


def _objects_and_doubt(
    model: ObjectModel, planes: NDArray[np.float32], scale: float, diameter: float
) -> tuple[Labels, NDArray[np.float64]]:
    """Return the objects that all orientations find together, and how much each orientation differs, on the model's scale."""
    maps = oriented_maps(model.network, planes, scale, len(ORIENTATIONS))
    factor = maps[0].shape[1] / planes.shape[1]

    def objects_of(one: NDArray[np.float32]) -> NDArray[np.uint32]:
        return labels_from_maps(one, model.card.kind, model.settings.h, diameter * factor)

    objects = objects_of(mean_maps(maps))
    doubts = [disagreement(objects, objects_of(one)) for one in maps]
    return objects, np.mean(doubts, axis=0)


def _rounds_differ(
    model: ObjectModel, planes: NDArray[np.float32], windows: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return on how many cells (N,) of each window rounds differ, as the model's training record says; NaN where it does not."""
    known = {} if model.training is None else model.training.rounds_differ
    cells = known.get(pixels_checksum(planes)) if known else None
    if cells is None:
        return np.full(len(windows), np.nan)
    y, x, share = np.array(cells, np.float64).reshape(-1, 3).T
    rows, columns = planes.shape[1:]
    middles, *_ = np.histogram2d(y, x, (rows, columns), ((0, rows), (0, columns)), weights=share)
    return _sums(middles, windows)


def _misfit_density(objects: Labels, nuclei: Labels) -> NDArray[np.float64]:
    """Return a density of the objects and nuclei that do not fit; an object at the border may have its nucleus outside."""
    misfits = find_misfits(objects, nuclei)
    border = np.concatenate([objects[0], objects[-1], objects[:, 0], objects[:, -1]])
    alone = np.setdiff1d(misfits.cells_without_nucleus, border)
    wrong = np.concatenate([alone, misfits.cells_with_several])
    return spread(objects, wrong) + spread(nuclei, misfits.nuclei_without_cell)


def _labelled_pixels(labels: Any, shape: tuple[int, int], owner: str) -> NDArray[np.bool_]:
    if labels is None:
        return np.zeros(shape, bool)
    return np.asarray(check_label_map(labels, "labels", shape, owner) >= 0)


def _bounding_box(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the window (1,4) around what is set in a mask; (0,4) where nothing is."""
    if not mask.any():
        return np.zeros((0, 4), np.intp)
    (top, bottom), (left, right) = (np.flatnonzero(mask.any(axis=axis))[[0, -1]] for axis in (1, 0))
    return np.array([[top, left, bottom - top + 1, right - left + 1]], np.intp)


def _resized(windows: NDArray[np.intp], shape: tuple[int, int], new: tuple[int, ...]) -> NDArray[np.intp]:
    """Return windows (N,4) of an image of `shape` in the image resized to `new`, at least one px wide."""
    ratio = np.divide(new, shape)
    starts = np.minimum(np.rint(windows[:, :2] * ratio), np.subtract(new, 1))
    ends = np.maximum(np.rint((windows[:, :2] + windows[:, 2:]) * ratio), starts + 1)
    return np.concatenate([starts, ends - starts], axis=1).astype(np.intp)


def _sums(density: NDArray[np.float64], windows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the sum (N,) of a density (Y,X) over each window (N,4); 0 where all of it is exactly 0."""
    there = [np.pad(one.cumsum(0).cumsum(1), ((1, 0), (1, 0))) for one in (density, 1.0 * (density != 0))]
    top, left, height, width = windows.T
    bottom, right = top + height, left + width
    total, pixels = (
        one[bottom, right] - one[top, right] - one[bottom, left] + one[top, left] for one in there
    )
    return np.where(pixels > 0, total, 0.0)
