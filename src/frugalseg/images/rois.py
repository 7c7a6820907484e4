"""Outlines drawn in ImageJ or Fiji (``.roi``, or a ``.zip`` of the ROI manager) as a label map.

This needs the package roifile: ``pip install roifile``.
"""

import io
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, UnreadableFile, WrongShape
from frugalseg.images.image import Image
from frugalseg.images.memory import check_memory
from frugalseg.images.plain_files import check_plain, shortened

#: ImageJ types of regions without an area.
_NO_AREA = {3: "a line", 4: "a line", 5: "a line", 6: "nothing", 9: "an angle", 10: "points"}

MOST_BYTES = 2**28
"""Bytes of all regions of a set together; a set with more is damaged or a bomb."""
LARGEST_SIDE = 100_000
"""px; no image that regions were drawn on is larger."""


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
        A pixel belongs to a region when its centre lies inside. Where regions overlap, the later one in the list wins, but a
        region that lies inside of another stays. Composite regions have holes where an even number of their outlines lie
        around.

    Raises
    ------
    UnreadableFile
        The package roifile is missing; the file is damaged or holds no region, or regions of several slices or frames; or a
        region has no area (lines, points) or no pixel of its own: it lies outside, is too small, or others cover it.
    WrongShape
        There are more than 65535 regions.
    """
    read = _regions(path)
    _check_places(read, path)
    regions = _all_outlines(read, path)
    if len(regions) > np.iinfo(np.uint16).max:
        raise WrongShape(f"{path} holds {len(regions)} regions; 65535 can be numbered")
    _check_size(path, regions, shape)
    if shape is None:
        shape = _smallest(regions, path)
    labels = np.zeros(shape, np.uint16)
    numbers = np.arange(1, len(regions) + 1)
    areas = [0, *(_draw(labels, region, number) for number, region in enumerate(regions, start=1))]
    covered = np.setdiff1d(numbers, labels)
    for number in sorted(covered, key=lambda number: -areas[number]):
        _draw(labels, regions[number - 1], number)
    lost = np.setdiff1d(numbers, labels)
    if len(lost):
        first = int(lost[0])
        why = (
            "others cover it"
            if areas[first]
            else f"it lies outside of {shape[0]} x {shape[1]} px, or is too small"
        )
        more = f", and so have {len(lost) - 1} more" if len(lost) > 1 else ""
        raise UnreadableFile(
            f"{path}: region {first} of {len(regions)} ({read[first - 1].name!r}) has no pixel of its own, because {why}{more}; "
            "delete it in the ROI manager, or give the set of this image"
        )
    return labels


def read_roi_image(path: Path) -> Image:
    """Return regions as the smallest image that holds all; `Field.labels` draws them at the size of their field."""
    return Image(read_rois(path)[None, None], ("0",), None, path.name, "YX")


def _regions(path: Path) -> list[Any]:
    check_plain(path)
    try:
        import roifile
    except ImportError as error:
        raise UnreadableFile(
            f"{path} holds ImageJ regions, which the package roifile reads; type: pip install roifile"
        ) from error
    try:
        data = path.read_bytes()
        stored = _members(data) if path.suffix.lower() == ".zip" or data.startswith(b"PK") else [data]
        regions = [roifile.ImagejRoi.frombytes(one) for one in stored]
    except FrugalsegError:
        raise
    except Exception as error:  # damaged files raise struct, zip, value, index and memory errors
        raise _damaged(path, error) from error
    if not regions:
        raise UnreadableFile(f"{path} holds no region; save the set in the ROI manager again")
    return regions


def _check_places(regions: list[Any], path: Path) -> None:
    """Refuse regions of several slices or frames, of which one would cover another; channels show the same place."""
    places = {(one.position, one.z_position, one.t_position) for one in regions} - {(0, 0, 0)}
    if len(places) > 1:
        raise UnreadableFile(
            f"{path} holds regions of {len(places)} slices or frames, and a label map is of one; save those of one slice, or where all "
            "belong together choose 'Remove Positions' in the ROI manager first"
        )


def _members(data: bytes) -> list[bytes]:
    """Return the regions of a set, without the hidden copies that macOS puts beside them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [
            member
            for member in archive.infolist()
            if (name := PurePosixPath(member.filename)).suffix.lower() == ".roi"
            and not name.name.startswith(".")
            and "__MACOSX" not in name.parts
        ]
        check_memory(2 * sum(member.file_size for member in members), "the set of regions")
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise ValueError(f"its regions have more than {MOST_BYTES >> 20} MB")
        return [archive.read(member) for member in members]


