"""Which axis of a stored array is which, stated by the file or guessed.

All other modules see (C, Z, Y, X). Axes that a file names (OME-XML, ImageJ, OME-Zarr) are taken as named, but for focal planes and
time points of a TIFF that the user calls something else: Fiji names the images of a stack so where nobody said what they are. For the
others the user's statement holds, and without it these rules, in this order:

1. two axes are (Y, X);
2. a last axis of up to `MOST_LAST` is the channels where the two before it are longer than `SMALL` and at least
   `MUCH_LONGER` times as long (how RGB and numpy stacks are saved);
3. one unnamed axis before (Y, X) is the channels where it is at most `MANY_CHANNELS` long, focal planes where it
   is longer;
4. two unnamed axes are (C, Z), and Z where the channels are last;
5. where Y or X would then be a few px, or much shorter than two other axes, the file is refused: the user has to say
   (also where an OME-TIFF or ImageJ TIFF has such a shape: programs write these without knowing the axes);
6. samples stored one plane after the other are plain channels (tifffile saves a (3, Y, X) array like that);
   samples of a pixel stored together are colours where the file says RGB, and then an alpha channel is left out.

An axis of length 1 is dropped, whatever its name. A time axis longer than 1 is an error: frugalseg reads one file per
time point.
"""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from frugalseg.errors import SettingsError, WrongShape
from frugalseg.images.plain_text import printable

MANY_CHANNELS = 6
MOST_LAST = 16
MOST_PLANES = 10_000
"""Channels or focal planes; a file that states more is damaged."""
SMALL = 16
MUCH_LONGER = 4
FEW = 8
"""px; no image of cells is narrower."""
COLOURS = ("red", "green", "blue")
UNNAMED = "IQ"


@dataclass(frozen=True)
class AxisPlan:
    """How a stored array maps to (C, Z, Y, X).

    Attributes
    ----------
    axes, shape
        One letter, as understood, and the size of each stored axis.
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


def check_stated_axes(axes: str) -> None:
    """`SettingsError` unless axes are letters of C, Z, Y and X, each at most once, with Y and X.

    >>> check_stated_axes("YXC")
    """
    if not {"Y", "X"} <= set(axes) <= set("CZYX") or len(set(axes)) < len(axes):
        raise SettingsError(
            f"`axes` is {axes!r}; give the letters of the axes in the order in which they are stored: C channels, Z focal "
            "planes, Y rows, X columns, such as YXC"
        )


def plan_axes(
    axes: str,
    shape: tuple[int, ...],
    owner: str,
    rgb: bool = False,
    stated: str | None = None,
    sure: bool = False,
) -> AxisPlan:
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
    stated
        The user's letters, such as YXC, for axes that the file does not name or can hardly have named rightly, and for focal
        planes and time points.
    sure
        Whether the format has the axes named by whoever saved it: programs write OME-TIFF and ImageJ TIFF without knowing
        them, and then call the rows of a numpy array its channels.

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
    >>> plan_axes("QYX", (512, 512, 5), "a.tif").czyx
    (5, 1, 512, 512)
    """
    axes, stored = axes.upper(), axes
    unnamed = any(letter in UNNAMED and size > 1 for letter, size in zip(axes, shape, strict=True))
    doubtful = unnamed or not (sure or _are_likely(axes, shape))
    if stated is not None and (doubtful or (not sure and _renames_a_stack(axes, shape, stated))):
        named = _as_stated(shape, owner, stated)
    else:
        named = _guess(axes, shape)
        if doubtful:
            _refuse_narrow(named, shape, owner)
    where = {letter: named.index(letter) for letter in set(named) if letter not in UNNAMED}
    if "Y" not in where or "X" not in where:
        raise WrongShape(
            f"{owner} is not an image: its axes are {stored} with shape {shape}; Y and X are needed"
        )
    for letter, axis in where.items():
        if letter not in "CSZYX" and shape[axis] > 1:
            what = "time points" if letter == "T" else f"positions along axis {letter!r}"
            say = f", or say `axes={named.replace('T', 'C')}` if they are channels"
            or_say = say if letter == "T" and not sure and "C" not in where else ""
            raise WrongShape(f"{owner} has {shape[axis]} {what}; save each as its own file{or_say}")
    if any(letter in UNNAMED and shape[i] > 1 for i, letter in enumerate(named)):
        raise WrongShape(
            f"{owner}: the axes {stored} of shape {shape} can't be understood; save it with named axes (OME-TIFF)"
        )
    many = [where[letter] for letter in "CS" if letter in where and shape[where[letter]] > 1]
    if len(many) > 1:
        raise WrongShape(
            f"{owner} has colour samples and channels at once (shape {shape}); save grey channels"
        )
    colour = rgb and many == [where.get("S")] and shape[many[0]] in (3, 4)
    plan = AxisPlan(named, shape, (many[0] if many else None, where.get("Z"), where["Y"], where["X"]), colour)
    if max(plan.czyx[:2]) > MOST_PLANES:
        raise WrongShape(
            f"{owner} has {plan.czyx[0]} channels and {plan.czyx[1]} focal planes, and up to {MOST_PLANES} are read; its axes "
            f"are {stored} with shape {shape}"
        )
    return plan


