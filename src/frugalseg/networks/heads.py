"""Heads of segmentation networks: a shifted sigmoid for nuclei, distance map and mask for cells."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from frugalseg.errors import SettingsError

#: Channels of `ObjectHead`'s output.
DISTANCE, MASK = 0, 1


class ScaledSigmoid(nn.Module):
    """Probability ``1 / (1 + exp(-slope * (x - shift)))`` from a stain predicted on the scale 0..1.

    Parameters
    ----------
    slope : float
        Steepness, above 0. 1 in the paper, where a stain of 0..1 spans probabilities of 0.38..0.62 only.
    shift : float
        Stain that has probability 0.5; 0.5 in the paper.

    Raises
    ------
    SettingsError
        If the slope is not above 0, or one of them is not finite.

    References
    ----------
    Paper A, eq. 1.

    Examples
    --------
    >>> ScaledSigmoid()(torch.tensor([0.0, 0.5, 1.0])).tolist()
    [0.377..., 0.5, 0.622...]
    """

    def __init__(self, slope: float = 1.0, shift: float = 0.5) -> None:
        super().__init__()
        if not (math.isfinite(slope) and math.isfinite(shift) and slope > 0):
            raise SettingsError(
                f"`slope` is {slope} and `shift` {shift}; give a slope above 0 and a finite shift"
            )
        self.slope, self.shift = slope, shift

    def logits(self, x: Tensor) -> Tensor:
        """Return the argument of the sigmoid, for losses that are computed from it without rounding."""
        return self.slope * (x - self.shift)

    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities of `x`, of the same shape."""
        return torch.sigmoid(self.logits(x))

    def extra_repr(self) -> str:
        """Return the settings, for `print`."""
        return f"slope={self.slope}, shift={self.shift}"


class ObjectHead(nn.Module):
    """Two convolutions from a network's features to a distance map and the logit of a cell mask.

    Parameters
    ----------
    features : int
        Channels F of the features.
    hidden : int, optional
        Channels between the convolutions; as many as features by default.

    Raises
    ------
    ValueError
        If there is no channel.

    Notes
    -----
    There is no activation behind the last convolution, so that the mask's logit can be negative.

    References
    ----------
    Paper A, cell instance segmentation: two outputs behind two added layers, for the loss of eq. 2.

    Examples
    --------
    >>> maps = ObjectHead(16)(torch.zeros(2, 16, 8, 9))
    >>> maps.shape, maps[:, DISTANCE].shape
    (torch.Size([2, 2, 8, 9]), torch.Size([2, 8, 9]))
    """

    def __init__(self, features: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = features if hidden is None else hidden
        if features < 1 or hidden < 1:
            raise ValueError(f"a head needs channels, not {features} and {hidden}")
        self.first = nn.Conv2d(features, hidden, 3, padding=1)
        self.second = nn.Conv2d(hidden, 2, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Return the maps (N,2,y,x) of features (N,F,y,x): distance, then mask logit."""
        maps: Tensor = self.second(F.relu(self.first(features)))
        return maps
