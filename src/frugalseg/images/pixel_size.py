"""Pixel sizes in um from the units that files state."""

import math

UM_PER_UNIT = {
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "m": 1e6,
    "meter": 1e6,
}
"""The micro sign and the Greek mu are different characters."""

PixelSize = tuple[float, float] | None
"""(y, x) in um, or None where it is not known."""


def valid_pixel_size(y: float, x: float, below: float = math.inf) -> PixelSize:
    """Return (y, x) in um, or None where a size is not a number above 0 and under `below`.

    >>> valid_pixel_size(0.65, 0.65), valid_pixel_size(math.nan, 0.65)
    ((0.65, 0.65), None)
    """
    return (y, x) if all(math.isfinite(size) and 0 < size < below for size in (y, x)) else None
