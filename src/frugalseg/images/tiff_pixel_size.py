"""The pixel size that a TIFF states: in OME-XML, by ImageJ, or in the tags for the resolution."""

import math
from typing import Any
from xml.etree import ElementTree

import tifffile

from frugalseg.images.pixel_size import MOST_UM, PixelSize, stated_pixel_size, unit_in_um, valid_pixel_size

RESOLUTION_UNITS = {2: "inch", 3: "cm"}


def read_pixel_size(tif: tifffile.TiffFile, pixels: ElementTree.Element | None) -> PixelSize:
    """Return (y, x) in um, by OME-XML's `pixels` or the tags; None where the file states none, or none that can be understood.

    Programs without a pixel size write 72, 96 or 300 dpi (85 um and more), so sizes in inches, and those of the tags alone,
    count only up to 20 um.
    """
    if pixels is not None:
        sizes = pixels.get("PhysicalSizeY") or None, pixels.get("PhysicalSizeX") or None
        if sizes != (None, None):
            units = pixels.get("PhysicalSizeYUnit") or None, pixels.get("PhysicalSizeXUnit") or None
            return stated_pixel_size(sizes, units, default=1.0)
    page = tif.pages.first
    lengths = _length(page, "YResolution"), _length(page, "XResolution")
    units_of_imagej = _imagej_units(tif)
    if all(math.isnan(unit_in_um(unit)) for unit in units_of_imagej):
        unit = RESOLUTION_UNITS.get(_resolution_unit(page))
    elif "inch" in units_of_imagej:
        unit = "inch"
    else:
        return stated_pixel_size(lengths, units_of_imagej)
    size = stated_pixel_size(lengths, (unit, unit))
    return None if size is None else valid_pixel_size(*size, MOST_UM)


def _imagej_units(tif: tifffile.TiffFile) -> tuple[object, object]:
    """Return the units of y and x as ImageJ writes them: that of y only where it differs."""
    stated: dict[str, Any] = (tif.imagej_metadata or {}) if tif.is_imagej else {}
    return stated.get("yunit") or None, stated.get("unit") or None


def _length(page: Any, name: str) -> float | None:
    """Return the length of a pixel in the unit of the resolution; None where the tag is missing, NaN where it is odd."""
    tag = page.tags.get(name)
    if tag is None:
        return None
    try:
        pixels, units = (int(part) for part in tag.value)
    except (TypeError, ValueError):
        return math.nan
    return units / pixels if pixels else math.nan


def _resolution_unit(page: Any) -> int:
    """Return the tag, 0 where it is odd."""
    try:
        return int(page.resolutionunit)
    except (TypeError, ValueError):
        return 0
