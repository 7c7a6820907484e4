"""Patches around markers, and the batches that a marker network learns from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frugalseg.errors import NoMarkers, WrongShape
from frugalseg.images.geodesic import cost_image
from frugalseg.images.normalize import blur
from frugalseg.learning.augment import jitter_intensity
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.networks.marker_channel import KEPT, MarkerChannels
from frugalseg.networks.patches import Flips, apply_flips, canvas_index, cut_patches, pad_planes

#: Standard deviation of the Gaussian before edges are measured, px at the model scale.
EDGE_SIGMA = 1.0
#: How fast the cost of a boundary falls with the step in grey values.
SHARPNESS = 2.0


@dataclass(frozen=True)
class MarkerSample:
    """One field at the model scale, with all that learning from markers needs.

    Attributes
    ----------
    name
        The field's.
    planes
        (C,Y,X) float32, zero mean and unit variance.
    points
        (N,2) float64, markers (y, x), px.
    foreground
        (Y,X) bool.
    label_free
        Whether the first plane shows phase contrast, DIC or bright-field, which may have a halo.
    cost_image
        (Y,X) float32, 0..1, on which geodesic distances are measured (`frugalseg.images.geodesic.cost_image`); None: made
        of the first plane.
    nuclei
        (Y,X) uint32, areas of the nuclei, label i + 1 is that of marker i; None where only points are known.
    """

    name: str
    planes: NDArray[np.float32]
    points: NDArray[np.float64]
    foreground: NDArray[np.bool_]
    label_free: bool = False
    cost_image: NDArray[np.float32] | None = None
    nuclei: NDArray[np.uint32] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together, and a field without markers."""
        if self.planes.ndim != 3 or self.planes.shape[1:] != self.foreground.shape:
            raise WrongShape(
                f"{self.name}: `planes` {self.planes.shape} and `foreground` {self.foreground.shape} must have the same (Y, X)"
            )
        if self.nuclei is not None and self.nuclei.shape != self.foreground.shape:
            raise WrongShape(
                f"{self.name}: `nuclei` {self.nuclei.shape} and `foreground` {self.foreground.shape} must have the same (Y, X)"
            )
        if len(self.points) == 0:
            raise NoMarkers(f"{self.name}: there is no marker to learn from; check the nuclei")

    @cached_property
    def centres(self) -> NDArray[np.int64]:
        """Pixels (N,2) in which the markers lie."""
        return np.clip(np.round(self.points).astype(np.int64), 0, np.array(self.foreground.shape) - 1)


def marker_channels(
    sample: MarkerSample, settings: MarkerSettings, side: int, max_shift: int = 0, kept: int = KEPT
) -> MarkerChannels:
    """Return the marker channels of a field for patches of `side` px, shifted by at most `max_shift` px.

    The channels of `kept` markers are kept in memory.
    """
    cost = cost_image(sample.planes[0]) if sample.cost_image is None else sample.cost_image
    return MarkerChannels(
        cost, sample.centres, side, settings.sigma, settings.regularization, max_shift, kept
    )


@dataclass(frozen=True)
class Batch:
    """Patches of one canvas, flipped, with what the loss needs to invert the flips and place them.

    Attributes
    ----------
    patches
        (N,C+1,y,x); the last channel is the marker channel.
    index
        (N,y,x) flat index on the canvas, before the flips.
    foreground
        (H,W) float, mask of the canvas.
    boundary_cost
        (2,H,W) float, 0..1: cost of a boundary to the next pixel down and right; None where the boundary term has no weight.
    flips
        Which of flip x, flip y, transpose were applied, in this order.
    known
        (N,y,x) int8, before the flips: 1 in the nucleus of the patch's marker, -1 in other nuclei, 0 elsewhere; None where
        areas are unknown or have no weight.
    """

    patches: Tensor
    index: Tensor
    foreground: Tensor
    boundary_cost: Tensor | None
    flips: Flips
    known: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """Move to a device."""
        boundary_cost = None if self.boundary_cost is None else self.boundary_cost.to(device)
        known = None if self.known is None else self.known.to(device)
        return Batch(
            self.patches.to(device),
            self.index.to(device),
            self.foreground.to(device),
            boundary_cost,
            self.flips,
            known,
        )


