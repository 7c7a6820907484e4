"""Models as they are after some of their training steps: what a score against steps is made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.learning.snapshots import Snapshots
from frugalseg.synthetic.cells import SyntheticField

PAPER: dict[str, Any] = {
    "preset": "paper",
    "encoder": "small",
    "weights": "none",
    "crop": 32,
    "batch": 2,
    "scale": 1.0,
    "hold_out": False,
    "device": "cpu",
}


def fit_stain(field: SyntheticField, **more: Any) -> fs.StainModel:
    return fs.StainModel.fit(field.phase, field.nuclear, **{**PAPER, **more})


def fit_nuclei(field: SyntheticField, **more: Any) -> fs.ObjectModel:
    return fs.ObjectModel.fit(field.phase, field.nuclei, target="nuclei", **{**PAPER, **more})


@pytest.mark.parametrize("fit", [fit_stain, fit_nuclei])
def test_with_a_constant_rate_a_snapshot_is_the_model_of_a_shorter_training(
    fit: Any, cells: SyntheticField, tmp_path: Path
) -> None:
    seen: dict[int, Any] = {}

    def take(step: int, model: Any) -> Mapping[str, float]:
        assert model.training.steps == model.card.training.steps == step
        model.save(tmp_path / f"step_{step}")
        seen[step] = model
        return {"steps": step}

    longer = fit(cells, max_steps=5, snapshots=Snapshots((1, 2, 4), take))
    assert longer.training.snapshots == [(step, {"steps": step}) for step in (1, 2, 4)]
    for step in (1, 4):
        shorter, loaded = fit(cells, max_steps=step), fs.load_model(tmp_path / f"step_{step}", device="cpu")
        for name, tensor in shorter.network.state_dict().items():
            np.testing.assert_array_equal(tensor.numpy(), loaded.network.state_dict()[name].numpy(), name)
        assert type(seen[step]) is type(loaded) is type(shorter)
        assert loaded.card == seen[step].card
        assert shorter.training.losses == seen[step].training.losses == longer.training.losses[:step]
    different = fit(cells, max_steps=1).network.state_dict()
    last = longer.network.state_dict()
    assert any(not np.array_equal(tensor.numpy(), last[name].numpy()) for name, tensor in different.items())


def test_a_falling_rate_depends_on_the_steps_to_come(cells: SyntheticField) -> None:
    """So snapshots of one training are not what smaller budgets give; `Snapshots` says so."""
    losses = {}
    for steps in (8, 80):
        model = fit_stain(
            cells, preset="default", max_steps=steps, snapshots=Snapshots((8,), lambda *_: None)
        )
        assert model.training is not None
        assert model.training.snapshots[:1] == [(8, {})]
        losses[steps] = model.training.losses[:8]
        assert model.training.decay_from == steps - int(0.4 * steps)
    assert losses[8][:5] == losses[80][:5]
    assert losses[8][7] != losses[80][7]


def test_a_stain_model_is_scored_within_its_training(cells: SyntheticField) -> None:
    def take(step: int, model: fs.StainModel) -> Mapping[str, float]:
        return {part.role: part.pcc for part in model.evaluate(cells.phase, cells.nuclear)}

    model = fit_stain(cells, max_steps=2, hold_out=True, snapshots=Snapshots((0, 1, 2), take))
    assert model.training is not None
    (_, first), (_, second), (_, third) = model.training.snapshots
    assert set(first) == {"held out", "learned from"}
    assert len({first["held out"], second["held out"], third["held out"]}) == 3
    kept = {part.role: part.pcc for part in model.evaluate(cells.phase, cells.nuclear)}
    assert kept == pytest.approx({0: first, 1: second, 2: third}[model.training.best_step or 0], abs=1e-5)


def test_a_snapshot_knows_how_its_loss_was_weighed(cells: SyntheticField) -> None:
    seen = []
    how: dict[str, Any] = {"encoder": "small", "crop": 32, "max_steps": 2, "device": "cpu"}
    taken = fs.Snapshots((1,), lambda _, model: seen.append(model.training.alpha) or {})
    model = fs.ObjectModel.fit(cells.phase, cells.cells, snapshots=taken, **how)
    assert model.training is not None
    assert seen == [model.training.alpha]
    assert seen[0] is not None
