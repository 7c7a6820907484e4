"""Which channels and focal planes a network sees: the grammar of ``--from "phase[1,3,5],brightfield"``.

::

    inputs   =  input , { "," , input }
    input    =  channel , [ "[" , ( "*" | planes ) , "]" ]
    planes   =  plane-or-range , { "," , plane-or-range }          1,3,5    1-5    1-3,5

A channel is a name, an index, or ``name#channel-of-its-file``. Focal planes are counted from 1, as microscopes and
viewers do. Without brackets, and with ``[*]``, every focal plane of the channel is an input of its own.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import MissingChannel, SettingsError, WrongShape
from frugalseg.images.field import Field
from frugalseg.images.image import Image, LazyPixels, finite_plane

ALLOWED = "give channels such as phase, phase[1,3,5], phase[1-5] or phase[*], separated by commas"
MOST_PLANES = 1000
"""More focal planes than any stack has: a longer range is a slip of the finger."""


@dataclass(frozen=True)
class InputChannel:
    """One channel, and which of its focal planes are inputs.

    Attributes
    ----------
    channel
        A name, an index as text, or ``name#channel-of-its-file``; see `Field.reference`.
    planes
        Focal planes in the order asked for, counted from 1; None for all.

    Examples
    --------
    >>> str(InputChannel("phase", (1, 3)))
    'phase[1,3]'
    """

    channel: str
    planes: tuple[int, ...] | None = None

    def __str__(self) -> str:
        """Give the canonical text, which `parse_channels` reads back."""
        return self.channel if self.planes is None else f"{self.channel}[{','.join(map(str, self.planes))}]"


def parse_channels(text: str) -> tuple[InputChannel, ...]:
    """Read several input channels from text.

    Parameters
    ----------
    text
        As the grammar above says; spaces around commas, names and numbers do not count.

    Raises
    ------
    SettingsError
        The text does not follow the grammar, a plane is 0, or an input is named twice.

    Examples
    --------
    >>> [str(one) for one in parse_channels("phase[1-3, 5], brightfield[*]")]
    ['phase[1,2,3,5]', 'brightfield']
    """
    # A comma inside brackets separates planes, so it is no end of an input.
    parts = [part.strip() for part in re.split(r",(?![^\[\]]*\])", text)]
    found = tuple(_parse_one(part, text) for part in parts)
    names = [name for one in found for name in _names(one)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{text!r} names {twice} twice; name each input once")
    return found


def _parse_one(part: str, text: str) -> InputChannel:
    match = re.fullmatch(r"([^\[\],]+?)\s*(?:\[([^\[\]]*)\])?", part)
    if match is None:
        what = (
            "has an empty channel name" if not part or part.startswith("[") else f"can't be read at {part!r}"
        )
        raise SettingsError(f"{text!r} {what}; {ALLOWED}")
    channel, inside = match.group(1), match.group(2)
    if inside is None or inside.strip() == "*":
        return InputChannel(channel)
    planes = [plane for item in inside.split(",") for plane in _planes_of(item.strip(), part)]
    return InputChannel(channel, tuple(planes))


def _planes_of(item: str, part: str) -> range:
    """One plane, or a range with both its ends."""
    match = re.fullmatch(r"([0-9]+)(?:\s*-\s*([0-9]+))?", item)
    if match is None:
        raise SettingsError(f"{part!r}: {item!r} is neither a focal plane nor a range; {ALLOWED}")
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    if first == 0:
        raise SettingsError(f"{part!r}: focal planes are counted from 1, so there is no plane 0")
    if last < first or last - first >= MOST_PLANES:
        raise SettingsError(
            f"{part!r}: a range goes from the lower to the higher plane, at most {MOST_PLANES} planes; {item!r} does not"
        )
    return range(first, last + 1)


def _names(one: InputChannel) -> list[str]:
    return [one.channel] if one.planes is None else [f"{one.channel}[{plane}]" for plane in one.planes]


def input_names(field: Field, channels: Sequence[InputChannel]) -> tuple[str, ...]:
    """Give every input a name of its own, as this field has them: ``("phase[1]", "phase[3]", "brightfield")``.

    A channel asked for without planes keeps its bare name where the field has one plane of it. The names, joined by
    commas, are read back by `parse_channels` as the same inputs.

    Raises
    ------
    MissingChannel
        The field lacks a channel, or has fewer focal planes of it.
    SettingsError
        Two inputs are one plane.
    """
    return tuple(name for name, _, _, _ in _inputs(field, channels))


def shared_input_names(fields: Iterable[Field], channels: Sequence[InputChannel]) -> tuple[str, ...]:
    """Names of the inputs, which all fields must share to be learned from together.

    Raises
    ------
    WrongShape
        Two fields have different numbers of focal planes where no planes were asked for.
    MissingChannel, SettingsError
        As `input_names`.
    """
    first: tuple[str, tuple[str, ...]] | None = None
    for field in fields:
        names = input_names(field, channels)
        first = first or (field.name, names)
        if names != first[1]:
            raise WrongShape(
                f"field {first[0]!r} gives the inputs {', '.join(first[1])} and field {field.name!r} {', '.join(names)}; "
                "say which focal planes to take, such as phase[1]"
            )
    if first is None:
        raise SettingsError("there is no field to take inputs from")
    return first[1]


def _inputs(field: Field, channels: Sequence[InputChannel]) -> list[tuple[str, Image, int, int]]:
    """Name, image, channel in it and plane in it (from 0) of every input."""
    found: list[tuple[str, Image, int, int]] = []
    for one in channels:
        image, index = field.reference(one.channel).open(f"field {field.name!r}")
        depth = int(image.pixels.shape[1])
        planes = range(1, depth + 1) if one.planes is None else one.planes
        for plane in planes:
            if not 1 <= plane <= depth:
                raise MissingChannel(
                    f"field {field.name!r}: {one} asks for focal plane {plane}, but channel {one.channel!r} has {depth}; "
                    f"{'only plane 1' if depth == 1 else f'planes 1 to {depth}'} can be asked for"
                )
            bare = one.planes is None and depth == 1
            found.append((one.channel if bare else f"{one.channel}[{plane}]", image, index, plane - 1))
    names = [name for name, *_ in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice} is an input twice; name each input once")
    return found


def lazy_inputs(field: Field, channels: Sequence[InputChannel]) -> Image:
    """Give all inputs as one lazy image (C, 1, Y, X), one channel per input, named as `input_names` does.

    Of a window no more is read than the files' layout demands, see `frugalseg.images.image.LazyPixels`. Raises `WrongShape` where inputs differ in shape, and as `input_names`.
    """
    inputs = _inputs(field, channels)
    shapes = {name: image.shape for name, image, _, _ in inputs}
    first, shape = next(iter(shapes.items()))
    for name, other in shapes.items():
        if other != shape:
            raise WrongShape(
                f"field {field.name!r}: input {first!r} is {shape[0]} x {shape[1]} px but {name!r} is {other[0]} x "
                f"{other[1]} px; all inputs of a field must have the same shape"
            )

    def read_region(c: int, _z: int, rows: slice, columns: slice) -> NDArray[np.generic]:
        _, image, index, plane = inputs[c]
        return np.asarray(image.pixels[index, plane, rows, columns])

    dtype = np.result_type(*(image.pixels.dtype for _, image, _, _ in inputs))
    pixels = LazyPixels((len(inputs), 1, *shape), dtype, read_region)
    return Image(pixels, tuple(shapes), field.pixel_size, field.name)


def read_inputs(field: Field, channels: Sequence[InputChannel]) -> NDArray[np.float32]:
    """Read all inputs of a field as (C, Y, X) float32 grey values, in the order of `input_names`.

    Raises
    ------
    MissingChannel
        The field lacks a channel, or has fewer focal planes of it.
    WrongShape
        Inputs differ in shape.
    BadPixels
        Values are NaN or infinite, or there are no pixels.
    UnreadableFile
        A file is missing or damaged.
    """
    image = lazy_inputs(field, channels)
    planes = [
        finite_plane(image.pixels[i, 0], f"input {name!r} of field {field.name!r}")
        for i, name in enumerate(image.channels)
    ]
    return np.stack(planes)
