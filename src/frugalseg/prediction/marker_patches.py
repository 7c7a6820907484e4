"""Segment cells with a trained marker network: one probability patch per marker, merged into labels."""

import numpy as np
import torch
from numpy.typing import NDArray

from frugalseg.images.resize import resize_labels, resize_planes
from frugalseg.instances.clean import clean_labels
from frugalseg.instances.merge_patches import MergedPatches, assign_remaining_foreground, merge_patches
from frugalseg.instances.phase_halo import find_halo
from frugalseg.networks.marker_channel import MarkerChannels
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.object_net import check_finite
from frugalseg.networks.patches import apply_flips, cut_patches, every_flip, invert_flips, pad_planes

#: Patches that go through the network at once.
AT_ONCE = 64


def patch_probabilities(
    network: MarkerNetwork,
    planes: NDArray[np.float32],
    channels: MarkerChannels,
    orientations: int = 8,
    device: torch.device | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Predict the probability patch of every marker.

    Parameters
    ----------
    network : MarkerNetwork
        Trained.
    planes : (C,Y,X) float32
        Image at the model's scale, normalised as in training.
    channels : MarkerChannels
        Marker channels of the image's markers.
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
    network = network.to(device).eval()
    centres, side = channels.centres, channels.side
    padded = torch.from_numpy(pad_planes(planes, side))
    probabilities = np.zeros((len(centres), side, side), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(centres), AT_ONCE):
            part = np.arange(start, min(start + AT_ONCE, len(centres)))
            patches = cut_patches(padded, centres[part], channels(part)).to(device)
            total = torch.zeros(patches.shape[0], side, side, device=device)
            for flips in every_flip()[:orientations]:
                flipped = apply_flips(patches, flips).contiguous(memory_format=torch.channels_last)
                total += invert_flips(torch.sigmoid(network(flipped)), flips)
            probabilities[part] = (total / orientations).cpu().numpy()
    network.to("cpu")
    return check_finite(probabilities), centres - side // 2


def labels_from_patches(
    probabilities: NDArray[np.float32],
    corners: NDArray[np.int64],
    points: NDArray[np.float64],
    foreground: NDArray[np.bool_],
    factor: float | tuple[float, float] = 1.0,
    assign_remaining: bool = True,
    label_free: NDArray[np.float32] | None = None,
    nuclei: NDArray[np.integer] | None = None,
) -> tuple[NDArray[np.uint32], MergedPatches]:
    """Merge probability patches into numbered cells at the image's scale.

    Parameters
    ----------
    probabilities, corners
        From `patch_probabilities`.
    points : (N,2) float64
        Markers (y, x), px of the image.
    foreground : (Y,X) bool
        Where there are cells, at the image's scale.
    factor : float or (float, float)
        Model px per image px, in y and x.
    assign_remaining : bool
        Assign the remaining foreground (`assign_remaining_foreground`); False: the paper's threshold of one half.
    label_free : (y,x) float32, optional
        Image at the model's scale, if it is label-free: the phase halo is then left out of the cells (`find_halo`).
    nuclei : (Y,X) int, optional
        Areas of the nuclei at the image's scale, label i + 1 is that of marker i; all of a nucleus belongs to its own cell.

    Returns
    -------
    labels : (Y,X) uint32
        Clean; the id is the marker's number, counted from 1.
    merged : MergedPatches
        Best patch and probability of every pixel.
    """
    shape = (int(foreground.shape[0]), int(foreground.shape[1]))
    merged = merge_patches(probabilities, corners, shape, factor, nuclei)
    inside = np.zeros(shape, np.bool_) if nuclei is None else nuclei > 0
    if assign_remaining:
        labels = assign_remaining_foreground(merged, foreground | inside)
    else:
        labels = np.where(merged.probability >= 0.5, merged.labels, 0).astype(np.uint32)
    if label_free is not None:
        size = label_free.shape
        small = resize_planes(foreground[None].astype(np.float32), size)[0] > 0.5
        halo, _ = find_halo(resize_labels(labels, size), label_free, small)
        trimmed = (resize_labels(halo.astype(np.uint8), shape) > 0) & ~inside
        labels = np.where(trimmed, 0, labels).astype(np.uint32)
    return clean_labels(labels, points), merged
