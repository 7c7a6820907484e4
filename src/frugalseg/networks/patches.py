"""Input of the marker network: patches around markers, with the marker channel, flipped or not."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Flip x, flip y, transpose; done in this order.
Flips = tuple[bool, bool, bool]


def every_flip() -> list[Flips]:
    """Return all eight orientations, the image's own first."""
    both = (False, True)
    return [(x, y, transpose) for transpose in both for y in both for x in both]


def apply_flips(patches: Tensor, flips: Flips) -> Tensor:
    """Flip and transpose the last two axes."""
    flip_x, flip_y, transpose = flips
    if flip_x:
        patches = patches.flip(-1)
    if flip_y:
        patches = patches.flip(-2)
    return patches.transpose(-1, -2) if transpose else patches


def invert_flips(patches: Tensor, flips: Flips) -> Tensor:
    """Undo `apply_flips`.

    Examples
    --------
    >>> x = torch.arange(6).reshape(2, 3)
    >>> all(bool((invert_flips(apply_flips(x, flips), flips) == x).all()) for flips in every_flip())
    True
    """
    flip_x, flip_y, transpose = flips
    if transpose:
        patches = patches.transpose(-1, -2)
    if flip_y:
        patches = patches.flip(-2)
    return patches.flip(-1) if flip_x else patches


def pad_planes(planes: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Pad planes (C,Y,X) by half a patch, mirrored, so that every marker has a whole patch.

    Smaller images are mirrored repeatedly.
    """
    half = side // 2
    return np.pad(planes, ((0, 0), (half, half), (half, half)), mode="symmetric")


def canvas_index(corners: Tensor, side: int, width: int) -> Tensor:
    """Return the flat canvas index (N,y,x) of every pixel of N patches.

    Parameters
    ----------
    corners : Tensor
        Upper left corner (N,2) of each patch on the canvas, in px (y, x).
    side : int
        Side of a patch in px.
    width : int
        Width of the canvas in px; all patches must lie on it.

    Examples
    --------
    >>> canvas_index(torch.tensor([[1, 2]]), 2, 10).tolist()
    [[[12, 13], [22, 23]]]
    """
    steps = torch.arange(side, device=corners.device)
    rows = corners[:, 0, None] + steps
    columns = corners[:, 1, None] + steps
    return rows[:, :, None] * width + columns[:, None, :]


def cut_patches(padded: Tensor, corners: NDArray[np.int64], channel: Tensor) -> Tensor:
    """Return patches (N,C+1,y,x): the planes, then the marker channel.

    Parameters
    ----------
    padded : Tensor
        Planes (C,Y,X) padded by half a patch, so that a marker's pixel is also its patch's corner.
    corners : (N,2) int64
        Upper left corner (y, x) of each patch in the padded planes.
    channel : Tensor
        Marker channel (N,1,y,x), from `frugalseg.networks.marker_channel.MarkerChannels`.
    """
    index = canvas_index(torch.from_numpy(corners), channel.shape[-1], padded.shape[-1])
    values = padded.flatten(1)[:, index].transpose(0, 1)
    return torch.cat([values, channel], dim=1)
