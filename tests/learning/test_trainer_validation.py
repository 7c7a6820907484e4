"""Training with a validation set: the best weights are kept, and training ends when the score no longer rises."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from frugalseg.errors import Interrupted
from frugalseg.learning import trainer
from frugalseg.learning.trainer import StepLoss
from frugalseg.learning.trainer_settings import TrainerSettings

train = partial(trainer.train, device="cpu")


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
    usual = {"max_steps": 400, "learning_rate": 0.01, "validate_every": 10}
    return TrainerSettings.model_validate({**usual, "patience": 3, **changed})


def nearest_to(best: float) -> Callable[[Weight], float]:
    return lambda network: -abs(float(network.value.detach()) - best)


def test_the_best_weights_are_kept_and_training_ends_when_it_gets_worse() -> None:
    network = Weight()
    record = train(network, lambda step: Value(9.0), away, settings(), validate=nearest_to(0.5))
    best = max(record.history, key=lambda one: one[1])
    assert record.best_step == best[0]
    assert float(network.value.detach()) == pytest.approx(0.5, abs=0.1)
    assert record.steps == record.best_step + 3 * 10
    assert record.stopped_because == "the validation score no longer rose"
    assert record.history[0] == (0, -0.5)


def test_training_that_only_harms_leaves_the_start() -> None:
    network = Weight()
    record = train(network, lambda step: Value(9.0), away, settings(), validate=nearest_to(-1.0))
    assert (record.best_step, float(network.value.detach())) == (0, 0.0)


def test_without_a_validation_set_the_last_weights_stay() -> None:
    network = Weight()
    record = train(network, lambda step: Value(9.0), away, settings(max_steps=20))
    assert (record.best_step, record.history, record.steps) == (None, [], 20)
    assert float(network.value.detach()) > 0.05


def test_a_resumed_run_is_the_one_that_was_never_cut(tmp_path: Path) -> None:
    def batches(step: int) -> Value:
        return Value(9.0)

    def cut(step: int) -> Value:
        if step == 34:
            signal.raise_signal(signal.SIGINT)
        return Value(9.0)

    whole, parts = Weight(), Weight()
    record = train(whole, batches, away, settings(), validate=nearest_to(0.2))
    with pytest.raises(Interrupted, match="`resume`"):
        train(parts, cut, away, settings(), checkpoint=tmp_path, validate=nearest_to(0.2))
    again = Weight()
    resumed = train(
        again, batches, away, settings(), checkpoint=tmp_path, resume=True, validate=nearest_to(0.2)
    )
    assert (resumed.history, resumed.best_step) == (record.history, record.best_step)
    assert record.best_step < 34 < record.steps  # the best weights came out of the checkpoint
    assert torch.equal(again.value, whole.value)


def test_a_budget_is_used_up_however_noisy_the_loss() -> None:
    network = Weight()
    flat = train(network, lambda step: Value(0.0), away, settings(schedule="budget", max_steps=100))
    assert (flat.steps, flat.decay_from, flat.stopped_because) == (
        100,
        60,
        "the upper bound of steps was reached",
    )
    assert (
        train(Weight(), lambda step: Value(0.0), away, settings(schedule="decay", max_steps=100)).steps < 100
    )


def test_a_finished_run_gives_its_best_weights_again(tmp_path: Path) -> None:
    score, whole, again = nearest_to(0.5), Weight(), Weight()
    expected = train(whole, lambda step: Value(9.0), away, settings(), checkpoint=tmp_path, validate=score)

    def refused(step: int) -> Value:
        raise AssertionError(f"step {step} is taken once more")

    record = train(
        again,
        refused,
        away,
        settings(),
        checkpoint=tmp_path,
        resume=True,
        validate=lambda network: pytest.fail("validated once more"),
    )
    assert torch.equal(again.value, whole.value)
    assert (record.history, record.best_step, record.losses) == (
        expected.history,
        expected.best_step,
        expected.losses,
    )


def test_a_run_interrupted_in_its_last_step_validates_when_it_is_resumed(tmp_path: Path) -> None:
    def pressed(network: Weight, batch: Value) -> StepLoss:
        pressed.steps += 1  # type: ignore[attr-defined]
        if pressed.steps == 25:  # type: ignore[attr-defined]
            signal.raise_signal(signal.SIGINT)
        return away(network, batch)

    pressed.steps = 0  # type: ignore[attr-defined]
    score, whole, again = nearest_to(5.0), Weight(), Weight()
    expected = train(whole, lambda step: Value(9.0), away, settings(max_steps=25), validate=score)
    with pytest.raises(Interrupted):
        train(
            Weight(),
            lambda step: Value(9.0),
            pressed,
            settings(max_steps=25),
            checkpoint=tmp_path,
            validate=score,
        )
    record = train(
        again,
        lambda step: Value(9.0),
        away,
        settings(max_steps=25),
        checkpoint=tmp_path,
        resume=True,
        validate=score,
    )
    assert [step for step, _ in record.history] == [0, 10, 20, 25]
    assert (record.history, record.best_step) == (expected.history, 25)
    assert torch.equal(again.value, whole.value)
