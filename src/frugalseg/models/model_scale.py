"""At which scale and with which grey values networks of whole images see an image."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import find_markers
from frugalseg.errors import InputError, WrongShape
from frugalseg.images.light import even_light
from frugalseg.images.normalize import Modality, normalize_plane, zscore
from frugalseg.images.outliers import without_outliers
from frugalseg.models.inputs import check_image
from frugalseg.networks.cards import Normalization, ObjectCard, StainCard
from frugalseg.networks.object_net import Target

#: Nuclei are this wide, px, where the scale is chosen automatically: enough to see their shape.
TARGET_NUCLEUS_DIAMETER = 20.0
#: Cells are this wide, px, where the scale is chosen automatically.
TARGET_CELL_DIAMETER = 30.0
#: Images are never made smaller than this automatically, nor larger than they are.
SMALLEST_SCALE = 0.25
#: An image is at most so many times larger for the network than it is.
LARGEST_SCALE = 4.0
#: Pixels at the network's scale that are predicted in one piece; those of a field of 2160 x 2160 px are.
LARGEST_AT_MODEL_SCALE = 6_000_000
#: How a student sees a channel: stain differs between cells by factors.
OF_MODALITY: dict[Modality, Normalization] = {"fluorescent": "log", "label-free": "even"}
#: The pixels of an image are at most so many times larger or smaller than those of the training images.
MOST_SIZE_RATIO = 200.0
#: Pixel sizes that differ by no more than this factor are the same.
SAME_SIZE = 1.1


def automatic_scale(targets: Sequence[NDArray[np.float32]]) -> float:
    """Return network px per image px that makes nuclei 20 px wide; 1 where nothing like nuclei is found.

    Examples
    --------
    >>> automatic_scale([])
    1.0
    """
    diameters = []
    for target in targets:
        try:
            markers = find_markers(target)
        except InputError:  # a stain of something else
            continue
        if len(markers) >= 5:
            diameters.append(markers.diameter)
    if not diameters:
        return 1.0
    factor = TARGET_NUCLEUS_DIAMETER / float(np.median(diameters))
    return round(float(np.clip(factor, SMALLEST_SCALE, 1.0)), 2)


def zscored_image(image: Any, channels: Sequence[str] | None, owner: str) -> NDArray[np.float32]:
    """Return a checked image (C,Y,X), each channel with mean 0 and standard deviation 1 (paper A)."""
    planes = check_image(image, owner)
    names = channels if channels is not None and len(channels) == len(planes) else ()
    return zscore(planes, names, owner)


def model_planes(
    card: StainCard | ObjectCard, image: Any, owner: str, scale: float | None = None
) -> NDArray[np.float32]:
    """Return an image (C,Y,X) as a network sees it but for its size: normalised, with as many channels as in training.

    Parameters
    ----------
    card
        Of the model.
    image : (Y,X) or (C,Y,X)
        Grey values.
    owner
        What messages call the image.
    scale
        Network px per image px, which says how large objects are; by default as in training.

    Raises
    ------
    InputError
        It can't be used, or has another number of channels.
    """
    planes = grey_planes(card, image, owner)
    diameter = card.diameter_at(scale or card.scale) if isinstance(card, ObjectCard) else 0.0
    return normalized_planes(planes, normalization_of(card), diameter, card.channels, owner)


def grey_planes(card: StainCard | ObjectCard, image: Any, owner: str) -> NDArray[np.float32]:
    """Return the grey values (C,Y,X) of an image, checked, with as many channels as in training; raises as `model_planes`."""
    planes = check_image(image, owner)
    check_channel_count(card, planes, owner)
    return planes


def check_channel_count(card: StainCard | ObjectCard, planes: NDArray[Any], owner: str) -> None:
    """`WrongShape` unless an image (C,Y,X) has as many channels as the model's training."""
    if len(planes) != len(card.channels):
        raise WrongShape(
            f"{owner} has {len(planes)} channels and the model was trained on {len(card.channels)} "
            f"({', '.join(card.channels)}); give as many, in the same order"
        )


def normalization_of(card: StainCard | ObjectCard | None) -> tuple[Normalization, ...]:
    """Return how a model normalises the grey values of each channel: a stain model z-scores all. Without a model empty."""
    if card is None:
        return ()
    unless_said: Normalization = "zscore"
    own = card.normalization if isinstance(card, ObjectCard) else ()
    return own or (unless_said,) * len(card.channels)


