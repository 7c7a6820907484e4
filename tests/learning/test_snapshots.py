"""Snapshots of a training run: each step once, in the record, whatever happens to the run."""

import json
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from frugalseg.errors import Interrupted, SettingsError
from frugalseg.learning import trainer
from frugalseg.learning.snapshots import Snapshots, powers_of_two
from frugalseg.learning.trainer import StepLoss
from frugalseg.learning.trainer_settings import RECENT, TrainerSettings
from frugalseg.learning.training_record import TrainingRecord

train = partial(trainer.train, device="cpu")
SETTINGS = TrainerSettings(max_steps=12, checkpoint_every=5, learning_rate=0.1)
Seen = tuple[nn.Module, TrainingRecord]


def batches(step: int) -> Tensor:
    return torch.full((4, 1), float(step % 3 + 1))


def loss(network: nn.Module, batch: Tensor) -> StepLoss:
    return StepLoss((network(batch) - 2 * batch).square().mean(), {})


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(1, 1)


def weight(network: nn.Module) -> float:
    return float(next(network.parameters()).detach())


class Taken:
    """Notes what it sees."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.steps, self.weights, self.stop_at = list[int](), list[float](), stop_at

    def __call__(self, step: int, seen: Seen) -> dict[str, float]:
        network, record = seen
        assert record.steps == step
        assert not network.training
        if step == self.stop_at:
            signal.raise_signal(signal.SIGINT)
        self.steps.append(step)
        self.weights.append(weight(network))
        next(network.parameters()).data.fill_(99)  # of a copy
        return {"weight": self.weights[-1]}


def test_each_step_is_seen_with_the_weights_that_it_has() -> None:
    weights: list[float] = []

    def noting(network: nn.Module, batch: Tensor) -> StepLoss:
        weights.append(weight(network))
        return loss(network, batch)

    taken = Taken()
    record = train(network(), batches, noting, SETTINGS, snapshots=Snapshots((0, 1, 4, 12, 50), taken))
    assert taken.steps == [0, 1, 4, 12]
    assert taken.weights[:3] == [weights[0], weights[1], weights[4]]
    assert record.snapshots == [
        (step, {"weight": w}) for step, w in zip(taken.steps, taken.weights, strict=True)
    ]
    assert len(set(taken.weights)) == 4
    plain = json.loads(json.dumps(record.to_dict()))
    assert TrainingRecord.from_dict(plain).snapshots == record.snapshots


def test_snapshots_change_nothing_about_training() -> None:
    one, other = network(), network()
    train(one, batches, loss, SETTINGS, snapshots=Snapshots(range(13), Taken()))
    train(other, batches, loss, SETTINGS)
    assert weight(one) == weight(other) != 99


@pytest.mark.parametrize("stop_at", [3, 4, 5, 6, 12])
def test_none_is_lost_or_taken_twice_by_an_interruption(stop_at: int, tmp_path: Path) -> None:
    """Ctrl-C while the snapshot of a step is taken: before, at, or behind the checkpoint at step 5."""
    steps = (0, 3, 4, 5, 6, 12)
    whole = train(network(), batches, loss, SETTINGS, snapshots=Snapshots(steps, Taken()))
    first, second = Taken(stop_at), Taken()
    run: dict[str, Any] = {"checkpoint": tmp_path, "resume": True}
    with pytest.raises(Interrupted):
        train(network(), batches, loss, SETTINGS, snapshots=Snapshots(steps, first), **run)
    record = train(network(), batches, loss, SETTINGS, snapshots=Snapshots(steps, second), **run)
    assert first.steps + second.steps == list(steps)
    assert record.snapshots == whole.snapshots


class Killed(Exception):
    pass


@pytest.mark.parametrize("at", [2, 6, 8, 9])
def test_none_is_lost_or_kept_twice_when_the_run_is_killed(at: int, tmp_path: Path) -> None:
    """What was kept at step 6 is younger than the last regular checkpoint, at step 5."""
    steps = (1, 6, 9)
    whole = train(network(), batches, loss, SETTINGS, snapshots=Snapshots(steps, Taken()))

    def killing(step: int) -> Tensor:
        if step == at:
            raise Killed
        return batches(step)

    first, second = Taken(), Taken()
    run: dict[str, Any] = {"checkpoint": tmp_path, "resume": True}
    with pytest.raises(Killed):
        train(network(), killing, loss, SETTINGS, snapshots=Snapshots(steps, first), **run)
    record = train(network(), batches, loss, SETTINGS, snapshots=Snapshots(steps, second), **run)
    assert first.steps + second.steps == list(steps)
    assert record.snapshots == whole.snapshots


def test_powers_and_wrong_steps() -> None:
    assert powers_of_two(128) == (1, 2, 4, 8, 16, 32, 64, 128)
    assert powers_of_two(127)[-1] == 64
    with pytest.raises(
        SettingsError, match=r"`steps` of snapshots are \[3, -1\]; give whole numbers of 0 or more"
    ):
        Snapshots((3, -1), Taken())


def test_training_ends_where_the_loss_is_enough() -> None:
    long = TrainerSettings(max_steps=3 * RECENT, learning_rate=1e-9, schedule="budget")

    def falling(network: nn.Module, batch: Tensor) -> StepLoss:
        steps.append(1)
        return StepLoss(0 * network(batch).sum() + (1.0 if len(steps) <= 10 else 0.5), {})

    for enough, ends in ((0.5, RECENT + 10), (0.6, RECENT), (0.49, 3 * RECENT)):
        steps: list[int] = []
        record = train(network(), batches, falling, long.model_copy(update={"enough": enough}))
        assert record.steps == ends
        assert (record.stopped_because == "the loss was low enough") == (ends < 3 * RECENT)


def test_steps_may_come_from_what_can_be_walked_through_only_once() -> None:
    assert Snapshots((step for step in (1, 5)), lambda step, seen: None).steps == (1, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [3, [1.5], ["1"], [-1]])
def test_steps_are_whole_numbers(steps: Any) -> None:
    with pytest.raises(
        SettingsError, match=r"^`steps` of snapshots are .*; give whole numbers of 0 or more$"
    ):
        Snapshots(steps, lambda step, seen: None)
