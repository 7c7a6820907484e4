"""Networks that find nuclei or cells in a whole image (paper A)."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from frugalseg.errors import BadModel
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.heads import ObjectHead, ScaledSigmoid
from frugalseg.networks.unet import Unet

Target = Literal["nuclei", "cells"]


class NucleusNetwork(nn.Module):
    """Stain model whose output is turned into the logit of a nucleus mask (paper A, eq. 1).

    Parameters
    ----------
    encoder, in_channels
        See `frugalseg.networks.unet.Unet`.
    slope, shift : float
        Of the sigmoid; 1 and 0.5 in the paper.

    Examples
    --------
    >>> NucleusNetwork("small", 1)(torch.zeros(1, 1, 32, 32)).shape
    torch.Size([1, 1, 32, 32])
    """

    def __init__(
        self, encoder: EncoderName, in_channels: int, slope: float = 1.0, shift: float = 0.5
    ) -> None:
        super().__init__()
        self.unet = Unet(encoder, in_channels, 1)
        self.activation = ScaledSigmoid(slope, shift)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N,1,y,x) of images (N,C,y,x)."""
        return self.activation.logits(self.unet(images))


class CellNetwork(nn.Module):
    """Stain model followed by two convolutions, for the distance map and the mask of cells (paper A, eq. 2).

    The input of the head is the stain and the features it was computed from; in the paper, the stain alone.

    Parameters
    ----------
    encoder, in_channels
        See `frugalseg.networks.unet.Unet`.

    Examples
    --------
    >>> CellNetwork("small", 1)(torch.zeros(1, 1, 32, 32)).shape
    torch.Size([1, 2, 32, 32])
    """

    def __init__(self, encoder: EncoderName, in_channels: int) -> None:
        super().__init__()
        self.unet = Unet(encoder, in_channels, 1)
        self.head = ObjectHead(self.unet.feature_width + 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return distance 0..1 and mask logit (N,2,y,x) of images (N,C,y,x)."""
        features = self.unet.features(images)
        maps: Tensor = self.head(torch.cat([features, self.unet.output(features)], dim=1))
        return maps


def object_network(
    target: Target, encoder: EncoderName, in_channels: int, slope: float = 1.0, shift: float = 0.5
) -> NucleusNetwork | CellNetwork:
    """Return an untrained network for nuclei or cells."""
    if target == "nuclei":
        return NucleusNetwork(encoder, in_channels, slope, shift)
    return CellNetwork(encoder, in_channels)


def predict_maps_whole(network: nn.Module, planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a network's maps (K,Y,X) of a whole image (C,Y,X), computed in one piece on the network's device."""
    device = next(network.parameters()).device
    with torch.inference_mode(), _full_float32():
        images = torch.from_numpy(planes[None]).to(device).contiguous(memory_format=torch.channels_last)
        maps: NDArray[np.float32] = network(images)[0].float().cpu().numpy()
    return maps


def check_finite(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a network's output, which is used as a result.

    Raises
    ------
    BadModel
        Not all values are finite numbers, though all weights are: nothing would be found, and nothing said.
    """
    if not np.isfinite(values).all():
        raise BadModel(
            "the network's output is not all finite numbers, so its weights are damaged or the image holds extreme values; "
            "train again, or copy the model folder anew"
        )
    return values


_LOCK = Lock()
_inside, _allowed = 0, True


@contextmanager
def _full_float32() -> Iterator[None]:
    """Switch off TF32, whose 10 bits would make tiles differ visibly from the image in one piece."""
    global _inside, _allowed
    with _LOCK:  # the switch is one for all threads: the first turns it off, the last back
        if _inside == 0:
            _allowed, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
        _inside += 1
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if _inside == 0:
                torch.backends.cudnn.allow_tf32 = _allowed
