"""Training data of a stain model: pairs of images and stains, read when asked for, and how they are split and scaled."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, SettingsError, WrongShape
from frugalseg.images.image import Projection, project_channel
from frugalseg.images.normalize import IntensityScale
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.fingerprint import checksum_of
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.sample_cache import CachedSamples
from frugalseg.learning.splits import Part, Split, split_fields
from frugalseg.models.inputs import (
    as_partners,
    as_sequence,
    check_channels,
    check_image,
    check_varies,
    names_of,
    owner_of,
)
from frugalseg.models.model_parts import ImagePart, names_by_role, parts_of
from frugalseg.models.model_scale import automatic_scale, zscored_image
from frugalseg.models.stain_scale import fit_stain_scale, learned_stain
from frugalseg.models.training_options import OnError

#: Grey values are sampled at every so many pixels to fit the scale of the stain.
STEP = 4
#: Images from which the network's scale is estimated.
IMAGES_FOR_SCALE = 5
#: So many of the parts that are held out are the validation set: each validation step predicts them whole.
VALIDATION_PARTS = 8


@dataclass(frozen=True)
class StainPair:
    """Input and target of one image at its own scale.

    Attributes
    ----------
    planes
        (C,Y,X) float32, z-scored.
    target
        (Y,X) float32, grey values of the stain.
    """

    planes: NDArray[np.float32]
    target: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.target.shape[0]), int(self.target.shape[1])


class StainPairs(Sequence[StainPair]):
    """Images with their stains, each loaded and checked when asked for.

    Parameters
    ----------
    images, stains
        One array each, or sequences of the same length.
    project
        How focal planes (Z,Y,X) of a stain become one.
    names, channels
        Of the images and their channels.

    Raises
    ------
    InputError
        Not one stain for each image.
    """

    def __init__(
        self,
        images: Any,
        stains: Any,
        project: Projection = "max",
        names: Sequence[str] | None = None,
        channels: Sequence[str] | None = None,
    ) -> None:
        if project not in ("max", "mean", "focus"):
            raise SettingsError(f"`project` is {project!r}; allowed are 'max', 'mean' and 'focus'")
        self.images, self.stains = as_sequence(images), as_partners(stains, "stains", images)
        self.project, self.channels = project, channels
        self.names = names_of(images, names)
        self.owners = [owner_of(index, images, names) for index in range(len(self.images))]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, index: Any) -> Any:
        """Load one pair.

        Raises
        ------
        InputError
            The image or the stain can't be used.
        """
        owner = self.owners[index]
        planes = zscored_image(self.images[index], self.channels, owner)
        stain = check_image(self.stains[index], f"{owner}: `stains`")
        target = project_channel(stain[None], 0, self.project, f"{owner}: `stains`")
        if target.shape != planes.shape[1:]:
            raise WrongShape(
                f"{owner} is {planes.shape[1]} x {planes.shape[2]} px and its stain in `stains` {target.shape[0]} x "
                f"{target.shape[1]} px; both must show the same pixels"
            )
        check_varies(target, f"{owner}: `stains`")
        return StainPair(planes, target)


@dataclass(frozen=True)
class StainDataset:
    """What a stain model learns from.

    Attributes
    ----------
    pairs
        All images.
    indices
        Of those that can be used.
    channels
        Names of the channels.
    scale
        Network px per image px.
    target_scale
        Between grey values of the stain and what is learned, fitted on the training set.
    split
        Training set and what is held out; a part's field is a place in `indices`.
    validation
        The parts held out that choose the weights.
    parts
        The split as the model keeps it.
    contents
        A checksum of every image and its stain.
    """

    pairs: StainPairs
    indices: list[int]
    channels: tuple[str, ...]
    scale: float
    target_scale: IntensityScale
    split: Split
    validation: tuple[Part, ...]
    parts: tuple[ImagePart, ...]
    contents: tuple[int, ...]

    def samples(self) -> tuple[CachedSamples, CachedSamples]:
        """Return training and validation set at the network's scale, loaded when asked for."""
        train, validation = (
            CachedSamples([partial(self._sample, part) for part in parts])
            for parts in (self.split.train, self.validation)
        )
        return train, validation

    def _sample(self, part: Part) -> CropSample:
        index = self.indices[part.field]
        pair: StainPair = self.pairs[index]
        shape = scaled_shape(pair.shape, self.scale)
        area = part.area(shape)
        target = resize_planes(learned_stain(self.target_scale, pair.target)[None], shape)
        planes = resize_planes(pair.planes, shape)
        return CropSample(
            part.name(self.pairs.names[index]),
            np.ascontiguousarray(planes[:, *area]),
            np.ascontiguousarray(target[:, *area]),
        )

    def sampler(self, samples: CachedSamples, settings: StainSettings, seed: int) -> CropSampler:
        """Return positions of crops that show signal, found in grey values also where their logarithm is learned."""
        shown, is_mask = self.target_scale, self.target_scale.how == "mask"
        planes = ((shown.undo(one.targets) if shown.how == "log" else one.targets)[0] for one in samples)
        return CropSampler(planes, settings.crop, seed, threshold=0.5 if is_mask else None)

    def line(self) -> str:
        """Return one line on what is about to be learned."""
        held_out = ", ".join(names_by_role(self.parts, "held out")) or "nothing"
        return (
            f"{len(self.indices)} fields, held out: {held_out}; inputs {', '.join(self.channels)}; "
            f"network px per image px {self.scale:g}"
        )


