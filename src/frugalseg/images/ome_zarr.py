"""Read OME-Zarr 0.4 and 0.5: images, their label images, and plates.

https://ngff.openmicroscopy.org: in 0.4 the metadata are the attributes of the group, in 0.5 they are below ``ome``.
"""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, UnreadableFile, WrongShape
from frugalseg.images.axes import AxisPlan, channel_names, plan_axes
from frugalseg.images.formats import field_stem
from frugalseg.images.image import Image, LazyPixels
from frugalseg.images.inner_paths import inner_path
from frugalseg.images.memory import check_memory, memory_error
from frugalseg.images.ome_zarr_metadata import (
    ImageMetadata,
    LabelsMetadata,
    PlateMetadata,
    WellMetadata,
    read_attributes,
    understood,
)
from frugalseg.images.pixel_size import PixelSize, parse_size, stated_pixel_size
from frugalseg.images.plain_files import check_plain, read_text, shortened

MOST_CHUNKS = 10_000
"""Chunks of a plane that may be smaller than `LEAST_CHUNK`; zarr reads about 1000 of any size in a second."""
LEAST_CHUNK = 1024
"""px; of this size, chunks may be as many as there are."""
CHUNKS_AT_ONCE = 10
"""Chunks that zarr decodes at the same time."""


def read_ome_zarr(path: Path) -> Image:
    """Open an OME-Zarr image lazily, at full resolution; see `frugalseg.images.read.read_image`."""
    metadata = read_attributes(path)
    if "plate" in metadata or "well" in metadata:
        raise UnreadableFile(
            f"{path} is an OME-Zarr plate or well, not one image; give the plate as an input"
        )
    if "multiscales" not in metadata:
        inner = [image for _, image, _, _ in list_images(path)]
        if inner == [path] or len(inner) != 1:
            raise UnreadableFile(f"{path} is not an OME-Zarr image: it has no multiscales metadata")
        return read_ome_zarr(inner[0])
    known = understood(ImageMetadata, metadata, path)
    scale = known.multiscales[0]
    array = inner_path(path, scale.datasets[0].path, path)
    opened = _open(array)
    shape, dtype = tuple(opened.shape), np.dtype(opened.dtype)
    axes = "".join(axis.name[0] for axis in scale.axes)
    if len(axes) != len(shape):
        raise WrongShape(
            f"{path} names {len(axes)} axes ({axes}) and its array has {len(shape)}; export it again"
        )
    plan = plan_axes(axes, shape, str(path), sure=True)
    _check_chunks(opened, plan, path)
    pixels = LazyPixels(plan.czyx, dtype, partial(_read_region, array, plan), str(path))
    names = channel_names(plan.czyx[0], [channel.label for channel in known.channels], False)
    return Image(pixels, names, _pixel_size(metadata["multiscales"][0]), field_stem(path))


def _check_chunks(opened: Any, plan: AxisPlan, path: Path) -> None:
    """Refuse an array that takes minutes to read a plane from, or more memory than there is to read a chunk."""
    rows, columns = plan.order[2:]
    height, width = plan.czyx[2:]
    tall, wide = (max(1, opened.chunks[axis]) for axis in (rows, columns))
    count = math.ceil(height / tall) * math.ceil(width / wide)
    if count > MOST_CHUNKS and tall * wide < LEAST_CHUNK:
        raise UnreadableFile(
            f"{path} is stored in {count} chunks of {tall} x {wide} px a plane, which takes minutes to read; save it in "
            "chunks of at least 64 x 64 px"
        )
    stored = (opened.shards or opened.chunks) if hasattr(opened, "shards") else opened.chunks
    size = math.prod(stored) * np.dtype(opened.dtype).itemsize
    check_memory(size * min(count, CHUNKS_AT_ONCE), f"reading {path}, whose chunks are {size} bytes each,")


