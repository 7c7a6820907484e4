"""The loss of learning from markers: claim the foreground, overlap with nobody (paper B, eq. 1)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class MarkerLoss(NamedTuple):
    """The three terms of eq. 1, as sums over pixels; `total` is what is minimised."""

    total: Tensor
    claimed: Tensor
    overlap: Tensor
    outside: Tensor


def marker_loss(
    logits: Tensor, index: Tensor, foreground: Tensor, overlap: float = 1.0, outside: float = 15.0
) -> MarkerLoss:
    r"""Loss of eq. 1 for the patches of one canvas.

    .. math:: L = -\sum_i y_i - \lambda \sum_{i \ne j} y_i \log(1 - y_j) + \beta \sum_i y_i (1 - M)

    with sums over all pixels and :math:`y_i = \sigma(logit_i)`, zero outside its patch.

    Parameters
    ----------
    logits : Tensor
        Logits (N,y,x), one patch per marker, in the canvas' orientation (flips undone).
    index : Tensor
        Flat canvas index (N,y,x) of every patch pixel, from `frugalseg.networks.patches.canvas_index`.
    foreground : Tensor
        The canvas' mask M (H,W), 1 where there are cells, 0 elsewhere; values between are allowed.
    overlap, outside : float
        The weights lambda and beta.

    Returns
    -------
    MarkerLoss
        The terms, each with its weight and sign, and their sum.

    Notes
    -----
    The double sum over pairs is linear work: at a pixel,
    :math:`\sum_{i \ne j} y_i l_j = (\sum_i y_i)(\sum_j l_j) - \sum_i y_i l_i` with
    :math:`l = \log(1 - y) = \log\sigma(-logit)`, which never clips.

    References
    ----------
    Din and Yu, "Unsupervised deep learning method for cell segmentation", eq. 1.

    Examples
    --------
    One patch, no rival, everything foreground: the loss is minus the claimed area.

    >>> from frugalseg.networks.patches import canvas_index
    >>> index = canvas_index(torch.tensor([[0, 0]]), 2, 2)
    >>> marker_loss(torch.zeros(1, 2, 2), index, torch.ones(2, 2)).total.item()
    -2.0
    """
    y = torch.sigmoid(logits)
    log_rest = F.logsigmoid(-logits)
    flat = index.reshape(-1)
    empty = logits.new_zeros(foreground.numel())
    sum_y = empty.index_add(0, flat, y.reshape(-1))
    sum_log = empty.index_add(0, flat, log_rest.reshape(-1))
    pairs = (sum_y * sum_log).sum() - (y * log_rest).sum()
    background = 1 - foreground.reshape(-1).to(logits.dtype)
    claimed_term = -y.sum()
    overlap_term = -overlap * pairs
    outside_term = outside * (sum_y * background).sum()
    return MarkerLoss(claimed_term + overlap_term + outside_term, claimed_term, overlap_term, outside_term)


def boundary_length(logits: Tensor, index: Tensor, boundary_cost: Tensor) -> Tensor:
    r"""Length of all cells' borders, px, where the image has no edge.

    .. math:: \sum_i \sum_{p \sim q} w_{pq} |y_i(p) - y_i(q)|

    over the four neighbours. Eq. 1 is satisfied by any partition that the network can tell from a patch, straight
    lines between nuclei among them; this term prefers those that follow what is visible. Ours, not the paper's.

    Parameters
    ----------
    logits : Tensor
        Logits (N,y,x).
    index : Tensor
        Flat canvas index (N,y,x).
    boundary_cost : Tensor
        Price w (2,H,W) of a border between a pixel and the next one down and right.

    Examples
    --------
    >>> from frugalseg.networks.patches import canvas_index
    >>> index = canvas_index(torch.tensor([[0, 0]]), 2, 2)
    >>> boundary_length(torch.tensor([[[99.0, -99.0], [99.0, -99.0]]]), index, torch.ones(2, 2, 2)).item()
    2.0
    """
    y = torch.sigmoid(logits)
    down, right = boundary_cost.flatten(1)
    vertical = ((y[:, 1:] - y[:, :-1]).abs() * down[index[:, :-1]]).sum()
    horizontal = ((y[:, :, 1:] - y[:, :, :-1]).abs() * right[index[:, :, :-1]]).sum()
    length: Tensor = vertical + horizontal
    return length
