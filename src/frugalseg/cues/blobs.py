"""Scale-normalised blob detection: Laplacian of Gaussian and determinant of the Hessian."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Plane = NDArray[np.float32]

#: Sizes looked at, relative to the expected diameter.
RELATIVE_SCALES = (0.7, 1.0, 1.4)


def blob_points(
    plane: Plane, diameter: float, noise: float, kind: Literal["log", "doh"] = "log"
) -> NDArray[np.float64]:
    """Centres of bright blobs of about one size.

    Parameters
    ----------
    plane
        (Y, X), background at 0.
    diameter
        Expected diameter of a blob in px; scales 0.7, 1 and 1.4 of it are searched.
    noise
        Standard deviation of the pixels of ``plane`` where there is nothing.
    kind
        Response: "log" is -s^2 (Lyy + Lxx), "doh" is the root of s^4 (Lyy Lxx - Lyx^2) where both curve down.

    Returns
    -------
    (N, 2) float64, y and x in px, strongest first.

    Notes
    -----
    A disk of diameter d answers strongest at s = d / (2 sqrt 2). T. Lindeberg, Feature detection with
    automatic scale selection, Int. J. Comput. Vision 30, 1998.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:40, :50]
    >>> disk = ((y - 12) ** 2 + (x - 30) ** 2 < 36).astype(np.float32)
    >>> blob_points(disk, diameter=12, noise=0.01).tolist()
    [[12.0, 30.0]]
    """
    best = np.zeros(plane.shape, np.float32)
    for relative in RELATIVE_SCALES:
        np.maximum(best, _response(plane, relative * diameter / (2 * np.sqrt(2)), kind), out=best)
    size = 2 * int(np.ceil(0.3 * diameter)) + 1
    peak = ndi.maximum_filter(best, size, mode="nearest") == best
    # white noise of s.d. n answers with about n / s (LoG: sqrt(2 / pi) / 2 n / s); the scale-1 kernel decides
    floor = 6 * noise / max(diameter / (2 * np.sqrt(2)), 1.0)
    found = peak & (best > floor)
    points = np.argwhere(found).astype(float)
    order = np.argsort(-best[found], kind="stable")
    return np.asarray(points[order])


def _response(plane: Plane, s: float, kind: str) -> Plane:
    s = max(s, 0.8)
    if kind == "log":
        return np.asarray(-(s**2) * ndi.gaussian_laplace(plane, s, mode="nearest"), np.float32)
    yy = ndi.gaussian_filter(plane, s, order=(2, 0), mode="nearest")
    xx = ndi.gaussian_filter(plane, s, order=(0, 2), mode="nearest")
    yx = ndi.gaussian_filter(plane, s, order=(1, 1), mode="nearest")
    det = yy * xx - yx * yx
    return np.asarray(np.where((det > 0) & (yy + xx < 0), s**2 * np.sqrt(np.abs(det)), 0), np.float32)
