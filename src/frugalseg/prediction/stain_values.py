"""Values of a predicted stain: from a network's output to the scale of training and the stain's original units."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from frugalseg.images.normalize import IntensityScale
from frugalseg.networks.heads import ScaledSigmoid

#: Spread of a stain, in grey values, below which it was stored as fractions, and is written as such.
FEW_GREYS = 20.0


def learned_values(output: NDArray[np.float32], target_scale: IntensityScale) -> NDArray[np.float32]:
    """Return a network's output on the scale of training: itself, or the probability of a mask (paper A, eq. 1).

    Parameters
    ----------
    output
        Of any shape.
    target_scale
        How the grey values were scaled for training.

    Examples
    --------
    >>> mask = IntensityScale(how="mask", centre=(700.0,), spread=(1.0,))
    >>> learned_values(np.array([0.5, 3.5], np.float32), mask).tolist()
    [0.5, 0.952...]
    """
    if target_scale.how != "mask":
        return output
    probability: NDArray[np.float32] = ScaledSigmoid()(torch.from_numpy(output)).numpy()
    return probability


def stored_type(target_scale: IntensityScale) -> np.dtype[Any]:
    """Return the type a predicted stain is written in: uint16 where its grey values lie in it, or else float32.

    Neither may whole grey values be too coarse for the stain.
    """
    low, high = target_scale.undo(np.array([[[0, 1]]], np.float32))[0, 0].tolist()
    fits = target_scale.range[0] >= FEW_GREYS and low >= 0 and high <= np.iinfo(np.uint16).max
    return np.dtype(np.uint16 if fits else np.float32)


def in_original_units(stain: NDArray[np.float32], target_scale: IntensityScale) -> NDArray[Any]:
    """Return the grey values of a stain that was predicted on the scale of training; of a mask, the probability.

    Parameters
    ----------
    stain : (Y,X) float32
        Predicted, about 0..1.
    target_scale
        How the grey values were scaled for training.

    Returns
    -------
    (Y,X)
        In `stored_type`; uint16 is rounded and clipped to 0..65535.

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
