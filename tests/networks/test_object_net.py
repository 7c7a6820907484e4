"""Networks of nuclei and cells are stain models with a little behind them, whatever their weights started from."""

import threading

import numpy as np
import pytest
import torch

from frugalseg.networks.heads import ObjectHead
from frugalseg.networks.object_net import (
    CellNetwork,
    NucleusNetwork,
    _full_float32,
    object_network,
    predict_maps_whole,
)
from frugalseg.networks.unet import Unet


def test_a_nucleus_network_is_a_stain_model_and_eq_1() -> None:
    torch.manual_seed(0)
    network = NucleusNetwork("small", 2, slope=3.0).eval()
    images = torch.randn(1, 2, 40, 48)
    with torch.no_grad():
        stain, logits = network.unet(images), network(images)
    assert torch.allclose(torch.sigmoid(logits), 1 / (1 + torch.exp(-3.0 * (stain - 0.5))))
    wanted = {f"unet.{name}" for name in Unet("small", 2, 1).state_dict()}
    assert set(network.state_dict()) == wanted  # nothing but the stain model


def test_a_cell_network_adds_two_convolutions_behind_the_stain() -> None:
    torch.manual_seed(0)
    network = CellNetwork("small", 1).eval()
    added = [name for name in network.state_dict() if not name.startswith("unet.")]
    assert added == ["head.first.weight", "head.first.bias", "head.second.weight", "head.second.bias"]
    images = torch.randn(1, 1, 40, 48)
    with torch.no_grad():
        features = network.unet.features(images)
        seen = torch.cat([features, network.unet(images)], dim=1)
        assert torch.allclose(network(images), network.head(seen), atol=1e-6)
    assert isinstance(network.head, ObjectHead)


@pytest.mark.parametrize(
    ("target", "kind", "maps"), [("nuclei", NucleusNetwork, 1), ("cells", CellNetwork, 2)]
)
def test_the_target_decides_the_network(target: str, kind: type, maps: int) -> None:
    network = object_network(target, "small", 3, 2.0).eval()
    assert type(network) is kind
    assert predict_maps_whole(network, np.zeros((3, 37, 41), np.float32)).shape == (maps, 37, 41)
    assert getattr(network, "activation", None) is None or network.activation.slope == 2.0


def test_maps_of_a_field_are_what_the_network_says() -> None:
    torch.manual_seed(0)
    network = Unet("small", 1, 1).eval()
    planes = np.random.default_rng(0).normal(size=(1, 50, 45)).astype(np.float32)
    maps = predict_maps_whole(network, planes)
    with torch.no_grad():
        expected = network(torch.from_numpy(planes)[None])[0].numpy()
    np.testing.assert_allclose(maps, expected, atol=1e-5)
    assert maps.dtype == np.float32


class Asked(torch.nn.Module):
    """Notes whether convolutions may be of TF32 while it computes."""

    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.weight, self.fails = torch.nn.Parameter(torch.ones(1)), fails

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.allowed = torch.backends.cudnn.allow_tf32
        if self.fails:
            raise MemoryError
        return images * self.weight


@pytest.mark.parametrize("allowed", [True, False])
def test_maps_are_computed_in_full_float32(allowed: bool) -> None:
    before, planes = torch.backends.cudnn.allow_tf32, np.ones((1, 4, 5), np.float32)
    try:
        torch.backends.cudnn.allow_tf32 = allowed
        works, fails = Asked(False), Asked(True)
        predict_maps_whole(works, planes)
        with pytest.raises(MemoryError):
            predict_maps_whole(fails, planes)
        assert (works.allowed, fails.allowed) == (False, False)
        assert torch.backends.cudnn.allow_tf32 == allowed  # training goes on as the user chose
    finally:
        torch.backends.cudnn.allow_tf32 = before


def test_threads_that_predict_at_once_leave_tf32_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    both, states = threading.Barrier(2, timeout=30), list[bool]()

    def first() -> None:
        with _full_float32():
            both.wait()

    def last() -> None:
        with _full_float32():
            both.wait()
            one.join()
            states.append(torch.backends.cudnn.allow_tf32)

    one, two = threading.Thread(target=first), threading.Thread(target=last)
    for thread in (one, two):
        thread.start()
    two.join()
    assert (states, torch.backends.cudnn.allow_tf32) == ([False], True)
