"""From a field to its cues: channels, markers, scale, foreground, and how good they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.cell_size import estimate_cell_diameter
from frugalseg.cues.foreground import Foreground, find_foreground
from frugalseg.cues.markers import Markers, find_markers, markers_from_labels
from frugalseg.cues.modality import detect_modality
from frugalseg.cues.quality import CueQuality, evaluate_cues
from frugalseg.errors import BadPixels, FrugalsegError, InputError, MissingChannel, NoMarkers, SettingsError
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.geodesic import cost_image
from frugalseg.images.normalize import Modality, normalize_plane
from frugalseg.images.resize import resize_labels, resize_planes, resize_points, scaled_shape
from frugalseg.learning.from_markers.marker_batches import MarkerSample
from frugalseg.learning.from_markers.marker_settings import TARGET_DIAMETER
from frugalseg.workflows.cue_settings import CueSettings as CueSettings
from frugalseg.workflows.predicted_nuclei import agreement_with_real, predicted_nuclei

#: Labels below this diameter in px are points that somebody drew, and say nothing on the size of a nucleus.
POINT_DIAMETER = 3.0
#: A field has at most this many pixels at the working scale; more means that the diameter is wrong.
MOST_PIXELS = 400_000_000


@dataclass(frozen=True)
class FieldCues:
    """One field, and what is known about it without labels; everything at the image's own scale.

    Attributes
    ----------
    name
        The field's.
    channels
        Names of the planes.
    planes
        (C,Y,X) float32, grey values.
    nuclei
        (Y,X) float32, the nuclear stain; None with the user's own markers.
    markers
        One point per cell.
    diameter
        Of a typical cell, px.
    modalities
        Of each plane.
    foreground
        Where there are cells.
    quality
        How good the cues are.
    warnings
        Sentences for the user.
    pixel_size
        (y, x) in um, where the file says it.
    synthetic
        How predicted markers agree with those of the real stain, where both are known.
    """

    name: str
    channels: tuple[str, ...]
    planes: NDArray[np.float32]
    nuclei: NDArray[np.float32] | None
    markers: Markers
    diameter: float
    modalities: tuple[Modality, ...]
    foreground: Foreground
    quality: CueQuality
    warnings: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    synthetic: dict[str, Any] | None = None

    @property
    def factor(self) -> float:
        """Working px per image px."""
        return TARGET_DIAMETER / self.diameter

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.planes.shape[1]), int(self.planes.shape[2])

    def line(self) -> str:
        """One line on the cues, said before anything is trained."""
        quality = self.quality
        return (
            f"{quality.n_markers} markers ({self.markers.method}), cell diameter {self.diameter:.0f} px, "
            f"{quality.foreground_fraction:.0%} foreground ({self.foreground.method}), "
            f"{quality.foreground_without_marker:.0%} of it without a marker, "
            f"{quality.markers_outside_foreground} markers outside"
        )


def find_cues(field: Field, settings: CueSettings) -> FieldCues:
    """Find markers, scale and foreground of one field.

    Raises
    ------
    InputError
        A channel is missing, unreadable, not finite or constant; there is no nucleus (`NoMarkers`).
    SettingsError
        The diameter can't be estimated, or can't be right.
    """
    planes = field.planes(settings.images())
    nuclei = planes[len(settings.cells)] if len(planes) > len(settings.cells) else None
    planes = planes[: len(settings.cells)]
    if settings.nuclei_from is not None:
        nuclei = predicted_nuclei(field, settings.nuclei_from)
    for name, plane in zip(settings.cells, planes, strict=True):
        if float(plane.min()) == float(plane.max()):
            raise BadPixels(
                f"field {field.name!r}: channel {name!r} is constant (every pixel is {float(plane.min()):g}); choose "
                "another channel or leave the field out"
            )
    markers = _markers(field, nuclei, settings)
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    diameter = settings.diameter or estimate_cell_diameter(markers, shape)
    height, width = scaled_shape(shape, TARGET_DIAMETER / diameter)
    if height * width > MOST_PIXELS:
        raise SettingsError(
            f"field {field.name!r}: cells of {diameter:.1f} px in an image of {shape[0]} x {shape[1]} px are too small; "
            "give the right --diameter"
        )
    modalities = tuple(detect_modality(p, TARGET_DIAMETER) for p in resize_planes(planes, (height, width)))
    foreground = _foreground(field, planes, markers, diameter, settings)
    quality = evaluate_cues(markers.points, foreground.mask, diameter)
    return FieldCues(
        field.name,
        settings.cells,
        planes,
        nuclei,
        markers,
        float(diameter),
        modalities,
        foreground,
        quality,
        (*quality.warnings, *_on_size(markers, diameter, settings)),
        field.pixel_size,
        _synthetic(field, markers, settings),
    )


def marker_sample(cues: FieldCues, modalities: Sequence[Modality] | None = None) -> MarkerSample:
    """Make what a network sees of a field: the working scale, normalised grey values.

    Parameters
    ----------
    cues : FieldCues
        From `find_cues`.
    modalities : sequence of {"fluorescent", "label-free"}, optional
        Of each channel, as in the model's card; the field's own when None.
    """
    shape = scaled_shape(cues.shape, cues.factor)
    small = resize_planes(cues.planes, shape)
    looks = cues.modalities if modalities is None else modalities
    planes = [normalize_plane(plane, look, TARGET_DIAMETER) for plane, look in zip(small, looks, strict=True)]
    return MarkerSample(
        cues.name,
        np.stack(planes),
        resize_points(cues.markers.points, cues.shape, shape),
        resize_labels(cues.foreground.mask, shape),
        looks[0] == "label-free",
        cost_image(small[0]),
    )


def check_channels(table: FieldTable, images: Sequence[str], labels: Sequence[str]) -> None:
    """Refuse, before anything is computed or written, channels that no field has.

    What only some fields lack is said later, of those fields. Raises the first field's error.
    """
    errors = [error for error in (_missing(field, images) for field in table) if error is not None]
    if len(errors) == len(table):
        raise errors[0]
    for channel in labels:
        if not any(field.has(channel) for field in table):
            table[0].reference(channel)


def _missing(field: Field, channels: Sequence[str]) -> FrugalsegError | None:
    try:
        for channel in channels:
            field.reference(channel).open(f"field {field.name!r}")
    except FrugalsegError as error:
        return error
    return None


def _markers(field: Field, nuclei: NDArray[np.float32] | None, settings: CueSettings) -> Markers:
    if nuclei is None:
        return _own_markers(field, settings)
    predicted = settings.nuclei_from is not None
    source = "the predicted nuclear stain" if predicted else f"channel {settings.nuclei!r}"
    try:
        markers = find_markers(nuclei, settings.nuclei_diameter)
    except InputError as error:
        raise type(error)(f"field {field.name!r}, {source}: {error}") from error
    if len(markers) == 0:
        raise NoMarkers(
            f"field {field.name!r}: no nucleus was found in {source}; is it the nuclear stain, and is "
            "--nuclei-diameter right?"
        )
    return markers


def _synthetic(field: Field, markers: Markers, settings: CueSettings) -> dict[str, Any] | None:
    """Judge predicted markers where the field has the real stain too."""
    if settings.nuclei_from is None or settings.nuclei is None or not field.has(settings.nuclei):
        return None
    return agreement_with_real(field, markers, settings.nuclei, settings.nuclei_diameter)


def _own_markers(field: Field, settings: CueSettings) -> Markers:
    if settings.markers is None:
        raise SettingsError(
            "there is nothing to start cells from; give --nuclei CH, --nuclei-from MODEL or --markers CH"
        )
    labels = field.labels(settings.markers)
    if labels is None:
        raise MissingChannel(
            f"field {field.name!r} has no file for the markers {settings.markers!r}; fill its cell in the table or leave "
            f"the field out with --where field!={field.name}"
        )
    if not (labels > 0).any():
        raise NoMarkers(
            f"field {field.name!r}: there is no label in the markers {settings.markers!r}; is it the right image?"
        )
    markers = markers_from_labels(np.maximum(labels, 0))
    return replace(markers, diameter=float("nan")) if markers.diameter < POINT_DIAMETER else markers


def _on_size(markers: Markers, diameter: float, settings: CueSettings) -> tuple[str, ...]:
    """Say that a user's dots were taken for nuclei, where their spacing does not tell what they are."""
    own = settings.markers is not None and settings.diameter is None
    if not own or not np.isclose(diameter, 2 * markers.diameter):  # also where there is no size: NaN
        return ()
    return (
        f"Cells are taken to be {diameter:.0f} px wide, twice your markers, as these lie far apart. If they are dots and not "
        "nuclei, give --diameter.",
    )


def _foreground(
    field: Field, planes: NDArray[np.float32], markers: Markers, diameter: float, settings: CueSettings
) -> Foreground:
    mask = None if settings.mask is None else field.labels(settings.mask)
    scribbles = None if settings.scribbles is None else field.labels(settings.scribbles)
    try:
        found = find_foreground(planes, markers.points, diameter, settings.foreground, scribbles, mask)
    except FrugalsegError as error:
        raise type(error)(f"field {field.name!r}: {error}") from error
    if not found.mask.any():
        raise BadPixels(
            f"field {field.name!r}: no foreground was found ({found.method}); give --mask or --scribbles, or another "
            "--foreground"
        )
    return found
