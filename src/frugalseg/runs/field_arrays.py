"""Arrays of the fields of a table, each read when it is asked for: what models learn from without keeping all pixels."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, InputError
from frugalseg.images import channels as image_channels
from frugalseg.images.channels import InputChannel, read_inputs
from frugalseg.images.field import Field
from frugalseg.images.image import PlaneChoice, Projection
from frugalseg.images.memory import memory_errors
from frugalseg.images.pixel_size import can_be_learned, doubt_about_size
from frugalseg.models.model_scale import same_size, side_of
from frugalseg.runs.provenance import first_few
from frugalseg.runs.run_log import RunLog


class FieldArrays(Sequence[NDArray[Any]]):
    """One array per field.

    Parameters
    ----------
    fields
        In order.
    read
        Reads the array of a field; its errors reach whoever asks for that array.
    """

    def __init__(self, fields: Sequence[Field], read: Callable[[Field], NDArray[Any]]) -> None:
        self.fields, self.read = fields, read

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self.fields)

    def __getitem__(self, index: Any) -> Any:
        """Read the array of one field."""
        with memory_errors(f"field {self.fields[index].name!r}"):
            return self.read(self.fields[index])


def input_arrays(
    fields: Sequence[Field], channels: Sequence[InputChannel], choose: PlaneChoice | None = None
) -> FieldArrays:
    """Return the inputs (C,Y,X) of every field, grey values; focal planes as of `frugalseg.images.channels.lazy_inputs`."""
    return FieldArrays(fields, lambda field: read_inputs(field, channels, choose))


def plane_arrays(fields: Sequence[Field], channel: str, project: Projection) -> FieldArrays:
    """Return one channel (Y,X) of every field, focal planes projected."""
    return FieldArrays(fields, lambda field: field.plane(channel, project))


def size_warnings(fields: Sequence[Field], log: RunLog) -> tuple[str, ...]:
    """Print and return a sentence for every field whose pixel size can hardly be right."""
    doubts = ((field.name, doubt_about_size(field.pixel_size)) for field in fields)
    warnings = tuple(f"{name}: {doubt}" for name, doubt in doubts if doubt is not None)
    for warning in warnings:
        log.line(f"warning: {warning}")
    return warnings


def learned_pixel_size(fields: Sequence[Field]) -> tuple[float, float] | None:
    """Return the pixel size (y, x) in um of images that are learned from: the middle one of those stated, by area.

    Sizes at which no model can learn are as unknown ones; the doubts about them are told elsewhere.
    """
    stated = (field.pixel_size for field in fields)
    sizes = sorted((size for size in stated if size and can_be_learned(size)), key=math.prod)
    return sizes[(len(sizes) - 1) // 2] if sizes else None


def mixed_sizes(fields: Sequence[Field], log: RunLog | None = None) -> tuple[str, ...]:
    """Return, and say, a sentence where images that are learned from state pixel sizes that differ from the model's."""
    taken = learned_pixel_size(fields)
    if taken is None:
        return ()
    sizes = ((field.name, field.pixel_size) for field in fields)
    others = [
        f"{name} ({side_of(size):.3g} um)" for name, size in sizes if size and not same_size(size, taken)
    ]
    if not others:
        return ()
    said = (
        f"Pixel sizes differ: the model takes {side_of(taken):.3g} um, and other sizes are stated by {first_few(others)}; cells "
        "are learned as large as they are in px, so correct wrong sizes in the files, or learn from images of one size."
    )
    if log is not None:
        log.warn(said)
    return (said,)


def known_shapes(fields: Iterable[Field]) -> list[tuple[int, int]]:
    """Return (Y, X) of the fields whose files can be opened; the errors of others are reported when their turn comes."""
    shapes = []
    for field in fields:
        with suppress(FrugalsegError):
            shapes.append(field.shape)
    return shapes


def model_channels(
    fields: Sequence[Field], channels: Sequence[InputChannel], choose: PlaneChoice | None = None
) -> tuple[str, ...]:
    """Return the names of the inputs, as the first field has them that has them all; focal planes as of `lazy_inputs`.

    Raises
    ------
    InputError
        The first field's error, where no field has the channels.
    """
    errors: list[FrugalsegError] = []
    for field in fields:
        try:
            return image_channels.lazy_inputs(field, channels, choose).channels
        except FrugalsegError as error:
            errors.append(error)
    raise errors[0]


def with_channel(error: FrugalsegError, parameter: str, channel: str) -> str:
    """Return an error on one line, with the channel in place of the parameter that its array was given as.

    Examples
    --------
    >>> with_channel(FrugalsegError("field 'a': `stains` is constant"), "stains", "dapi")
    "field 'a': channel 'dapi' is constant"
    """
    return " ".join(str(error).split()).replace(f"`{parameter}`", f"channel {channel!r}")


@contextmanager
def channel_in_errors(parameter: str, channel: str) -> Iterator[None]:
    """Let errors about an array name the channel it was read from."""
    try:
        yield
    except InputError as error:
        raise type(error)(with_channel(error, parameter, channel)) from error
