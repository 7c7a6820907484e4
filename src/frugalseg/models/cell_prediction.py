"""Nuclei or cells of an image, and how far they can be trusted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import NoMarkers
from frugalseg.evaluation.nuclei_agreement import nuclei_agreement
from frugalseg.instances.clean import clean_labels
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.cue_sources import CueSources
from frugalseg.models.field_doubts import distance_from_learned, field_doubts
from frugalseg.models.image_cues import ImageCues, cues_of
from frugalseg.models.marker_areas import marker_areas, nucleus_seeds
from frugalseg.models.model_scale import normalization_of
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.object_training import ObjectNetwork
from frugalseg.models.predictions import CellPrediction, ObjectPrediction
from frugalseg.models.seeded_cells import seeded_cells
from frugalseg.models.teacher_cells import stain_draws_borders, teacher_cells
from frugalseg.models.unseeded_objects import unseeded_objects
from frugalseg.networks.cards import ObjectCard
from frugalseg.prediction.whole_image import cell_confidence

#: Said where the network's cells do not count.
KEPT = (
    "The stain itself draws the borders between cells, so these are the cells that a classical method grows from the nuclei; the "
    "model only added cells without a nucleus, and without nuclei it is less accurate."
)


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
    found = seeded_cells(network, settings, planes, nuclei, seen, diameter, card.copes_with_finer)
    labels, confidence = found.labels, found.confidence
    kept = card.self_trained and stain_draws_borders(cues)
    if kept:
        labels = _with_lone_cells(teacher_cells(cues), labels, int(nuclei.max(initial=0)))
        if len(found.maps) > 1:
            confidence = cell_confidence(labels, found.maps, settings.h, diameter, nuclei)
    distance = distance_from_learned(card, planes, seen.scale)
    doubts = ((KEPT,) if kept else ()) + field_doubts(card, distance, confidence.values())
    return CellPrediction(labels, confidence, nuclei_agreement(labels, nuclei), distance, doubts)


def known_nuclei(card: ObjectCard, stain: Any, image: Any, owner: str) -> NDArray[np.uint32] | ImageCues:
    """Return the nuclei (Y,X) of an image by its nuclear stain, or all of its cues where they say which cells are kept.

    That is so of fluorescence, for a self-trained model; see `predict_cells`.

    Parameters
    ----------
    card
        Of the model.
    stain, image
        (Y,X), and (Y,X) or (C,Y,X).
    owner
        What messages call the image.

    Raises
    ------
    InputError
        The stain or the image can't be used, or they differ in shape.
    """
    if card.self_trained and normalization_of(card)[0] == "log":
        try:
            return cues_of(CueSources(image, stain), CueSettings(), owner, owner)
        except NoMarkers:  # the model needs none
            pass
    return nucleus_seeds(stain, image, owner)


def _with_lone_cells(
    cells: NDArray[np.uint32], found: NDArray[np.uint32], n_nuclei: int
) -> NDArray[np.uint32]:
    """Add the network's cells without a nucleus, numbered above `n_nuclei`, where they lie mostly outside other cells."""
    free = (cells == 0) & (found > n_nuclei)
    size = int(found.max(initial=0)) + 1
    lone = 2 * np.bincount(found[free], minlength=size) > np.bincount(found.ravel(), minlength=size)
    return clean_labels(np.where(free & lone[found], found, cells))


def find_labels(
    network: ObjectNetwork,
    card: ObjectCard,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    seen: ImageScale,
    nuclei: NDArray[np.unsignedinteger] | None = None,
) -> NDArray[np.uint32]:
    """Return the nuclei, or the cells, of one image (Y,X), from `nuclei` (Y,X) where they are given; all else as of `predict_cells`."""
    diameter = card.diameter_at(seen.scale)
    if nuclei is not None and card.kind == "cells":
        return seeded_cells(network, settings, planes, nuclei, seen, diameter, card.copes_with_finer).labels
    return unseeded_objects(network, settings, planes, seen, diameter, card.copes_with_finer).labels


def find_alone(
    network: ObjectNetwork,
    card: ObjectCard,
    settings: LabelSettings,
    planes: NDArray[np.float32],
    seen: ImageScale,
) -> ObjectPrediction:
    """Return the nuclei or cells of one image of which nothing else is known; parameters as of `predict_cells`."""
    diameter = card.diameter_at(seen.scale)
    found = unseeded_objects(network, settings, planes, seen, diameter, card.copes_with_finer)
    distance = distance_from_learned(card, planes, seen.scale)
    doubts = field_doubts(card, distance, (found.confidence or {}).values())
    return ObjectPrediction(found.labels, found.maps, found.confidence, distance, doubts)
