"""The viewer of one field: layers of pixels and paths, within a number of bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from frugalseg.report.confidence_colours import confidence_colour, confidence_legend
from frugalseg.report.pixel_layers import (
    confidence_uri,
    markers_uri,
    mask_uri,
    nuclei_uri,
    outlines_uri,
    photo_uri,
    truth_uri,
)
from frugalseg.report.report_data import FieldReport
from frugalseg.report.svg_outlines import PALETTE, Outline, outline_path, outlines

LONGEST_SIDE = 2048
MOST_PATHS = 4000  # more outlines than that make a browser stutter

_SIDES = (LONGEST_SIDE, 1448, 1024, 724, 512)


class Toggle(NamedTuple):
    """A button that shows or hides a layer, and whether the layer is shown at first."""

    layer: str
    name: str
    shown: bool


class Sureness(NamedTuple):
    """Confidence of a cell as text, and its colour."""

    text: str
    colour: str


class Photo(NamedTuple):
    """A layer of pixels as a data URI."""

    layer: str
    uri: str


class Many(NamedTuple):
    """Which layers have too many paths, so that they are drawn as pixels."""

    cells: bool
    truth: bool
    markers: bool

    @classmethod
    def of(cls, field: FieldReport) -> "Many":
        """Count what is in a field."""
        true = 0 if field.truth is None else int(np.count_nonzero(np.unique(field.truth) > 0))
        return cls(field.n_cells > MOST_PATHS, true > MOST_PATHS, len(field.markers) > MOST_PATHS)


@dataclass(frozen=True, kw_only=True)
class FieldViewer:
    """Layers of one field, in px of the full image whatever the photos were shrunk to.

    Attributes
    ----------
    width, height
        px of the full image.
    photos
        Layers of pixels, bottom first.
    cells
        (colour, outlines in that colour); empty where outlines are pixels.
    truth, markers
        Paths of the true outlines and of the markers; empty where they are pixels.
    toggles
        One button per layer.
    shrunk_to
        px of the photos per px of the image.
    notes
        Sentences below the viewer.
    sureness
        Number of a cell -> its confidence and colour; empty where the confidence is not known, or cells are pixels.
    legend
        (colour, range of the confidence); empty where it is not known.
    """

    width: int
    height: int
    photos: list[Photo]
    cells: list[tuple[str, list[Outline]]]
    truth: str
    markers: str
    toggles: list[Toggle]
    shrunk_to: float
    notes: list[str]
    sureness: Mapping[int, Sureness]
    legend: list[tuple[str, str]]


def build_viewer(field: FieldReport, budget: int) -> FieldViewer:
    """Choose and encode the layers of a field.

    Parameters
    ----------
    field
        The field.
    budget
        Characters its layers may take; the photos are shrunk until they fit, or are 512 px long.
    """
    height, width = field.labels.shape
    notes = []
    cells: list[tuple[str, list[Outline]]] = []
    many = Many.of(field)
    if many.cells:
        notes.append(f"Outlines of {field.n_cells:,} cells are drawn as pixels, not as lines.")
    else:
        traced = outlines(field.labels)
        by_colour = [(c, [cell for cell in traced if cell.colour == i]) for i, c in enumerate(PALETTE)]
        cells = [(colour, inside) for colour, inside in by_colour if inside]
    truth = "" if field.truth is None or many.truth else outline_path(field.truth)
    points = [] if many.markers else field.markers.tolist()
    markers = "".join(f"M{x + 0.5:.1f} {y + 0.5:.1f}h0" for y, x in points)
    confidence = field.confidence
    sureness = {} if many.cells else _sureness(confidence)
    paths = len(truth) + len(markers) + sum(len(cell.path) + 32 for _, inside in cells for cell in inside)
    paths += 40 * len(sureness)
    for side in _SIDES:
        photos, shrunk_to = _photos(field, side, many), min(1.0, side / max(height, width))
        if paths + sum(len(photo.uri) for photo in photos) <= budget:
            break
    if shrunk_to < 1:
        notes.append(
            f"Pictures are shrunk to {shrunk_to:.0%} of {width} × {height} px to keep this file small; "
            "the results are of full size."
        )
    return FieldViewer(
        width=width,
        height=height,
        photos=photos,
        cells=cells,
        truth=truth,
        markers=markers,
        toggles=_toggles(field),
        shrunk_to=shrunk_to,
        notes=notes,
        sureness=sureness,
        legend=confidence_legend() if confidence else [],
    )


def _sureness(confidence: Mapping[int, float]) -> dict[int, Sureness]:
    return {label: Sureness(f"{value:.2f}", confidence_colour(value)) for label, value in confidence.items()}


def _photos(field: FieldReport, side: int, many: Many) -> list[Photo]:
    photos = [Photo("image", photo_uri(field.image, side))]
    if field.nuclei is not None:
        photos.append(Photo("nuclei", nuclei_uri(field.nuclei, side)))
    if field.foreground is not None:
        photos.append(Photo("foreground", mask_uri(field.foreground, side)))
    if many.cells and field.confidence:
        photos.append(Photo("confidence", confidence_uri(field.labels, field.confidence, side)))
    if many.cells:
        photos.append(Photo("cells", outlines_uri(field.labels, side)))
    if field.truth is not None and many.truth:
        photos.append(Photo("truth", truth_uri(field.truth, side)))
    if many.markers:
        photos.append(Photo("markers", markers_uri(field.markers, field.labels.shape, side)))
    return photos


def _toggles(field: FieldReport) -> list[Toggle]:
    toggles = [
        (Toggle("image", "Image", True), True),
        (Toggle("nuclei", "Nuclei", True), field.nuclei is not None),
        (Toggle("cells", "Outlines", True), True),
        (Toggle("confidence", "Confidence", False), bool(field.confidence)),
        (Toggle("markers", "Markers", True), len(field.markers) > 0),
        (Toggle("foreground", "Foreground", False), field.foreground is not None),
        (Toggle("truth", "Truth", False), field.truth is not None),
    ]
    return [toggle for toggle, exists in toggles if exists]
