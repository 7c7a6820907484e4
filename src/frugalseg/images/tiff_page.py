"""A rectangle of one page of a TIFF, without decoding the rest of the page."""

import math
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray


def page_region(page: Any, at: tuple[int | slice, ...]) -> NDArray[Any]:
    """`page.asarray()[at]`, reading as little of the page as its layout allows.

    Parameters
    ----------
    page
        `tifffile.TiffPage` or `TiffFrame` of an open file.
    at
        One integer or plain slice per axis of the page; rows and columns are slices with a start and a stop.

    Returns
    -------
    As numpy gives it. Pages stored in one piece without compression are read row by row, tiled and striped ones
    tile by tile and strip by strip. A page compressed as a single strip has to be decoded whole.
    """
    frame = page.keyframe
    rows, columns = frame.axes.find("Y"), frame.axes.find("X")
    if rows < 0 or columns < 0:
        return np.asarray(page.asarray()[at])
    spans: list[slice] = [at[axis] for axis in (rows, columns)]
    part = math.prod(span.stop - span.start for span in spans) < frame.shape[rows] * frame.shape[columns]
    if part and page.is_memmappable:
        return np.array(page.asarray(out="memmap")[at])
    if not part or math.prod(page.chunked) == 1 or not _decodes_in_segments(page):
        return np.asarray(page.asarray()[at])
    shape, rest = list(frame.shape), list(at)
    for axis, span in zip((rows, columns), spans, strict=True):
        shape[axis], rest[axis] = span.stop - span.start, slice(None)
    return _segments(page, *spans).reshape(shape)[tuple(rest)]


def _decodes_in_segments(page: Any) -> bool:
    """Not for volumes in one page, nor for slide scanners' strips that pretend to be tiles."""
    return page.keyframe.imagedepth == 1 and page.keyframe.jpegheader is None


def _segments(page: Any, rows: slice, columns: slice) -> NDArray[Any]:
    """Decode the tiles or strips that a rectangle touches; (separate samples, y, x, contiguous samples)."""
    frame = page.keyframe
    separate, _, height, width, samples = frame.shaped
    out = np.zeros((separate, rows.stop - rows.start, columns.stop - columns.start, samples), frame.dtype)
    if frame.nodata:
        out[...] = frame.nodata
    tall, wide = (frame.tilelength, frame.tilewidth) if frame.is_tiled else (frame.rowsperstrip, width)
    down, across = math.ceil(height / tall), math.ceil(width / wide)
    options: dict[str, Any] = {"_fullsize": False}
    if page.jpegtables is not None:
        options["jpegtables"] = page.jpegtables
    file = page.parent.filehandle
    for sample in range(separate):
        for row in range(rows.start // tall, math.ceil(rows.stop / tall)):
            for column in range(columns.start // wide, math.ceil(columns.stop / wide)):
                index = (sample * down + row) * across + column
                count = page.databytecounts[index]
                if count == 0:
                    continue  # an empty tile: nothing was stored where everything is 0
                file.seek(page.dataoffsets[index])
                decoded, (_, _, y, x, _), _ = frame.decode(file.read(count), index, **options)
                if decoded is None:
                    raise tifffile.TiffFileError(f"tile {index} is empty")
                _paste(out[sample], decoded[0], y - rows.start, x - columns.start)
    return out


def _paste(out: NDArray[Any], piece: NDArray[Any], y: int, x: int) -> None:
    """Put `piece` into `out`, its corner at (y, x), which may lie outside; both (y, x, samples)."""
    height, width = min(out.shape[0], y + piece.shape[0]), min(out.shape[1], x + piece.shape[1])
    out[max(0, y) : height, max(0, x) : width] = piece[max(0, -y) : height - y, max(0, -x) : width - x]
