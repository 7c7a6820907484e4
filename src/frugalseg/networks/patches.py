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


def flip_window(
    window: tuple[slice, slice], shape: tuple[int, int], flips: Flips
) -> tuple[tuple[slice, slice], tuple[int, int]]:
    """Return where a window of an image (Y, X) lies in the flipped image, and the shape of that.

    Examples
    --------
    >>> flip_window((slice(0, 2), slice(1, 4)), (6, 9), (True, False, True))
    ((slice(5, 8, None), slice(0, 2, None)), (9, 6))
    """
    flip_x, flip_y, transpose = flips
    rows, columns = window
    rows = _mirrored(rows, shape[0]) if flip_y else rows
    columns = _mirrored(columns, shape[1]) if flip_x else columns
    if transpose:
        return (columns, rows), (shape[1], shape[0])
    return (rows, columns), shape


def unflip_window(window: tuple[slice, slice], shape: tuple[int, int], flips: Flips) -> tuple[slice, slice]:
    """Undo `flip_window`; the shape is that of the image itself.

    Examples
    --------
    >>> unflip_window((slice(5, 8), slice(0, 2)), (6, 9), (True, False, True))
    (slice(0, 2, None), slice(1, 4, None))
    """
    flip_x, flip_y, transpose = flips
    rows, columns = (window[1], window[0]) if transpose else window
    return (
        _mirrored(rows, shape[0]) if flip_y else rows,
        _mirrored(columns, shape[1]) if flip_x else columns,
    )


def _mirrored(span: slice, size: int) -> slice:
    """Return a span of an axis when the axis is flipped."""
    return slice(size - span.stop, size - span.start)


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
