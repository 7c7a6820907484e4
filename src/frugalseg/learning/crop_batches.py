"""Batches of crops with their targets, for learning from stains and from labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frugalseg.errors import InputError, SettingsError, WrongShape
from frugalseg.learning.augment import jitter_intensity
from frugalseg.networks.patches import apply_flips

#: Upper left corners of crops: (step, number of crops) -> (sample, y, x) of each.
Draw = Callable[[int, int], Sequence[tuple[int, int, int]]]


@dataclass(frozen=True)
class CropSample:
    """One field, or part of one, at the model scale.

    Attributes
    ----------
    name
        Of the field, for messages.
    planes
        (C,Y,X) float32, each z-scored.
    targets
        (T,Y,X) float32, maps that the network is to predict.
    valid
        (Y,X) bool, where `targets` are known; everywhere when None.
    """

    name: str
    planes: NDArray[np.float32]
    targets: NDArray[np.float32]
    valid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that differ in (Y, X)."""
        shapes = {self.planes.shape[1:], self.targets.shape[1:]}
        if self.valid is not None:
            shapes.add(self.valid.shape)
        if self.planes.ndim != 3 or self.targets.ndim != 3 or len(shapes) > 1:
            raise WrongShape(
                f"{self.name}: `planes` {self.planes.shape}, `targets` {self.targets.shape} and `valid` must have the same (Y, X)"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.planes.shape[1]), int(self.planes.shape[2])


@dataclass(frozen=True)
class Crops:
    """A batch of crops.

    Attributes
    ----------
    images
        (N,C,y,x).
    targets
        (N,T,y,x).
    valid
        (N,1,y,x), 1 where the targets are known and 0 elsewhere.
    """

    images: Tensor
    targets: Tensor
    valid: Tensor

    def to(self, device: torch.device) -> "Crops":
        """Move to a device."""
        return Crops(self.images.to(device), self.targets.to(device), self.valid.to(device))


def check_batch(crop: int, batch: int, stride: int) -> None:
    """Check that batch norm sees more than one value: of one crop of a single pixel at the largest stride there is no spread.

    Raises
    ------
    SettingsError
        There is no more than that.
    """
    if batch == 1 and crop <= stride:
        raise SettingsError(
            f"`crop` is {crop} px and `batch` is 1, from which a network of stride {stride} px can't learn; give a `crop` above "
            f"{stride} px, or a `batch` of 2 or more"
        )


class CropBatches:
    """Batches of a training run by their number, the same for the same seed wherever the run was interrupted.

    Parameters
    ----------
    samples : sequence of CropSample
        May load a sample when it is used, see `frugalseg.learning.sample_cache.CachedSamples`.
    draw : callable
        Positions of the crops, such as `frugalseg.learning.crops.CropSampler`.
    size : int
        Side of a crop, px at the model scale.
    batch : int
        Crops per batch.
    seed : int
        Of the augmentation.
    flips : bool
        Whether crops are flipped and transposed at random.
    intensity_jitter : float
        Random change of contrast, brightness and noise, see `jitter_intensity`.
    zoom : float
        Standard deviation of the logarithm of a random magnification, cut off at twice that.

    Raises
    ------
    InputError
        If there is no sample.
    """

    def __init__(
        self,
        samples: Sequence[CropSample],
        draw: Draw,
        size: int,
        batch: int,
        seed: int,
        flips: bool = True,
        intensity_jitter: float = 0.0,
        zoom: float = 0.0,
    ) -> None:
        if not len(samples):
            raise InputError("There is no field to learn from; give at least one with all channels.")
        self.samples, self.draw, self.size, self.batch = samples, draw, size, batch
        self.seed, self.flips, self.intensity_jitter, self.zoom = seed, flips, intensity_jitter, zoom

    def __call__(self, step: int) -> Crops:
        """Return batch number `step`."""
        random = np.random.default_rng([self.seed, step])
        crops = [
            _crop(self.samples[index], y, x, self.size, self._window(random))
            for index, y, x in self.draw(step, self.batch)
        ]
        images, targets, valid = (torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))
        images = jitter_intensity(images, self.intensity_jitter, random)
        if self.flips:
            flip_x, flip_y, transpose = (bool(bit) for bit in random.integers(2, size=3))
            flips = (flip_x, flip_y, transpose)
            images, targets, valid = (apply_flips(part, flips) for part in (images, targets, valid))
        return Crops(images, targets, valid)

    def _window(self, random: np.random.Generator) -> int:
        """Return the side of the window that is resized to a crop."""
        if not self.zoom:
            return self.size
        magnified = np.clip(random.normal(0, self.zoom), -2 * self.zoom, 2 * self.zoom)
        return max(2, round(self.size * float(np.exp(magnified))))


def _crop(
    sample: CropSample, y: int, x: int, size: int, window: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return images (C,s,s), targets (T,s,s) and valid area (1,s,s) of a window around the middle of a crop.

    The window is shifted into the field; a field smaller than the window is mirrored, and not valid there.
    """
    corner = [
        max(0, min(at + (size - window) // 2, side - window))
        for at, side in zip((y, x), sample.shape, strict=True)
    ]
    area = tuple(slice(c, c + window) for c in corner)
    planes, targets = sample.planes[(slice(None), *area)], sample.targets[(slice(None), *area)]
    valid = np.ones(planes.shape[1:], np.float32) if sample.valid is None else sample.valid[area].astype("f4")
    below, right = (window - n for n in planes.shape[1:])
    if below or right:
        missing = ((0, below), (0, right))
        planes = np.pad(planes, ((0, 0), *missing), mode="symmetric")
        targets, valid = np.pad(targets, ((0, 0), *missing)), np.pad(valid, missing)
    if window == size:
        return planes, targets, valid[None]
    planes, targets = _resized(planes, size), _resized(targets, size)
    return planes, targets, (_resized(valid[None], size) > 0.999).astype(np.float32)


def _resized(planes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    how = cv2.INTER_AREA if planes.shape[1] > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(np.ascontiguousarray(p), (size, size), interpolation=how) for p in planes])
