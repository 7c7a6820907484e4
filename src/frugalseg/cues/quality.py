"""Evaluate the markers and the foreground before training, which depends on both."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from frugalseg.errors import SettingsError, WrongShape


class CueQuality(BaseModel):
    """Quality of the cues, as far as it can be known without a truth.

    Attributes
    ----------
    n_markers
        Number of markers.
    markers_per_megapixel_foreground
        Markers inside the foreground per million foreground pixels.
    median_spacing
        Median distance from a marker to its nearest neighbour, px; None for fewer than two markers.
    foreground_fraction
        Share of the image that is foreground.
    foreground_without_marker
        Share of the foreground further than one cell diameter from every marker.
    markers_outside_foreground
        Number of markers in the background.
    warnings
        One sentence per problem; empty when there is none.
    """

    model_config = ConfigDict(frozen=True)

    n_markers: int
    markers_per_megapixel_foreground: float
    median_spacing: float | None
    foreground_fraction: float
    foreground_without_marker: float
    markers_outside_foreground: int
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them back."""
        return self.model_dump(mode="json")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CueQuality":
        """Read what `to_dict` returned."""
        return cls.model_validate(content)


def evaluate_cues(points: ArrayLike, mask: ArrayLike, diameter: float) -> CueQuality:
    """Evaluate markers and foreground against each other.

    Parameters
    ----------
    points
        (N, 2), y and x in px.
    mask
        (Y, X), True where there are cells.
    diameter
        Diameter of a typical cell in px.

    Raises
    ------
    WrongShape
        `points` is not (N, 2), `mask` is no plane, or a point lies outside of it.
    SettingsError
        The diameter is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((100, 100), bool)
    >>> mask[:50, :50] = mask[80:, 80:] = True
    >>> quality = evaluate_cues([[25, 25], [60, 60]], mask, diameter=36)
    >>> quality.markers_outside_foreground, round(quality.foreground_without_marker, 2)
    (1, 0.12)
    """
    points = np.asarray(points, float)
    points = points.reshape(-1, 2) if points.size == 0 else points
    inside = np.asarray(mask)
    _check(points, inside, diameter)
    inside = inside.astype(bool)
    foreground = int(inside.sum())
    pixel = np.clip(np.rint(points).astype(int), 0, np.array(inside.shape) - 1)
    outside = int((~inside[pixel[:, 0], pixel[:, 1]]).sum())
    spacing = _spacing(points)
    far = _share_far_from_markers(pixel, inside, diameter)
    n = len(points)
    density = (n - outside) / foreground * 1e6 if foreground else 0.0
    fraction = foreground / inside.size
    return CueQuality(
        n_markers=n,
        markers_per_megapixel_foreground=density,
        median_spacing=spacing,
        foreground_fraction=fraction,
        foreground_without_marker=far,
        markers_outside_foreground=outside,
        warnings=_warnings(n, outside, spacing, fraction, far, diameter),
    )


def _check(points: NDArray[np.float64], mask: NDArray[np.generic], diameter: float) -> None:
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise WrongShape(f"`points` have shape {points.shape}; give (N, 2) finite numbers, y and x in px")
    if mask.ndim != 2 or mask.size == 0:
        raise WrongShape(f"`mask` has shape {mask.shape}; give one plane (Y, X)")
    if not 0 < diameter < np.inf:
        raise SettingsError(f"`diameter` is {diameter} px; give a number above 0")
    if len(points) and ((points < -0.5).any() or (points > np.array(mask.shape) - 0.5).any()):
        raise WrongShape(
            f"some `points` lie outside the image of {mask.shape[0]} x {mask.shape[1]} px; give y and x in px"
        )


def _spacing(points: NDArray[np.float64]) -> float | None:
    if len(points) < 2:
        return None
    distance, _ = cKDTree(points).query(points, k=2)
    return float(np.median(distance[:, 1]))


def _share_far_from_markers(pixel: NDArray[np.int_], mask: NDArray[np.bool_], diameter: float) -> float:
    if not mask.any():
        return 0.0
    if not len(pixel):
        return 1.0
    empty = np.ones(mask.shape, bool)
    empty[pixel[:, 0], pixel[:, 1]] = False
    return float((ndi.distance_transform_edt(empty)[mask] > diameter).mean())


def _warnings(
    n: int, outside: int, spacing: float | None, fraction: float, far: float, diameter: float
) -> tuple[str, ...]:
    warnings = []
    if n == 0:
        warnings.append(
            "No marker was found: is it the nuclear channel, and are the nuclei brighter than their surroundings?"
        )
    if fraction == 0:
        warnings.append(
            "The foreground is empty: no cell can be found; give a mask, scribbles, or another method."
        )
    elif fraction < 0.005:
        warnings.append(
            f"Only {fraction:.2%} of the image is foreground: the foreground may have missed most cells."
        )
    elif fraction > 0.98:
        warnings.append(f"{fraction:.0%} of the image is foreground: right for a closed layer of cells only.")
    if n and far > 0.1:
        warnings.append(
            f"{far:.0%} of the foreground is further than one cell diameter from every marker: nuclei may be missing."
        )
    if n and fraction and outside / n > 0.1:
        warnings.append(
            f"{outside} of {n} markers lie outside the foreground: the foreground may be too small, or some markers no nuclei."
        )
    if spacing is not None and spacing < diameter / 3:
        warnings.append(
            f"Markers are {spacing:.0f} px apart, less than a third of the cell diameter of {diameter:.0f} px: "
            "nuclei may be cut in pieces, or the diameter is too large."
        )
    return tuple(warnings)
