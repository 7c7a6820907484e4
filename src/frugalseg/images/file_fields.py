"""The fields of image files, a field for each file, and of OME-Zarr images and plates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from frugalseg.errors import FrugalsegError
from frugalseg.images.field import ChannelRef, Field
from frugalseg.images.formats import field_stem
from frugalseg.images.image import Image
from frugalseg.images.read import read_image

Problems = list[FrugalsegError]


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a group or an array of a zarr, such as an OME-Zarr image, which counts like a file."""
    return path.is_dir() and any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zattrs"))


def fields_of_files(
    named: Sequence[tuple[str, Path]],
    rows: Mapping[str, dict[str, str]] | None,
    problems: Problems | None,
    notes: list[str],
    axes: str | None,
) -> list[Field]:
    """Return the fields of named files, with the columns of `rows`; broken files as of `_failing_later`.

    Without rows, an OME-Zarr has a field for each of its images, named after the well on a plate. Files that hold a part of an
    image that is listed already are left out, which is noted.
    """
    fields: list[Field] = []
    broken: dict[str, Path] = {}
    errors: Problems = []
    wholes: dict[Path, str] = {}
    for name, path in named:
        if rows is None and is_zarr(path):
            fields += _zarr_fields(path, name, problems)
            continue
        if (whole := wholes.get(path.resolve())) is not None:
            notes.append(
                f"{path.name} was left out: it holds a part of the image of field {whole!r}, by the file of that field"
            )
            continue
        row = {} if rows is None else rows[name]
        try:
            image = read_image(path, axes)
            fields.append(_field_of(image, path, name, row))
            wholes |= dict.fromkeys(image.files, name)
        except FrugalsegError as error:
            errors.append(error)
            if problems is None:
                broken[name] = path
                fields.append(Field(name, {"field": name, "file": path.name, **row}, {}))
    return _failing_later(fields, broken, errors, problems)


def _failing_later(
    fields: list[Field], broken: Mapping[str, Path], errors: Problems, problems: Problems | None
) -> list[Field]:
    """Return fields of which the broken ones have the channels of the others, so that they fail when they are used.

    Errors go to `problems` instead, where there is such a list; the first is raised where no field can be read.
    """
    if problems is not None:
        problems += errors
    elif errors and len(broken) == len(fields):
        raise errors[0]
    columns = next((field.columns for field in fields if field.name not in broken), ())
    return [
        replace(field, channels={c: ChannelRef(broken[field.name]) for c in columns}, columns=columns)
        if field.name in broken
        else field
        for field in fields
    ]


def _field_of(image: Image, path: Path, name: str, row: dict[str, str]) -> Field:
    channels = {channel: ChannelRef(path, i) for i, channel in enumerate(image.channels)}
    return Field(name, {"field": name, "file": path.name, **row}, channels, tuple(channels))


def _zarr_fields(path: Path, called: str, problems: Problems | None) -> list[Field]:
    """Return the fields of an OME-Zarr image or plate; label images are further channels.

    Images of a plate that can't be read go to `problems`; without that list they are fields that fail when used.
    """
    from frugalseg.images.ome_zarr import list_images

    fields: list[Field] = []
    broken: dict[str, Path] = {}
    errors: Problems = []
    stem = field_stem(path)
    for name, image, row, labels in list_images(path):
        if not row:
            name = called + name.removeprefix(stem)
        try:
            field = _field_of(read_image(image), image, name, row)
        except FrugalsegError as error:
            errors.append(type(error)(f"field {name!r}: {error}") if row else error)
            if problems is None:
                broken[name] = image
                fields.append(Field(name, {"field": name, "file": image.name, **row}, {}))
            continue
        channels = dict(field.channels)
        for label in labels:
            channels[_free_name(label, channels)] = ChannelRef(image / "labels" / label)
        fields.append(replace(field, channels=channels, columns=tuple(channels)))
    return _failing_later(fields, broken, errors, problems)


def _free_name(label: str, channels: Mapping[str, ChannelRef]) -> str:
    """Return what a label image is called: with "(labels)" behind it where a channel of the image has its name."""
    while label in channels:
        label += " (labels)"
    return label
