"""Nuclei or cells of a whole field, by a network that learned from labels."""

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.networks.object_net import CellNetwork, NucleusNetwork, Target, predict_maps_whole


def predict_objects(
    network: NucleusNetwork | CellNetwork,
    planes: NDArray[np.float32],
    target: Target,
    scale: float,
    h: float = 20.0,
    diameter: float | None = None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Labels and maps of one field at its own scale.

    Parameters
    ----------
    network
        Trained; the device it is on computes.
    planes : (C,Y,X) float32
        z-scored, at the image's scale.
    target
        What the network finds.
    scale
        Network px per image px.
    h
        Of `frugalseg.instances.map_labels.labels_from_maps`, per cent.
    diameter
        Of a typical object, px of the image; see there.

    Returns
    -------
    labels : (Y,X) uint32
    maps : (K,Y,X) float32
        As of the network, interpolated.
    """
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    small = predict_maps_whole(network, resize_planes(planes, scaled_shape(shape, scale)))
    maps = resize_planes(small, shape)
    return labels_from_maps(maps, target, h, diameter), maps
