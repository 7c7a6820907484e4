"""The predicted stain of a whole field, in its original units."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.normalize import IntensityScale
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.networks.object_net import predict_maps_whole
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
    stain: NDArray[np.float32] = resize_planes(predict_maps_whole(network, small), shape)[0]
    return stain


#: Stains of a smaller spread than this, in grey values, were stored as fractions, and are written so.
FEW_GREYS = 20.0


def stored_type(target_scale: IntensityScale) -> np.dtype[Any]:
    """Type that a predicted stain is written in: uint16, or float32 where whole grey values would be too coarse."""
    return np.dtype(np.uint16 if target_scale.spread[0] >= FEW_GREYS else np.float32)


def in_original_units(stain: NDArray[np.float32], target_scale: IntensityScale) -> NDArray[Any]:
    """Grey values (Y,X) of a stain on the scale 0..1, in `stored_type`; uint16 is clipped to 0..65535.

    Examples
    --------
    >>> fractions = IntensityScale(how="percentile", centre=(0.1,), spread=(0.5,))
    >>> in_original_units(np.array([[0.0, 1.0]], np.float32), fractions).round(3).tolist()
    [[0.1..., 0.6...]]
    """
    grey: NDArray[np.float32] = target_scale.undo(stain[None])[0]
    dtype = stored_type(target_scale)
    if dtype.kind == "f":
        return grey
    return np.asarray(np.clip(np.rint(grey), 0, np.iinfo(np.uint16).max)).astype(dtype, copy=False)
