"""Cells of an image whose nuclei are known, and how far each can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.nuclei_agreement import NucleiAgreement, nuclei_agreement
from frugalseg.images.resize import resize_planes
from frugalseg.instances.clean import clean_labels
from frugalseg.instances.seeded_maps import labels_from_seeded_maps
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_areas import marker_areas
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.models.teacher_cells import stain_draws_borders, teacher_cells
from frugalseg.networks.cards import ObjectCard
from frugalseg.prediction.whole_image import cell_confidence, mean_maps, oriented_maps


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
    """

    labels: NDArray[np.uint32]
    confidence: Mapping[int, float]
    agreement: NucleiAgreement


def predict_cells(
    network: ObjectNetwork,
    card: ObjectCard,
    planes: NDArray[np.float32],
    cues: ImageCues,
    settings: LabelSettings,
    scale: float,
) -> CellPrediction:
    """Return the cells of one image, its nuclei as seeds.

    Where the network learned from cells grown from nuclei, and the stain itself draws the borders, such cells are kept,
    and the network only adds cells without a nucleus.

    Parameters
    ----------
    network, card
        Of cells, trained.
    planes : (C,Y,X) float32
        The image, z-scored.
    cues
        Of the image.
    settings
        Of the network.
    scale
        Network px per image px.
    """
    nuclei, diameter = marker_areas(cues), card.diameter_at(scale)
    maps = oriented_maps(network, planes, scale, settings.orientations)
    labels = labels_from_seeded_maps(resize_planes(mean_maps(maps), cues.shape), nuclei, diameter)
    if card.self_trained and stain_draws_borders(cues):
        labels = _with_lone_cells(teacher_cells(cues), labels, int(nuclei.max(initial=0)))
    confidence = cell_confidence(labels, maps, settings.h, diameter, nuclei)
    return CellPrediction(labels, confidence, nuclei_agreement(labels, nuclei))


def _with_lone_cells(
    cells: NDArray[np.uint32], found: NDArray[np.uint32], n_nuclei: int
) -> NDArray[np.uint32]:
    """Add the network's cells without a nucleus, numbered above `n_nuclei`, where they lie mostly outside other cells."""
    free = (cells == 0) & (found > n_nuclei)
    size = int(found.max(initial=0)) + 1
    lone = 2 * np.bincount(found[free], minlength=size) > np.bincount(found.ravel(), minlength=size)
    return clean_labels(np.where(free & lone[found], found, cells))
