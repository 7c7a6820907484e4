"""Loss of learning from markers: cover the foreground, without overlap (paper B, eq. 1)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class MarkerLoss(NamedTuple):
    """The three terms of eq. 1, as sums over pixels with their weights and signs; training minimises `total`."""

    total: Tensor
    coverage: Tensor
    overlap: Tensor
    background: Tensor


def marker_loss(
    logits: Tensor, index: Tensor, foreground: Tensor, overlap: float = 1.0, background: float = 15.0
) -> MarkerLoss:
    r"""Return the loss of eq. 1 for the patches of one canvas.

    .. math:: L = -\sum_i y_i - \lambda \sum_{i \ne j} y_i \log(1 - y_j) + \beta \sum_i y_i (1 - M)

    with sums over all pixels and :math:`y_i = \sigma(logit_i)`, zero outside its patch.

    Parameters
    ----------
    logits : Tensor
        Logits (N,y,x), one patch per marker, in the orientation of the canvas (flips inverted).
    index : Tensor
        Flat canvas index (N,y,x) of every patch pixel, from `frugalseg.networks.patches.canvas_index`.
    foreground : Tensor
        Mask M (H,W) of the canvas: 1 in cells, 0 elsewhere; values between are allowed.
    overlap, background : float
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
    One patch without neighbours, all of it foreground: the loss is minus the covered area.

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
    outside = 1 - foreground.reshape(-1).to(logits.dtype)
    coverage_term = -y.sum()
    overlap_term = -overlap * pairs
    background_term = background * (sum_y * outside).sum()
    return MarkerLoss(
        coverage_term + overlap_term + background_term, coverage_term, overlap_term, background_term
    )


def nuclei_loss(logits: Tensor, known: Tensor) -> Tensor:
    r"""Return the cross entropy of pixels whose cell is known, summed.

    .. math:: -\sum_i \Big( \sum_{p \in N_i} \log y_i(p) + \sum_{j \ne i} \sum_{p \in N_j} \log(1 - y_i(p)) \Big)

    with :math:`N_i` the nucleus of marker i: it belongs to cell i and to no other. Eq. 1 knows points only; where
    :math:`y_j = 1` in :math:`N_j`, the second sum is its overlap term there. It is not in the paper.

    Parameters
    ----------
    logits : Tensor
        Logits (N,y,x).
    known : Tensor
        (N,y,x): 1 in the nucleus of the patch's marker, -1 in other nuclei, 0 elsewhere.

    Examples
    --------
    >>> round(nuclei_loss(torch.zeros(1, 1, 3), torch.tensor([[[1, 0, -1]]])).item(), 3)
    1.386
    """
    sign = known.to(logits.dtype)
    loss: Tensor = -(sign.abs() * F.logsigmoid(sign * logits)).sum()
    return loss


def boundary_length(logits: Tensor, index: Tensor, boundary_cost: Tensor) -> Tensor:
    r"""Return the length of all cell boundaries where the image has no edge, px.

    .. math:: \sum_i \sum_{p \sim q} w_{pq} |y_i(p) - y_i(q)|

    over the four neighbours. Many partitions minimise eq. 1, straight lines between nuclei among them; this term prefers
    those that follow visible edges. It is not in the paper.

    Parameters
    ----------
    logits : Tensor
        Logits (N,y,x).
    index : Tensor
        Flat canvas index (N,y,x).
    boundary_cost : Tensor
        Cost w (2,H,W) of a boundary between a pixel and the next one down and right.

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
