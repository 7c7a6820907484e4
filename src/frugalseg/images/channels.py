"""Input channels of a network, written as ``phase[1,3,5],brightfield``, and their pixels.

::

    inputs   =  input , { "," , input }
    input    =  channel , [ "[" , ( "*" | planes ) , "]" ]
    planes   =  plane-or-range , { "," , plane-or-range }          1,3,5    1-5    1-3,5

A channel is a name, an index, or ``name#channel-of-its-file``; one with commas or brackets stands in double quotes, in which
two quotes stand for one. Focal planes are counted from 1, as microscopes and
viewers do. Without brackets, and with ``[*]``, every focal plane of the channel is an input of its own.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import MissingChannel, SettingsError, WrongShape
from frugalseg.images.channel_lists import quote_channel, split_channels, unquote_channel
from frugalseg.images.field import Field
from frugalseg.images.image import Image, LazyPixels, PlaneChoice, finite_plane

ALLOWED = (
    "give channels such as phase, phase[1,3,5], phase[1-5] or phase[*], separated by commas; names that have commas or "
    'brackets stand in double quotes, such as "CD3,CD4"'
)
MOST_PLANES = 1000
"""More focal planes than any stack has; a longer range is a typing error."""


@dataclass(frozen=True)
class InputChannel:
    """One channel and the focal planes of it that are inputs.

    Attributes
    ----------
    channel
        A name, an index as text, or ``name#channel-of-its-file``; see `Field.reference`.
    planes
        Focal planes in the order given, counted from 1; None for all.

    Examples
    --------
    >>> str(InputChannel("phase", (1, 3)))
    'phase[1,3]'
    """

    channel: str
    planes: tuple[int, ...] | None = None

    def __str__(self) -> str:
        """Return the text that `parse_channels` reads back."""
        name = quote_channel(self.channel)
        return name if self.planes is None else f"{name}[{','.join(map(str, self.planes))}]"


def parse_channels(text: str) -> tuple[InputChannel, ...]:
    """Parse a list of input channels.

    Parameters
    ----------
    text
        Channels in the grammar of this module; spaces around commas, names and numbers are ignored.

    Raises
    ------
    SettingsError
        The text does not follow the grammar, a plane is 0, or an input is named twice.

    Examples
    --------
    >>> [str(channel) for channel in parse_channels("phase[1-3, 5], brightfield[*]")]
    ['phase[1,2,3,5]', 'brightfield']
    """
    channels = tuple(_parse_channel(part, text) for part in split_channels(text))
    names = [name for channel in channels for name in _names(channel)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{text!r} names {twice} twice; name each input once")
    return channels


def model_inputs(names: Sequence[str]) -> tuple[InputChannel, ...]:
    """Return the inputs of a model by their names: those of `input_names`, or any names that a caller gave its channels.

    >>> [one.channel for one in model_inputs(["phase[1]", "CD3, CD4", '"a,b"'])]
    ['phase', 'CD3, CD4', 'a,b']
    """
    return tuple(_model_input(name) for name in names)


def _model_input(name: str) -> InputChannel:
    try:
        inputs = parse_channels(name)
    except SettingsError:
        return InputChannel(name)
    return inputs[0] if len(inputs) == 1 else InputChannel(name)


def _parse_channel(part: str, text: str) -> InputChannel:
    match = re.fullmatch(r'("(?:[^"]|"")+"|[^\[\],"][^\[\],]*?)\s*(?:\[([^\[\]]*)\])?', part)
    if match is None:
        what = (
            "has an empty channel name" if not part or part.startswith("[") else f"can't be read at {part!r}"
        )
        raise SettingsError(f"{text!r} {what}; {ALLOWED}")
    channel, inside = unquote_channel(match.group(1)), match.group(2)
    if inside is None or inside.strip() == "*":
        return InputChannel(channel)
    planes = [plane for item in inside.split(",") for plane in _parse_planes(item.strip(), part)]
    return InputChannel(channel, tuple(planes))


def _parse_planes(item: str, part: str) -> range:
    """Parse one plane, or a range that includes both ends."""
    match = re.fullmatch(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?", item)
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


def _names(channel: InputChannel) -> list[str]:
    name = quote_channel(channel.channel)
    return [name] if channel.planes is None else [f"{name}[{plane}]" for plane in channel.planes]


def input_names(field: Field, channels: Sequence[InputChannel]) -> tuple[str, ...]:
    """Return a name for every input of a field: ``("phase[1]", "phase[3]", "brightfield")``.

    A channel without brackets keeps its bare name where the field has one focal plane of it; one given by index has the
    name of that channel, if there is one. `parse_channels` reads the
    names, joined by commas, back as the same inputs.

    Raises
    ------
    MissingChannel
        The field lacks a channel, or has fewer focal planes of it.
    SettingsError
        Two inputs are the same plane.
    """
    return tuple(name for name, _, _, _ in _inputs(field, channels))


def shared_input_names(fields: Iterable[Field], channels: Sequence[InputChannel]) -> tuple[str, ...]:
    """Return the names of the inputs, which must be the same in all training fields.

    Raises
    ------
    WrongShape
        Fields differ in the number of focal planes of a channel without brackets.
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


