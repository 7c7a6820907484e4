"""Batches of crops with what is to be learned from them, for stains and for labels alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frugalseg.errors import InputError, WrongShape
from frugalseg.learning.augment import jitter_intensity
from frugalseg.networks.patches import apply_flips

#: Upper left corners of crops: (step, how many) -> (sample, y, x) each.
Draw = Callable[[int, int], Sequence[tuple[int, int, int]]]


@dataclass(frozen=True)
class CropSample:
    """One field, or part of one, at the network's scale.

    Attributes
    ----------
    name
        The field's.
    planes
        (C,Y,X) float32, each z-scored.
    targets
        (T,Y,X) float32, what the network is to say.
    valid
        (Y,X) bool, where `targets` are known; everywhere when None.
    """

    name: str
    planes: NDArray[np.float32]
    targets: NDArray[np.float32]
    valid: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Refuse what does not lie on one pixel grid."""
        shapes = {self.planes.shape[1:], self.targets.shape[1:]}
        if self.valid is not None:
            shapes.add(self.valid.shape)
        if self.planes.ndim != 3 or self.targets.ndim != 3 or len(shapes) > 1:
            raise WrongShape(
                f"{self.name}: planes {self.planes.shape} and targets {self.targets.shape} do not fit together"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.planes.shape[1]), int(self.planes.shape[2])


@dataclass(frozen=True)
class Crops:
    """A batch.

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


class CropBatches:
    """Batch number `step`, the same for the same seed wherever a run was cut.

    Parameters
    ----------
    samples : sequence of CropSample
        May load a sample when asked for it.
    draw : callable
        Where crops lie, such as `frugalseg.learning.crops.CropSampler`.
    size : int
        Side of a crop, px at the network's scale.
    batch : int
        Crops per batch.
    seed : int
        Of the changes.
    turn : bool
        Flip and transpose at random.
    intensity_jitter : float
        How much contrast, brightness and noise change, see `jitter_intensity`.
    zoom : float
        Standard deviation of the logarithm of a crop's magnification; at most twice that is done.

    Raises
    ------
    InputError
        There is no sample.
    """

    def __init__(
        self,
        samples: Sequence[CropSample],
        draw: Draw,
        size: int,
        batch: int,
        seed: int,
        turn: bool = True,
        intensity_jitter: float = 0.0,
        zoom: float = 0.0,
    ) -> None:
        if not len(samples):
            raise InputError("There is no field to learn from; give at least one with all channels.")
        self.samples, self.draw, self.size, self.batch = samples, draw, size, batch
        self.seed, self.turn, self.intensity_jitter, self.zoom = seed, turn, intensity_jitter, zoom

    def __call__(self, step: int) -> Crops:
        """Make batch number `step`."""
        random = np.random.default_rng([self.seed, step])
        cut = [
            _crop(self.samples[index], y, x, self.size, self._window(random))
            for index, y, x in self.draw(step, self.batch)
        ]
        images, targets, valid = (torch.from_numpy(np.stack(part)) for part in zip(*cut, strict=True))
        images = jitter_intensity(images, self.intensity_jitter, random)
        if self.turn:
            flip_x, flip_y, transpose = (bool(bit) for bit in random.integers(2, size=3))
            flips = (flip_x, flip_y, transpose)
            images, targets, valid = (apply_flips(part, flips) for part in (images, targets, valid))
        return Crops(images, targets, valid)

    def _window(self, random: np.random.Generator) -> int:
        """Side of what is cut out and then resized to a crop."""
        if not self.zoom:
            return self.size
        magnified = np.clip(random.normal(0, self.zoom), -2 * self.zoom, 2 * self.zoom)
        return max(2, round(self.size * float(np.exp(magnified))))


def _crop(
    sample: CropSample, y: int, x: int, size: int, window: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Images (C,s,s), targets (T,s,s) and known area (1,s,s) of a window around the middle of a crop.

    The window is moved into the field; a field smaller than it is continued by reflection, where nothing is known.
    """
    corner = [
        max(0, min(at + (size - window) // 2, side - window))
        for at, side in zip((y, x), sample.shape, strict=True)
    ]
    area = tuple(slice(c, c + window) for c in corner)
    planes, targets = sample.planes[(slice(None), *area)], sample.targets[(slice(None), *area)]
    known = np.ones(planes.shape[1:], np.float32) if sample.valid is None else sample.valid[area].astype("f4")
    below, right = (window - n for n in planes.shape[1:])
    if below or right:
        missing = ((0, below), (0, right))
        planes = np.pad(planes, ((0, 0), *missing), mode="symmetric")
        targets, known = np.pad(targets, ((0, 0), *missing)), np.pad(known, missing)
    if window == size:
        return planes, targets, known[None]
    planes, targets = _resized(planes, size), _resized(targets, size)
    return planes, targets, (_resized(known[None], size) > 0.999).astype(np.float32)


def _resized(planes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    how = cv2.INTER_AREA if planes.shape[1] > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(np.ascontiguousarray(p), (size, size), interpolation=how) for p in planes])
