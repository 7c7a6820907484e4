"""The marker network is the paper's network where that is asked for, and its options do what they say."""

import pytest
import torch
from torch import nn

from frugalseg.networks.marker_channel import gaussian_disk
from frugalseg.networks.marker_net import PAPER_WIDTHS, MarkerNetwork


def _zeroed(network: MarkerNetwork, bias: float = 0.0) -> MarkerNetwork:
    """Output layer that gives `bias` everywhere."""
    nn.init.zeros_(network.output.weight)
    nn.init.constant_(network.output.bias, bias)
    return network.eval()


def test_the_papers_network_layer_by_layer() -> None:
    network = MarkerNetwork(2)
    assert PAPER_WIDTHS == (32, 64, 128, 256, 256)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    channels = [(c.in_channels, c.out_channels) for c in convolutions if c.kernel_size == (3, 3)]
    encoder = [(2, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    encoder += [(256, 256), (256, 256)]
    decoder = [(512, 256), (256, 256), (384, 128), (128, 128), (192, 64), (64, 64), (96, 32), (32, 32)]
    assert channels == encoder + decoder
    assert [(c.in_channels, c.out_channels) for c in convolutions if c.kernel_size == (1, 1)] == [(32, 1)]
    norms = [m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms == [32, 64, 128, 256, 256, 256, 128, 64, 32]  # one per block
    assert 4.75e6 < sum(p.numel() for p in network.parameters()) < 4.95e6


def test_a_block_is_convolution_relu_convolution_relu_norm() -> None:
    block = MarkerNetwork(1, (4, 4)).encoder[0]
    x = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    expected = block.norm(block.second(block.first(x).relu()).relu())
    assert torch.equal(block(x.clone()), expected)


def test_pooling_takes_the_maximum_and_upsampling_the_nearest() -> None:
    """The level below sees each 2x2 block's maximum, and gives it back to all four pixels."""
    seen = {}
    network = MarkerNetwork(1, (3, 5)).eval()
    network.encoder[0].register_forward_hook(lambda _m, _i, out: seen.update(top=out.detach().clone()))
    network.encoder[1].register_forward_pre_hook(
        lambda _m, given: seen.update(down=given[0].detach().clone())
    )
    network.encoder[1].register_forward_hook(lambda _m, _i, out: seen.update(low=out.detach().clone()))
    network.decoder[0].register_forward_pre_hook(
        lambda _m, given: seen.update(joined=given[0].detach().clone())
    )
    network(torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    blocks = seen["top"].reshape(2, 3, 4, 2, 4, 2)
    assert torch.equal(seen["down"], blocks.amax(dim=(3, 5)))
    low = seen["low"].repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.equal(seen["joined"], torch.cat([low, seen["top"]], dim=1))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [16, 32])
def test_logits_have_the_patches_size(stride: int, side: int) -> None:
    network = _zeroed(MarkerNetwork(3, (4, 6, 8), stride), bias=-20.0)
    logits = network(torch.rand(5, 3, side, side))
    assert logits.shape == (5, side, side)
    assert (logits == -20).all()  # a logit, not a probability


def test_stride_two_loses_no_pixel() -> None:
    """Each input pixel reaches the network, and each output pixel has its own weights."""
    torch.manual_seed(0)
    network = MarkerNetwork(1, (8, 8), stride=2).eval()
    x = torch.rand(1, 1, 8, 8, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).all()
    _zeroed(network)
    with torch.no_grad():
        network.output.bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert torch.equal(network(x)[0], torch.tensor([[1.0, 2.0], [3.0, 4.0]]).repeat(4, 4))


def test_the_prior_marks_a_disk_around_the_marker_and_is_off_in_the_paper() -> None:
    patches = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    patches[:, -1] = gaussian_disk(64, 15.0)
    assert (_zeroed(MarkerNetwork(3, (4, 4)))(patches) == 0).all()
    logits = _zeroed(MarkerNetwork(3, (4, 4), prior=True))(patches)
    assert torch.equal(logits[0], logits[1])
    y, x = torch.meshgrid(torch.arange(64) - 32, torch.arange(64) - 32, indexing="ij")
    away = torch.hypot(y.float(), x.float())
    assert logits[0, 32, 32] == logits.max() > 0
    area = int((logits[0] > 0).sum())
    assert away[logits[0] > 0].max() < away[logits[0] <= 0].min() + 1e-6
    assert 200 < area < 1600  # of the order of one cell of 30 px, whatever the constants


@pytest.mark.parametrize(("inputs", "widths"), [(0, (4, 4)), (1, (4,))])
def test_impossible_networks_are_refused(inputs: int, widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="one input channel and two levels"):
        MarkerNetwork(inputs, widths)
