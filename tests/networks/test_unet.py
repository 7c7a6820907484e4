"""The U-Net takes any size, learns in all its weights, and sees in a tile what it sees in the whole image."""

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from frugalseg.networks import unet
from frugalseg.networks.encoders import ENCODERS, EncoderName
from frugalseg.networks.unet import Unet, convolve_upsampled, pad_to_multiple

REACH = 138


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@cache
def trained_like(encoder: EncoderName, channels: int = 2, outputs: int = 3) -> Unet:
    """A network whose running statistics are those of its features, in evaluation mode; don't change it."""
    torch.manual_seed(0)
    network = Unet(encoder, channels, outputs)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network(noise(2, channels, 96, 96))
    return network.eval()


@pytest.fixture(scope="module")
def small() -> Unet:
    return trained_like("small")


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 5), (16, 16), (33, 47), (64, 96)])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_any_size(encoder: EncoderName, size: tuple[int, int]) -> None:
    network = trained_like(encoder)
    with torch.no_grad():
        maps = network(noise(2, 2, *size))
        assert network.features(noise(1, 2, *size)).shape == (1, network.feature_width, *size)
    assert maps.shape == (2, 3, *size)
    assert bool(maps.isfinite().all())


def test_padding_mirrors_at_the_bottom_and_right_only() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    padded = pad_to_multiple(x, 5)
    assert padded[0, 0].tolist() == [
        [0, 1, 2, 3, 2],
        [4, 5, 6, 7, 6],
        [8, 9, 10, 11, 10],
        [4, 5, 6, 7, 6],
        [0, 1, 2, 3, 2],
    ]
    assert pad_to_multiple(x, 2)[0, 0, 3].tolist() == [4, 5, 6, 7]
    assert pad_to_multiple(x, 1) is x
    # Fewer pixels than are missing: the border goes on.
    assert pad_to_multiple(x, 8)[0, 0, :, 0].tolist() == [0, 4, 8, 8, 8, 8, 8, 8]
    assert pad_to_multiple(x, 8)[0, 0, 0].tolist() == [0, 1, 2, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_weight_gets_a_gradient(encoder: EncoderName) -> None:
    torch.manual_seed(0)
    network = Unet(encoder, 2, 2)
    network(noise(2, 2, 50, 50)).square().mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert silent == []


@pytest.mark.parametrize("encoder", ENCODERS)
def test_evaluation_is_deterministic_and_knows_no_neighbours_in_the_batch(encoder: EncoderName) -> None:
    network = trained_like(encoder)
    images = noise(2, 2, 64, 64, seed=1)
    with torch.no_grad():
        maps = network(images)
        assert torch.equal(network(images), maps)
        assert torch.allclose(network(images[1:]), maps[1:], atol=1e-4)
    assert maps.std() > 1e-3


@pytest.mark.parametrize("size", [(384, 304), (379, 295)])
def test_a_tile_has_the_maps_of_the_whole_image(small: Unet, size: tuple[int, int]) -> None:
    """Cut at multiples of the stride, and away from the cuts."""
    image = noise(1, 2, *size, seed=2)
    top, left, bottom = 4 * small.stride, 6 * small.stride, 21 * small.stride
    with torch.no_grad():
        whole = small(image)
        tile = small(image[..., top:, left:])
        upper = small(image[..., :bottom, :])
    assert whole.std() > 0.05
    inside = (..., slice(REACH, None), slice(REACH, None))
    assert (whole[..., top:, left:][inside] - tile[inside]).abs().max() < 1e-4
    assert (whole[..., : bottom - REACH, :] - upper[..., : bottom - REACH, :]).abs().max() < 1e-4
    # At the cut itself they differ, and so do tiles on another grid: the test can fail.
    assert (whole[..., top:, left:] - tile)[..., :16, :16].abs().max() > 1e-2
    with torch.no_grad():
        off_grid = small(image[..., top - 1 :, left:])
    assert (whole[..., top - 1 :, left:][inside] - off_grid[inside]).abs().max() > 1e-2


def test_the_maps_reach_as_far_as_documented() -> None:
    """With positive weights no path from input to output cancels another."""
    network = Unet("small", 1, 1).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    rows = torch.arange(160, 176)  # one for each position on the coarsest grid
    images = torch.ones(16, 1, 336, 16, requires_grad=True)
    network(images)[torch.arange(16), 0, rows, 8].sum().backward()
    assert images.grad is not None
    seen = [gradient.sum(dim=1).nonzero().ravel() for gradient in images.grad[:, 0]]
    reach = max(max(int(row - s.min()), int(s.max() - row)) for row, s in zip(rows, seen, strict=True))
    assert reach == REACH
    assert f"{REACH} px" in (Unet.__doc__ or "")


def test_single_pixels_are_kept_apart() -> None:
    """Full resolution reaches the output: neighbouring pixels can be told apart within a 2x2 block."""
    network = trained_like("densenet121")
    image = noise(1, 2, 32, 32, seed=3).requires_grad_()
    for row, column in ((14, 14), (14, 15), (15, 14)):
        image.grad = None
        network.features(image)[0, :, row, column].sum().backward()
        assert image.grad is not None
        assert image.grad[0, 0, row, column] != 0
    with torch.no_grad():
        features = network.features(image)[0]
    blocks = features.reshape(-1, 16, 2, 16, 2)
    assert (blocks[:, :, 0, :, 0] - blocks[:, :, 1, :, 1]).abs().mean() > 0.05


def test_no_output_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one output"):
        Unet("small", 1, 0)


def test_upsampled_maps_are_convolved_without_upsampling_them() -> None:
    x, weight = noise(2, 3, 5, 4), noise(6, 3, 3, 3, seed=1)
    expected = nn.functional.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), weight, padding=1)
    torch.testing.assert_close(convolve_upsampled(x, weight), expected, rtol=0, atol=1e-5)


def test_few_and_many_pixels_give_the_same_maps_and_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for pixels in (1, 10**9):
        monkeypatch.setattr(unet, "MANY_PIXELS", pixels)
        torch.manual_seed(0)
        network = Unet("small", 2, 2).double()
        maps = network(noise(2, 2, 64, 48).double())
        maps.square().mean().backward()
        found.append([maps.detach(), *(p.grad for p in network.parameters())])
    for many, few in zip(*found, strict=True):
        torch.testing.assert_close(many, few, rtol=1e-8, atol=1e-12)