class PaddedField:
    """One sample, mirrored at its borders so that every marker has a whole patch.

    Parameters
    ----------
    sample : MarkerSample
        The field.
    settings : MarkerSettings
        Patches, marker channel, jitter.
    kept : int
        Number of marker channels that are cached.
    """

    def __init__(self, sample: MarkerSample, settings: MarkerSettings, kept: int = KEPT) -> None:
        self.side, self.center_jitter = settings.patch, settings.center_jitter
        self.intensity_jitter = settings.intensity_jitter
        self.max_shift = math.ceil(2 * self.center_jitter)
        # On a canvas padded by half a patch, centres are upper left corners; shifted patches need some px more.
        self.centres = sample.centres
        self.shape = sample.foreground.shape
        self.channels = marker_channels(sample, settings, self.side, self.max_shift, kept)
        padded = self.side + 2 * self.max_shift
        self.planes = torch.from_numpy(pad_planes(sample.planes, padded))
        mask = pad_planes(sample.foreground[None].astype(np.float32), padded)[0]
        self.foreground = torch.from_numpy(mask)
        self.boundary_cost = torch.from_numpy(boundary_cost_maps(self.planes[0].numpy(), mask > 0))
        # Nuclei are not mirrored: a mirrored nucleus is not the marker's own.
        self.nuclei: Tensor | None = None
        if sample.nuclei is not None and settings.nuclei > 0:
            self.nuclei = torch.from_numpy(np.pad(sample.nuclei, padded // 2).astype(np.int64))

    def batch(
        self, chosen: NDArray[np.int64], flips: Flips, with_boundary_cost: bool, random: np.random.Generator
    ) -> Batch:
        """Return the batch of the chosen markers on the smallest canvas that holds their patches.

        Position and grey values of each patch are jittered as the settings say.
        """
        size = (len(chosen), 2)
        drawn = np.round(random.normal(0, self.center_jitter, size)) if self.center_jitter else np.zeros(size)
        shifts = np.clip(drawn, -self.max_shift, self.max_shift).astype(np.int64)
        corners = self.centres[chosen] + self.max_shift + shifts
        start, stop = corners.min(axis=0), corners.max(axis=0) + self.side
        window = (slice(start[0], stop[0]), slice(start[1], stop[1]))
        index = canvas_index(torch.from_numpy(corners - start), self.side, int(stop[1] - start[1]))
        patches = cut_patches(self.planes, corners, self.channels(chosen, shifts))
        patches[:, :-1] = jitter_intensity(patches[:, :-1], self.intensity_jitter, random)
        return Batch(
            apply_flips(patches, flips),
            index,
            self.foreground[window],
            self.boundary_cost[(slice(None), *window)] if with_boundary_cost else None,
            flips,
            None if self.nuclei is None else known_pixels(self.nuclei[window], index, chosen),
        )


def known_pixels(nuclei: Tensor, index: Tensor, chosen: NDArray[np.int64]) -> Tensor:
    """Return what nuclei (H,W) say of patches: (N,y,x) int8, 1 in the marker's own nucleus, -1 in others, 0 elsewhere.

    Examples
    --------
    >>> from frugalseg.networks.patches import canvas_index
    >>> index = canvas_index(torch.tensor([[0, 0]]), 2, 2)
    >>> known_pixels(torch.tensor([[5, 0], [5, 7]]), index, np.array([4])).tolist()
    [[[1, 0], [1, -1]]]
    """
    there = nuclei.flatten()[index]
    own = there == torch.from_numpy(chosen + 1)[:, None, None]
    return own.to(torch.int8) - ((there > 0) & ~own).to(torch.int8)


def boundary_cost_maps(plane: NDArray[np.float32], foreground: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the cost (2,Y,X), 0..1, of a cell boundary between a pixel and the next one down (0) and right (1).

    It is 1 in flat areas, and towards 0 where grey values change by more than is usual inside the foreground.
    """
    smooth = blur(plane, EDGE_SIGMA)
    down, right = (np.abs(np.diff(smooth, axis=axis)) for axis in (0, 1))
    inside = np.concatenate([down[foreground[1:]], right[foreground[:, 1:]]])
    usual = float(np.mean(inside**2)) if inside.size else 1.0
    boundary_cost = np.zeros((2, *plane.shape), dtype=np.float32)
    boundary_cost[0, :-1] = np.exp(-SHARPNESS * down**2 / max(usual, 1e-12))
    boundary_cost[1, :, :-1] = np.exp(-SHARPNESS * right**2 / max(usual, 1e-12))
    return boundary_cost


class MarkerBatches:
    """Batches of a training run by their number, the same for the same seed wherever the run was interrupted.

    Parameters
    ----------
    samples : sequence of MarkerSample
        Fields; each batch comes from one of them, drawn with a probability proportional to its number of markers.
    settings : MarkerSettings
        Patches, batches, jitter.
    seed : int
        Of everything random.
    """

    def __init__(self, samples: Sequence[MarkerSample], settings: MarkerSettings, seed: int) -> None:
        if not samples:
            raise NoMarkers("There is no field with markers to learn from; check the nuclei.")
        channels = sorted({sample.planes.shape[0] for sample in samples})
        if len(channels) > 1:
            raise WrongShape(
                f"The fields have {channels} channels; fields that are learned together need the same number."
            )
        self.settings = settings
        self.seed = seed
        self.fields = [PaddedField(sample, settings, max(1, KEPT // len(samples))) for sample in samples]
        counts = np.array([len(field.centres) for field in self.fields], dtype=np.float64)
        self.share = counts / counts.sum()

    def __call__(self, step: int) -> Batch:
        """Return batch number `step`."""
        random = np.random.default_rng([self.seed, step])
        field = self.fields[int(random.choice(len(self.fields), p=self.share))]
        first = field.centres[random.integers(len(field.centres))]
        offset = np.abs(field.centres - first)
        if self.settings.area is None:
            chosen = np.argsort(offset.max(axis=1), kind="stable")[: self.settings.batch]
        else:
            # A random area inside the image that holds at least one marker.
            drawn = first - random.integers(self.settings.area, size=2)
            corner = np.clip(drawn, 0, np.maximum(0, np.array(field.shape) - self.settings.area))
            inside = (field.centres >= corner) & (field.centres < corner + self.settings.area)
            chosen = np.flatnonzero(inside.all(axis=1))
        flip_x, flip_y, transpose = (bool(bit) for bit in random.integers(2, size=3))
        return field.batch(chosen, (flip_x, flip_y, transpose), self.settings.boundary > 0, random)
