"""Nuclei or cells of an image, and how far they can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.nuclei_agreement import NucleiAgreement, nuclei_agreement
from frugalseg.images.resize import resize_planes
from frugalseg.instances.clean import clean_labels
from frugalseg.instances.seeded_maps import labels_from_seeded_maps
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.field_doubts import distance_from_learned, field_doubts
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_areas import marker_areas
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.models.teacher_cells import stain_draws_borders, teacher_cells
from frugalseg.networks.cards import ObjectCard
from frugalseg.prediction.whole_image import cell_confidence, mean_maps, objects_from_maps, oriented_maps

#: Said where the network's cells do not count.
KEPT = (
    "The stain itself draws the borders between cells, so these are the cells that a classical method grows from the nuclei; the "
    "model only added cells without a nucleus, and without nuclei it is less accurate."
)


@dataclass(frozen=True)
class CellPrediction:
    """Cells of one image, and how far they can be trusted.

    Attributes
    ----------
    labels
        (Y,X) uint32; a cell has the number of its nucleus, cells without a nucleus have larger numbers.
    confidence
        Number of a cell -> agreement of the image's orientations on it, 0..1.
    agreement
        Of cells and nuclei.
    look_distance
        How far the image looks from those that the model was learned from, above 1: unlike them; None: the model does not
        say.
    doubts
        Sentences for the user.
    """

    labels: NDArray[np.uint32]
    confidence: Mapping[int, float]
    agreement: NucleiAgreement
    look_distance: float | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectPrediction:
    """Nuclei or cells of one image, found without its nuclei, and how far they can be trusted.

    Attributes
    ----------
    labels
        (Y,X) uint32.
    maps
        (K,Y,X) float32, what they were made of.
    confidence
        As of `CellPrediction`; None of nuclei, and of a model that sees the image in one orientation only.
    look_distance, doubts
        As of `CellPrediction`.
    """

    labels: NDArray[np.uint32]
    maps: NDArray[np.float32]
    confidence: Mapping[int, float] | None
    look_distance: float | None
    doubts: tuple[str, ...]


def predict_cells(
    network: ObjectNetwork,
    card: ObjectCard,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    cues: ImageCues,
    seen: ImageScale,
) -> CellPrediction:
    """Return the cells of one image, its nuclei as seeds.

    Where the network learned from cells grown from nuclei, and the stain itself draws the borders, such cells are kept,
    and the network only adds cells without a nucleus.

    Parameters
    ----------
    network, card, settings
        Of a model of cells.
    planes : (C,Y,X) float32
        The image, normalised.
    cues
        Of the image.
    seen
        Network px per image px, and what the network has said at it.
    """
    nuclei, diameter = marker_areas(cues), card.diameter_at(seen.scale)
    maps = oriented_maps(network, planes, seen.scale, settings.orientations, seen.maps)
    labels = labels_from_seeded_maps(resize_planes(mean_maps(maps), cues.shape), nuclei, diameter)
    kept = card.self_trained and stain_draws_borders(cues)
    if kept:
        labels = _with_lone_cells(teacher_cells(cues), labels, int(nuclei.max(initial=0)))
    confidence = cell_confidence(labels, maps, settings.h, diameter, nuclei)
    distance = distance_from_learned(card, planes, seen.scale)
    doubts = ((KEPT,) if kept else ()) + field_doubts(card, distance, confidence.values())
    return CellPrediction(labels, confidence, nuclei_agreement(labels, nuclei), distance, doubts)


def _with_lone_cells(
    cells: NDArray[np.uint32], found: NDArray[np.uint32], n_nuclei: int
) -> NDArray[np.uint32]:
    """Add the network's cells without a nucleus, numbered above `n_nuclei`, where they lie mostly outside other cells."""
    free = (cells == 0) & (found > n_nuclei)
    size = int(found.max(initial=0)) + 1
    lone = 2 * np.bincount(found[free], minlength=size) > np.bincount(found.ravel(), minlength=size)
    return clean_labels(np.where(free & lone[found], found, cells))


def seeded_cells(
    network: ObjectNetwork,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    nuclei: NDArray[np.uint32],
    seen: ImageScale,
    diameter: float,
) -> tuple[NDArray[np.uint32], list[NDArray[np.float32]]]:
    """Return cells (Y,X) that start from nuclei (Y,X), and the maps (K,y,x) they are made of; all else as of `predict_cells`."""
    oriented = oriented_maps(network, planes, seen.scale, settings.orientations, seen.maps)
    full = resize_planes(mean_maps(oriented), (int(planes.shape[1]), int(planes.shape[2])))
    return labels_from_seeded_maps(full, nuclei, diameter), oriented


def find_alone(
    network: ObjectNetwork,
    card: ObjectCard,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    seen: ImageScale,
) -> ObjectPrediction:
    """Return the nuclei or cells of one image of which nothing else is known; parameters as of `predict_cells`."""
    diameter = card.diameter_at(seen.scale)
    oriented = oriented_maps(network, planes, seen.scale, settings.orientations, seen.maps)
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    labels, maps = objects_from_maps(oriented, shape, card.kind, settings.h, diameter)
    confidence = None
    if card.kind == "cells" and len(oriented) > 1:
        confidence = cell_confidence(labels, oriented, settings.h, diameter)
    distance = distance_from_learned(card, planes, seen.scale)
    doubts = field_doubts(card, distance, (confidence or {}).values())
    return ObjectPrediction(labels, maps, confidence, distance, doubts)
