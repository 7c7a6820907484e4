"""A network whose batch norms are folded into its convolutions computes the same."""

import pytest
import torch
from torch import nn

from frugalseg.networks.encoders import ENCODERS, EncoderName
from frugalseg.networks.folding import fold_norms
from frugalseg.networks.object_net import CellNetwork


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def trained_like(encoder: EncoderName) -> CellNetwork:
    """A network whose norms all do something, in evaluation mode."""
    torch.manual_seed(0)
    network = CellNetwork(encoder, 2).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    with torch.no_grad():
        network(noise(2, 2, 96, 96).double())
    return network.eval()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_maps_are_the_same_and_the_network_is_unchanged(encoder: EncoderName) -> None:
    network, images = trained_like(encoder), noise(1, 2, 96, 128, seed=1).double()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = fold_norms(network)
    with torch.no_grad():
        expected, maps = network(images), folded(images)
    assert float(expected.std()) > 0.01
    torch.testing.assert_close(maps, expected, rtol=1e-9, atol=1e-9)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    left = sum(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    # DenseNet has norms before convolutions: in each of its 58 layers, in 3 transitions, and at the end
    assert left == (62 if encoder == "densenet121" else 0)


def test_without_norms_the_network_is_used_as_it_is() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1))
    assert fold_norms(network) is network


def test_the_copy_lies_channels_last_in_memory_and_the_network_as_before() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    folded = fold_norms(network)
    assert network[0].weight.stride() == (27, 9, 3, 1)
    assert folded[0].weight.stride() == (27, 1, 9, 3)
