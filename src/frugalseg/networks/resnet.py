"""ResNet-18 with the parameter names of torchvision."""

from torch import Tensor, nn
from torch.nn import functional as F

from frugalseg.networks.pyramid import Encoder


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        past = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)) + past, inplace=True)


class ResNet18(Encoder):
    """ResNet-18 without its classifier: 11 176 512 weights for RGB images.

    Parameters
    ----------
    in_channels : int
        Channels of the image.

    Notes
    -----
    Parameter names are torchvision's, so that the official ImageNet file fits.

    References
    ----------
    He et al., "Deep residual learning for image recognition", CVPR 2016, table 1.

    Examples
    --------
    >>> sum(p.numel() for p in ResNet18(3).parameters())
    11176512
    """

    widths = (64, 64, 128, 256, 512)
    strides = (2, 4, 8, 16, 32)
    first_convolution = "conv1.weight"

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_Block(64, 64, 1), _Block(64, 64, 1))
        self.layer2 = nn.Sequential(_Block(64, 128, 2), _Block(128, 128, 1))
        self.layer3 = nn.Sequential(_Block(128, 256, 2), _Block(256, 256, 1))
        self.layer4 = nn.Sequential(_Block(256, 512, 2), _Block(512, 512, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Levels of images (N,C,y,x), finest first."""
        levels = [F.relu(self.bn1(self.conv1(images)), inplace=True)]
        x = F.max_pool2d(levels[0], 3, stride=2, padding=1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            levels.append(x)
        return levels
