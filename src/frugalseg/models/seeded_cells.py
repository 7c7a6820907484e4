"""Cells around nuclei that are known, at the finest scale with which a network copes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_planes
from frugalseg.instances.seeded_maps import labels_from_seeded_maps
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.surer_sight import mean_confidence, surer_sight
from frugalseg.networks.heads import MASK
from frugalseg.prediction.whole_image import cell_confidence, mean_maps, oriented_maps

#: Mean confidence that an enlarged image may cost, and share of the area called cell that all of a run may lose: docs/decisions, 21.
MAY_COST, MAY_LOSE = 0.01, 0.03


@dataclass(frozen=True)
class SeededCells:
    """Cells of one image whose nuclei are known.

    Attributes
    ----------
    labels
        (Y,X) uint32; see `frugalseg.instances.seeded_maps.labels_from_seeded_maps`.
    maps
        (K,y,x) float32 of each orientation, what the cells were made of.
    confidence
        Number of a cell -> agreement of the orientations on it, 0..1; empty where there is one orientation only.
    bare
        Numbers of the cells of which the network itself calls less than half cell.
    seen
        The image as the network saw it best; None: it was asked once.
    """

    labels: NDArray[np.uint32]
    maps: Sequence[NDArray[np.float32]]
    confidence: Mapping[int, float]
    bare: frozenset[int] = frozenset()
    seen: SeenImage | None = None

    @property
    def area(self) -> float:
        """What the network calls cell, px of the image."""
        return float((mean_maps(self.maps)[MASK] > 0).mean()) * self.labels.size

    @property
    def sure(self) -> Mapping[int, float]:
        """The confidence, but 0 of bare nuclei: all orientations agree on a nucleus around which the network sees nothing."""
        return {cell: 0.0 if cell in self.bare else sure for cell, sure in self.confidence.items()}


def seeded_cells(image: SeenImage, nuclei: NDArray[np.unsignedinteger]) -> SeededCells:
    """Return the cells that a network finds around nuclei.

    Borders are finer where the network sees an image larger, but in large cells it then takes their insides for
    background and gaps. Nuclei tell it how many cells there are, and the orientations of the image whether it copes: the
    image is seen at its scale, and enlarged by the usual zoom of training, and the enlarged cells count unless the
    orientations agree less on them. A model that sees the image in one orientation only can't tell, and keeps to its scale.
    Before, an image of which the network is not sure is seen with less contrast, inverted, or with adapted batch norms, if that
    helps (docs/decisions, 25, 26 and 29).

    Parameters
    ----------
    image
        And the model of cells that sees it.
    nuclei : (Y,X) integers
        Label map of the nuclei.
    """
    seen, usual = surer_sight(image, cells_at(image, nuclei), lambda other: cells_at(other, nuclei))
    return replace(better_of(usual, enlarged_cells(seen, nuclei, usual)), seen=seen)


def better_of(usual: SeededCells, enlarged: SeededCells | None) -> SeededCells:
    """Return the cells of the enlarged image, where there are any and the orientations agree as well on them."""
    if (
        enlarged is None
        or mean_confidence(enlarged.confidence) < mean_confidence(usual.confidence) - MAY_COST
    ):
        return usual
    return enlarged


def at_both_scales(
    image: SeenImage, nuclei: NDArray[np.unsignedinteger]
) -> tuple[SeededCells, SeededCells | None]:
    """Return the cells found at the network's scale, and in the image enlarged; parameters as of `seeded_cells`.

    The second is None where the image can't be enlarged or has no cell.
    """
    usual = cells_at(image, nuclei)
    return usual, enlarged_cells(image, nuclei, usual)


def enlarged_cells(
    image: SeenImage, nuclei: NDArray[np.unsignedinteger], usual: SeededCells
) -> SeededCells | None:
    """Return the cells found in the image enlarged; None where it can't be, or nothing was found at the usual scale."""
    larger = image.enlarged() if usual.confidence else None
    return None if larger is None else cells_at(larger, nuclei)


def copes(areas: Sequence[float], enlarged: Sequence[float]) -> bool:
    """Return whether a network calls as much of images cell when it sees them enlarged.

    Where it does not cope, it takes insides of cells for background. Of one image with few cells, chance says too much; all
    that a student learned from are asked together.

    Parameters
    ----------
    areas, enlarged
        What is called cell in each image, at the network's scale and enlarged, in one unit.

    Examples
    --------
    >>> copes([500, 100], [494, 94]), copes([500, 100], [480, 99])
    (True, False)
    """
    return sum(enlarged) >= (1 - MAY_LOSE) * sum(areas)


def cells_at(image: SeenImage, nuclei: NDArray[np.unsignedinteger]) -> SeededCells:
    """Return the cells found at one scale."""
    settings, diameter = image.settings, image.diameter
    maps = oriented_maps(image.network, image.planes, image.at.scale, settings.orientations, image.at.maps)
    together = resize_planes(mean_maps(maps), image.shape)
    labels = labels_from_seeded_maps(together, nuclei, diameter)
    sure = cell_confidence(labels, maps, settings.h, diameter, nuclei) if len(maps) > 1 else {}
    areas = np.bincount(labels.ravel())
    own = np.bincount(labels.ravel(), weights=together[MASK].ravel() > 0)
    bare = np.flatnonzero((areas > 0) & (2 * own < areas)).tolist()
    return SeededCells(labels, maps, sure, frozenset(bare))
