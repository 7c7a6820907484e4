"""An image: pixels in the order (C, Z, Y, X), channel names and pixel size."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, MissingChannel, WrongShape
from frugalseg.images.channel_lists import unquote_channel
from frugalseg.images.memory import check_memory

Projection = Literal["max", "mean", "focus"]
"""How focal planes become one plane: maximum, mean, or the sharpest plane (`frugalseg.images.focus.best_focus`)."""


class PixelArray(Protocol):
    """Any array (C, Z, Y, X) whose slices become numpy arrays: numpy, dask, or `LazyPixels`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the sizes in the order (C, Z, Y, X)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the stored values."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return part of the pixels."""


PlaneChoice = Callable[[PixelArray, int, str], int | None]
"""Which focal plane (from 0) of a channel stands for all, None for their maximum: a function of pixels, channel, and a text for messages."""


@dataclass(frozen=True)
class LazyPixels:
    """Pixels (C, Z, Y, X) that stay in the file until they are indexed.

    `read_region(c, z, rows, columns)` returns a rectangle of one plane, (Y, X) as stored; both slices have a start and a
    stop and are not empty. No file stays open between reads, so hundreds of fields can be listed.
    `dask.array.from_array` accepts this as it is. `name` is what messages call them.
    """

    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    read_region: Callable[[int, int, slice, slice], NDArray[Any]]
    name: str = "the image"

    @property
    def ndim(self) -> int:
        """Return 4."""
        return 4

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read only the planes and the rectangle of each that `key` (integers, slices, ...) selects."""
        keys = list(key) if isinstance(key, tuple) else [key]
        at = next((i for i, one in enumerate(keys) if one is Ellipsis), None)
        if at is not None:
            keys[at : at + 1] = [slice(None)] * (4 - len(keys) + 1)
        keys += [slice(None)] * (4 - len(keys))
        # Integers drop their axis only after the planes are stacked, as in numpy.
        chosen = [np.atleast_1d(np.arange(n)[k]) for n, k in zip(self.shape[:2], keys[:2], strict=True)]
        self._check_fits(len(chosen[0]) * len(chosen[1]), keys[2], keys[3])
        planes = [[self._part(int(c), int(z), keys[2], keys[3]) for z in chosen[1]] for c in chosen[0]]
        out = np.asarray(planes, dtype=self.dtype)
        if 0 in (len(chosen[0]), len(chosen[1])):
            nothing = np.broadcast_to(np.empty((), self.dtype), self.shape[2:])[keys[2], keys[3]]
            out = np.empty((len(chosen[0]), len(chosen[1]), *nothing.shape), self.dtype)
        drop = tuple(axis for axis, k in enumerate(keys[:2]) if isinstance(k, int | np.integer))
        return out.squeeze(axis=drop) if drop else out

    def _check_fits(self, planes: int, rows: Any, columns: Any) -> None:
        """Raise `NotEnoughMemory` unless the planes fit into the memory twice: one by one, and together."""
        height, width = self.shape[2:]
        spans = _span(rows, height) or slice(0, height), _span(columns, width) or slice(0, width)
        tall, wide = (span.stop - span.start for span in spans)
        several = f"{planes} planes of " if planes > 1 else ""
        owner = f"{self.name}, of which {several}{tall} x {wide} px ({self.dtype}) are read,"
        check_memory(2 * planes * tall * wide * self.dtype.itemsize, owner)

    def _part(self, c: int, z: int, rows: Any, columns: Any) -> NDArray[Any]:
        """Return `plane[rows, columns]`; stepped and fancy keys read the whole plane first."""
        height, width = self.shape[2:]
        row_span, column_span = _span(rows, height), _span(columns, width)
        if row_span is None or column_span is None:
            plane: NDArray[Any] = self.read_region(c, z, slice(0, height), slice(0, width))[rows, columns]
            return plane
        region = self.read_region(c, z, row_span, column_span)
        inside = tuple(0 if isinstance(key, int | np.integer) else slice(None) for key in (rows, columns))
        part: NDArray[Any] = region[inside]
        return part

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all pixels."""
        return np.asarray(self[...], dtype=dtype)


