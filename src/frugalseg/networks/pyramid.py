"""What every encoder gives: one feature map per level, each coarser than the one before."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from frugalseg.errors import SettingsError


class Encoder(nn.Module):
    """From an image to its features at several resolutions; the U-Net's way down.

    Parameters
    ----------
    in_channels : int
        Channels of the image.

    Attributes
    ----------
    widths
        Channels of each level, finest first.
    strides
        Input pixels per feature pixel of each level: 2, 4, 8, ...
    decoder_widths
        Channels that a decoder for it has at strides 1, 2, 4, ..., up to half the encoder's last stride.
    first_convolution
        Name of the parameter that sees the image: the only one whose shape depends on `in_channels`.

    Raises
    ------
    SettingsError
        If `in_channels` is below 1.

    Notes
    -----
    An input (N,C,y,x) whose sides are multiples of the last stride gives levels (N,width,y/stride,x/stride). All
    normalisation is batch normalisation: what a pixel becomes in evaluation mode must not depend on how large the
    image around it is, or tiles would differ from the whole.
    """

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    decoder_widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    first_convolution: str

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        if in_channels < 1:
            raise SettingsError(f"a network needs at least one input channel, not {in_channels}; name one")
        self.in_channels = in_channels

    def forward(self, images: Tensor) -> list[Tensor]:
        """Levels of images (N,C,y,x), finest first."""
        raise NotImplementedError


class SameConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's "same" pads even sides: with stride 2, one pixel less at the top and left.

    Networks trained there, EfficientNet among them, look half a pixel aside with symmetric padding. Sides that the
    stride does not divide are refused, because TensorFlow's padding then depends on the image's size.

    Raises
    ------
    ValueError
        If the stride does not divide the input's sides.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
        total = kernel - stride
        self.sides: Sequence[int] = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N,C,y,x)."""
        stride = self.stride[0]
        if x.shape[-1] % stride or x.shape[-2] % stride:
            raise ValueError(f"sides {tuple(x.shape[-2:])} are no multiples of the stride {stride}")
        return super().forward(F.pad(x, self.sides) if any(self.sides) else x)