def _guess(axes: str, shape: tuple[int, ...]) -> str:
    """Name unnamed axes by the rules of this module."""
    if "S" in axes and not axes.endswith("S") and "C" not in axes:
        axes = axes.replace("S", "C")
    letters = list(axes)
    unnamed = [i for i, letter in enumerate(letters) if letter in UNNAMED and shape[i] > 1]
    if unnamed and axes.endswith("YX") and unnamed[-1] == len(axes) - 3 and are_last_channels(shape[-3:]):
        letters[-3:] = "YXC"
        unnamed.pop()
    free = [letter for letter in "CZ" if letter not in letters and not (letter == "C" and "S" in letters)]
    if len(unnamed) == 1 and free:
        long = shape[unnamed[0]] > MANY_CHANNELS
        letters[unnamed[0]] = free[-1] if long else free[0]
    elif len(unnamed) == 2 and len(free) == 2:
        letters[unnamed[0]], letters[unnamed[1]] = free
    return "".join(letters)


def are_last_channels(shape: tuple[int, ...]) -> bool:
    """Return whether the last of three axes is much shorter than the others, and so holds channels.

    >>> are_last_channels((256, 256, 5)), are_last_channels((5, 256, 256)), are_last_channels((3, 256, 12))
    (True, False, False)
    """
    *plane, last = shape
    return last <= MOST_LAST and min(plane) > SMALL and min(plane) >= MUCH_LONGER * last


def _are_likely(axes: str, shape: tuple[int, ...]) -> bool:
    """Return whether named axes make sense: hundreds of channels or focal planes of a few px do not."""
    long = [(letter, size) for letter, size in zip(axes, shape, strict=True) if size > 1 or letter in "YX"]
    letters, sizes = "".join(letter for letter, _ in long), tuple(size for _, size in long)
    return letters[-3:] not in ("CYX", "ZYX") or not are_last_channels(sizes[-3:])


def _renames_a_stack(axes: str, shape: tuple[int, ...], stated: str) -> bool:
    """Return whether the user's letters differ from those of a file in what its focal planes or time points are, and in nothing else."""
    named = "".join(letter for letter, size in zip(axes, shape, strict=True) if size > 1 or letter in "YX")
    return len(named) == len(stated) and all(
        one == other or (one in "ZT" and other in "CZ") for one, other in zip(named, stated, strict=True)
    )


def _refuse_narrow(named: str, shape: tuple[int, ...], owner: str) -> None:
    """Raise `WrongShape` where axes that were guessed make an image so narrow that the guess is probably wrong."""
    sizes = {letter: size for letter, size in zip(named, shape, strict=True) if size > 1 or letter in "YX"}
    for side in "YX":
        others = sorted((size for letter, size in sizes.items() if letter != side), reverse=True)
        if sizes.get(side, FEW) < FEW or (len(others) > 1 and MUCH_LONGER * sizes[side] <= others[1]):
            understood = ", ".join(f"{letter} {size}" for letter, size in sizes.items())
            raise WrongShape(
                f"{owner} is of shape {shape}, and understood as {understood} it would be only {sizes[side]} px "
                f"{'high' if side == 'Y' else 'wide'}; say which axis is which, such as `axes=YXC`, or `axes={''.join(sizes)}` if "
                "that is right"
            )


def _as_stated(shape: tuple[int, ...], owner: str, stated: str) -> str:
    """Return the user's letters for the axes, and Q for those of length 1 that the user did not count."""
    long = [i for i, size in enumerate(shape) if size > 1]
    if len(stated) == len(shape):
        return stated
    if len(stated) != len(long):
        raise WrongShape(
            f"{owner} has {len(shape)} axes, its shape is {shape}, and `axes` names {len(stated)} ({stated}); name each axis"
        )
    letters = ["Q"] * len(shape)
    for i, letter in zip(long, stated, strict=True):
        letters[i] = letter
    return "".join(letters)


def channel_names(count: int, given: list[str], colour: bool) -> tuple[str, ...]:
    """Return names for `count` channels: those in the file if there is one for each, else colours or indices.

    A name that comes again gets a number, and an empty one the index of its channel.

    >>> channel_names(4, ["DAPI", "GFP", "", "DAPI"], False)
    ('DAPI', 'GFP', '2', 'DAPI (2)')
    """
    cleaned = [printable(name).strip() for name in given]
    if len(cleaned) != count or not any(cleaned):
        return COLOURS if colour and count == 3 else tuple(str(index) for index in range(count))
    names: list[str] = []
    for index, name in enumerate(cleaned):
        name = wanted = name or str(index)
        number = 2
        while name in names or (name != wanted and name in cleaned):
            name, number = f"{wanted} ({number})", number + 1
        names.append(name)
    return tuple(names)