def _smallest(regions: list[list[NDArray[np.float64]]], path: Path) -> tuple[int, int]:
    """Return (Y, X) of the smallest image that holds all regions."""
    corners = [np.ceil(outline.max(axis=0)) for region in regions for outline in region if len(outline)]
    x, y = np.max(corners, axis=0) if corners else (1, 1)
    if not (x <= LARGEST_SIDE and y <= LARGEST_SIDE):  # NaN too
        raise UnreadableFile(
            f"{path} has a region at {x:g}, {y:g} px, which no image has; save the set again"
        )
    return max(int(y), 1), max(int(x), 1)


def _all_outlines(regions: list[Any], path: Path) -> list[list[NDArray[np.float64]]]:
    """Return the outlines of every region."""
    try:
        return [_outlines(region, path) for region in regions]
    except FrugalsegError:
        raise
    except Exception as error:  # counts of corners can be damaged too
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UnreadableFile:
    reason = shortened(str(error) or type(error).__name__)
    return UnreadableFile(f"{path} can't be read as ImageJ regions ({reason}); save them again")


def _check_size(path: Path, regions: list[list[NDArray[np.float64]]], shape: tuple[int, int] | None) -> None:
    """Refuse corners that are no numbers, and regions that can't be drawn in the memory there is."""
    whole, widest = 1.0, 0.0
    for outline in (outline for region in regions for outline in region if len(outline)):
        low, high = outline.min(axis=0), outline.max(axis=0)
        if not np.isfinite(outline).all() or max(np.abs(low).max(), np.abs(high).max()) > LARGEST_SIDE:
            raise UnreadableFile(
                f"{path} has a region with corners beyond {LARGEST_SIDE} px, so it is damaged; save the regions again"
            )
        widest = max(widest, float(np.prod(high - low)))
        whole = max(whole, float(np.prod(np.maximum(high, 1))))
    drawn = whole if shape is None else float(shape[0] * shape[1])
    # A pixel of the map, and of the box around the widest region a count and three marks.
    check_memory(int(2 * drawn + 16 * min(widest, drawn)), f"drawing the regions of {path}")


def _outlines(region: Any, path: Path) -> list[NDArray[np.float64]]:
    """Return all outlines (N, 2) of a region, x and y of pixel corners."""
    nothing = _NO_AREA.get(int(region.roitype))
    if nothing is not None:
        raise UnreadableFile(
            f"{path}: region {region.name!r} is {nothing}, not an outline; delete it in the ROI manager and save again"
        )
    return [np.asarray(xy, np.float64).reshape(-1, 2) for xy in region.coordinates(multi=True)]


def _draw(labels: NDArray[np.uint16], region: list[NDArray[np.float64]], number: int) -> int:
    """Number the pixels of a region in a label map (Y,X), in place, and return how many it has.

    Those are pixels from whose centre a line to the right crosses the outlines an odd number of times: of outlines inside each
    other, every other one is a hole. Coordinates are corners of pixels.
    """
    closed = [np.concatenate([outline, outline[:1]]) for outline in region if len(outline) > 2]
    if not closed:
        return 0
    low, high = (
        np.min([one.min(axis=0) for one in closed], axis=0),
        np.max([one.max(axis=0) for one in closed], axis=0),
    )
    left, top = np.maximum(np.floor(low), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high), labels.shape[::-1]).astype(int)
    if right <= left or bottom <= top:
        return 0
    x0, y0 = np.concatenate([one[:-1] for one in closed]).T
    x1, y1 = np.concatenate([one[1:] for one in closed]).T
    first, last = (
        np.clip(np.ceil(side - 0.5), top, bottom).astype(int)
        for side in (np.minimum(y0, y1), np.maximum(y0, y1))
    )
    rows = last - first
    edge = np.repeat(np.arange(len(x0)), rows)  # once for each row that it crosses
    row = np.arange(len(edge)) - np.repeat(np.cumsum(rows) - rows - first, rows)
    crossed = x0[edge] + (row + 0.5 - y0[edge]) * (x1 - x0)[edge] / (y1 - y0)[edge]
    column = np.clip(np.ceil(crossed - 0.5), left, right).astype(int)
    width = right - left + 1
    crossings = np.bincount((row - top) * width + column - left, minlength=(bottom - top) * width)
    odd = np.logical_xor.accumulate(crossings.reshape(-1, width) % 2 > 0, axis=1)[:, :-1]
    labels[top:bottom, left:right][odd] = number
    return int(np.count_nonzero(odd))
