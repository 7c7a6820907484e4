"""Read TIFF, ImageJ TIFF and OME-TIFF: axes, channel names, pixel size, and windows of planes."""

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, UnreadableFile
from frugalseg.images.axes import AxisPlan, channel_names, plan_axes
from frugalseg.images.image import Image, LazyPixels
from frugalseg.images.inner_paths import inner_path
from frugalseg.images.memory import memory_error
from frugalseg.images.plain_files import check_plain, shortened
from frugalseg.images.tiff_pixel_size import read_pixel_size

ALPHA = (1, 2)
"""Kinds of extra samples; others are channels like any."""

DAMAGE = re.compile(
    r"invalid page offset|corrupted file|failed to reshape|TiffTag 2\d\d @\d+> invalid value offset"
)
"""Log messages of tifffile about pages or descriptions beyond the end of the file, which it skips."""


@contextmanager
def _opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF; any error inside becomes an `UnreadableFile`.

    tifffile only logs some damage and goes on with fewer planes. Here lost planes are an error, and the log messages
    are kept from the terminal.
    """
    messages: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        messages.append(record.getMessage())
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(keep)
    try:
        with tifffile.TiffFile(path) as tif:
            _refuse_foreign_files(path, tif)
            if len(tif.pages) and tif.series and (lost := [line for line in messages if DAMAGE.search(line)]):
                raise tifffile.TiffFileError(lost[0])
            yield tif
    except FrugalsegError:
        raise
    except Exception as error:  # damaged files raise nearly anything: struct, zlib, index errors
        reason = shortened(str(error) or (messages[-1] if messages else type(error).__name__))
        raise memory_error(error, f"reading {path}") or UnreadableFile(
            f"{path} can't be read as a TIFF, it is damaged or cut short ({reason}); copy or export it again"
        ) from error
    finally:
        logger.removeFilter(keep)


def read_tiff(path: Path, axes: str | None = None) -> Image:
    """Open a TIFF without reading its pixels; see `frugalseg.images.read.read_image`."""
    with _opened(path) as tif:
        if not tif.pages or not tif.series:
            raise UnreadableFile(
                f"{path} holds no image; it is damaged or cut short, copy or export it again"
            )
        own = _own_series(tif)
        if len(own) > 1 and not _only_thumbnails(own):
            sizes = [" x ".join(map(str, series.shape)) for series in own]
            several = (
                f"images of one size ({sizes[0]}), such as positions"
                if len(set(sizes)) == 1
                else f"images of different kinds ({', '.join(sizes[:4])})"
            )
            raise UnreadableFile(f"{path} holds {len(sizes)} {several}; save each as its own file")
        series = own[0]
        if series.dtype is None:
            raise UnreadableFile(
                f"{path} has samples of a type that is not read; export it as 8, 16 or 32 bit"
            )
        if series.dataoffset is not None and not series.is_multifile:
            missing = series.dataoffset + series.nbytes - tif.filehandle.size
            if missing > 0:
                raise tifffile.TiffFileError(f"{missing} bytes of its pixels are missing")
        plan = plan_axes(series.axes, tuple(series.shape), str(path), _has_colours(series.keyframe), axes)
        shape = plan.czyx
        about = _pixels_node(tif, series)
        names = channel_names(shape[0], _names_in(tif, about, shape), plan.colour)
        size = read_pixel_size(tif, about)
        dtype, others = np.dtype(series.dtype), _other_files(tif, series)
    pixels = LazyPixels(shape, dtype, partial(_read_region, path, plan), str(path))
    return Image(pixels, names, size, path.name, plan.axes, files=others)


def _has_colours(page: tifffile.TiffPage) -> bool:
    """Return whether samples are red, green, blue, and nothing but alpha besides."""
    others = [int(kind) for kind in page.extrasamples]
    return page.photometric.name in ("RGB", "YCBCR") and all(kind in ALPHA for kind in others)


def _refuse_foreign_files(path: Path, tif: tifffile.TiffFile) -> None:
    """Raise `UnreadableFile` where tifffile would follow a path out of the folder, which it does without asking."""
    if tif.is_ndtiff:
        index = path.parent / "NDTiff.index"
        for _, name, *_ in tifffile.read_ndtiff_index(index):
            check_plain(inner_path(path.parent, name, index))
    text = tif.ome_metadata if tif.is_ome else None
    if not text or "FileName" not in text:
        return
    if "<!ENTITY" in text:
        raise UnreadableFile(
            f"{path} names files by way of XML entities, which are not read; export it again"
        )
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return  # tifffile reads it as a plain TIFF then
    for node in root.iter():  # tifffile, too, asks only how a tag ends
        if not str(node.tag).endswith("UUID"):
            continue
        own = node.text is not None and node.text == root.get("UUID")
        if "FileName" in node.attrib and not own:  # what it calls itself is never opened
            check_plain(inner_path(path.parent, node.get("FileName"), path))


def _own_series(tif: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Return the images of which this file holds planes; an OME-TIFF of a set tells of all images, such as positions."""
    if len(tif.series) == 1:
        return list(tif.series)
    own = [one for one in tif.series if any(page is not None and page.parent is tif for page in one.pages)]
    return own or list(tif.series)


