"""Checks of the arrays that a user gives: shapes, types and values, and which of several images is wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import Markers
from frugalseg.errors import BadPixels, InputError, SettingsError, WrongShape
from frugalseg.images.axes import MUCH_LONGER, SMALL
from frugalseg.images.image import as_float32, why_not_finite
from frugalseg.images.label_maps import as_labels
from frugalseg.images.masked import refuse_masked
from frugalseg.images.outliers import planes_without_outliers

Labels = NDArray[np.int32] | NDArray[np.uint32]
GivenPixelSize: TypeAlias = float | tuple[float, float] | None
Result = TypeVar("Result")

#: An image whose last axis is no longer than this and much shorter than the others has its channels last.
MOST_COLOURS = 4


def is_array(value: Any) -> bool:
    """Whether a value is one array (numpy, dask, zarr, torch, ...), not a sequence of arrays."""
    return hasattr(value, "shape") and hasattr(value, "__array__")


def as_sequence(images: Any, parameter: str = "images") -> Sequence[Any]:
    """Return several images as they are, and one image as a list of it.

    Parameters
    ----------
    images
        One array, or a sequence of arrays that may load each when it is asked for.
    parameter
        Named in messages.

    Raises
    ------
    InputError
        It is neither, or there is no image in it.
    """
    if is_array(images):
        return [images]
    if isinstance(images, str | bytes | Mapping) or not (
        hasattr(images, "__len__") and hasattr(images, "__getitem__")
    ):
        raise InputError(
            f"`{parameter}` is of type {type(images).__name__}; give an array (Y,X) or (C,Y,X), or a list of such arrays"
        )
    if len(images) == 0:
        raise InputError(f"`{parameter}` is an empty list; give at least one image")
    sequence: Sequence[Any] = images
    return sequence


def as_partners(values: Any, parameter: str, images: Any) -> Sequence[Any]:
    """Return what belongs to the images, one array each.

    Raises
    ------
    InputError
        There are more or fewer than images, or one array for a list of images.
    """
    n = len(as_sequence(images))
    if values is None:
        raise InputError(f"`{parameter}` is None; give one array for each image")
    one = is_array(values) or isinstance(values, Markers)
    if one != is_array(images):
        kinds = ("a list", "one array") if one else ("one array", "a list")
        raise InputError(
            f"`images` is {kinds[0]} and `{parameter}` is {kinds[1]}; give one array each, or two lists of the same length"
        )
    partners = [values] if one else as_sequence(values, parameter)
    if len(partners) != n:
        raise InputError(f"there are {n} `images` and {len(partners)} `{parameter}`; give one for each image")
    return partners


def owner_of(index: int, images: Any, names: Sequence[str] | None = None) -> str:
    """Return what messages call an image: by its name, or by its place in the list."""
    if names is not None:
        _check_names(images, names)
        return f"field {names[index]!r}"
    return "the image" if is_array(images) else f"images[{index}]"


def names_of(images: Any, names: Sequence[str] | None) -> tuple[str, ...]:
    """Return one name per image; ``image 1``, ``image 2``, ... where none are given."""
    if names is None:
        return tuple(f"image {number}" for number in range(1, len(as_sequence(images)) + 1))
    _check_names(images, names)
    return tuple(map(str, names))


def _check_names(images: Any, names: Sequence[str]) -> None:
    n = len(as_sequence(images))
    if isinstance(names, str) or len(names) != n:
        raise InputError(f"`names` must be a list of {n} names, one for each image, not {names!r}")


def for_each(
    images: Any, function: Callable[[int, Any], Result], parameter: str = "images"
) -> Result | list[Result]:
    """Return the result for one image, or a list of results for several."""
    if is_array(images):
        return function(0, images)
    sequence = as_sequence(images, parameter)
    return [function(index, sequence[index]) for index in range(len(sequence))]


def check_channels(
    channels: Sequence[str] | None, n: int, default: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return a name per channel: those given, `default` where as many, else their numbers from 0.

    Raises
    ------
    SettingsError
        Not one name per channel.
    """
    if channels is None:
        return tuple(default) if default is not None and len(default) == n else tuple(map(str, range(n)))
    if isinstance(channels, str) or len(channels) != n:
        raise SettingsError(f"`channels` must be a list of {n} names, one for each channel, not {channels!r}")
    return tuple(map(str, channels))


