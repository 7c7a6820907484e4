"""Encoders are the published networks: their shapes, their sizes, their parameter names."""

from functools import cache

import pytest
import torch

from frugalseg.errors import SettingsError
from frugalseg.networks.efficientnet_lite import SameConv2d
from frugalseg.networks.encoders import ENCODERS, EncoderName, make_encoder
from frugalseg.networks.pyramid import Encoder

# Published: torchvision's counts without classifier; lite0 from its file, without head and classifier.
PUBLISHED = {"densenet121": 6_953_856, "efficientnet_lite0": 2_958_848}

OFFICIAL_NAMES = {
    "densenet121": {
        "features.conv0.weight": (64, 3, 7, 7),
        "features.norm0.running_var": (64,),
        "features.denseblock1.denselayer1.norm1.weight": (64,),
        "features.denseblock1.denselayer6.conv2.weight": (32, 128, 3, 3),
        "features.transition1.norm.bias": (256,),
        "features.transition3.conv.weight": (512, 1024, 1, 1),
        "features.denseblock3.denselayer24.conv1.weight": (128, 992, 1, 1),
        "features.denseblock4.denselayer16.norm2.running_mean": (128,),
        "features.norm5.weight": (1024,),
    },
    "efficientnet_lite0": {
        "_conv_stem.weight": (32, 3, 3, 3),
        "_blocks.0._depthwise_conv.weight": (32, 1, 3, 3),
        "_blocks.3._depthwise_conv.weight": (144, 1, 5, 5),
        "_blocks.15._project_conv.weight": (320, 1152, 1, 1),
    },
}
TENSORS = {"densenet121": 725, "efficientnet_lite0": 288}


@cache
def made(name: EncoderName, channels: int) -> Encoder:
    """One network for several tests, because drawing its weights takes longer than all else; don't change it."""
    return make_encoder(name, channels).eval()


@pytest.mark.parametrize("name", PUBLISHED)
def test_as_many_weights_as_published(name: EncoderName) -> None:
    assert sum(p.numel() for p in made(name, 3).parameters()) == PUBLISHED[name]


def test_the_small_encoder_is_small() -> None:
    assert 1e6 < sum(p.numel() for p in make_encoder("small", 1).parameters()) < 2e6


@pytest.mark.parametrize("name", OFFICIAL_NAMES)
def test_parameters_are_named_as_in_the_official_files(name: EncoderName) -> None:
    shapes = {key: tuple(tensor.shape) for key, tensor in made(name, 3).state_dict().items()}
    assert {key: shapes.get(key) for key in OFFICIAL_NAMES[name]} == OFFICIAL_NAMES[name]
    assert len(shapes) == TENSORS[name]


@pytest.mark.parametrize(
    ("name", "widths", "strides"),
    [
        ("small", (32, 64, 96, 160), (2, 4, 8, 16)),
        ("efficientnet_lite0", (16, 24, 40, 112, 320), (2, 4, 8, 16, 32)),
        ("densenet121", (64, 256, 512, 1024, 1024), (2, 4, 8, 16, 32)),
    ],
)
def test_levels_have_the_known_shapes(
    name: EncoderName, widths: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    encoder = made(name, 5)
    assert (encoder.widths, encoder.strides) == (widths, strides)
    with torch.no_grad():
        levels = encoder(torch.randn(2, 5, 64, 96, generator=torch.Generator().manual_seed(0)))
    assert [tuple(level.shape) for level in levels] == [
        (2, width, 64 // stride, 96 // stride) for width, stride in zip(widths, strides, strict=True)
    ]
    assert all(bool(level.isfinite().all()) and level.std() > 0 for level in levels)


@pytest.mark.parametrize("name", ENCODERS)
def test_only_the_first_convolution_knows_the_channels(name: EncoderName) -> None:
    three, five = (made(name, channels).state_dict() for channels in (3, 5))
    differ = {key for key in three if three[key].shape != five[key].shape}
    assert differ == {made(name, 3).first_convolution}


def test_a_dense_layer_adds_its_channels_behind_what_it_saw() -> None:
    """Order matters to official weights: the block's input first, then each layer's 32 channels."""
    encoder = made("densenet121", 5)
    x = torch.randn(1, 64, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        out = encoder.features["denseblock1"](x.clone())
        first = encoder.features["denseblock1"].denselayer1
        new = first.conv2(first.norm2(first.conv1(first.norm1(x).relu())).relu())
    assert out.shape[1] == 64 + 6 * 32
    assert torch.equal(out[:, :64], x)
    assert torch.allclose(out[:, 64:96], new, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "before", "after"), [(3, 2, 0, 1), (5, 2, 1, 2), (5, 1, 2, 2)])
def test_same_padding_is_tensorflows(
    kernel: int, stride: int, before: int, after: int, training: bool
) -> None:
    """On even sides TensorFlow pads (kernel - stride) pixels, the odd one behind; in training and in use."""
    convolution = SameConv2d(2, 3, kernel, stride).train(training)
    x = torch.randn(1, 2, 8, 12, generator=torch.Generator().manual_seed(0))
    padded = torch.zeros(1, 2, 8 + before + after, 12 + before + after)
    padded[:, :, before : before + 8, before : before + 12] = x
    expected = torch.nn.functional.conv2d(padded, convolution.weight, stride=stride)
    assert torch.allclose(convolution(x), expected, atol=1e-6)
    assert convolution(x).shape[-2:] == (8 // stride, 12 // stride)


def test_same_padding_of_odd_sides_is_refused() -> None:
    with pytest.raises(ValueError, match="no multiples of the stride 2"):
        SameConv2d(1, 1, 3, stride=2)(torch.zeros(1, 1, 7, 8))


def test_an_unknown_encoder_and_no_channel_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"no encoder 'vgg16'.*small, efficientnet_lite0, densenet121"):
        make_encoder("vgg16", 1)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="at least one input channel, not 0"):
        make_encoder("small", 0)
