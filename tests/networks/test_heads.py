"""Heads: eq. 1 by value, and a mask logit that can be negative."""

import math

import pytest
import torch
from torch import nn

from frugalseg.errors import SettingsError
from frugalseg.networks.heads import DISTANCE, MASK, ObjectHead, ScaledSigmoid


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.5), (12.0, 0.3), (0.25, -2.0)])
def test_the_sigmoid_is_equation_1_with_a_slope(slope: float, shift: float) -> None:
    x = [-3.0, 0.0, 0.25, 0.5, 0.9, 1.0, 7.5]
    expected = [1 / (1 + math.exp(-slope * (value - shift))) for value in x]
    sigmoid = ScaledSigmoid(slope, shift)
    assert sigmoid(torch.tensor(x)).tolist() == pytest.approx(expected, abs=1e-6)
    assert torch.sigmoid(sigmoid.logits(torch.tensor(x))).tolist() == pytest.approx(expected, abs=1e-6)
    assert list(sigmoid.state_dict()) == []


def test_the_papers_sigmoid_is_the_default() -> None:
    """A stain of 0..1 spans 0.38..0.62 only."""
    assert ScaledSigmoid()(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0.3775, 0.6225], abs=1e-4)


@pytest.mark.parametrize(("slope", "shift"), [(0.0, 0.5), (-1.0, 0.5), (math.nan, 0.5), (1.0, math.inf)])
def test_an_impossible_sigmoid_is_refused(slope: float, shift: float) -> None:
    with pytest.raises(SettingsError, match="a slope above 0"):
        ScaledSigmoid(slope, shift)


def test_the_head_is_two_convolutions_and_nothing_behind_them() -> None:
    torch.manual_seed(0)
    head = ObjectHead(4, hidden=6)
    assert [(c.in_channels, c.out_channels) for c in head.modules() if isinstance(c, nn.Conv2d)] == [
        (4, 6),
        (6, 2),
    ]
    features = torch.randn(2, 4, 5, 7)
    expected = head.second(head.first(features).clamp(min=0))
    assert torch.equal(head(features), expected)
    with torch.no_grad():
        head.second.weight.zero_()
        head.second.bias.copy_(torch.tensor([3.0, -7.0]))
    maps = head(features)
    assert (maps[:, DISTANCE] == 3).all()
    assert (maps[:, MASK] == -7).all()


def test_a_head_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="needs channels"):
        ObjectHead(0)
