"""Cells around nuclei that are known, at the finest scale at which a network is still sure of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.instances.seeded_maps import labels_from_seeded_maps
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.model_scale import LARGEST_AT_MODEL_SCALE
from frugalseg.models.object_scale import ImageScale
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork
from frugalseg.prediction.whole_image import cell_confidence, mean_maps, oriented_maps

#: Mean confidence that a finer scale may cost: docs/decisions, 21.
MAY_COST = 0.01


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
    finer
        Whether these are the cells of the enlarged image; None: it was not looked at.
    """

    labels: NDArray[np.uint32]
    maps: Sequence[NDArray[np.float32]]
    confidence: Mapping[int, float]
    finer: bool | None = None

    @property
    def mean_confidence(self) -> float:
        """0 where nothing is known."""
        return float(np.mean(list(self.confidence.values()))) if self.confidence else 0.0


def seeded_cells(
    network: NucleusNetwork | CellNetwork,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    nuclei: NDArray[np.unsignedinteger],
    seen: ImageScale,
    diameter: float,
) -> SeededCells:
    """Return the cells that a network finds around nuclei.

    Borders are finer where the network sees an image larger, but in large cells it then takes their insides for
    background and gaps. Nuclei tell it how many cells there are, and the orientations of the image whether it copes: the
    image is seen at its scale, and enlarged by the usual zoom of training, and the enlarged cells count unless the
    orientations agree less on them. A model that sees the image in one orientation only can't tell, and keeps to its scale.

    Parameters
    ----------
    network, settings
        Of a model of cells.
    planes : (C,Y,X) float32
        The image, normalised.
    nuclei : (Y,X) integers
        Label map of the nuclei.
    seen
        Network px per image px, and what the network has said at it.
    diameter
        Of a typical cell, px.
    """
    usual = cells_at(network, settings, planes, nuclei, seen, diameter)
    larger = finer_scale(settings, seen, (int(planes.shape[1]), int(planes.shape[2])))
    if larger is None or not usual.confidence:
        return usual
    finer = cells_at(network, settings, planes, nuclei, larger, diameter)
    copes = finer.mean_confidence >= usual.mean_confidence - MAY_COST
    return replace(finer if copes else usual, finer=copes)


def finer_scale(settings: LabelSettings, seen: ImageScale, shape: tuple[int, int]) -> ImageScale | None:
    """Return a scale that is finer by the usual zoom of training.

    None: the network sees one orientation or one scale only, and can't tell whether it copes; or an image of this shape,
    (Y, X), is too large for it.
    """
    if settings.orientations == 1 or not settings.zoom:
        return None
    scale = seen.scale * math.exp(settings.zoom)
    return None if math.prod(scaled_shape(shape, scale)) > LARGEST_AT_MODEL_SCALE else ImageScale(scale)


def cells_at(
    network: NucleusNetwork | CellNetwork,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    nuclei: NDArray[np.unsignedinteger],
    seen: ImageScale,
    diameter: float,
) -> SeededCells:
    """Return the cells found at one scale."""
    maps = oriented_maps(network, planes, seen.scale, settings.orientations, seen.maps)
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    labels = labels_from_seeded_maps(resize_planes(mean_maps(maps), shape), nuclei, diameter)
    sure = cell_confidence(labels, maps, settings.h, diameter, nuclei) if len(maps) > 1 else {}
    return SeededCells(labels, maps, sure)