def in_contrast(
    planes: NDArray[np.float32], normalization: Sequence[Normalization], contrast: float
) -> NDArray[np.float32]:
    """Return normalised planes (C,Y,X), those without a stain with so many times the contrast: below 0, bright for dark.

    Examples
    --------
    >>> in_contrast(np.ones((2, 1, 1), np.float32), ("even", "log"), -0.5).ravel().tolist()
    [-0.5, 1.0]
    """
    if contrast == 1:
        return planes
    times = np.array([1 if way == "log" else contrast for way in normalization], np.float32)
    return planes * times[:, None, None]


def normalization_for(modalities: Sequence[Modality]) -> tuple[Normalization, ...]:
    """Return how a student normalises channels: each by its own modality, the logarithm of fluorescence, else z-scored in even light.

    Examples
    --------
    >>> normalization_for(["label-free", "fluorescent"])
    ('even', 'log')
    """
    return tuple(OF_MODALITY[one] for one in modalities)


def normalized_planes(
    planes: NDArray[np.float32],
    normalization: Sequence[Normalization],
    diameter: float,
    channels: Sequence[str],
    owner: str,
) -> NDArray[np.float32]:
    """Return planes (C,Y,X) as a network sees them but for their size: each channel with mean 0 and standard deviation 1.

    Parameters
    ----------
    planes : (C,Y,X) float32
        Grey values.
    normalization
        One for each channel.
    diameter
        Of a typical object, px.
    channels, owner
        Names of the channels, or none, and of the image, for messages.

    Raises
    ------
    BadPixels
        A channel is constant.
    """
    normalized = zscore(planes, channels, owner)
    for index, (plane, how) in enumerate(zip(planes, normalization, strict=True)):
        if how == "log":
            normalized[index] = normalize_plane(plane, "fluorescent", diameter)
        elif how == "even":
            normalized[index] = zscore(
                even_light(without_outliers(plane), diameter)[None], channels[index : index + 1], owner
            )[0]
    return normalized


def scale_by_pixel_size(card: StainCard | ObjectCard, pixel_size: tuple[float, float] | None) -> float:
    """Return network px per image px: the model's, corrected where the model and the image both state a pixel size.

    Pixels that are not square count as square ones of the same area.

    Raises
    ------
    InputError
        The sizes differ so much that one of them must be wrong.
    """
    if card.pixel_size is None or pixel_size is None:
        return card.scale
    ratio = side_of(pixel_size) / side_of(card.pixel_size)
    if not 1 / MOST_SIZE_RATIO <= ratio <= MOST_SIZE_RATIO:
        image, model = (f"{size[0]:.4g} x {size[1]:.4g} um" for size in (pixel_size, card.pixel_size))
        raise InputError(
            f"the pixels of the image are stated to be {image} (y, x) and those the model was trained on {model}, which can't "
            "both be right; correct the unit or the size in the file, or give `diameter` to a model of nuclei or cells"
        )
    return min(LARGEST_SCALE, card.scale * ratio)


def side_of(pixel_size: tuple[float, float]) -> float:
    """Return the side, um, of the square pixel with the area of a pixel (y, x)."""
    return math.sqrt(math.prod(pixel_size))


def same_size(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Return whether two pixels (y, x) are of the same size, to a tenth."""
    ratio = side_of(one) / side_of(other)
    return max(ratio, 1 / ratio) <= SAME_SIZE


def note_on_scale(card: StainCard | ObjectCard, pixel_size: tuple[float, float] | None) -> str | None:
    """Return a sentence where an image and the model state pixel sizes that differ by more than a tenth, else None.

    Examples
    --------
    >>> print(note_on_scale(StainCard.model_construct(pixel_size=(0.65, 0.65)), (0.325, 0.325)))
    Its pixels are stated to be 0.325 um wide and those that the model was trained on 0.65 um, so it is resized to match; if a size is wrong, correct it in the file.
    """
    if card.pixel_size is None or pixel_size is None:
        return None
    if same_size(pixel_size, card.pixel_size):
        return None
    image, model = side_of(pixel_size), side_of(card.pixel_size)
    return (
        f"Its pixels are stated to be {image:.3g} um wide and those that the model was trained on {model:.3g} um, so it is resized to match; "
        "if a size is wrong, correct it in the file."
    )


def scale_for_objects(target: Target, diameter: float, start: StainCard | ObjectCard | None) -> float:
    """Return network px per image px: the start's, for objects of the start's size; else the usual size of objects.

    A stain model's scale is taken as it is: its images come from the same microscope.
    """
    if isinstance(start, ObjectCard) and start.kind == target:
        return min(LARGEST_SCALE, start.scale * start.diameter / diameter)
    if start is not None:
        return start.scale
    wanted = TARGET_NUCLEUS_DIAMETER if target == "nuclei" else TARGET_CELL_DIAMETER
    return round(min(1.0, max(SMALLEST_SCALE, wanted / diameter)), 2)
