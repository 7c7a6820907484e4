"""Label maps as outlines for ImageJ and Fiji: a set that the ROI manager opens, and `frugalseg.images.rois` reads back.

This needs the package roifile: ``pip install roifile``.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from frugalseg.errors import InputError, OutputFailed, WrongShape
from frugalseg.images.label_maps import as_labels
from frugalseg.images.write import atomic_file

#: Of every file in a set: the same labels give the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_rois(path: str | Path, labels: NDArray[Any], overwrite: bool = False) -> None:
    """Write the objects of a label map as a set of ImageJ regions (``.zip``).

    A region is called like the id of its object, so that it is found in a table of measurements, and is a polygon midway between
    the centres of pixels inside and outside. An object of several parts, or with holes, is a composite region.

    Parameters
    ----------
    path
        The new file, whose name ends in ``.zip``; its folder is created if missing.
    labels
        (Y, X) integers; 0 is background. Negative ones, "not annotated", can't be said by regions and are left out.
    overwrite
        Replace an existing file.

    Raises
    ------
    InputError, WrongShape
        There is no object, and ImageJ has no empty set; or the array is no label map (Y, X).
    OutputExists, OutputFailed
        See `frugalseg.images.write.atomic_file`; the name does not end in ``.zip``, or the package roifile is missing.

    Examples
    --------
    >>> import tempfile
    >>> from frugalseg.images.rois import read_rois
    >>> file = Path(tempfile.mkdtemp()) / "a_rois.zip"
    >>> write_rois(file, np.array([[0, 7, 7], [9, 9, 0]]))
    >>> read_rois(file, (2, 3)).tolist()
    [[0, 1, 1], [2, 2, 0]]
    """
    path = Path(path)
    if path.suffix.lower() != ".zip":
        raise OutputFailed(f"{path} would be a set of ImageJ regions; give a name that ends in .zip")
    labels = as_labels(np.asarray(labels), "`labels`")
    if labels.ndim != 2:
        raise WrongShape(f"`labels` must be (Y, X), not of shape {labels.shape}")
    ids = np.unique(labels[labels > 0])
    if not len(ids):
        raise InputError("there is no object in `labels`, and ImageJ has no empty set; nothing is written")
    digits = max(4, len(str(ids[-1])))
    with atomic_file(path, overwrite) as file, zipfile.ZipFile(file, "w") as archive:
        for number, outlines in _outlines(labels, ids):
            name = f"{number:0{digits}d}"
            entry = zipfile.ZipInfo(f"{name}.roi", _DATE)
            archive.writestr(entry, _region(name, outlines), zipfile.ZIP_DEFLATED)


def _outlines(labels: NDArray[Any], ids: NDArray[Any]) -> Iterator[tuple[int, list[NDArray[np.float32]]]]:
    """Yield each id with its closed outlines (N,2): x and y, where 0, 0 is the corner of the image."""
    from skimage.measure import find_contours

    compact = (np.searchsorted(ids, labels) + 1) * (labels > 0)
    for number, box in zip(ids, ndimage.find_objects(compact), strict=True):
        inside = np.pad(labels[box] == number, 1)
        # One pixel of padding less half a pixel, as the contour counts from centres and ImageJ from corners.
        corner = np.array([box[1].start, box[0].start]) - 0.5
        found = find_contours(inside.astype(np.float32), 0.5)
        yield int(number), [(one[:-1, ::-1] + corner).astype(np.float32) for one in found]


def _region(name: str, outlines: list[NDArray[np.float32]]) -> bytes:
    """Return a region as a file of ImageJ holds it."""
    try:
        from roifile import ROI_TYPE, ImagejRoi
    except ImportError as error:
        raise OutputFailed(
            "ImageJ regions are written by the package roifile, which is missing; type: pip install roifile"
        ) from error
    if len(outlines) == 1:
        found: bytes = ImagejRoi.frompoints(outlines[0], name=name).tobytes()
        return found
    points = np.concatenate(outlines)
    region = ImagejRoi(roitype=ROI_TYPE.RECT, name=name)
    (region.left, region.top), (region.right, region.bottom) = (
        np.floor(points.min(axis=0)).astype(int).tolist(),
        np.ceil(points.max(axis=0)).astype(int).tolist(),
    )
    region.multi_coordinates = np.concatenate([_path(one) for one in outlines])
    region.shape_roi_size = len(region.multi_coordinates)
    content: bytes = region.tobytes()
    return content


def _path(outline: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an outline as java.awt.geom.PathIterator has it: move (0), lines (1), and close (4)."""
    steps = np.column_stack([np.ones(len(outline), np.float32), outline])
    steps[0, 0] = 0
    return np.append(steps.ravel(), np.float32(4))