def list_images(path: Path) -> Iterator[tuple[str, Path, dict[str, str], list[str]]]:
    """Iterate over name, folder, columns and label names of every image of an OME-Zarr image, series or plate.

    A well that is missing or damaged stands for its images; opening it raises the error. Raises `UnreadableFile` for a
    path that leads out of the image or plate.
    """
    metadata = read_attributes(path)
    stem = field_stem(path)
    if "plate" in metadata:
        for well in understood(PlateMetadata, metadata, path).wells:
            name, row = well.path.replace("/", ""), {"plate": stem, "well": well.path}
            place = inner_path(path, well.path, path)
            inner = _images_of_well(place)
            for image in inner:
                folder = inner_path(place, image, place)
                yield f"{name}_{image}", folder, row, _labels_of(folder)
            if not inner:
                yield name, place, row, []
    elif "bioformats2raw.layout" in metadata and "multiscales" not in metadata:
        series = sorted(
            (sub for sub in path.iterdir() if sub.name.isdecimal()), key=lambda sub: int(sub.name)
        )
        for folder in series:
            yield stem if len(series) == 1 else f"{stem}_{folder.name}", folder, {}, _labels_of(folder)
    else:
        yield stem, path, {}, _labels_of(path)


def _images_of_well(well: Path) -> list[str]:
    """Return the folder names of the images of a well; none where it is missing or damaged."""
    try:
        return [image.path for image in understood(WellMetadata, read_attributes(well), well).images]
    except UnreadableFile:
        return []


def _labels_of(image: Path) -> list[str]:
    folder = image / "labels"
    names = list(understood(LabelsMetadata, read_attributes(folder), folder).labels)
    for name in names:
        inner_path(folder, name, folder)
    return names


def _open(array: Path) -> Any:
    """Open an array; Python objects and the pickle codec, which could run code, are an error."""
    import zarr

    for name in ("zarr.json", ".zarray"):
        if (array / name).exists() and "pickle" in read_text(array / name).lower():
            raise UnreadableFile(
                f"{array} is stored as Python objects, which are never loaded; export it again"
            )
    try:
        opened = zarr.open_array(_store(array), mode="r")
        kind = np.dtype(opened.dtype).kind
    except FrugalsegError:
        raise
    except Exception as error:  # metadata can have any structure
        raise UnreadableFile(
            f"{array} can't be opened as a zarr array ({_reason(error)}); copy or export it again"
        ) from error
    if kind not in "iufb":
        raise UnreadableFile(f"{array} holds {shortened(opened.dtype)}, not numbers; export it again")
    return opened


def _store(array: Path) -> Any:
    """Return the files of an array, none of which is opened before it is known to be one."""
    from zarr.storage import LocalStore

    class PlainStore(LocalStore):  # type: ignore[misc]  # zarr is imported where it is used
        async def get(self, key: str, *arguments: Any, **options: Any) -> Any:
            check_plain(self.root / key)
            return await super().get(key, *arguments, **options)

    return PlainStore(array, read_only=True)


def _reason(error: Exception) -> str:
    return shortened(" ".join(str(error).split()) or type(error).__name__)


def _read_region(array: Path, plan: AxisPlan, c: int, z: int, rows: slice, columns: slice) -> NDArray[Any]:
    """Return a rectangle of one plane; zarr decodes only the chunks that it touches."""
    try:
        return plan.as_plane(np.asarray(_open(array)[plan.index(c, z, rows, columns)]))
    except FrugalsegError:
        raise
    except Exception as error:  # codecs raise nearly anything on damaged chunks
        raise memory_error(error, f"reading {array}") or UnreadableFile(
            f"{array} can't be decoded, it is damaged or incomplete ({_reason(error)}); copy or export it again"
        ) from error


def _pixel_size(scale: dict[str, Any]) -> PixelSize:
    """Return (y, x) in um where a unit is stated: the scale of the first level times that of the whole image."""
    factors: dict[str, float] = {}
    units: dict[str, object] = {}
    try:
        steps = [
            *scale["datasets"][0].get("coordinateTransformations", []),
            *scale.get("coordinateTransformations", []),
        ]
        scales = [step["scale"] for step in steps if step.get("type") == "scale"]
        for i, axis in enumerate(scale["axes"]):
            if isinstance(axis, dict) and axis["name"] in ("y", "x"):
                factors[axis["name"]] = (
                    math.prod(parse_size(one[i]) for one in scales) if scales else math.nan
                )
                units[axis["name"]] = axis.get("unit") or None
    except (TypeError, AttributeError, LookupError):  # the pixels may be fine all the same
        return None
    return stated_pixel_size((factors.get("y"), factors.get("x")), (units.get("y"), units.get("x")))
