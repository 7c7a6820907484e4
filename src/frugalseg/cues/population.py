"""What the nuclei of one image say about each other: does the stain vary between cells, and which are too dim."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

#: Share of the typical nucleus' stain below which an object is no nucleus, unless the stain varies between cells.
LEAST_STAIN = 1 / 20
#: The stain varies between cells when the 10th and the 90th percentile of strength differ by more than this factor
#: (measured: up to 3.6 for DNA stains, 5 to 10 for a reporter).
VARIED = 4.25


def weighted_quantile(values: Float, weights: Float, q: float) -> float:
    """Return the value below which the share `q` of the weight lies.

    Examples
    --------
    >>> import numpy as np
    >>> weighted_quantile(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 8.0]), 0.5)
    3.0
    """
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, q * total[-1])])


def stain_varies(strength: Float) -> bool:
    """Return whether the stain differs between cells as a reporter's does, by the strengths (n,) of typical nuclei.

    Weighted by the strength itself: haze adds many dim false nuclei, a reporter many bright true ones.
    """
    if strength.size < 3:
        return True
    return weighted_quantile(strength, strength, 0.9) > VARIED * weighted_quantile(strength, strength, 0.1)


def least_stain(strength: Float, log_intensity: bool | Literal["auto"]) -> float:
    """Return the strength below which an object is too dim to be a nucleus beside typical ones (n,); 0 for none."""
    if strength.size < 3 or log_intensity is True or (log_intensity == "auto" and stain_varies(strength)):
        return 0.0
    return LEAST_STAIN * weighted_quantile(strength, strength, 0.5)
