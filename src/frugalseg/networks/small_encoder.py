"""A compact encoder for training on a CPU."""

from torch import Tensor, nn
from torch.nn import functional as F

from frugalseg.networks.pyramid import Encoder

BLOCKS = (1, 1, 1, 2)
"""Residual blocks at strides 2, 4, 8 and 16."""


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.first_norm(self.first(x)), inplace=True)
        return F.relu(self.second_norm(self.second(inner)) + x, inplace=True)


class SmallEncoder(Encoder):
    """Plain residual network of 1.3 M weights, from half to a sixteenth of the image's resolution.

    Parameters
    ----------
    in_channels : int
        Channels of the image.

    Notes
    -----
    CPUs run plain 3x3 convolutions near their peak speed, and depthwise ones far below it. Sides are halved by kernels of
    even size, which unlike 3x3 kernels are centred on the pixels they stand for. The decoder has few channels at high
    resolution.

    Examples
    --------
    >>> round(sum(p.numel() for p in SmallEncoder(1).parameters()) / 1e6, 1)
    1.3
    """

    widths = (32, 64, 96, 160)
    strides = (2, 4, 8, 16)
    decoder_widths = (16, 16, 32, 64)
    first_convolution = "levels.0.0.weight"

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        levels = []
        for number, (width, blocks) in enumerate(zip(self.widths, BLOCKS, strict=True)):
            if number:
                halved = nn.Conv2d(self.widths[number - 1], width, 2, stride=2, bias=False)
            else:
                halved = nn.Conv2d(in_channels, width, 4, stride=2, padding=1, bias=False)
            parts = (
                halved,
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                *(_Block(width) for _ in range(blocks)),
            )
            levels.append(nn.Sequential(*parts))
        self.levels = nn.ModuleList(levels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the levels of images (N,C,y,x), finest first."""
        maps = [images]
        for level in self.levels:
            maps.append(level(maps[-1]))
        return maps[1:]
