"""One field of view: the file of each channel, and its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, MissingChannel, UnreadableFile, WrongShape
from frugalseg.images.axes import COLOURS
from frugalseg.images.channel_lists import unquote_channel
from frugalseg.images.formats import ROI_SUFFIXES
from frugalseg.images.image import (
    Image,
    LazyPixels,
    PixelArray,
    PlaneChoice,
    Projection,
    find_channel,
    project_channel,
)
from frugalseg.images.label_maps import as_labels
from frugalseg.images.read import path_exists, read_image
from frugalseg.images.rois import read_rois


@dataclass(frozen=True)
class ChannelRef:
    """The file of a channel, and which channel of it: a name, an index, or None for its only channel."""

    path: Path
    index: str | int | None = None
    origin: str = ""
    """Where the file is named, for messages: ``row 3 of fields.csv``."""
    axes: str | None = None
    """The user's letters for axes that the file does not name; see `frugalseg.images.read.read_image`."""

    def open_file(self, owner: str) -> Image:
        """Open the file lazily, whichever of its channels is meant; `owner` is for messages."""
        if not path_exists(self.path):
            raise UnreadableFile(
                f"{owner}: {self.path} does not exist{f' ({self.origin})' if self.origin else ''}"
            )
        return read_image(self.path, self.axes)

    def open(self, owner: str) -> tuple[Image, int]:
        """Open the image lazily; return it and the index of the channel in it. `owner` is for messages."""
        image = self.open_file(owner)
        if self.index is None and len(image.channels) > 1:
            kind = "is a colour image with" if image.channels == COLOURS else "has"
            names = ", ".join(f"{i}: {name}" for i, name in enumerate(image.channels))
            raise MissingChannel(
                f"{owner}: {self.path.name} {kind} {len(image.channels)} channels ({names}); say which one by adding #, "
                f"as in {self.path.name}#{image.channels[0]} in a table, or CHANNEL#{image.channels[0]} as the channel"
            )
        return image, find_channel(
            0 if self.index is None else self.index, image.channels, f"{owner}: {self.path.name}"
        )

    def open_labels(self, owner: str) -> tuple[PixelArray, int]:
        """Open a label map lazily; return pixels (C, Z, Y, X) and the index of its channel.

        In a file with a palette the numbers count, not their colours. A colour image is refused, unless it is a grey image
        saved as colour or one of its channels is named.
        """
        image = self.open_file(owner)
        if image.indices is not None:
            if self.index is not None:
                raise WrongShape(
                    f"{owner}: {self.path.name} has a palette, in which the numbers are the labels; leave out "
                    f"#{self.index}, which takes their colours"
                )
            return image.indices, 0
        if image.channels == COLOURS and self.index is None:
            red, *others = (np.asarray(image.pixels[i]) for i in range(3))
            if not all(np.array_equal(red, other) for other in others):
                raise WrongShape(
                    f"{owner}: {self.path.name} is a colour picture, not a label map; export the labels as numbers, such as "
                    "a 16-bit grey TIFF or PNG"
                )
            return image.pixels, 0
        opened, index = self.open(owner)
        return opened.pixels, index


