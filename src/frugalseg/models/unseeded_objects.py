"""Objects of an image of which nothing else is known; cells get their borders at a finer scale than their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_labels, resize_planes
from frugalseg.instances.clean import clean_labels
from frugalseg.instances.maps import PEAK
from frugalseg.instances.watershed import watershed
from frugalseg.models.seeded_cells import MAY_COST
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.surer_sight import surer_sight
from frugalseg.networks.heads import MASK
from frugalseg.prediction.whole_image import cell_confidence, mean_maps, objects_from_maps, oriented_maps

#: Orientations that are averaged at the finer scale, where each takes longer.
FINER_ORIENTATIONS = 2
#: The core of a cell, from which it grows at the finer scale: where the distance has this share of the cell's largest.
CORE = 0.5


@dataclass(frozen=True)
class UnseededObjects:
    """Nuclei or cells of one image.

    Attributes
    ----------
    labels
        (Y,X) uint32.
    maps
        (K,Y,X) float32, what their borders were made of.
    confidence
        Number of a cell -> agreement of the orientations on it, 0..1, at the network's scale; None of nuclei, and where the
        network sees the image in one orientation only.
    seen
        The image as the network saw it best.
    """

    labels: NDArray[np.uint32]
    maps: NDArray[np.float32]
    confidence: Mapping[int, float] | None
    seen: SeenImage


def unseeded_objects(image: SeenImage) -> UnseededObjects:
    """Return the nuclei or cells that a network finds in an image.

    At a finer scale the network finds better borders, and too many cells. So what it finds at its scale are the cells, and
    they grow anew from their cores in the maps of the finer scale, unless the orientations agree less on them there
    (docs/decisions, 21). An image of which it is not sure is seen with less contrast, inverted, or with adapted batch
    norms, if that helps (25, 26, 29).
    """
    usual = objects_at(image)
    if image.settings.target == "nuclei" or len(usual.oriented) == 1:
        return UnseededObjects(usual.labels, usual.maps, None, image)
    seen, usual = surer_sight(image, usual, objects_at)
    return UnseededObjects(*_with_finer_borders(seen, usual), usual.confidence, seen)


def _with_finer_borders(
    image: SeenImage, usual: "FoundObjects"
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Return cells (Y,X) grown anew in the maps of the finer scale, and these maps; as they were where the network does not cope."""
    larger = image.enlarged()
    if larger is None or not usual.confidence:
        return usual.labels, usual.maps
    cores = cell_cores(usual.labels, usual.maps[0])
    enlarged = oriented_maps(image.network, image.planes, larger.at.scale, FINER_ORIENTATIONS)
    fine_maps = resize_planes(mean_maps(enlarged), image.shape)
    grown = clean_labels(grown_cells(fine_maps, cores))
    before = core_agreement(usual.oriented[:FINER_ORIENTATIONS], cores)
    if core_agreement(enlarged, cores) < before - MAY_COST:
        return usual.labels, usual.maps
    return grown, fine_maps


class FoundObjects(NamedTuple):
    """Objects at a network's scale: labels (Y,X), mean maps (K,Y,X), maps (K,y,x) of each orientation, and confidence."""

    labels: NDArray[np.uint32]
    maps: NDArray[np.float32]
    oriented: Sequence[NDArray[np.float32]]
    confidence: Mapping[int, float]

    @property
    def sure(self) -> Mapping[int, float]:
        """The confidence."""
        return self.confidence


def objects_at(image: SeenImage) -> FoundObjects:
    """Return the objects found at one scale; confidence is of cells only, and of several orientations."""
    settings, diameter = image.settings, image.diameter
    oriented = oriented_maps(
        image.network, image.planes, image.at.scale, settings.orientations, image.at.maps
    )
    labels, maps = objects_from_maps(oriented, image.shape, settings.target, settings.h, diameter)
    tells = settings.target == "cells" and len(oriented) > 1
    confidence = cell_confidence(labels, oriented, settings.h, diameter) if tells else {}
    return FoundObjects(labels, maps, oriented, confidence)


def cell_cores(labels: NDArray[np.uint32], distance: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return the middles of cells (Y,X): where the distance (Y,X) is at least half of the cell's largest.

    Examples
    --------
    >>> labels = np.array([[0, 4, 4, 4, 0, 2]], np.uint32)
    >>> cell_cores(labels, np.array([[0.9, 0.3, 0.8, 0.4, 0.0, 0.1]], np.float32)).tolist()
    [[0, 0, 4, 4, 0, 2]]
    """
    largest = np.zeros(int(labels.max(initial=0)) + 1, np.float32)
    np.maximum.at(largest, labels.ravel(), distance.ravel())
    return np.where(distance >= np.float32(CORE) * largest[labels], labels, np.uint32(0))


def grown_cells(maps: NDArray[np.float32], cores: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the cells (Y,X) that grow from cores (Y,X) in the maps (2,Y,X) of a network."""
    return watershed(maps[0].astype(np.float64) * PEAK, cores, (maps[MASK] > 0) | (cores > 0))


def core_agreement(maps: Sequence[NDArray[np.float32]], cores: NDArray[np.uint32]) -> float:
    """Return how well the cells agree that grow from cores in the maps (2,y,x) of several orientations, and in their mean.

    It is the mean over cells of the IoU with the cell of the same core in an orientation alone, 0..1, 0 without a cell; the cores
    may be at another scale.

    Examples
    --------
    >>> one = np.full((2, 4, 4), -1, np.float32)
    >>> one[1, 1:3, 1:3], cores = 1, np.zeros((4, 4), np.uint32)
    >>> cores[1, 1], other = 5, one.copy()
    >>> other[1, 1:3, 1] = -0.5
    >>> core_agreement([one, one], cores), round(core_agreement([one, other], cores), 3)
    (1.0, 0.875)
    """
    seeds = resize_labels(cores, (int(maps[0].shape[1]), int(maps[0].shape[2])))
    together = grown_cells(mean_maps(maps), seeds)
    there = np.unique(together[together > 0])
    if not len(there):
        return 0.0
    ious = list[float]()
    for one in maps:
        alone = grown_cells(one, seeds)
        common = np.where(alone == together, alone, 0)
        areas = [
            np.bincount(cells.ravel(), minlength=int(seeds.max()) + 1)[there]
            for cells in (alone, together, common)
        ]
        ious.append(float(np.mean(areas[2] / (areas[0] + areas[1] - areas[2]))))
    return float(np.mean(ious))
