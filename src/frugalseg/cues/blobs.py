"""Detect blobs with the scale-normalised Laplacian of Gaussian or determinant of the Hessian."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import cKDTree

from frugalseg.cues.background import estimate_noise
from frugalseg.cues.population import least_stain, stain_varies
from frugalseg.cues.touching import lowest_between

Plane = NDArray[np.float32]
Points = NDArray[np.int64]

#: Searched sizes, relative to the expected diameter.
RELATIVE_SCALES = (0.7, 1.0, 1.4)
#: A response this many times stronger than that to the background's noise is a blob.
ABOVE_NOISE = 6.0
#: Smallest standard deviation of a Gaussian, px.
SMALLEST_SCALE = 0.8
#: Two peaks are one blob when the response between them stays above this share of the weaker peak.
DIP = 0.8
#: Least response of a blob as a share of its brightness; a disk has 0.74.
LEAST_CONTRAST = 0.4


def blob_points(
    plane: Plane,
    diameter: float,
    kind: Literal["log", "doh"] = "log",
    log_intensity: bool | Literal["auto"] = "auto",
    grey_step: float = 0.0,
) -> NDArray[np.float64]:
    """Return the centres of bright blobs of about the same size.

    Parameters
    ----------
    plane
        (Y, X), background at 0.
    diameter
        Expected diameter of a blob in px; scales 0.7, 1 and 1.4 of it are searched.
    kind
        Response: "log" is -s^2 (Lyy + Lxx), "doh" is 2 s^2 sqrt(Lyy Lxx - Lyx^2) where both curvatures are
        negative; the responses to a disk are alike.
    log_intensity
        True: the brightness varies between blobs, so each is kept or not by its own contrast, response over
        brightness. False: those far dimmer than the rest are left out. "auto" decides from the image.
    grey_step
        Smallest step between grey values.

    Returns
    -------
    (N, 2) float64
        y and x in px, strongest first.

    Notes
    -----
    The response to a disk of diameter d is strongest at s = d / (2 sqrt 2).

    References
    ----------
    Lindeberg, "Feature detection with automatic scale selection", International Journal of Computer Vision 30, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:40, :50]
    >>> disk = ((y - 12) ** 2 + (x - 30) ** 2 < 36).astype(np.float32)
    >>> blob_points(disk, diameter=12).tolist()
    [[12.0, 30.0]]
    """
    points, strength = _peaks(plane, diameter, kind, grey_step)
    if log_intensity is True or (log_intensity == "auto" and stain_varies(strength)):
        # against its own surroundings: the gap between bright nuclei is bright, but no blob
        height = ndi.gaussian_filter(plane, 0.1 * diameter, mode="nearest")[points[:, 0], points[:, 1]]
        return np.asarray(points[strength >= LEAST_CONTRAST * height], float)
    return np.asarray(points[strength >= least_stain(strength, False)], float)


def _peaks(plane: Plane, diameter: float, kind: str, grey_step: float) -> tuple[Points, NDArray[np.float64]]:
    """Return the peaks (n, 2) of the response over all scales, and their heights (n,), strongest first."""
    best = np.zeros(plane.shape, np.float32)
    for relative in RELATIVE_SCALES:
        np.maximum(best, _response(plane, relative * diameter / (2 * np.sqrt(2)), kind), out=best)
    size = 2 * max(round(0.3 * diameter), 1) + 1
    # Noise is measured at the smallest scale, where the errors of a predicted stain, smooth as they are, are in it. On
    # white noise either response has about sqrt(2) times the deviation of the smoothed plane.
    scale = max(RELATIVE_SCALES[0] * diameter / (2 * np.sqrt(2)), SMALLEST_SCALE)
    smoothed = ndi.gaussian_filter(plane, scale, mode="nearest")
    floor = ABOVE_NOISE * np.sqrt(2) * estimate_noise(plane, smoothed, scale, grey_step)
    points = np.argwhere((ndi.maximum_filter(best, size, mode="nearest") == best) & (best > floor))
    strength = best[points[:, 0], points[:, 1]].astype(float)
    order = np.argsort(-strength, kind="stable")
    points, strength = points[order].astype(np.int64), strength[order]
    kept = _separate(best, points, strength, 1.4 * diameter)
    return points[kept], strength[kept]


def _separate(
    response: Plane, points: Points, strength: NDArray[np.float64], reach: float
) -> NDArray[np.bool_]:
    """Return which peaks (strongest first) have a dip before every stronger kept peak within `reach` px."""
    kept = np.ones(len(points), bool)
    if len(points) < 2:
        return kept
    for i, near in enumerate(cKDTree(points).query_ball_point(points, reach)):
        stronger = [j for j in near if j < i and kept[j]]
        kept[i] = all(lowest_between(response, points[i], points[j]) < DIP * strength[i] for j in stronger)
    return kept


def _response(plane: Plane, s: float, kind: str) -> Plane:
    s = max(s, SMALLEST_SCALE)
    if kind == "log":
        return np.asarray(-(s**2) * ndi.gaussian_laplace(plane, s, mode="nearest"), np.float32)
    yy = ndi.gaussian_filter(plane, s, order=(2, 0), mode="nearest")
    xx = ndi.gaussian_filter(plane, s, order=(0, 2), mode="nearest")
    yx = ndi.gaussian_filter(plane, s, order=(1, 1), mode="nearest")
    det = yy * xx - yx * yx
    return np.asarray(np.where((det > 0) & (yy + xx < 0), 2 * s**2 * np.sqrt(np.abs(det)), 0), np.float32)
