"""Batch norms that know an image: so that a network copes with other noise, contrast or cells than it was trained on."""

import copy
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def adapt_norms(network: NetworkT, planes: NDArray[np.float32], share: float) -> NetworkT:
    """Return a copy of a network whose batch norms have moved towards the statistics of an image.

    In the pass that measures them, each norm computes with the image's own statistics alone. So those of later layers are not
    exactly what they meet in the copy.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode; a network without batch norms is returned as it is.
    planes : (C,y,x) float32
        The image as the network sees it.
    share
        Of the image in each mean and variance, 0..1; the rest is that of training.

    Returns
    -------
    nn.Module
        In evaluation mode, on the same device.

    References
    ----------
    S. Schneider et al., Improving robustness against common corruptions by covariate shift adaptation, NeurIPS 2020, eq. 1;
    there the share depends on the number of images.

    Examples
    --------
    >>> network = nn.Sequential(nn.BatchNorm2d(1)).eval()
    >>> adapted = adapt_norms(network, np.full((1, 2, 2), 8, np.float32), 0.25)
    >>> network[0].running_mean.item(), adapted[0].running_mean.item(), adapted[0].running_var.item()
    (0.0, 2.0, 0.75)
    """
    if not any(isinstance(part, nn.BatchNorm2d) for part in network.modules()):
        return network
    adapted = copy.deepcopy(network)
    norms = [part for part in adapted.modules() if isinstance(part, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train().momentum = share
    device = next(adapted.parameters()).device
    with torch.no_grad():
        adapted(torch.from_numpy(planes[None]).to(device).contiguous(memory_format=torch.channels_last))
    for norm, momentum in zip(norms, usual, strict=True):
        norm.eval().momentum = momentum
    return adapted
