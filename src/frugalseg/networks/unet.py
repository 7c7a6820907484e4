"""U-Net with an exchangeable encoder: images of any number of channels to maps of the same size."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frugalseg.networks.encoders import EncoderName, make_encoder

#: From so many pixels of a batch on, `convolve_upsampled` makes up on CPUs for rearranging the weights.
MANY_PIXELS = 1000


def pad_to_multiple(images: Tensor, multiple: int) -> Tensor:
    """Pad images (N,C,y,x) at the bottom and right until both sides are multiples of a number.

    Pixels are mirrored without repeating the border; where fewer are there than needed, the border is repeated. The
    origin stays, so that a tile cut at a multiple of the number has the same grid as the whole image.

    Examples
    --------
    >>> pad_to_multiple(torch.arange(5.0).reshape(1, 1, 1, 5), 4).tolist()[0][0][0]
    [0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0]
    """
    for axis in (-1, -2):
        missing = -images.shape[axis] % multiple
        if missing:
            mode = "reflect" if missing < images.shape[axis] else "replicate"
            images = F.pad(images, (0, missing, 0, 0) if axis == -1 else (0, 0, 0, missing), mode=mode)
    return images


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    """Return 3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def convolve_upsampled(x: Tensor, weight: Tensor) -> Tensor:
    """Return what a 3x3 convolution with zero padding gives for maps upsampled by 2 (nearest), without upsampling them.

    Up to four of its nine weights meet copies of one and the same pixel, and are added beforehand: a transposed convolution
    of 4x4 weights with stride 2, and four multiplications per pixel in place of nine.

    Parameters
    ----------
    x : Tensor
        Maps (N,C,y,x).
    weight : Tensor
        (K,C,3,3), as of `torch.nn.functional.conv2d`.

    Returns
    -------
    Tensor
        (N,K,2y,2x), equal but for rounding.

    Examples
    --------
    >>> x = torch.tensor([[[[1.0, 2.0]]]])
    >>> convolve_upsampled(x, torch.ones(1, 1, 3, 3)).tolist()
    [[[[4.0, 8.0, 10.0, 8.0], [4.0, 8.0, 10.0, 8.0]]]]
    """
    flipped = weight.flip(-2, -1).transpose(0, 1)
    sums = sum(F.pad(flipped, (right, 1 - right, low, 1 - low)) for low in (0, 1) for right in (0, 1))
    assert isinstance(sums, Tensor)
    return F.conv_transpose2d(x, sums.contiguous(), stride=2, padding=1)


class _Up(nn.Module):
    """Upsample by 2 (nearest), concatenate the encoder's level, two convolutions."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.first = _convolution(inputs + skip, outputs)
        self.second = _convolution(outputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        convolution, *rest = self.first
        assert isinstance(convolution, nn.Conv2d)
        if x.device.type == "cpu" and x[:, 0].numel() >= MANY_PIXELS:
            weight, n = convolution.weight, x.shape[1]
            own = F.conv2d(skip, weight[:, n:], convolution.bias, padding=1)
            x = convolve_upsampled(x, weight[:, :n]) + own
        else:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = convolution(torch.cat([x, skip], dim=1))
        for step in rest:
            x = step(x)
        out: Tensor = self.second(x)
        return out


class Unet(nn.Module):
    """U-Net from images (N,C,y,x) of any size to maps (N,K,y,x) without activation.

    Parameters
    ----------
    encoder : {"small", "efficientnet_lite0", "densenet121"}
        Contracting path; see `make_encoder`.
    in_channels : int
        Channels C of the images; z-scored, mean 0 and standard deviation 1 per image and channel.
    out_channels : int
        Number of maps K.

    Attributes
    ----------
    stride
        Largest stride: 16 px ("small") or 32 px.
    feature_width
        Channels F of `features`.

    Raises
    ------
    SettingsError
        There is no such encoder, or no input channel.
    ValueError
        If `out_channels` is below 1.

    Notes
    -----
    All encoders start at half resolution; a convolution at full resolution beside them keeps the borders of cells sharp.
    Images are padded at the bottom and right only (`pad_to_multiple`) and the maps cropped back. So, in evaluation mode,
    the maps of a tile cut at multiples of `stride` are those of the whole image, except near its border. With the encoder
    "small", the maps at a pixel depend on no pixel more than 138 px away.

    References
    ----------
    Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015; with the
    encoder "densenet121" the network of paper A.

    Examples
    --------
    >>> Unet("small", in_channels=2, out_channels=1)(torch.zeros(3, 2, 50, 71)).shape
    torch.Size([3, 1, 50, 71])
    """

    def __init__(self, encoder: EncoderName, in_channels: int, out_channels: int) -> None:
        super().__init__()
        if out_channels < 1:
            raise ValueError(f"a network needs at least one output, not {out_channels}")
        self.encoder_name = encoder
        self.encoder = make_encoder(encoder, in_channels)
        self.stride = self.encoder.strides[-1]
        outputs = self.encoder.decoder_widths
        self.feature_width = outputs[0]
        self.stem = _convolution(in_channels, self.feature_width)
        skips = (self.feature_width, *self.encoder.widths)
        inputs = (*outputs[1:], skips[-1])
        ups = [_Up(*shape) for shape in zip(inputs, skips[:-1], outputs, strict=True)]
        self.decoder = nn.ModuleList(reversed(ups))
        self.output = nn.Conv2d(self.feature_width, out_channels, 1)

    def features(self, images: Tensor) -> Tensor:
        """Return the last features (N,F,y,x) of the decoder, to put another head on."""
        whole = pad_to_multiple(images, self.stride)
        levels: list[Tensor] = [self.stem(whole), *self.encoder(whole)]
        x = levels.pop()
        for up in self.decoder:
            x = up(x, levels.pop())
        return x[..., : images.shape[-2], : images.shape[-1]]

    def forward(self, images: Tensor) -> Tensor:
        """Return the maps (N,K,y,x) of images (N,C,y,x)."""
        maps: Tensor = self.output(self.features(images))
        return maps
