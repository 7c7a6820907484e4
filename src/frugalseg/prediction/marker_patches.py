"""From a trained cutter to numbered cells."""

import numpy as np
import torch
from numpy.typing import NDArray

from frugalseg.images.resize import resize_labels, resize_planes
from frugalseg.instances.clean import clean_labels
from frugalseg.instances.merge_patches import MergedPatches, assign_remaining_foreground, merge_patches
from frugalseg.instances.phase_halo import find_halo
from frugalseg.networks.marker_channel import MarkerChannels
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.patches import (
    apply_flips,
    every_flip,
    invert_flips,
    padded_planes,
    patches_at,
)

#: Patches that go through the network at once.
AT_ONCE = 64


def patch_probabilities(
    cutter: MarkerNetwork,
    planes: NDArray[np.float32],
    positions: MarkerChannels,
    orientations: int = 8,
    device: torch.device | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probability patch of every marker.

    Parameters
    ----------
    cutter : MarkerNetwork
        Trained.
    planes : (C,Y,X) float32
        Image at the working scale, normalised as in training.
    positions : MarkerChannels
        Of the image's markers; patch side and all else as in training.
    orientations : {1, 8}
        Flips and transposes to average.
    device : torch.device, optional
        Where to compute; the CPU when None.

    Returns
    -------
    probabilities : (N,y,x) float32
    corners : (N,2) int64
        Upper left corner of each patch in the image; may be negative.
    """
    device = device or torch.device("cpu")
    cutter = cutter.to(device).eval()
    centres, side = positions.centres, positions.side
    padded = torch.from_numpy(padded_planes(planes, side))
    found = np.zeros((len(centres), side, side), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(centres), AT_ONCE):
            part = np.arange(start, min(start + AT_ONCE, len(centres)))
            patches = patches_at(padded, centres[part], positions(part)).to(device)
            total = torch.zeros(patches.shape[0], side, side, device=device)
            for flips in every_flip()[:orientations]:
                flipped = apply_flips(patches, flips).contiguous(memory_format=torch.channels_last)
                total += invert_flips(torch.sigmoid(cutter(flipped)), flips)
            found[part] = (total / orientations).cpu().numpy()
    cutter.to("cpu")
    return found, centres - side // 2


def labels_from_patches(
    probabilities: NDArray[np.float32],
    corners: NDArray[np.int64],
    points: NDArray[np.float64],
    foreground: NDArray[np.bool_],
    factor: float | tuple[float, float] = 1.0,
    complete: bool = True,
    label_free: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.uint32], MergedPatches]:
    """Numbered cells at the image's own scale.

    Parameters
    ----------
    probabilities, corners
        From `patch_probabilities`.
    points : (N,2) float64
        Markers (y, x), px of the image.
    foreground : (Y,X) bool
        Where there are cells, at the image's scale.
    factor : float or (float, float)
        Working px per image px, in y and x.
    complete : bool
        Share out the foreground (`assign_remaining_foreground`); False: the paper's threshold of one half.
    label_free : (y,x) float32, optional
        Image at the working scale, if it is label-free; its halo is then left out of the cells (`find_halo`).

    Returns
    -------
    labels : (Y,X) uint32
        Tidy; the id is the marker's number, counted from 1.
    merged : MergedPatches
        Best patch and probability of every pixel.
    """
    shape = (int(foreground.shape[0]), int(foreground.shape[1]))
    merged = merge_patches(probabilities, corners, shape, factor)
    if complete:
        labels = assign_remaining_foreground(merged, foreground)
    else:
        labels = np.where(merged.probability >= 0.5, merged.labels, 0).astype(np.uint32)
    if label_free is not None:
        size = label_free.shape
        small = resize_planes(foreground[None].astype(np.float32), size)[0] > 0.5
        halo, _ = find_halo(resize_labels(labels, size), label_free, small)
        labels = np.where(resize_labels(halo.astype(np.uint8), shape) > 0, 0, labels).astype(np.uint32)
    return clean_labels(labels, points), merged
