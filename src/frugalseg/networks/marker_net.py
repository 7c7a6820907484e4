"""The marker network: a small U-Net that segments, inside a patch, the cell at the patch's centre (paper B)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PAPER_WIDTHS = (32, 64, 128, 256, 256)
"""Channels per level in paper B, Fig. S1."""


class _Block(nn.Module):
    """Two 3x3 convolutions with ReLU, followed by a batch norm (paper B, Fig. S1)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x), inplace=True)
        x = F.relu(self.second(x), inplace=True)
        normed: Tensor = self.norm(x)
        return normed


class MarkerNetwork(nn.Module):
    """U-Net from a patch to the logit that a pixel belongs to the cell at the centre.

    Parameters
    ----------
    inputs : int
        Channels of a patch: the image's, then the marker channel (`frugalseg.networks.marker_channel`).
    widths : sequence of int
        Channels per level, finest first. The paper's are `PAPER_WIDTHS`; the decoder mirrors them.
    stride : {1, 2}
        2: fold each 2x2 pixels into channels before the first level and unfold the output, which keeps every pixel and
        leaves out the most expensive level. 1 in the paper.
    prior : bool
        Add the marker channel to the logit, so that an untrained network segments the centre and training starts from a
        sensible partition. False in the paper.

    Raises
    ------
    ValueError
        If `inputs` is below 1 or there are fewer than two levels.

    Notes
    -----
    Max-pooling in the encoder, nearest upsampling in the decoder, 1x1 output. The output is a logit, not a
    probability: the loss needs ``log(1 - y)``, which only the logit gives without clipping.

    References
    ----------
    Din and Yu, "Unsupervised deep learning method for cell segmentation", Fig. S1.

    Examples
    --------
    >>> sum(p.numel() for p in MarkerNetwork(2, PAPER_WIDTHS).parameters()) // 100_000  # the paper: about 4.9 M
    48
    >>> MarkerNetwork(2, (4, 8, 8), stride=2)(torch.zeros(3, 2, 64, 64)).shape
    torch.Size([3, 64, 64])
    """

    #: Logit of the prior is ``PRIOR[0] * marker channel - PRIOR[1]``: 2.5 at the marker, 0 at 0.87 sigma.
    PRIOR = (8.0, 5.5)

    def __init__(
        self, inputs: int, widths: Sequence[int] = PAPER_WIDTHS, stride: int = 1, prior: bool = False
    ) -> None:
        super().__init__()
        if inputs < 1 or len(widths) < 2:
            raise ValueError(
                f"a marker network needs one input channel and two levels, not {inputs} and {widths}"
            )
        self.stride = stride
        self.prior = prior
        before = [inputs * stride**2, *widths[:-1]]
        self.encoder = nn.ModuleList(_Block(a, b) for a, b in zip(before, widths, strict=True))
        skips = list(reversed(widths[:-1]))
        below = [widths[-1], *skips[:-1]]
        self.decoder = nn.ModuleList(_Block(a + s, s) for a, s in zip(below, skips, strict=True))
        self.output = nn.Conv2d(widths[0], stride**2, 1)

    def forward(self, patches: Tensor) -> Tensor:
        """Return the logits (N,y,x) of patches (N,C,y,x)."""
        skips: list[Tensor] = []
        x = F.pixel_unshuffle(patches, self.stride) if self.stride > 1 else patches
        for level, block in enumerate(self.encoder):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for block in self.decoder:
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skips.pop()], dim=1))
        logits: Tensor = self.output(x)
        logits = F.pixel_shuffle(logits, self.stride) if self.stride > 1 else logits
        scale, shift = self.PRIOR
        return logits[:, 0] + (scale * patches[:, -1] - shift) if self.prior else logits[:, 0]
