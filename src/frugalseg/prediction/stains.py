"""The predicted stain of a whole field, in its original units."""

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.scale import IntensityScale, resize_planes, scaled_shape
from frugalseg.networks.objects import maps_of_field
from frugalseg.networks.unet import Unet


def predict_stain(network: Unet, planes: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Stain (Y,X) on the scale of training, 0..1, of a field.

    Parameters
    ----------
    network
        Trained; the device it is on computes.
    planes : (C,Y,X) float32
        z-scored, at the image's scale.
    scale
        Network px per image px.
    """
    shape = (int(planes.shape[1]), int(planes.shape[2]))
    small = resize_planes(planes, scaled_shape(shape, scale))
    stain: NDArray[np.float32] = resize_planes(maps_of_field(network, small), shape)[0]
    return stain


def in_original_units(stain: NDArray[np.float32], target_scale: IntensityScale) -> NDArray[np.uint16]:
    """Grey values (Y,X) uint16 of a stain on the scale 0..1; what lies outside of 0..65535 is clipped."""
    grey = target_scale.undo(stain[None])[0]
    whole: NDArray[np.uint16] = np.clip(np.rint(grey), 0, np.iinfo(np.uint16).max).astype(np.uint16)
    return whole
