"""Nuclei or cells of an image, and how far they can be trusted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import InputError, NoMarkers, SettingsError
from frugalseg.evaluation.nuclei_agreement import nuclei_agreement, nuclei_in_cells
from frugalseg.images.masked import refuse_masked
from frugalseg.instances.clean import clean_labels, labels_inside
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.cue_sources import CueSources
from frugalseg.models.field_doubts import distance_from_learned, field_doubts
from frugalseg.models.image_cues import ImageCues, cues_of
from frugalseg.models.marker_areas import marker_areas, nucleus_seeds, shows_nuclei_as_labels
from frugalseg.models.model_scale import normalization_of
from frugalseg.models.object_dataset import typical_diameter
from frugalseg.models.predictions import CellPrediction, ObjectPrediction
from frugalseg.models.seeded_cells import seeded_cells
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.teacher_cells import stain_draws_borders, teacher_cells
from frugalseg.models.unseeded_objects import unseeded_objects
from frugalseg.networks.cards import ObjectCard
from frugalseg.prediction.whole_image import cell_confidence

#: Said where the network's cells do not count.
KEPT = (
    "The stain itself draws the borders between cells, so these are the cells that a classical method grows from the nuclei; the "
    "model only added cells without a nucleus, and without nuclei it is less accurate."
)
#: Said where an image was seen inverted.
INVERTED = "The model saw this field inverted, bright for dark, as it is surer of the cells then; check the result by eye."


def predict_cells(image: SeenImage, card: ObjectCard, cues: ImageCues) -> CellPrediction:
    """Return the cells of one image, its nuclei as seeds.

    Where the network learned from cells grown from nuclei, and the stain itself draws the borders, such cells are kept,
    and the network only adds cells without a nucleus. Cells end where a mask of the user does.

    Parameters
    ----------
    image
        And the model of cells that sees it.
    card
        Of the model.
    cues
        Of the image.
    """
    nuclei = marker_areas(cues)
    found = seeded_cells(image, nuclei)
    labels, confidence = found.labels, found.confidence
    kept = card.self_trained and stain_draws_borders(cues)
    if kept:
        labels = _with_lone_cells(teacher_cells(cues), labels, int(nuclei.max(initial=0)))
        if len(found.maps) > 1:
            confidence = cell_confidence(labels, found.maps, image.settings.h, image.diameter, nuclei)
    labels, confidence = _numbered_after(len(cues.markers.points), nuclei, labels, confidence)
    if cues.foreground.method == "mask":  # the user's own: there is no cell elsewhere
        labels = labels_inside(cues.foreground.mask, labels, cues.markers.points)
        left = set(np.unique(labels).tolist())
        confidence = {cell: sure for cell, sure in confidence.items() if cell in left}
    seen = found.seen or image
    distance = distance_from_learned(card, seen.planes, seen.at.scale)
    doubts = ((KEPT,) if kept else ()) + sight_doubts(seen, card, distance, confidence)
    doubts += size_doubts(labels, cues)
    fit, held = nuclei_agreement(labels, nuclei), nuclei_in_cells(labels, nuclei)
    return CellPrediction(labels, confidence, fit, distance, doubts, held, seen.adapted, seen.contrast)


def _numbered_after(
    count: int, nuclei: NDArray[np.uint32], labels: NDArray[np.uint32], confidence: Mapping[int, float]
) -> tuple[NDArray[np.uint32], Mapping[int, float]]:
    """Return cells and their confidence, those without a nucleus numbered after all markers: on one pixel, only the first has a seed."""
    last = int(nuclei.max(initial=0))
    if last == count:
        return labels, confidence
    more = np.uint32(count - last)
    numbers = {cell: cell + int(more) if cell > last else cell for cell in confidence}
    return np.where(labels > last, labels + more, labels), {
        numbers[cell]: sure for cell, sure in confidence.items()
    }


def sight_doubts(
    seen: SeenImage, card: ObjectCard, distance: float | None, confidence: Mapping[int, float]
) -> tuple[str, ...]:
    """Return a sentence where an image was seen inverted, and those of `field_doubts`."""
    doubts = field_doubts(card, distance, confidence.values())
    return (INVERTED, *doubts) if seen.inverted else doubts


def size_doubts(labels: NDArray[np.uint32], cues: ImageCues) -> tuple[str, ...]:
    """Return a sentence where most cells are less than half as wide as the cues say: nuclei, and not cells, were found."""
    width = typical_diameter([labels]) if labels.any() else cues.diameter
    if 2 * width >= cues.diameter:
        return ()
    return (
        f"Most cells are {width:.0f} px wide, and nuclei and foreground say {cues.diameter:.0f} px: the model may not have learned "
        "enough, or know other cells; check the result by eye.",
    )


def known_nuclei(
    card: ObjectCard, stain: Any, image: Any, owner: str, diameter: float | None = None
) -> NDArray[np.uint32] | ImageCues | None:
    """Return the nuclei (Y,X) of an image by its nuclear stain or label map, or all cues where they say which cells are kept.

    None where there is no stain.

    That is so of fluorescence, for a self-trained model; see `predict_cells`. Where nuclei are too few to tell how large cells are,
    and `diameter` is not given, they are only nuclei.

    Parameters
    ----------
    card
        Of the model.
    stain, image
        (Y,X), and (Y,X) or (C,Y,X).
    owner
        What messages call the image.
    diameter : float, optional
        Of a typical cell, px.

    Raises
    ------
    InputError
        The stain or the image can't be used, or they differ in shape.
    SettingsError
        `diameter` can't be right.
    """
    if stain is None:
        return None
    refuse_masked(stain, f"{owner}: `nuclei`")
    given = np.asarray(stain)
    plane = given[0] if given.ndim == 3 and len(given) == 1 else given
    if card.self_trained and normalization_of(card)[0] == "log" and plane.any():
        labelled = plane.ndim == 2 and shows_nuclei_as_labels(plane)
        sources = CueSources(image, markers=plane) if labelled else CueSources(image, stain)
        try:
            return cues_of(sources, CueSettings(diameter=diameter), owner, owner)
        except NoMarkers:  # the model needs none
            pass
        except SettingsError:  # nor how large cells are
            if diameter is not None:
                raise
        except InputError as error:
            raise type(error)(str(error).replace("`markers`", "`nuclei`")) from error
    return nucleus_seeds(stain, image, owner)


def _with_lone_cells(
    cells: NDArray[np.uint32], found: NDArray[np.uint32], n_nuclei: int
) -> NDArray[np.uint32]:
    """Add the network's cells without a nucleus, numbered above `n_nuclei`, where they lie mostly outside other cells."""
    free = (cells == 0) & (found > n_nuclei)
    size = int(found.max(initial=0)) + 1
    lone = 2 * np.bincount(found[free], minlength=size) > np.bincount(found.ravel(), minlength=size)
    return clean_labels(np.where(free & lone[found], found, cells))


def find_labels(image: SeenImage, nuclei: NDArray[np.unsignedinteger] | None = None) -> NDArray[np.uint32]:
    """Return the nuclei, or the cells, of one image (Y,X), from `nuclei` (Y,X) where there are any."""
    if nuclei is not None and nuclei.any():
        return seeded_cells(image, nuclei).labels
    return unseeded_objects(image).labels


def find_alone(image: SeenImage, card: ObjectCard) -> ObjectPrediction:
    """Return the nuclei or cells of one image of which nothing else is known; parameters as of `predict_cells`."""
    found = unseeded_objects(image)
    seen = found.seen
    distance = distance_from_learned(card, seen.planes, seen.at.scale)
    doubts = sight_doubts(seen, card, distance, found.confidence or {})
    sure = found.confidence
    return ObjectPrediction(found.labels, found.maps, sure, distance, doubts, seen.adapted, seen.contrast)
