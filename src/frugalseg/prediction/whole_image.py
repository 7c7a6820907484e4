"""Predict a stain, or nuclei or cells, over a whole image in one piece."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from frugalseg.evaluation.matching import match_labels
from frugalseg.images.resize import resize_labels, resize_planes, scaled_shape
from frugalseg.images.seeds import resize_every_label
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.instances.seeded_maps import labels_from_seeded_maps
from frugalseg.networks.folding import fold_norms
from frugalseg.networks.object_net import (
    CellNetwork,
    NucleusNetwork,
    Target,
    check_finite,
    predict_maps_whole,
)
from frugalseg.networks.patches import apply_flips, every_flip, invert_flips
from frugalseg.networks.unet import Unet

Nuclei = NDArray[np.unsignedinteger]
#: Orientations in the order in which they are averaged: the first four are as different as can be.
ORIENTATIONS = tuple(every_flip()[index] for index in (0, 3, 5, 6, 1, 2, 4, 7))


def predict_stain(network: Unet, planes: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Predict the stain of an image.

    Parameters
    ----------
    network
        Trained; computes on the device it is on.
    planes : (C,Y,X) float32
        z-scored, at the image's scale.
    scale
        Model px per image px.

    Returns
    -------
    (Y,X) float32
        Stain on the scale of training, about 0..1, at the image's scale.
    """
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    stain: NDArray[np.float32] = resize_planes(oriented_maps(network, planes, scale)[0], shape)[0]
    return stain


def objects_from_maps(
    oriented: Sequence[NDArray[np.float32]],
    shape: tuple[int, int],
    target: Target,
    h: float = 20.0,
    diameter: float | None = None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Return the nuclei or cells of an image, and the maps they are made of.

    Parameters
    ----------
    oriented
        Maps (K,y,x) of each orientation, of `oriented_maps`; their mean counts.
    shape
        (Y, X) of the image.
    target
        What the network finds.
    h
        Least height of a maximum, per cent; see `frugalseg.instances.map_labels.labels_from_maps`.
    diameter
        Diameter of a typical object, px of the image; see there.

    Returns
    -------
    labels : (Y,X) uint32
        0 is background.
    maps : (K,Y,X) float32
        The mean, interpolated to the image's scale.
    """
    maps = resize_planes(mean_maps(oriented), shape)
    return labels_from_maps(maps, target, h, diameter), maps


def oriented_maps(
    network: Unet | NucleusNetwork | CellNetwork,
    planes: NDArray[np.float32],
    scale: float,
    orientations: int = 1,
    own: NDArray[np.float32] | None = None,
) -> list[NDArray[np.float32]]:
    """Return the maps (K,y,x) of planes (C,Y,X) at the model's scale, one for each orientation of the image.

    Parameters
    ----------
    network
        Trained; computes on the device it is on.
    planes : (C,Y,X) float32
        Normalised, at the image's scale.
    scale
        Model px per image px.
    orientations
        Number of flips and transposes of the image, 1 to 8.
    own : (K,y,x) float32, optional
        Maps of the image's own orientation, the first, from an earlier call at the same scale; they are not computed again.
    """
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    small = torch.from_numpy(resize_planes(planes, scaled_shape(shape, scale)))
    found, network = ([] if own is None else [own]), fold_norms(network)
    for flips in ORIENTATIONS[len(found) : orientations]:
        seen = np.ascontiguousarray(apply_flips(small, flips).numpy())
        maps = invert_flips(torch.from_numpy(check_finite(predict_maps_whole(network, seen))), flips)
        found.append(np.ascontiguousarray(maps.numpy()))
    return found


def mean_maps(maps: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the mean (K,y,x) of the maps of several orientations."""
    return np.asarray(np.mean(maps, axis=0, dtype=np.float32))


def cell_confidence(
    labels: NDArray[np.uint32],
    maps: Sequence[NDArray[np.float32]],
    h: float,
    diameter: float,
    nuclei: Nuclei | None = None,
) -> dict[int, float]:
    """Return how well the orientations of an image agree on each cell.

    Parameters
    ----------
    labels : (Y,X) uint32
        The cells, from all orientations together.
    maps
        Of `oriented_maps`.
    h, diameter
        As of `objects_from_maps`, at the image's scale.
    nuclei : (Y,X) integers, optional
        Label map of the nuclei that the cells started from.

    Returns
    -------
    dict
        Number of a cell -> mean IoU, over the orientations, with the cell that this orientation alone gives: 0..1.
    """
    shape = (int(maps[0].shape[1]), int(maps[0].shape[2]))
    small = resize_labels(labels, shape)
    seeds = None if nuclei is None else resize_every_label(nuclei, shape)
    factor = shape[0] / labels.shape[0]
    total = dict.fromkeys(np.unique(labels[labels > 0]).tolist(), 0.0)
    for one in maps:
        if seeds is None:
            cells = labels_from_maps(one, "cells", h, diameter * factor)
        else:
            cells = labels_from_seeded_maps(one, seeds, diameter * factor)
        match = match_labels(small, cells)
        best, _ = match.best()
        for number, iou in zip(match.true_ids.tolist(), best.tolist(), strict=True):
            total[number] += iou / len(maps)
    return total
