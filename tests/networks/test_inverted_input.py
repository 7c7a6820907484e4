"""A network with inverted input finds in an inverted image what it found in the image."""

from typing import get_args

import pytest
import torch

from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.inverted_input import invert_input
from frugalseg.networks.object_net import CellNetwork


@pytest.mark.parametrize("encoder", get_args(EncoderName))
def test_channels_that_are_inverted_are_inverted_back(encoder: EncoderName) -> None:
    torch.manual_seed(0)
    network, image = CellNetwork(encoder, 2).eval(), torch.randn(1, 2, 64, 64)
    signs = torch.tensor([1.0, -1.0])[None, :, None, None]
    with torch.inference_mode():
        before, other = network(image), network(signs * image)
    assert not torch.allclose(before, other, atol=1e-3)
    invert_input(network, [False, True])
    with torch.inference_mode():
        torch.testing.assert_close(network(signs * image), before)
        torch.testing.assert_close(network(image), other)
