"""Training with something held out: the best weights are kept, and training ends when they get no better."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from frugalseg.errors import Interrupted
from frugalseg.learning.trainer import StepLoss, TrainerSettings, fit


class Value:
    """A batch: where the weight should go."""

    def __init__(self, goal: float) -> None:
        self.goal = goal

    def to(self, device: torch.device) -> "Value":
        return self


class Weight(nn.Module):
    """One number that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))


def away(network: Weight, batch: Value) -> StepLoss:
    """Drives the weight towards the goal, at the learning rate of Adam."""
    return StepLoss((network.value - batch.goal).abs(), {})


def settings(**changed: object) -> TrainerSettings:
    usual = {"max_steps": 400, "learning_rate": 0.01, "device": "cpu", "quiet": True, "validate_every": 10}
    return TrainerSettings.model_validate({**usual, "patience": 3, **changed})


def nearest_to(best: float) -> Callable[[Weight], float]:
    return lambda network: -abs(float(network.value.detach()) - best)


def test_the_best_weights_are_kept_and_training_ends_when_it_gets_worse() -> None:
    network = Weight()
    record = fit(network, lambda step: Value(9.0), away, settings(), judge=nearest_to(0.5))
    best = max(record.looks, key=lambda look: look[1])
    assert record.best_step == best[0]
    assert float(network.value.detach()) == pytest.approx(0.5, abs=0.1)
    assert record.steps == record.best_step + 3 * 10
    assert record.stopped_because == "the held-out score no longer rose"
    assert record.looks[0] == [0, -0.5]


def test_training_that_only_harms_leaves_the_start() -> None:
    network = Weight()
    record = fit(network, lambda step: Value(9.0), away, settings(), judge=nearest_to(-1.0))
    assert (record.best_step, float(network.value.detach())) == (0, 0.0)


def test_without_a_judge_the_last_weights_stay() -> None:
    network = Weight()
    record = fit(network, lambda step: Value(9.0), away, settings(max_steps=20))
    assert (record.best_step, record.looks, record.steps) == (None, [], 20)
    assert float(network.value.detach()) > 0.05


def test_a_resumed_run_is_the_one_that_was_never_cut(tmp_path: Path) -> None:
    def batches(step: int) -> Value:
        return Value(9.0)

    def cut(step: int) -> Value:
        if step == 34:
            os.kill(os.getpid(), signal.SIGINT)
        return Value(9.0)

    whole, parts = Weight(), Weight()
    record = fit(whole, batches, away, settings(), judge=nearest_to(0.2))
    with pytest.raises(Interrupted, match="--resume"):
        fit(parts, cut, away, settings(), tmp_path, judge=nearest_to(0.2))
    again = Weight()
    resumed = fit(again, batches, away, settings(resume=True), tmp_path, judge=nearest_to(0.2))
    assert (resumed.looks, resumed.best_step) == (record.looks, record.best_step)
    assert record.best_step < 34 < record.steps  # the best weights came out of the checkpoint
    assert torch.equal(again.value, whole.value)


def test_a_budget_is_used_up_however_noisy_the_loss() -> None:
    network = Weight()
    flat = fit(network, lambda step: Value(0.0), away, settings(schedule="budget", max_steps=100))
    assert (flat.steps, flat.decay_from, flat.stopped_because) == (
        100,
        60,
        "the upper bound of steps was reached",
    )
    assert fit(Weight(), lambda step: Value(0.0), away, settings(schedule="decay", max_steps=100)).steps < 100


def test_a_finished_run_gives_its_best_weights_again(tmp_path: Path) -> None:
    judge, whole, again = nearest_to(0.5), Weight(), Weight()
    expected = fit(whole, lambda step: Value(9.0), away, settings(), tmp_path, judge)
    given = settings(resume=True)

    def refused(step: int) -> Value:
        raise AssertionError(f"step {step} is taken once more")

    record = fit(again, refused, away, given, tmp_path, lambda network: pytest.fail("looked once more"))
    assert torch.equal(again.value, whole.value)
    assert (record.looks, record.best_step, record.losses) == (
        expected.looks,
        expected.best_step,
        expected.losses,
    )


def test_a_run_cut_in_its_last_step_looks_when_it_is_taken_up(tmp_path: Path) -> None:
    def pressed(network: Weight, batch: Value) -> StepLoss:
        pressed.steps += 1  # type: ignore[attr-defined]
        if pressed.steps == 25:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGINT)
        return away(network, batch)

    pressed.steps = 0  # type: ignore[attr-defined]
    judge, whole, again = nearest_to(5.0), Weight(), Weight()
    expected = fit(whole, lambda step: Value(9.0), away, settings(max_steps=25), judge=judge)
    with pytest.raises(Interrupted):
        fit(Weight(), lambda step: Value(9.0), pressed, settings(max_steps=25), tmp_path, judge)
    record = fit(again, lambda step: Value(9.0), away, settings(max_steps=25, resume=True), tmp_path, judge)
    assert [step for step, _ in record.looks] == [0, 10, 20, 25]
    assert (record.looks, record.best_step) == (expected.looks, 25)
    assert torch.equal(again.value, whole.value)
