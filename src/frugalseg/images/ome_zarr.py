"""Read OME-Zarr 0.4 and 0.5: images, their label images, and plates.

https://ngff.openmicroscopy.org: in 0.4 the metadata are the attributes of the group, in 0.5 they are below ``ome``.
"""

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, UnreadableFile
from frugalseg.images.axes import AxisPlan, channel_names, plan_axes
from frugalseg.images.formats import field_stem
from frugalseg.images.image import Image, LazyPixels
from frugalseg.images.inner_paths import inner_path
from frugalseg.images.pixel_size import PixelSize, parse_size, stated_pixel_size


def _attributes(path: Path) -> dict[str, Any]:
    """Return the OME metadata of a group: ``ome`` of zarr.json (0.5), or .zattrs (0.4); empty if there are none."""
    for name in ("zarr.json", ".zattrs"):
        file = path / name
        if not file.is_file():
            continue
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            metadata = content.get("attributes", {}) if name == "zarr.json" else content
            return dict(metadata.get("ome", metadata))
        except (OSError, ValueError, AttributeError) as error:
            raise UnreadableFile(
                f"{file} can't be read ({error}); copy or export {path.name} again"
            ) from error
    return {}


def read_ome_zarr(path: Path) -> Image:
    """Open an OME-Zarr image lazily, at full resolution; see `frugalseg.images.read.read_image`."""
    metadata = _attributes(path)
    if "plate" in metadata or "well" in metadata:
        raise UnreadableFile(
            f"{path} is an OME-Zarr plate or well, not one image; give the plate as an input"
        )
    if "multiscales" not in metadata:
        inner = [image for _, image, _, _ in list_images(path)]
        if inner == [path] or len(inner) != 1:
            raise UnreadableFile(f"{path} is not an OME-Zarr image: it has no multiscales metadata")
        return read_ome_zarr(inner[0])
    try:
        scale = metadata["multiscales"][0]
        axes = [axis if isinstance(axis, str) else axis["name"] for axis in scale["axes"]]
        array = inner_path(path, scale["datasets"][0]["path"], path)
        shape, dtype = _describe(array)
        plan = plan_axes("".join(axis[0] for axis in axes), shape, str(path), sure=True)
        labels = [channel.get("label", "") for channel in metadata.get("omero", {}).get("channels", [])]
        size = _pixel_size(scale)
    except FrugalsegError:
        raise
    except Exception as error:  # metadata can have any structure
        raise UnreadableFile(f"{path} has OME-Zarr metadata that can't be understood ({error!r})") from error
    pixels = LazyPixels(plan.czyx, dtype, partial(_read_region, array, plan))
    names = channel_names(plan.czyx[0], [str(label) for label in labels], False)
    return Image(pixels, names, size, field_stem(path))


def list_images(path: Path) -> Iterator[tuple[str, Path, dict[str, str], list[str]]]:
    """Iterate over name, folder, columns and label names of every image of an OME-Zarr image, series or plate.

    A well that is missing or damaged stands for its images; opening it raises the error. Raises `UnreadableFile` for a
    path that leads out of the image or plate.
    """
    metadata = _attributes(path)
    stem = field_stem(path)
    if "plate" in metadata:
        for well in metadata["plate"]["wells"]:
            name, row = well["path"].replace("/", ""), {"plate": stem, "well": well["path"]}
            place = inner_path(path, well["path"], path)
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
        return [str(image["path"]) for image in _attributes(well)["well"]["images"]]
    except (UnreadableFile, KeyError, TypeError):
        return []


def _labels_of(image: Path) -> list[str]:
    folder = image / "labels"
    names = [str(name) for name in _attributes(folder).get("labels", [])]
    for name in names:
        inner_path(folder, name, folder)
    return names


def _describe(array: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    opened = _open(array)
    return tuple(opened.shape), np.dtype(opened.dtype)


def _open(array: Path) -> Any:
    """Open an array; Python objects and the pickle codec, which could run code, are an error."""
    import zarr

    for name in ("zarr.json", ".zarray"):
        if (array / name).is_file() and "pickle" in (array / name).read_text(encoding="utf-8").lower():
            raise UnreadableFile(
                f"{array} is stored as Python objects, which are never loaded; export it again"
            )
    opened = zarr.open_array(array, mode="r")
    if np.dtype(opened.dtype).kind not in "iufb":
        raise UnreadableFile(f"{array} holds {opened.dtype}, not numbers; export it again")
    return opened


def _read_region(array: Path, plan: AxisPlan, c: int, z: int, rows: slice, columns: slice) -> NDArray[Any]:
    """Return a rectangle of one plane; zarr decodes only the chunks that it touches."""
    try:
        return plan.as_plane(np.asarray(_open(array)[plan.index(c, z, rows, columns)]))
    except FrugalsegError:
        raise
    except Exception as error:  # codecs raise nearly anything on damaged chunks
        raise UnreadableFile(f"{array} can't be decoded, it is damaged or incomplete ({error})") from error


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