def _span(key: Any, size: int) -> slice | None:
    """Return a plain slice or an integer as a slice with start and stop; None for an empty, stepped or fancy key."""
    if isinstance(key, int | np.integer) and -size <= key < size:
        return slice(int(key) % size, int(key) % size + 1)
    start, stop, step = key.indices(size) if isinstance(key, slice) else (0, 0, 1)
    return slice(start, stop) if step == 1 and start < stop else None


def find_channel(channel: str | int, names: Sequence[str], owner: str) -> int:
    """Return the index of a channel given by name, in quotes or not, or by index; a name wins over an index written as text.

    Where all names are numbers, a number as text is one of them, with leading zeros or without, and no index.

    Raises `MissingChannel` with the closest name as a suggestion; `owner` is what has the channels, for the message.

    >>> find_channel("dapi", ["phase", "dapi"], "field a")
    1
    >>> find_channel("0", ["phase", "dapi"], "field a")
    0
    """
    if isinstance(channel, str) and channel not in names:
        literal = unquote_channel(channel)
        channel = literal if literal in names else channel
    if isinstance(channel, str) and channel in names:
        return list(names).index(channel)
    are_indices = list(names) == [str(i) for i in range(len(names))]
    numbered = isinstance(channel, str) and all(map(str.isdecimal, names)) and not are_indices
    index = _same_number(str(channel), names) if numbered else _as_index(channel)
    if index is not None and 0 <= index < len(names):
        return index
    if not names:
        raise MissingChannel(f"{owner} has no channel at all, so not {channel!r} either")
    listed = ", ".join(names if numbered else (f"{i}: {name}" for i, name in enumerate(names)))
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(str(channel).lower(), lowered, n=1)
    hint = f" Did you mean {lowered[close[0]]!r}?" if close else ""
    if list(names) == ["0"]:
        hint = " Give 0 if this one is meant; if each channel has a file of its own, say so with `pattern`, such as '{field}_{channel}.tif'."
    raise MissingChannel(f"{owner} has no channel {channel!r}; it has {listed}.{hint}")


def _as_index(channel: str | int) -> int | None:
    short = not isinstance(channel, str) or (channel.isdecimal() and len(channel) < 10)
    return int(channel) if short else None


def _same_number(channel: str, names: Sequence[str]) -> int | None:
    """Return which name is the same number but for leading zeros; None where none or several are."""
    same = [i for i, name in enumerate(names) if name.lstrip("0") == channel.lstrip("0")]
    return same[0] if len(same) == 1 else None


def project_channel(
    pixels: PixelArray, index: int, project: Projection | PlaneChoice, owner: str
) -> NDArray[np.float32]:
    """Return one channel of (C, Z, Y, X) pixels as a finite (Y, X) float32 plane.

    Focal planes are read one at a time. `owner` is for the message of `BadPixels`.
    """
    _, depth, height, width = pixels.shape
    if 0 in (depth, height, width):
        raise BadPixels(f"{owner} has no pixels: its shape is {height} x {width} with {depth} focal planes")
    if not callable(project) and project not in ("max", "mean", "focus"):
        raise WrongShape(f"`project` must be 'max', 'mean' or 'focus', not {project!r}")
    size = 2 * np.dtype(pixels.dtype).itemsize + 4 * (1 if depth == 1 else 3)  # as stored, and as float32
    check_memory(height * width * size, f"{owner}, {height} x {width} px,")
    chosen: int | None = None
    if callable(project):
        chosen = project(pixels, index, owner) if depth > 1 else 0
    elif project == "focus" and depth > 1:
        from frugalseg.images.focus import best_focus

        chosen = best_focus(finite_plane(pixels[index, z], owner) for z in range(depth))
    if chosen is not None:
        return finite_plane(pixels[index, chosen], owner)
    plane = finite_plane(pixels[index, 0], owner)
    for z in range(1, depth):
        other = finite_plane(pixels[index, z], owner)
        with np.errstate(over="ignore"):
            plane = plane + other if project == "mean" else np.maximum(plane, other)
    if project == "mean":
        plane /= depth
    return finite_plane(plane, owner)


