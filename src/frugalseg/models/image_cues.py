"""What is known of an image without labels: markers, size of the cells, foreground, and how good these cues are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.cell_size import MOST, CellSize, estimate_cell_size
from frugalseg.cues.foreground import Foreground, find_foreground
from frugalseg.cues.markers import (
    Markers,
    find_markers,
)
from frugalseg.cues.modality import find_modalities
from frugalseg.cues.quality import CueQuality, evaluate_cues
from frugalseg.cues.scaled_plane import MEASURED_WIDER
from frugalseg.errors import BadPixels, FrugalsegError, NoMarkers, SettingsError
from frugalseg.images.normalize import Modality
from frugalseg.images.outliers import without_outliers
from frugalseg.images.resize import scaled_shape
from frugalseg.images.value_checks import is_label_map
from frugalseg.learning.from_markers.marker_settings import TARGET_DIAMETER
from frugalseg.models.cue_settings import CueSettings
from frugalseg.models.cue_sources import CueSources
from frugalseg.models.inputs import check_channels, check_image, check_label_map, check_plane, check_varies
from frugalseg.models.model_settings import resolve_settings
from frugalseg.models.own_markers import own_markers

#: An image has at most this many pixels at the model scale; more means that the diameter is wrong.
MOST_PIXELS = 400_000_000
#: A cell is at least so many times as wide as nuclei, which are measured too wide where they touch.
LEAST_OF_NUCLEUS = 2 / 3


@dataclass(frozen=True)
class ImageCues:
    """One image and its cues; everything at the image's own scale.

    Attributes
    ----------
    name
        The image's.
    planes
        (C,Y,X) float32, grey values.
    nuclei
        (Y,X) float32, the nuclear stain, real or predicted; None with the user's own markers.
    markers
        One point per cell.
    diameter
        Of a typical cell, px.
    modalities
        Of each channel: "fluorescent" or "label-free".
    foreground
        Where there are cells.
    quality
        How good the cues are.
    warnings
        Sentences for the user.
    size_factor
        The true diameter probably lies between `diameter` / `size_factor` and `diameter` * `size_factor`; 1 where the user
        gave it.
    doubts
        Those of the `warnings` that say the user's own markers may be no label map.
    """

    name: str
    planes: NDArray[np.float32]
    nuclei: NDArray[np.float32] | None
    markers: Markers
    diameter: float
    modalities: tuple[Modality, ...]
    foreground: Foreground
    quality: CueQuality
    warnings: tuple[str, ...]
    size_factor: float = 1.0
    doubts: tuple[str, ...] = ()

    @property
    def factor(self) -> float:
        """Model px per image px: at the model scale a cell is 30 px wide."""
        return TARGET_DIAMETER / self.diameter

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.planes.shape[1]), int(self.planes.shape[2])

    def line(self) -> str:
        """Return one line on the cues, to be read before a network is trained on them."""
        quality, diameter, times = self.quality, self.diameter, self.size_factor
        sure = "" if times == 1 else f" ({diameter / times:.0f} to {diameter * times:.0f})"
        return (
            f"{quality.n_markers} markers ({self.markers.method}), cell diameter {diameter:.0f} px{sure}, "
            f"{quality.foreground_fraction:.0%} foreground ({self.foreground.method}), "
            f"{quality.foreground_without_marker:.0%} of it without a marker, "
            f"{quality.markers_outside_foreground} markers outside"
        )


#: Said where nuclei are given that somebody has found already.
LABELS_AS_STAIN = "The nuclear stain looks like a label map, in which nuclei are looked for as in an image: give label maps as `markers`."


def find_cues(
    image: Any,
    nuclei: Any = None,
    *,
    markers: Any = None,
    mask: Any = None,
    scribbles: Any = None,
    settings: CueSettings | None = None,
    name: str | None = None,
    channels: Sequence[str] | None = None,
    **changes: Any,
) -> ImageCues:
    """Find markers, size of the cells and foreground of one image.

    Parameters
    ----------
    image : (Y,X) or (C,Y,X)
        Channels that show the whole cell; the foreground is found in the first.
    nuclei : (Y,X), optional
        Nuclear stain, real or predicted; one marker per nucleus is found in it.
    markers : (Y,X) or (N,2) or Markers, optional
        In place of `nuclei`: a label map with one label per cell, points (y, x) in px, or what
        `frugalseg.find_markers` returned.
    mask : (Y,X), optional
        The user's own foreground, above 0 where there are cells.
    scribbles : (Y,X) integers, optional
        A few strokes: 0 unknown, 1 background, 2 cell.
    settings : CueSettings, optional
        Diameters and methods; each can also be given as a keyword argument.
    name : str, optional
        The image's, for messages.
    channels : sequence of str, optional
        Names of the channels, for messages.

    Raises
    ------
    NoMarkers
        There is no nucleus.
    WrongShape, BadPixels
        An array is not of real numbers, is constant, holds NaN, or is not of the image's shape.
    SettingsError
        `nuclei` and `markers` are both given or both missing; the diameter can't be estimated, or can't be right.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> cells = make_cells((128, 128), n_cells=9, dim_nuclei=0, seed=1)
    >>> cues = find_cues(cells.planes(["cytoplasm"]), cells.nuclear, diameter=30)
    >>> len(cues.markers), cues.modalities
    (9, ('fluorescent',))
    """
    found = resolve_settings(CueSettings, settings, changes)
    owner = "the image" if name is None else f"field {name!r}"
    sources = CueSources(image, nuclei, markers, mask, scribbles)
    return cues_of(sources, found, name or "image", owner, channels)


def cues_of(
    sources: CueSources,
    settings: CueSettings,
    name: str,
    owner: str,
    channels: Sequence[str] | None = None,
) -> ImageCues:
    """Find the cues of one image; `owner` is what messages call it, all else as of `find_cues`."""
    sources.check(settings, owner)
    planes = check_image(sources.image, owner)
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    if channels is not None:
        channels = check_channels(channels, len(planes))
    for index, plane in enumerate(planes):
        check_varies(plane, f"{owner}: channel {channels[index] if channels else index!r}")
    nuclei = None
    if sources.nuclei is not None:
        nuclei = without_outliers(check_plane(sources.nuclei, "nuclei", shape, owner))
    if nuclei is None:
        markers, doubts = own_markers(sources.markers, shape, owner)
    else:
        markers = _find(nuclei, settings, owner)
        doubts = (LABELS_AS_STAIN,) if is_label_map(nuclei[None], "") else ()
    mask = _own_mask(sources.mask, shape, owner)
    size = _size(planes, markers, mask, settings, owner)
    modalities = find_modalities(planes, markers, size.diameter)
    foreground = _foreground(sources, planes, markers, size.diameter, mask, settings, owner)
    quality = evaluate_cues(markers.points, foreground.mask, size.diameter)
    warnings = (*doubts, *quality.warnings, *_on_size(markers, size.diameter, sources, settings))
    return ImageCues(
        name,
        planes,
        nuclei,
        markers,
        size.diameter,
        modalities,
        foreground,
        quality,
        warnings,
        size.factor,
        doubts,
    )


def _find(nuclei: NDArray[np.float32], settings: CueSettings, owner: str) -> Markers:
    check_varies(nuclei, f"{owner}: `nuclei`")
    try:
        markers = find_markers(nuclei, settings.nuclei_diameter, settings.nuclei_method)
    except FrugalsegError as error:
        raise type(error)(f"{owner}: {error}") from error
    if len(markers) == 0:
        raise NoMarkers(
            f"{owner}: no nucleus was found in `nuclei`; is it the nuclear stain, and is `nuclei_diameter` right?"
        )
    return markers


def _own_mask(given: Any, shape: tuple[int, int], owner: str) -> NDArray[np.bool_] | None:
    if given is None:
        return None
    mask = check_plane(given, "mask", shape, owner) > 0
    if not mask.any():
        raise BadPixels(f"{owner}: `mask` is 0 everywhere; it must be above 0 where there are cells")
    return mask


def _size(
    planes: NDArray[np.float32],
    markers: Markers,
    mask: NDArray[np.bool_] | None,
    settings: CueSettings,
    owner: str,
) -> CellSize:
    """Size of a cell, given or estimated; `SettingsError` where it can't be right."""
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    try:
        if settings.diameter is None:
            size = estimate_cell_size(planes[0], markers, settings.foreground, mask)
        else:
            size = CellSize(settings.diameter, 1.0)
    except SettingsError as error:
        raise SettingsError(f"{owner}: {error}") from error
    height, width = scaled_shape(shape, TARGET_DIAMETER / size.diameter)
    if height * width > MOST_PIXELS:
        raise SettingsError(
            f"{owner}: cells of {size.diameter:.1f} px in an image of {shape[0]} x {shape[1]} px are too small; give the "
            "right `diameter`"
        )
    given = settings.diameter is not None  # an estimate may be too small in a tiny image, and stays
    if given and size.diameter < LEAST_OF_NUCLEUS * markers.diameter:  # never where that is NaN
        raise SettingsError(
            f"{owner}: `diameter` is {size.diameter:.1f} px and nuclei are {markers.diameter:.1f} px wide; a cell is at least as wide "
            "as its nucleus, so give its diameter in px"
        )
    return size