@dataclass(frozen=True)
class Field:
    """One field of view; its pixels are read when used.

    Attributes
    ----------
    name
        Unique in its table; results are named after it.
    row
        Text of every column of its table (``split``, ``cell_line``, the file names, ...).
    channels
        The channels that this field has.
    columns
        All channels of its table, in order, including those that this field lacks.
    """

    name: str
    row: dict[str, str]
    channels: dict[str, ChannelRef]
    columns: tuple[str, ...] = field(default=())

    def reference(self, channel: str | int) -> ChannelRef:
        """Find a channel by its name, its index, or ``name#channel-of-its-file``.

        Raises `MissingChannel`, with the closest name as a suggestion.
        """
        columns = self.columns or tuple(self.channels)
        outer, inner = self._split(str(channel))
        if inner is not None:
            return replace(self.reference(outer), index=inner)
        name = columns[find_channel(channel, columns, f"field {self.name!r}")]
        if name not in self.channels:
            raise MissingChannel(
                f"field {self.name!r} has no channel {name!r}; add it (in a table, fill its cell) or leave the field "
                f"out with `where` field!={self.name}"
            )
        return self.channels[name]

    def named(self, channel: str) -> str:
        """Return the name of a channel that is given by its index, where it has a name; any other channel as it is given.

        Models keep this one: by the same index, another table has another channel.
        """
        columns = self.columns or tuple(self.channels)
        outer, inner = self._split(channel)
        if inner is not None:
            return f"{self.named(outer)}#{inner}"
        if outer in columns:
            return channel
        name = columns[find_channel(channel, columns, f"field {self.name!r}")]
        return channel if name.isdecimal() else name

    def has(self, channel: str | int) -> bool:
        """Return whether this field has the channel; in its table the cell may be empty."""
        try:
            self.reference(channel)
        except MissingChannel:
            return False
        return True

    def plane(self, channel: str | int, project: Projection | PlaneChoice = "max") -> NDArray[np.float32]:
        """Read one channel as (Y, X) float32, focal planes projected.

        Raises `MissingChannel`, `UnreadableFile`, `WrongShape`, or `BadPixels` (NaN, infinite, no pixels).
        """
        image, index = self.reference(channel).open(f"field {self.name!r}")
        return project_channel(image.pixels, index, project, f"channel {channel!r} of field {self.name!r}")

    def planes(
        self, channels: Sequence[str | int], project: Projection | PlaneChoice = "max"
    ) -> NDArray[np.float32]:
        """Read several channels as (C, Y, X) float32; `WrongShape` where they differ in shape."""
        planes = [self.plane(channel, project) for channel in channels]
        self._same_shape(channels, [plane.shape for plane in planes])
        return np.stack(planes)

    def labels(self, channel: str | int) -> NDArray[np.int32] | NDArray[np.uint32] | None:
        """Read a label map of this field; None where its cell in the table is empty.

        Returns
        -------
        (Y, X) integers: int32 where the file is of a signed type (a negative id means "not annotated"), else uint32.

        Raises
        ------
        MissingChannel, UnreadableFile
            The table has no such channel; the file can't be read.
        WrongShape
            The file is in colour or has focal planes, or differs in shape from the field's first channel that can be opened.
        BadPixels
            The values are not whole numbers, or too large for 32 bits.
        """
        columns = self.columns or tuple(self.channels)
        outer, _ = self._split(str(channel))
        if columns[find_channel(outer, columns, f"field {self.name!r}")] not in self.channels:
            return None
        ref = self.reference(channel)
        owner = f"labels {channel!r} of field {self.name!r}"
        if ref.path.suffix.lower() in ROI_SUFFIXES and path_exists(
            ref.path
        ):  # outlines have no size of their own
            return read_rois(ref.path, self.shape).astype(np.uint32)
        pixels, index = ref.open_labels(f"field {self.name!r}")
        if pixels.shape[1] != 1:
            raise WrongShape(f"{owner} have {pixels.shape[1]} focal planes; a label map is one (Y, X) plane")
        first, shape = self._first_size()
        self._same_shape([first, channel], [shape, pixels.shape[2:]])
        return as_labels(np.asarray(pixels[index, 0]), owner)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (Y, X) in px of the first channel whose file can be opened, without reading its pixels."""
        return self._first_size()[1]

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Return (y, x) in um, from the first file of this field that states it; None where no file does."""
        for path, axes in dict.fromkeys((ref.path, ref.axes) for ref in self.channels.values()):
            try:
                size = read_image(path, axes).pixel_size
            except FrugalsegError:  # reported when that channel is used
                continue
            if size is not None:
                return size
        return None

    def image(self, channels: Sequence[str | int] | None = None) -> Image:
        """Return several channels (default all) as one lazy image; `WrongShape` where they differ in shape or depth."""
        names: list[str | int] = [*self.channels] if channels is None else [*channels]
        opened = [self.reference(name).open(f"field {self.name!r}") for name in names]
        self._same_shape(names, [image.pixels.shape[1:] for image, _ in opened])
        dtype = np.result_type(*(image.pixels.dtype for image, _ in opened))
        depth, height, width = opened[0][0].pixels.shape[1:]
        read = partial(_read_region, opened)
        pixels = LazyPixels((len(names), depth, height, width), dtype, read)
        return Image(pixels, tuple(map(str, names)), self.pixel_size, self.name)

    def _split(self, channel: str) -> tuple[str, str | None]:
        """Return the channel of the field and that of its file, which stands behind a #; both may have # in their names."""
        columns = self.columns or tuple(self.channels)
        parts = unquote_channel(channel).split("#")
        for count in range(len(parts), 0, -1):
            outer, inner = unquote_channel("#".join(parts[:count])), parts[count:]
            if outer in columns or count == 1:
                break
        return outer, "#".join(inner) if inner else None

    def _first_size(self) -> tuple[str, tuple[int, int]]:
        """Return name and shape of the first channel that has a size of its own, which ImageJ regions have not.

        Files that can't be opened are passed over: these channels may not be in use. The first error is raised where there is
        no other file.
        """
        if not self.channels:
            raise MissingChannel(f"field {self.name!r} has no channel; fill its row in the table")
        sized = [name for name, ref in self.channels.items() if ref.path.suffix.lower() not in ROI_SUFFIXES]
        errors: list[FrugalsegError] = []
        for name in sized or list(self.channels)[:1]:
            try:
                return name, self.channels[name].open_file(f"field {self.name!r}").shape
            except FrugalsegError as error:
                errors.append(error)
        raise errors[0]

    def _same_shape(self, channels: Sequence[str | int], shapes: Sequence[tuple[int, ...]]) -> None:
        for channel, shape in zip(channels, shapes, strict=True):
            if shape != shapes[0]:
                first, other = (" x ".join(map(str, size)) for size in (shapes[0], shape))
                raise WrongShape(
                    f"field {self.name!r}: channel {channels[0]!r} is {first} px but {channel!r} is {other} px; "
                    "all channels of a field must have the same shape"
                )


def _read_region(
    opened: list[tuple[Image, int]], c: int, z: int, rows: slice, columns: slice
) -> NDArray[Any]:
    image, index = opened[c]
    return np.asarray(image.pixels[index, z, rows, columns])
