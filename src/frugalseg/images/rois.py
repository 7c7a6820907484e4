"""Outlines drawn in ImageJ or Fiji (``.roi``, or a ``.zip`` of the ROI manager) as a label map.

This needs the package roifile: ``pip install roifile``.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import UnreadableFile, WrongShape
from frugalseg.images.image import Image

#: ImageJ types of regions without an area.
_NO_AREA = {3: "a line", 4: "a line", 5: "a line", 6: "nothing", 9: "an angle", 10: "points"}


def read_rois(path: Path, shape: tuple[int, int] | None = None) -> NDArray[np.uint16]:
    """Draw regions as a label map; the first region is 1, the second 2, ...

    Parameters
    ----------
    path
        A ``.roi``, or a ``.zip`` as the ROI manager saves it.
    shape
        (Y, X) of the image they were drawn on, px; what lies outside is cut off. None: the smallest that holds all.

    Returns
    -------
    (Y, X) uint16
        A pixel belongs to a region when its centre lies inside. Where regions overlap, the later one in the list wins.
        Composite regions have holes where an even number of their outlines lie around.

    Raises
    ------
    UnreadableFile
        The package roifile is missing; the file is damaged, or a region has no area (lines, points).
    WrongShape
        There are more than 65535 regions.
    """
    regions = [_outlines(region, path) for region in _regions(path)]
    if len(regions) > np.iinfo(np.uint16).max:
        raise WrongShape(f"{path} holds {len(regions)} regions; 65535 can be numbered")
    if shape is None:
        corners = [np.ceil(outline.max(axis=0)) for region in regions for outline in region if len(outline)]
        x, y = np.max(corners, axis=0).astype(int) if corners else (1, 1)
        shape = (max(int(y), 1), max(int(x), 1))
    labels = np.zeros(shape, np.uint16)
    for number, region in enumerate(regions, start=1):
        _draw(labels, region, number)
    return labels


def read_roi_image(path: Path) -> Image:
    """Return regions as the smallest image that holds all; `Field.labels` draws them at the size of their field."""
    return Image(read_rois(path)[None, None], ("0",), None, path.name, "YX")


def _regions(path: Path) -> list[Any]:
    try:
        import roifile
    except ImportError as error:
        raise UnreadableFile(
            f"{path} holds ImageJ regions, which the package roifile reads; type: pip install roifile"
        ) from error
    try:
        regions = roifile.roiread(path)
    except Exception as error:  # damaged files raise struct, zip, value and index errors
        raise UnreadableFile(f"{path} can't be read as ImageJ regions ({error}); save them again") from error
    return regions if isinstance(regions, list) else [regions]


def _outlines(region: Any, path: Path) -> list[NDArray[np.float64]]:
    """Return all outlines (N, 2) of a region, x and y of pixel corners."""
    nothing = _NO_AREA.get(int(region.roitype))
    if nothing is not None:
        raise UnreadableFile(
            f"{path}: region {region.name!r} is {nothing}, not an outline; delete it in the ROI manager and save again"
        )
    return [np.asarray(xy, np.float64).reshape(-1, 2) for xy in region.coordinates(multi=True)]


def _draw(labels: NDArray[np.uint16], region: list[NDArray[np.float64]], number: int) -> None:
    """Draw one region over `labels`; of outlines inside each other, every other one is a hole."""
    from skimage.draw import polygon

    inside = np.zeros((0, 2), np.int64)
    for outline in region:
        if len(outline) < 3:
            continue
        # Coordinates are corners of pixels in ImageJ, and centres in scikit-image.
        rows, columns = polygon(outline[:, 1] - 0.5, outline[:, 0] - 0.5, labels.shape)
        pixels = np.stack([rows, columns], axis=1)
        both, counts = np.unique(np.concatenate([inside, pixels]), axis=0, return_counts=True)
        inside = both[counts == 1]
    labels[inside[:, 0], inside[:, 1]] = number
