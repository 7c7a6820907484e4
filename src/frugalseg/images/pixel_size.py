"""Pixel sizes in um from what files state, and sizes that can't be right."""

import math
import re
import unicodedata
from collections.abc import Callable

import numpy as np

from frugalseg.errors import SettingsError

PixelSize = tuple[float, float] | None
"""(y, x) in um, or None where it is not known."""

LEAST_UM, MOST_UM = 0.01, 20.0
"""um; pixels of microscopes are not smaller, and hardly ever larger."""

SMALLEST_UM, LARGEST_UM = 1e-6, 1e6
"""um; beyond these bounds a size is a mistake, and no model is scaled by it."""

MOST_ANISOTROPY = 2.0
"""Ratio of the sides of a pixel above which one of them is probably wrong."""

_PREFIXES = {
    "y": ("yocto", 1e-24),
    "z": ("zepto", 1e-21),
    "a": ("atto", 1e-18),
    "f": ("femto", 1e-15),
    "p": ("pico", 1e-12),
    "n": ("nano", 1e-9),
    "μ": ("micro", 1e-6),
    "m": ("milli", 1e-3),
    "c": ("centi", 1e-2),
    "d": ("deci", 1e-1),
    "": ("", 1.0),
    "da": ("deca", 1e1),
    "h": ("hecto", 1e2),
    "k": ("kilo", 1e3),
    "M": ("mega", 1e6),
    "G": ("giga", 1e9),
    "T": ("tera", 1e12),
    "P": ("peta", 1e15),
    "E": ("exa", 1e18),
    "Z": ("zetta", 1e21),
    "Y": ("yotta", 1e24),
}
_SYMBOLS = {
    **{f"{symbol}m": factor * 1e6 for symbol, (_, factor) in _PREFIXES.items()},
    "um": 1.0,
    "μ": 1.0,
    "Å": 1e-4,
    "li": 25400 / 12,
    "pt": 25400 / 72,
    "ua": 1.495978707e17,
    "ly": 9.4607304725808e21,
    "pc": 3.0856775814913673e22,
}
"""Symbols of OME and UDUNITS, in which case matters: mm and Mm."""

_WORDS = {
    **{f"{name}meter": factor * 1e6 for name, factor in _PREFIXES.values()},
    **{symbol: _SYMBOLS[symbol] for symbol in ("um", "μm", "nm", "mm", "cm")},
    "dekameter": 1e7,
    "micron": 1.0,
    "angstrom": 1e-4,
    "ångström": 1e-4,
    "thou": 25.4,
    "mil": 25.4,
    "inch": 25400.0,
    "inche": 25400.0,
    "in": 25400.0,
    '"': 25400.0,
    "foot": 304800.0,
    "feet": 304800.0,
    "ft": 304800.0,
    "yard": 914400.0,
    "yd": 914400.0,
    "mile": 1609344000.0,
    "mi": 1609344000.0,
    "parsec": 3.0856775814913673e22,
}
"""Words of OME, OME-Zarr and ImageJ in the singular; case does not matter."""


def unit_in_um(unit: object) -> float:
    r"""Return how many um a unit of length is, as OME, OME-Zarr and ImageJ write it; NaN for anything else.

    The micro sign and the Greek mu are different characters, and ImageJ escapes them.

    >>> [unit_in_um(unit) for unit in ("nm", "µm", "μm", "\\u00B5m", "Microns", "inch", "pixel")]
    [0.001, 1.0, 1.0, 1.0, 1.0, 25400.0, nan]
    """
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code.group(1), 16)), str(unit))
    text = unicodedata.normalize("NFKC", text.strip(" \t\r\n\0"))
    word = text.lower().replace("metre", "meter")
    return _SYMBOLS.get(text, _WORDS.get(word, _WORDS.get(word.removesuffix("s"), math.nan)))