def as_float32(values: Any) -> NDArray[np.float32]:
    """Return numbers as float32; those beyond its range become infinite, without a warning.

    >>> as_float32([1e300, 2]).tolist()
    [inf, 2.0]
    """
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float32)


def _refuse_complex(dtype: np.dtype[Any], owner: str) -> None:
    if dtype.kind == "c":
        raise BadPixels(f"{owner} holds complex numbers ({dtype}); save their magnitude as the image")


def finite_plane(values: NDArray[Any], owner: str) -> NDArray[np.float32]:
    """Return a (Y, X) plane as float32; `BadPixels` where it is empty or a value is NaN, infinite or complex."""
    values = np.asarray(values)
    _refuse_complex(values.dtype, owner)
    plane = as_float32(values)
    if plane.size == 0:
        raise BadPixels(f"{owner} has no pixels: its shape is {' x '.join(map(str, plane.shape))}")
    bad = plane.size - int(np.isfinite(plane).sum())
    if bad:
        raise BadPixels(
            f"{owner} has {bad} pixels that are {why_not_finite(values)} ({bad / plane.size:.1%}); replace them first"
        )
    return plane


def why_not_finite(values: NDArray[Any]) -> str:
    """Return what values are of which `as_float32` makes infinite ones or NaN.

    >>> why_not_finite(np.array([1e300, 2]))
    'too large for float32'
    """
    return "too large for float32" if np.isfinite(values).all() else "NaN or infinite"


@dataclass(frozen=True)
class Image:
    """One image, usually not yet read.

    Attributes
    ----------
    pixels
        (C, Z, Y, X), as stored: a numpy array, a dask array, or `LazyPixels`.
    channels
        One name per channel; the index as text where the file has no name.
    pixel_size
        (y, x) in um, or None where the file does not say.
    name
        Name of the image, for messages.
    axes
        Letters of the axes in the file, as understood; see `frugalseg.images.axes`.
    indices
        (1, 1, Y, X) numbers in the palette, where the file has one: as a label map these count, not their colours.
    files
        Other files that hold planes of it: an OME-TIFF may be one image in several files.

    Examples
    --------
    >>> import numpy as np
    >>> image = Image(np.arange(24).reshape(2, 3, 2, 2), ("phase", "dapi"), (0.65, 0.65), "demo")
    >>> image.plane("dapi").tolist()
    [[20.0, 21.0], [22.0, 23.0]]
    """

    pixels: PixelArray
    channels: tuple[str, ...]
    pixel_size: tuple[float, float] | None = None
    name: str = "image"
    axes: str = "CZYX"
    indices: PixelArray | None = None
    files: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Check that pixels are real and (C, Z, Y, X), with one name per channel."""
        if len(self.pixels.shape) != 4:
            raise WrongShape(f"{self.name}: pixels must be (C, Z, Y, X), not of shape {self.pixels.shape}")
        _refuse_complex(self.pixels.dtype, self.name)
        if len(self.channels) != self.pixels.shape[0]:
            raise WrongShape(
                f"{self.name}: {len(self.channels)} channel names for {self.pixels.shape[0]} channels"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Return (Y, X) in px."""
        return int(self.pixels.shape[2]), int(self.pixels.shape[3])

    def plane(self, channel: str | int, project: Projection = "max") -> NDArray[np.float32]:
        """Read one channel as a (Y, X) float32 plane, focal planes projected.

        Raises `MissingChannel`, or `BadPixels` where a value is NaN or infinite or there are no pixels.
        """
        index = find_channel(channel, self.channels, self.name)
        owner = f"channel {self.channels[index]!r} of {self.name}"
        return project_channel(self.pixels, index, project, owner)

    def planes(self, channels: Sequence[str | int], project: Projection = "max") -> NDArray[np.float32]:
        """Read several channels, in the order given, as (C, Y, X) float32."""
        return np.stack([self.plane(channel, project) for channel in channels])