def _on_size(
    markers: Markers, diameter: float, sources: CueSources, settings: CueSettings
) -> tuple[str, ...]:
    """Warn where a user's dots were taken for nuclei, and cells are as wide as nuclei allow."""
    own = sources.markers is not None and settings.diameter is None
    if (
        not own
        or not np.isfinite(markers.diameter)
        or diameter < MOST / MEASURED_WIDER * markers.diameter * 0.999
    ):
        return ()
    return (
        f"Cells are taken to be {diameter:.0f} px wide, {MOST / MEASURED_WIDER:.1f} times your markers, which is the most. If "
        "they are dots and not nuclei, give `diameter`.",
    )


def _foreground(
    sources: CueSources,
    planes: NDArray[np.float32],
    markers: Markers,
    diameter: float,
    mask: NDArray[np.bool_] | None,
    settings: CueSettings,
    owner: str,
) -> Foreground:
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    scribbles = None
    if sources.scribbles is not None:
        scribbles = check_label_map(sources.scribbles, "scribbles", shape, owner)
    try:
        found = find_foreground(planes, markers, diameter, settings.foreground, scribbles, mask)
    except FrugalsegError as error:
        raise type(error)(f"{owner}: {error}") from error
    if not found.mask.any():
        raise BadPixels(
            f"{owner}: no foreground was found ({found.method}); give `mask` or `scribbles`, or another `foreground`"
        )
    return found
