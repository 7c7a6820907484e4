"""Which axis of a stored array is which, stated by the file or guessed.

All other modules see (C, Z, Y, X). Axes that a file names (OME-XML, ImageJ, OME-Zarr) are taken as named. For the
others these rules hold, in this order:

1. two axes are (Y, X);
2. a last axis of 2 to 4 after two axes longer than `SMALL` is the channels (how RGB and numpy stacks are saved);
3. one unnamed axis before (Y, X) is the channels where it is at most `MANY_CHANNELS` long, focal planes where it
   is longer;
4. two unnamed axes are (C, Z);
5. samples stored one plane after the other are plain channels (tifffile saves a (3, Y, X) array like that);
   samples of a pixel stored together are colours where the file says RGB, and then an alpha channel is left out.

An axis of length 1 is dropped, whatever its name. A time axis longer than 1 is an error: frugalseg reads one file per
time point.
"""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from frugalseg.errors import WrongShape

MANY_CHANNELS = 6
SMALL = 16
COLOURS = ("red", "green", "blue")
UNNAMED = "IQ"


@dataclass(frozen=True)
class AxisPlan:
    """How a stored array maps to (C, Z, Y, X).

    Attributes
    ----------
    axes, shape
        One letter and the size of each stored axis.
    order
        Position of C, Z, Y and X in the stored array; None for an axis that it lacks.
    colour
        Whether the channels are red, green, blue, and possibly alpha, which is left out.
    """

    axes: str
    shape: tuple[int, ...]
    order: tuple[int | None, int | None, int, int]
    colour: bool

    @property
    def czyx(self) -> tuple[int, int, int, int]:
        """Return the sizes in the order (C, Z, Y, X), without an alpha channel."""
        c, z, y, x = (1 if axis is None else self.shape[axis] for axis in self.order)
        return min(c, len(COLOURS)) if self.colour else c, z, y, x

    def index(self, c: int, z: int, rows: slice, columns: slice) -> tuple[int | slice, ...]:
        """Return the index of a rectangle of one plane in the stored array; see `as_plane`."""
        wanted: dict[int | None, int | slice]
        wanted = dict(zip(self.order, (c, z, rows, columns), strict=True))
        return tuple(wanted.get(axis, 0) for axis in range(len(self.shape)))

    def as_plane(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return what `index` selects as (Y, X), also where the file stores X before Y."""
        _, _, row, column = self.order
        return stored if row < column else stored.T


def plan_axes(axes: str, shape: tuple[int, ...], owner: str, rgb: bool = False) -> AxisPlan:
    """Find channels, focal planes, rows and columns among stored axes.

    Parameters
    ----------
    axes
        One letter per axis: C, Z, Y, X, T, S (colour samples); I or Q where the file does not say.
    shape
        Size of each axis.
    owner
        Name of the file, for messages.
    rgb
        Whether the file says that the samples (S) are red, green, blue.

    Raises
    ------
    WrongShape
        Y or X is missing, there are several time points, or the axes can't be told apart.

    Examples
    --------
    >>> plan_axes("QYX", (3, 512, 512), "a.tif").czyx
    (3, 1, 512, 512)
    >>> plan_axes("QYX", (40, 512, 512), "a.tif").czyx
    (1, 40, 512, 512)
    """
    named = _guess(axes.upper(), shape)
    where = {letter: named.index(letter) for letter in set(named) if letter not in UNNAMED}
    if "Y" not in where or "X" not in where:
        raise WrongShape(
            f"{owner} is not an image: its axes are {axes} with shape {shape}; Y and X are needed"
        )
    for letter, axis in where.items():
        if letter not in "CSZYX" and shape[axis] > 1:
            what = "time points" if letter == "T" else f"positions along axis {letter!r}"
            raise WrongShape(f"{owner} has {shape[axis]} {what}; save each as its own file")
    if any(letter in UNNAMED and shape[i] > 1 for i, letter in enumerate(named)):
        raise WrongShape(
            f"{owner}: the axes {axes} of shape {shape} can't be understood; save it with named axes (OME-TIFF)"
        )
    many = [where[letter] for letter in "CS" if letter in where and shape[where[letter]] > 1]
    if len(many) > 1:
        raise WrongShape(
            f"{owner} has colour samples and channels at once (shape {shape}); save grey channels"
        )
    colour = rgb and many == [where.get("S")] and shape[many[0]] in (3, 4)
    return AxisPlan(axes, shape, (many[0] if many else None, where.get("Z"), where["Y"], where["X"]), colour)


def _guess(axes: str, shape: tuple[int, ...]) -> str:
    """Name unnamed axes by the rules of this module."""
    if "S" in axes and not axes.endswith("S") and "C" not in axes:
        axes = axes.replace("S", "C")
    letters = list(axes)
    unnamed = [i for i, letter in enumerate(letters) if letter in UNNAMED and shape[i] > 1]
    if (
        len(shape) == 3
        and len(unnamed) == 1
        and 2 <= shape[-1] <= 4
        and min(shape[:2]) > SMALL
        and axes[0] in UNNAMED
    ):
        return "YXC"
    free = [letter for letter in "CZ" if letter not in letters and not (letter == "C" and "S" in letters)]
    if len(unnamed) == 1 and free:
        long = shape[unnamed[0]] > MANY_CHANNELS
        letters[unnamed[0]] = free[-1] if long else free[0]
    elif len(unnamed) == 2 and len(free) == 2:
        letters[unnamed[0]], letters[unnamed[1]] = free
    return "".join(letters)


def channel_names(count: int, given: list[str], colour: bool) -> tuple[str, ...]:
    """Return names for `count` channels: those in the file if complete and unique, else colours or indices.

    >>> channel_names(2, ["DAPI", "DAPI"], False)
    ('0', '1')
    """
    cleaned = [name.strip() for name in given]
    if len(cleaned) == count and all(cleaned) and len(set(cleaned)) == count:
        return tuple(cleaned)
    if colour and count == 3:
        return COLOURS
    return tuple(str(index) for index in range(count))
