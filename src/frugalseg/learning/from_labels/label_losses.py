"""Losses of learning from labels; pixels that are not annotated enter none of them."""

import torch
from torch import Tensor
from torch.nn import functional as F


def jaccard_loss(logits: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
    """Return one minus the soft intersection over union of a batch (paper A, nuclei).

    Parameters
    ----------
    logits, mask, valid : Tensor
        (N,1,y,x); mask and valid hold 0 and 1.

    Examples
    --------
    >>> mask = torch.tensor([[[[1.0, 0.0]]]])
    >>> round(float(jaccard_loss(torch.zeros(1, 1, 1, 2), mask, torch.ones(1, 1, 1, 2))), 4)  # 0.5 / 1.5
    0.6667
    """
    probability = torch.sigmoid(logits) * valid
    mask = mask * valid
    intersection = (probability * mask).sum()
    union = probability.sum() + mask.sum() - intersection
    return 1 - intersection / union.clamp(min=1e-6)


def distance_error(distance: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Return the mean squared error of the distance map (paper A, eq. 2, first term)."""
    return ((distance - target).square() * valid).sum() / valid.sum().clamp(min=1)


def mask_error(logits: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
    """Return the binary cross entropy of the cell mask (paper A, eq. 2, second term, without its weight)."""
    errors = F.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    return (errors * valid).sum() / valid.sum().clamp(min=1)