def check_diameter(diameter: object) -> None:
    """`SettingsError` unless a diameter is a number of px above 2."""
    if not isinstance(diameter, int | float | np.integer | np.floating) or not 2 < diameter < np.inf:
        raise SettingsError(f"`diameter` is {diameter!r}; give a number of px above 2")


def check_image(image: Any, owner: str = "the image") -> NDArray[np.float32]:
    """Return an image as (C,Y,X) float32, its outliers replaced (`frugalseg.images.outliers`).

    Raises
    ------
    WrongShape
        It is neither (Y,X) nor (C,Y,X).
    BadPixels
        It is not of real numbers, has no pixels, or holds NaN, infinite values or pixels that numpy masks.
    """
    array = _numbers(image, owner)
    if array.ndim not in (2, 3):
        several = "; give several images as a list of arrays" if array.ndim > 3 else ""
        raise WrongShape(f"{owner} has the shape {array.shape}; allowed are (Y,X) and (C,Y,X){several}")
    if array.ndim == 3 and _has_channels_last(array.shape):
        raise WrongShape(
            f"{owner} has the shape {array.shape}, so its channels seem to come last; give (C,Y,X), such as "
            "numpy.moveaxis(image, -1, 0)"
        )
    return planes_without_outliers(_finite(array if array.ndim == 3 else array[None], owner))


def _has_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether the last axis is too short to be the width of an image of (C,Y,X), compared with the others."""
    if shape[0] == 1:  # one channel, however narrow
        return False
    colours = shape[2] <= MOST_COLOURS < shape[1] // 4
    return colours or (min(shape[:2]) > SMALL and min(shape[:2]) >= MUCH_LONGER * shape[2])


def check_plane(values: Any, parameter: str, shape: tuple[int, int], owner: str) -> NDArray[np.float32]:
    """Return a plane that belongs to an image of `shape` as (Y,X) float32; errors as of `check_image`."""
    array = _numbers(values, f"{owner}: `{parameter}`")
    plane = array[0] if array.ndim == 3 and len(array) == 1 else array
    _same_shape(plane, parameter, shape, owner)
    return _finite(plane, f"{owner}: `{parameter}`")


def check_label_map(values: Any, parameter: str, shape: tuple[int, int], owner: str) -> Labels:
    """Return a label map (Y,X) that belongs to an image of `shape`, as int32 or uint32.

    Raises
    ------
    WrongShape
        It is not of the image's shape.
    BadPixels
        Its values are no whole numbers, or don't fit into 32 bits.
    """
    refuse_masked(values, f"{owner}: `{parameter}`")
    array = np.asarray(values)
    plane = array[0] if array.ndim == 3 and len(array) == 1 else array
    _same_shape(plane, parameter, shape, owner)
    return as_labels(plane, f"{owner}: `{parameter}`")


def check_varies(plane: NDArray[np.float32], what: str) -> None:
    """`BadPixels` where a plane (Y,X) has the same value everywhere; `what` is named in the message."""
    if float(plane.min()) == float(plane.max()):
        raise BadPixels(
            f"{what} is constant (every pixel is {float(plane.min()):g}); choose another channel or leave the image out"
        )


def _numbers(values: Any, owner: str) -> NDArray[Any]:
    refuse_masked(values, owner)
    try:
        array = np.asarray(values)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # RuntimeError: a tensor that gradients are computed for
        raise BadPixels(f"{owner} can't be read as an array ({error}); give a numpy array") from error
    if array.dtype.kind not in "biuf":
        hint = "its magnitude" if array.dtype.kind == "c" else "an array of numbers"
        raise BadPixels(f"{owner} is of type {array.dtype}, which is not of real numbers; give {hint}")
    return array


def _same_shape(plane: NDArray[Any], parameter: str, shape: tuple[int, int], owner: str) -> None:
    if plane.shape != shape:
        raise WrongShape(
            f"{owner}: `{parameter}` has the shape {plane.shape} and the image {shape}; both must show the same pixels, as "
            "one plane (Y,X)"
        )


def _finite(array: NDArray[Any], owner: str) -> NDArray[np.float32]:
    if array.size == 0:
        raise BadPixels(f"{owner} has no pixels (shape {array.shape}); leave it out")
    values = as_float32(array)
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise BadPixels(
            f"{owner} has {bad} pixels that are {why_not_finite(array)} ({bad / values.size:.1%}); replace them first"
        )
    return values
