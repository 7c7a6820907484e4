"""An image is seen by a network whose batch norms are folded once; the norms are kept, to be adapted."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.models.square_cells import student_of
from torch import nn

from frugalseg.models.object_model import ObjectModel
from frugalseg.models.seen_image import SeenImage, see_image
from frugalseg.networks import folding
from frugalseg.networks.object_net import CellNetwork

IMAGE: NDArray[np.float32] = np.random.default_rng(0).normal(size=(96, 128)).astype(np.float32)


def model(usual: float) -> ObjectModel:
    """A student with random weights, which is less sure of all cells than `usual`."""
    torch.manual_seed(0)
    network = CellNetwork("small", 1).eval()
    # the untrained mask is empty, and an empty image has no confidence
    nn.init.constant_(network.head.second.bias, 0.5)  # type: ignore[arg-type]
    return student_of(network, usual=usual, encoder="small")


def see(student: ObjectModel) -> SeenImage:
    return see_image(student.card, student.network, student.settings, IMAGE, "a", diameter=13.5)


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]


def test_the_network_is_folded_and_the_adapted_one_knows_the_image() -> None:
    student = model(1.0)
    seen = see(student)
    assert seen.unfolded is student.network
    assert len(norms(seen.network)) == 0
    adapted = seen.with_adapted_norms()
    assert adapted is not None
    assert adapted.unfolded is not None
    own, met = norms(student.network), norms(adapted.unfolded)
    assert len(met) == len(own) > 10
    # seven tenths of a variance of 1, and what the image adds
    assert all(torch.equal(one.running_var, torch.ones(one.num_features)) for one in own)
    assert all(bool((one.running_var > 0.7).all()) for one in met)
    assert any(bool((one.running_var < 0.99).any()) for one in met)
    planes = torch.from_numpy(IMAGE[None, None])
    with torch.no_grad():
        apart = (adapted.network(planes) - seen.network(planes)).abs().max()
    assert float(apart) > 0.01


def test_norms_are_folded_once_for_all_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[nn.Conv2d] = []
    fold = folding._fold
    monkeypatch.setattr(
        folding, "_fold", lambda convolution, norm: (folded.append(convolution), fold(convolution, norm))
    )
    student = model(0.0)  # sure of everything, so nothing is adapted
    student.predict(IMAGE)
    assert len(folded) == len(norms(student.network))
