"""A notebook in which new tensors are float64 by default: models are what they are otherwise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import frugalseg as fs
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 2, "device": "cpu"}


@pytest.fixture
def float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def _trained(cells: SyntheticField) -> dict[str, Any]:
    cues = fs.find_cues(cells.phase, cells.nuclear)
    return {
        "object": fs.ObjectModel.fit(cells.phase, cells.cells, **QUICK),
        "stain": fs.StainModel.fit(cells.phase, cells.nuclear, **QUICK),
        "marker": fs.MarkerModel.fit_to_cues(cues, max_steps=2, device="cpu"),
        "student": fs.self_train_on_cues(cues, encoder="small", max_steps=2, rounds=1, device="cpu"),
    }


@pytest.fixture(scope="module")
def usual(cells: SyntheticField) -> dict[str, Any]:
    return _trained(cells)


@pytest.mark.usefixtures("float64")
def test_training_and_loading_do_not_follow_the_default(
    usual: dict[str, Any], cells: SyntheticField, tmp_path: Path
) -> None:
    for kind, model in _trained(cells).items():
        weights = usual[kind].network.state_dict()
        for name, tensor in model.network.state_dict().items():
            np.testing.assert_array_equal(tensor.numpy(), weights[name].numpy(), err_msg=f"{kind}: {name}")
        model.save(tmp_path / kind)
        loaded = fs.load_model(tmp_path / kind, device="cpu")
        assert all(tensor.dtype != torch.float64 for tensor in loaded.network.state_dict().values()), kind
    assert torch.get_default_dtype() == torch.float64
