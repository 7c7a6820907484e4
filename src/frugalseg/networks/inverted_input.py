"""Networks that see bright for dark: the weights of one that learned from the other contrast, before it learns on."""

from collections.abc import Sequence

import torch

from frugalseg.networks.object_net import CellNetwork


def invert_input(network: CellNetwork, channels: Sequence[bool]) -> None:
    """Change a network, in place, so that it finds in inverted grey values what it found in these.

    Parameters
    ----------
    network
        Its first convolutions, of the encoder and beside it, change their sign; all else stays.
    channels
        Of the image, whether each is inverted.

    Examples
    --------
    >>> network, image = CellNetwork("small", 1).eval(), torch.randn(1, 1, 32, 32)
    >>> before = network(image)
    >>> invert_input(network, [True])
    >>> torch.equal(network(-image), before)
    True
    """
    signs = torch.tensor([-1.0 if inverted else 1.0 for inverted in channels])
    unet = network.unet
    with torch.no_grad():
        for name in (f"encoder.{unet.encoder.first_convolution}", "stem.0.weight"):
            weight = unet.get_parameter(name)
            weight.mul_(signs.to(weight.device)[:, None, None])