@dataclass
class _Survey:
    """What one walk through all images brings."""

    indices: list[int] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    contents: list[int] = field(default_factory=list)
    greys: list[NDArray[np.float32]] = field(default_factory=list)
    first_targets: list[NDArray[np.float32]] = field(default_factory=list)
    n_channels: int = 0


def read_stain_dataset(
    pairs: StainPairs,
    target: str,
    settings: StainSettings,
    scale: float | None,
    seed: int,
    hold_out: bool,
    on_error: OnError | None = None,
) -> StainDataset:
    """Walk through all images once, then choose scale, training set and validation set.

    Parameters
    ----------
    pairs
        Images and stains.
    target
        Name of the stain.
    settings
        On which scale the stain is learned.
    scale
        Network px per image px; None: nuclei in the stain become 20 px wide, other stains keep their size.
    seed, hold_out
        Of the split.
    on_error
        Called for images that can't be used, which are then left out; None: the first one is an error.

    Raises
    ------
    InputError
        An image can't be used, or with `on_error` none can.
    SettingsError
        `target` is no text.
    """
    if not isinstance(target, str):
        raise SettingsError(f"`target` is {target!r}; give the name of the stain, in quotes")
    seen = _survey(pairs, on_error)
    split = split_fields(seen.shapes, seed, hold_out)
    order = np.random.default_rng([seed, 78]).permutation(len(split.held_out))
    validation = tuple(split.held_out[index] for index in sorted(order[:VALIDATION_PARTS]))
    greys = []
    for part in split.train:
        grey = seen.greys[part.field]
        greys.append(grey[part.area((int(grey.shape[0]), int(grey.shape[1])))])
    names = [pairs.names[index] for index in seen.indices]
    return StainDataset(
        pairs,
        seen.indices,
        check_channels(pairs.channels, seen.n_channels),
        automatic_scale(seen.first_targets) if scale is None else scale,
        fit_stain_scale(greys, settings.target_scale, settings.percentiles, target),
        split,
        validation,
        parts_of(split, names, seen.indices, seen.shapes, seen.contents),
        tuple(seen.contents),
    )


def _survey(pairs: StainPairs, on_error: OnError | None) -> _Survey:
    seen, errors = _Survey(), list[FrugalsegError]()
    for index in range(len(pairs)):
        try:
            pair: StainPair = pairs[index]
            _check_alike(pair, pairs, index, seen)
        except FrugalsegError as error:
            if on_error is None:
                raise
            errors.append(error)
            on_error(index, error)
            continue
        seen.n_channels = len(pair.planes)
        seen.indices.append(index)
        seen.shapes.append(pair.shape)
        seen.contents.append(checksum_of(pair.planes, pair.target))
        seen.greys.append(pair.target[::STEP, ::STEP].copy())
        if len(seen.first_targets) < IMAGES_FOR_SCALE:
            seen.first_targets.append(pair.target)
    if not seen.indices:
        raise errors[0]
    return seen


def _check_alike(pair: StainPair, pairs: StainPairs, index: int, seen: _Survey) -> None:
    if seen.indices and len(pair.planes) != seen.n_channels:
        raise WrongShape(
            f"{pairs.owners[index]} has {len(pair.planes)} channels and {pairs.owners[seen.indices[0]]} {seen.n_channels}; "
            "all images must have the same channels"
        )
