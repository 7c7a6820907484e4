"""DenseNet-121, the encoder of paper A, with the parameter names of torchvision."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frugalseg.networks.pyramid import Encoder

GROWTH, BOTTLENECK = 32, 128
LAYERS = (6, 12, 24, 16)


class _Layer(nn.Module):
    """Norm, ReLU and convolution, twice (1x1, 3x3); returns `GROWTH` new channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(BOTTLENECK)
        self.conv2 = nn.Conv2d(BOTTLENECK, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(F.relu(self.norm1(x), inplace=True))
        new: Tensor = self.conv2(F.relu(self.norm2(x), inplace=True))
        return new


class _Block(nn.Module):
    """Layers whose input is the block's input and the output of all layers before."""

    def __init__(self, inputs: int, layers: int) -> None:
        super().__init__()
        for i in range(layers):
            self.add_module(f"denselayer{i + 1}", _Layer(inputs + i * GROWTH))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class _Transition(nn.Module):
    """Returns the rectified features, and the next block's input: half the channels, half the sides."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        level = F.relu(self.norm(x), inplace=True)
        return level, F.avg_pool2d(self.conv(level), 2)


class DenseNet121(Encoder):
    """DenseNet-121 without its classifier: 6 953 856 weights for RGB images.

    Parameters
    ----------
    in_channels : int
        Channels of the image.

    Notes
    -----
    Parameter names are torchvision's, so that the official ImageNet file fits. A level is taken after norm and ReLU of
    the following transition, before that mixes channels and halves the sides.

    References
    ----------
    Huang et al., "Densely connected convolutional networks", CVPR 2017, table 1. Encoder of paper A.

    Examples
    --------
    >>> sum(p.numel() for p in DenseNet121(3).parameters())
    6953856
    """

    widths = (64, 256, 512, 1024, 1024)
    strides = (2, 4, 8, 16, 32)
    first_convolution = "features.conv0.weight"

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["conv0"] = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        parts["norm0"] = nn.BatchNorm2d(64)
        width = 64
        for number, layers in enumerate(LAYERS, start=1):
            parts[f"denseblock{number}"] = _Block(width, layers)
            width += layers * GROWTH
            if number < len(LAYERS):
                parts[f"transition{number}"] = _Transition(width)
                width //= 2
        parts["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.ModuleDict(parts)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the levels of images (N,C,y,x), finest first."""
        parts = self.features
        levels = [F.relu(parts["norm0"](parts["conv0"](images)), inplace=True)]
        x = F.max_pool2d(levels[0], 3, stride=2, padding=1)
        for number in range(1, len(LAYERS)):
            level, x = parts[f"transition{number}"](parts[f"denseblock{number}"](x))
            levels.append(level)
        x = parts["norm5"](parts[f"denseblock{len(LAYERS)}"](x))
        return [*levels, F.relu(x, inplace=True)]
