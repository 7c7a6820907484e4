"""Batch norms that know an image: what moves, how far, and what stays."""

import numpy as np
import pytest
import torch
from torch import nn

from frugalseg.networks.adapted_norms import adapt_norms
from frugalseg.networks.object_net import CellNetwork


def two_norms() -> nn.Sequential:
    """A network that doubles after its first norm; all norms begin with mean 0 and variance 1."""
    double = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(double.weight, 2.0)
    return nn.Sequential(nn.BatchNorm2d(1), double, nn.BatchNorm2d(1)).eval()


def test_means_and_variances_move_by_their_share() -> None:
    network, image = two_norms(), np.array([[[1, 3], [5, 7]]], np.float32)
    adapted = adapt_norms(network, image, 0.25)
    first, second = adapted[0], adapted[2]
    assert first.running_mean.item() == pytest.approx(0.25 * 4)
    assert first.running_var.item() == pytest.approx(0.75 + 0.25 * 20 / 3)
    # the first norm gives the second the image with mean 0 and variance 1 (of all pixels), doubled
    assert second.running_mean.item() == pytest.approx(0, abs=1e-6)
    assert second.running_var.item() == pytest.approx(0.75 + 0.25 * 4 * 4 / 3, rel=1e-4)
    assert (network[0].running_mean.item(), network[2].running_var.item()) == (0.0, 1.0)
    assert not adapted.training
    assert [one.momentum for one in (first, second)] == [0.1, 0.1]
    with torch.inference_mode():
        again = adapted(torch.from_numpy(image[None]))
    expected = ((image - 1) / np.sqrt(0.75 + 5 / 3) * 2) / np.sqrt(0.75 + 4 / 3)
    np.testing.assert_allclose(again[0].numpy(), expected, rtol=1e-4)


def test_a_network_that_knows_the_image_already_stays_as_it_is() -> None:
    torch.manual_seed(0)
    network, image = CellNetwork("small", 1).eval(), np.random.default_rng(0).normal(size=(1, 64, 96))
    image = image.astype(np.float32)
    for _ in range(400):  # its norms come to know the image and nothing else
        network = adapt_norms(network, image, 0.1)
    with torch.inference_mode():
        before = network(torch.from_numpy(image[None]))
        after = adapt_norms(network, image, 0.3)(torch.from_numpy(image[None]))
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_a_network_without_batch_norms_is_itself() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1))
    assert adapt_norms(network, np.zeros((1, 4, 4), np.float32), 0.3) is network
