"""What a plane looks like, and how its grey values become what a network or a threshold works on."""

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Appearance = Literal["fluorescent", "label-free"]

#: Gaussian window of the illumination, in cell diameters.
ILLUMINATION = 1.33
#: Above this, brightness and local contrast go together as light that cells emit makes them. Measured on 24
#: real and 12 synthetic fields: fluorescence 0.54 to 0.76, phase contrast and bright-field -0.15 to 0.33, but up
#: to 0.57 where a label-free field is all cells. There the grey values lie more below than above their median.
CORRELATION = 0.45


def blur(plane: NDArray[Any], sigma: float) -> Plane:
    """Gaussian filter with reflected borders; `sigma` in px."""
    plane = np.asarray(plane, dtype=np.float32)
    smooth = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth, dtype=np.float32)


def appearance_of(plane: Plane, diameter: float) -> Appearance:
    """Tell fluorescence from label-free images by the plane itself.

    Where cells emit light, bright places vary more (photon noise and structure grow with the signal) and empty ones
    are dark and smooth. In phase contrast, DIC and bright-field, grey values swing around the empty background.

    Parameters
    ----------
    plane : (Y,X) float32
        Grey values.
    diameter : float
        Cell diameter, px.

    Examples
    --------
    >>> from frugalseg.images.synthetic import make_cells
    >>> cells = make_cells((128, 128), seed=0)
    >>> [appearance_of(plane, 30) for plane in cells.planes(["cytoplasm", "phase"])]
    ['fluorescent', 'label-free']
    """
    level = blur(plane, diameter / 10.0)
    power = blur((plane - level) ** 2, diameter / 6.0)
    contrast = np.log(power + 1e-6 * float(power.max()) + 1e-12)
    if float(level.std()) == 0.0 or float(contrast.std()) == 0.0:
        return "label-free"
    together = float(np.corrcoef(level.ravel(), contrast.ravel())[0, 1])
    low, middle, high = np.quantile(level, (0.05, 0.5, 0.95))
    return "fluorescent" if together > CORRELATION and high - middle > middle - low else "label-free"


def flatten(plane: Plane, diameter: float) -> Plane:
    """Take away the illumination and scale to unit variance."""
    flat = plane - blur(plane, ILLUMINATION * diameter)
    result: Plane = (flat / max(float(flat.std()), 1e-12)).astype(np.float32)
    return result


def log_level(plane: Plane, diameter: float) -> Plane:
    """Logarithm of the slightly smoothed grey values above black, which is the plane's 0.5 percentile."""
    smooth = blur(plane, max(0.7, diameter / 40.0))
    black, white = np.quantile(smooth, (0.005, 0.995))
    level: Plane = np.log(np.maximum(smooth - black, 0.0) + max(0.02 * (white - black), 1e-6)).astype(
        np.float32
    )
    return level


def normalised(plane: Plane, appearance: Appearance, diameter: float) -> Plane:
    """Grey values as a network sees them: even illumination or logarithm, then zero mean and unit variance.

    Parameters
    ----------
    plane : (Y,X) float32
        Grey values.
    appearance : {"fluorescent", "label-free"}
        Logarithm for the first, because stain differs between cells by factors; flat illumination for the second.
    diameter : float
        Cell diameter, px.

    Examples
    --------
    >>> plane = np.random.default_rng(0).normal(100, 5, (64, 64)).astype(np.float32)
    >>> values = normalised(plane, "label-free", 20)
    >>> round(float(values.mean()), 3) + 0, round(float(values.std()), 3)
    (0.0, 1.0)
    """
    if float(np.ptp(plane)) == 0.0:  # rounding would be scaled up to unit variance
        return np.zeros_like(plane, dtype=np.float32)
    values = log_level(plane, diameter) if appearance == "fluorescent" else flatten(plane, diameter)
    result: Plane = ((values - values.mean()) / max(float(values.std()), 1e-12)).astype(np.float32)
    return result
