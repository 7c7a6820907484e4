"""The interface of every encoder: an image in, one feature map per level out."""

from torch import Tensor, nn

from frugalseg.errors import SettingsError


class Encoder(nn.Module):
    """Contracting path of a U-Net: features of an image at several resolutions.

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
        Channels of the matching decoder at strides 1, 2, 4, ..., up to half the encoder's last stride.
    first_convolution
        Name of the parameter that is applied to the image: the only one whose shape depends on `in_channels`.

    Raises
    ------
    SettingsError
        If `in_channels` is below 1.

    Notes
    -----
    Levels of an input (N,C,y,x), whose sides are multiples of the last stride, are (N,width,y/stride,x/stride). All
    normalisation is batch normalisation: in evaluation mode the features of a pixel must not depend on the size of the
    image around it, or tiles would differ from the whole.
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
        """Return the levels of images (N,C,y,x), finest first."""
        raise NotImplementedError
