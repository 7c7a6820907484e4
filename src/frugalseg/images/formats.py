"""Which file names are images, which are label maps, and what the field in a file is called."""

import re
from pathlib import Path

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".zarr")
ROI_SUFFIXES = (".roi", ".zip")
LABEL_SUFFIXES = (".npy", *ROI_SUFFIXES)
"""Read as labels where a table, a pattern or a path names them; a folder of images does not list them."""

FORMATS = "TIFF, OME-TIFF, PNG and OME-Zarr"


def field_stem(path: Path) -> str:
    """Return the name of a file without what marks its format.

    >>> field_stem(Path("a/hela_1.ome.tif"))
    'hela_1'
    """
    return re.sub(r"(\.ome)?\.[^.]+$", "", path.name, flags=re.IGNORECASE) or path.name