def _other_files(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[Path, ...]:
    """Return the other files of an OME-TIFF's set that hold planes of an image."""
    if not tif.is_ome:
        return ()
    parents = (page.parent for page in series.pages if page is not None)
    return tuple(dict.fromkeys(Path(str(one.filehandle.path)).resolve() for one in parents if one is not tif))


def _only_thumbnails(all_series: list[tifffile.TiffPageSeries]) -> bool:
    """Return whether all series but the first are much smaller: labels and previews of slide scanners."""
    first, *others = (math.prod(series.shape) for series in all_series)
    return all(other * 4 <= first for other in others)


def _read_region(path: Path, plan: AxisPlan, c: int, z: int, rows: slice, columns: slice) -> NDArray[Any]:
    """Return a rectangle of one plane, (Y, X) as stored.

    Uncompressed pixels in one piece are memory-mapped. Of tiled and stripped files only the tiles and strips that the
    rectangle touches are decoded; a plane compressed as a single strip has to be decoded as a whole.
    """
    index = plan.index(c, z, rows, columns)
    with _opened(path) as tif:
        series, inside = _plane_series(_own_series(tif)[0], index)
        if series is None:
            raise UnreadableFile(f"{path} lacks the plane of channel {c}, focal plane {z}; export it again")
        shape = plan.shape[len(plan.shape) - len(inside) :]
        whole_plane = (rows.stop - rows.start) * (columns.stop - columns.start) == math.prod(plan.czyx[2:])
        if series.dataoffset is not None and not series.is_multifile:
            stored = np.dtype(series.dtype).newbyteorder(tif.byteorder)
            mapped = np.memmap(path, stored, "r", int(series.dataoffset), shape)
            plane = np.array(mapped[inside]).astype(series.dtype)
        elif whole_plane and len(series) == 1:
            # Faster than zarr where there are many strips.
            plane = series[0].asarray().reshape(shape)[inside]
        else:
            import zarr

            stored_pixels = zarr.open_array(series.aszarr(level=0), mode="r")
            plane = _taken(stored_pixels, inside, shape)
    return plan.as_plane(plane)


def _taken(stored: Any, inside: tuple[int | slice, ...], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return what an index of an array of a shape selects, also where its axes of length 1 are not stored."""
    wanted = [
        len(range(*one.indices(n))) for one, n in zip(inside, shape, strict=True) if isinstance(one, slice)
    ]
    longer = iter([one for one, n in zip(inside, shape, strict=True) if n > 1])
    return np.asarray(stored[tuple(next(longer) if n > 1 else 0 for n in stored.shape)]).reshape(wanted)


def _plane_series(
    series: tifffile.TiffPageSeries, index: tuple[int | slice, ...]
) -> tuple[tifffile.TiffPageSeries | None, tuple[int | slice, ...]]:
    """Return the page of a plane as a series of its own, and the index in it.

    Where planes are not pages of their own (ImageJ saves more than 4 GB as one page with all planes behind it), this is
    the series itself. None stands for a page that the file lacks.
    """
    n_outer = len(series.shape) - len(series.keyframe.shape)
    whole = len(series) == 1 and math.prod(series.shape) == math.prod(series.keyframe.shape)
    if whole and series[0] is not None and not series.is_multifile:  # its page may lack axes of length 1
        return tifffile.TiffPageSeries([series[0]]), index
    outer, inside = series.shape[:n_outer], index[n_outer:]
    pages = [position for position in index[:n_outer] if isinstance(position, int)]
    own_pages = series.shape[n_outer:] == series.keyframe.shape and len(pages) == n_outer
    if not own_pages or math.prod(outer) != len(series):
        return series, index
    page = series[int(np.ravel_multi_index(pages, outer)) if outer else 0]
    if page is None:
        return None, inside
    return (series, index) if series.is_multifile else (tifffile.TiffPageSeries([page]), inside)


def _names_in(
    tif: tifffile.TiffFile, pixels: ElementTree.Element | None, shape: tuple[int, int, int, int]
) -> list[str]:
    """Return the channel names of OME-XML, or the slice labels of ImageJ if there is one per channel."""
    if pixels is not None:
        return [str(node.get("Name", "")) for node in pixels.findall("{*}Channel")]
    labels = (tif.imagej_metadata or {}).get("Labels", []) if tif.is_imagej else []
    return [str(label) for label in labels] if len(labels) == shape[0] and shape[1] == 1 else []


def _pixels_node(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> ElementTree.Element | None:
    """Return what OME-XML says of the pixels of an image; of the first image where it does not tell of as many as there are."""
    root = _ome(tif)
    found = [] if root is None else root.findall(".//{*}Image/{*}Pixels")
    index = next(at for at, one in enumerate(tif.series) if one is series)
    return None if not found else found[index if len(found) == len(tif.series) else 0]


def _ome(tif: tifffile.TiffFile) -> ElementTree.Element | None:
    """Return the OME-XML; None if there is none, or it can't be parsed or declares entities (which can be bombs)."""
    text = tif.ome_metadata if tif.is_ome else None
    if not text or "<!ENTITY" in text:
        return None
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
