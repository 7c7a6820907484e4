"""Predict a stain, or nuclei or cells, over a whole image in one piece."""

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, Target, predict_maps_whole
from frugalseg.networks.unet import Unet


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
    stain: NDArray[np.float32] = _maps_at_image_scale(network, planes, scale)[0]
    return stain


def predict_objects(
    network: NucleusNetwork | CellNetwork,
    planes: NDArray[np.float32],
    target: Target,
    scale: float,
    h: float = 20.0,
    diameter: float | None = None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Predict the nuclei or cells of an image.

    Parameters
    ----------
    network
        Trained; computes on the device it is on.
    planes : (C,Y,X) float32
        z-scored, at the image's scale.
    target
        What the network finds.
    scale
        Model px per image px.
    h
        Least height of a maximum, per cent; see `frugalseg.instances.map_labels.labels_from_maps`.
    diameter
        Diameter of a typical object, px of the image; see there.

    Returns
    -------
    labels : (Y,X) uint32
        0 is background.
    maps : (K,Y,X) float32
        The network's output, interpolated to the image's scale.
    """
    maps = _maps_at_image_scale(network, planes, scale)
    return labels_from_maps(maps, target, h, diameter), maps


def _maps_at_image_scale(
    network: Unet | NucleusNetwork | CellNetwork, planes: NDArray[np.float32], scale: float
) -> NDArray[np.float32]:
    """Return the maps (K,Y,X) of planes (C,Y,X), computed at the model's scale."""
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    small = resize_planes(planes, scaled_shape(shape, scale))
    return resize_planes(predict_maps_whole(network, small), shape)
