"""The metadata of OME-Zarr, checked once when an image or plate is opened.

What decides the pixels (axes, levels, wells, names of label images) must be as the specification has it. What only
describes them (omero, sizes) may be missing; sizes that can't be understood are unknown.
"""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from frugalseg.errors import UnreadableFile
from frugalseg.images.plain_files import parse_json, read_text, shortened

PartT = TypeVar("PartT", bound="Part")


def _text(value: Any) -> Any:
    """Return a whole number as text: some programs write the path ``0`` like that."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _axis(value: Any) -> Any:
    """Return an axis of version 0.3, which is only a name, as one of today."""
    return {"name": value} if isinstance(value, str) else value


def _or_nothing(value: Any) -> Any:
    return () if value is None else value


Inner = Annotated[str, Field(min_length=1, max_length=1000), BeforeValidator(_text)]
"""A path inside the image or plate."""


class Part(BaseModel):
    """A part of the metadata; keys that are not used are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Axis(Part):
    """One axis of the array."""

    name: str = Field(min_length=1, max_length=100)
    unit: Any = None


class Level(Part):
    """One level of a pyramid."""

    path: Inner
    coordinateTransformations: Any = ()


class Multiscale(Part):
    """One image as a pyramid, the full resolution first."""

    axes: tuple[Annotated[Axis, BeforeValidator(_axis)], ...] = Field(min_length=2, max_length=8)
    datasets: tuple[Level, ...] = Field(min_length=1)
    coordinateTransformations: Any = ()

    @field_validator("axes")
    @classmethod
    def _differ(cls, axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
        names = [axis.name for axis in axes]
        if len({name[0].lower() for name in names}) < len(names):
            raise ValueError(f"axes must differ, and are {shortened(names)}")
        return axes


class Channel(Part):
    """How a channel is shown."""

    label: Annotated[str, BeforeValidator(lambda value: "" if value is None else _text(value))] = ""


class ImageMetadata(Part):
    """Metadata of an image."""

    multiscales: tuple[Multiscale, ...] = Field(min_length=1)
    channels: Annotated[tuple[Channel, ...], BeforeValidator(_or_nothing)] = Field(
        (), validation_alias=AliasPath("omero", "channels")
    )


class Well(Part):
    """Place of a well, or of an image in a well."""

    path: Inner


class PlateMetadata(Part):
    """Metadata of a plate: where its wells are."""

    wells: tuple[Well, ...] = Field(validation_alias=AliasPath("plate", "wells"))


class WellMetadata(Part):
    """Metadata of a well: where its images are."""

    images: tuple[Well, ...] = Field(min_length=1, validation_alias=AliasPath("well", "images"))


class LabelsMetadata(Part):
    """Names of an image's label images."""

    labels: Annotated[tuple[Inner, ...], BeforeValidator(_or_nothing)] = ()


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the OME metadata of a group: ``ome`` of zarr.json (0.5), or .zattrs (0.4); empty if there are none.

    Raises
    ------
    UnreadableFile
        They are no JSON object.
    """
    for name in ("zarr.json", ".zattrs"):
        file = path / name
        if not file.exists():
            continue
        text = read_text(file)
        try:
            content = parse_json(text)
            metadata = content.get("attributes") or {} if name == "zarr.json" else content
            return dict(metadata.get("ome", metadata))
        except (ValueError, AttributeError, TypeError) as error:
            raise UnreadableFile(
                f"{file} can't be read ({shortened(error)}); copy or export {path.name} again"
            ) from error
    return {}


def understood(kind: type[PartT], metadata: dict[str, Any], path: Path) -> PartT:
    """Return the part of the metadata that a reader needs.

    Raises
    ------
    UnreadableFile
        It is not as the specification has it; the message names the first place.
    """
    try:
        return kind.model_validate(metadata)
    except (ValidationError, RecursionError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        where = shortened(".".join(map(str, first["loc"]))) if first else "metadata"
        reason = shortened(first["msg"]) if first else "nested too deeply"
        raise UnreadableFile(
            f"{path} has OME-Zarr metadata that can't be understood ({where}: {reason}); copy or export it again"
        ) from error