def _inputs(
    field: Field, channels: Sequence[InputChannel], flat: bool = False
) -> list[tuple[str, Image, int, int]]:
    """Return name, image, channel of the image and focal plane (from 0) of every input; only the first where stacks become flat."""
    inputs: list[tuple[str, Image, int, int]] = []
    for given in channels:
        channel = _as_named(field, given)
        image, index = field.reference(channel.channel).open(f"field {field.name!r}")
        depth = 1 if flat else int(image.pixels.shape[1])
        planes = range(1, depth + 1) if channel.planes is None else channel.planes
        for plane in planes:
            if not 1 <= plane <= depth:
                allowed = "only plane 1" if depth == 1 else f"planes 1 to {depth}"
                raise MissingChannel(
                    f"field {field.name!r}: {channel} asks for focal plane {plane}, but channel {channel.channel!r} "
                    f"has {depth}; {allowed} can be asked for"
                )
            bare = channel.planes is None and depth == 1
            # A column called phase[1] is what plane 1 is called elsewhere, so that a model of either can be used on both.
            quoted = str(given) if channel is not given else quote_channel(field.named(channel.channel))
            name = quoted if bare else f"{quoted}[{plane}]"
            inputs.append((name, image, index, plane - 1))
    names = [name for name, *_ in inputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice} is an input twice; name each input once")
    return inputs


def _as_named(field: Field, channel: InputChannel) -> InputChannel:
    """Return a channel whose own name has brackets, where that is meant and not a focal plane."""
    text = str(channel).replace(" ", "")
    names = [name for name in (field.columns or field.channels) if name.replace(" ", "") == text]
    if channel.planes is None or not names:
        return channel
    if field.has(channel.channel):
        raise SettingsError(
            f"field {field.name!r}: {channel} can be channel {names[0]!r} or a focal plane of {channel.channel!r}; write "
            f"{quote_channel(names[0])} for the channel, or rename one"
        )
    return InputChannel(names[0])


def lazy_inputs(field: Field, channels: Sequence[InputChannel], choose: PlaneChoice | None = None) -> Image:
    """Return all inputs as one lazy image (C, 1, Y, X), one channel per input, named by `input_names`.

    With `choose`, each channel is one input: the focal plane that is chosen, or the maximum of all.

    Raises `WrongShape` where inputs differ in shape, and as `input_names` does.
    """
    inputs = _inputs(field, channels, choose is not None)
    shapes = {name: image.shape for name, image, _, _ in inputs}
    first, shape = next(iter(shapes.items()))
    for name, other in shapes.items():
        if other != shape:
            raise WrongShape(
                f"field {field.name!r}: input {first!r} is {shape[0]} x {shape[1]} px but {name!r} is {other[0]} x "
                f"{other[1]} px; all inputs of a field must have the same shape"
            )

    @cache  # a choice reads the whole stack
    def find_plane(c: int) -> int | None:
        name, image, index, plane = inputs[c]
        if choose is None or image.pixels.shape[1] == 1:
            return plane
        return choose(image.pixels, index, f"input {name!r} of field {field.name!r}")

    def read_region(c: int, _z: int, rows: slice, columns: slice) -> NDArray[np.generic]:
        _, image, index, _ = inputs[c]
        plane = find_plane(c)
        if plane is None:
            return np.asarray(np.max(image.pixels[index, :, rows, columns], axis=0))
        return np.asarray(image.pixels[index, plane, rows, columns])

    dtype = np.result_type(*(image.pixels.dtype for _, image, _, _ in inputs))
    pixels = LazyPixels((len(inputs), 1, *shape), dtype, read_region)
    return Image(pixels, tuple(shapes), field.pixel_size, field.name)


def read_inputs(
    field: Field, channels: Sequence[InputChannel], choose: PlaneChoice | None = None
) -> NDArray[np.float32]:
    """Read all inputs of a field as (C, Y, X) float32 grey values, in the order of `input_names`; `choose` as of `lazy_inputs`.

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
    image = lazy_inputs(field, channels, choose)
    planes = [
        finite_plane(image.pixels[i, 0], f"input {name!r} of field {field.name!r}")
        for i, name in enumerate(image.channels)
    ]
    return np.stack(planes)