def parse_size(value: object) -> float:
    """Return a stated size as a number; NaN where it is none, such as "0,325"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    number = re.fullmatch(r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)\s*", str(value), re.ASCII)
    return float(number.group(1)) if number else math.nan


def stated_pixel_size(
    sizes: tuple[object, object], units: tuple[object, object], default: float = math.nan
) -> PixelSize:
    """Return (y, x) in um from a size and a unit per axis as a file states them; None stands for what it lacks.

    An axis without a size is as the other. A unit that is missing is the other's, or the `default`, whichever makes the
    pixel more nearly square: programs that write "nm" for one axis mean both.

    >>> stated_pixel_size((None, 650), (None, "nm"), 1.0)
    (0.65, 0.65)
    >>> stated_pixel_size((650, 650), (None, "nm"), 1.0)
    (0.65, 0.65)
    >>> stated_pixel_size((0.65, 650), (None, "nm"), 1.0)
    (0.65, 0.65)
    """
    stated = [(size, unit) for size, unit in zip(sizes, units, strict=True) if size is not None]
    if not stated:
        return None
    (y, of_y), (x, of_x) = stated if len(stated) == 2 else stated * 2
    choices = [
        (parse_size(y) * unit_y, parse_size(x) * unit_x)
        for unit_y in _possible(of_y, of_x, default)
        for unit_x in _possible(of_x, of_y, default)
    ]
    valid = [size for size in (valid_pixel_size(*choice) for choice in choices) if size is not None]
    return min(valid, key=anisotropy, default=None)


def _possible(unit: object, other: object, default: float) -> list[float]:
    if unit is not None:
        return [unit_in_um(unit)]
    return [default] if other is None else [default, unit_in_um(other)]


def valid_pixel_size(y: float, x: float, below: float = math.inf) -> PixelSize:
    """Return (y, x) in um, or None where a size is not a number above 0 and under `below`.

    >>> valid_pixel_size(0.65, 0.65), valid_pixel_size(math.nan, 0.65)
    ((0.65, 0.65), None)
    """
    return (y, x) if all(math.isfinite(size) and 0 < size < below for size in (y, x)) else None


def anisotropy(size: tuple[float, float]) -> float:
    """Return the longer side of a pixel as a multiple of the shorter."""
    return max(size) / min(size)


def doubt_about_size(size: PixelSize) -> str | None:
    """Return a sentence where a pixel size (y, x) in um can hardly be right, else None.

    >>> print(doubt_about_size((650.0, 0.65)))
    Its pixels are stated to be 650 um high and 0.65 um wide, which can hardly be right; correct the unit or the size in the file.
    """
    if size is None or (
        anisotropy(size) <= MOST_ANISOTROPY and min(size) >= LEAST_UM and max(size) <= MOST_UM
    ):
        return None
    return (
        f"Its pixels are stated to be {size[0]:.4g} um high and {size[1]:.4g} um wide, which can hardly be right; correct the "
        "unit or the size in the file."
    )


def check_pixel_size(
    pixel_size: float | PixelSize | Callable[[], float | PixelSize],
) -> tuple[float, float] | None:
    """Return the size of a pixel as (y, x) in um, asking the function that knows it; `SettingsError` unless it is above 0."""
    if callable(pixel_size):
        pixel_size = pixel_size()
    if pixel_size is None:
        return None
    try:
        sides = np.asarray(pixel_size, float)
    except (TypeError, ValueError):
        sides = np.empty(0)
    pair = np.broadcast_to(sides, (2,)) if sides.shape in ((), (1,), (2,)) else None
    if pair is None or not (np.isfinite(pair).all() and (pair > 0).all()):
        raise SettingsError(
            f"`pixel_size` is {pixel_size!r}; give micrometres per pixel, above 0, as one number or as (y, x)"
        )
    return float(pair[0]), float(pair[1])


def can_be_learned(size: PixelSize) -> bool:
    """Return whether a model can learn at this pixel size, so that others are compared with it."""
    return size is not None and all(SMALLEST_UM < side < LARGEST_UM for side in size)


def check_learned_size(
    pixel_size: float | PixelSize | Callable[[], float | PixelSize],
) -> tuple[float, float] | None:
    """Return what `check_pixel_size` returns; `SettingsError` too where no model can learn at that size."""
    size = check_pixel_size(pixel_size)
    if size is not None and not can_be_learned(size):
        raise SettingsError(
            f"`pixel_size` is {pixel_size!r}; give micrometres per pixel, between {SMALLEST_UM:g} and {LARGEST_UM:g}, or None where it "
            "is not known"
        )
    return size
