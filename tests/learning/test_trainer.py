"""The training loop: repeatable, resumable, interruptible, and no code is run that a checkpoint brings."""

import json
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frugalseg.errors import BadModel, Interrupted, OutputFailed, SettingsError, TrainingFailed
from frugalseg.learning import trainer
from frugalseg.learning.checkpoint import CHECKPOINT, LIGHTNING, Checkpoint
from frugalseg.learning.device import pick_device
from frugalseg.learning.trainer import StepLoss
from frugalseg.learning.trainer_settings import WARM_UP, TrainerSettings, is_stable
from frugalseg.learning.training_record import TrainingProgress, TrainingRecord

train = partial(trainer.train, device="cpu")


@dataclass(frozen=True)
class Pairs:
    """Inputs (N,3) and targets (N,)."""

    inputs: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> "Pairs":
        return Pairs(self.inputs.to(device), self.targets.to(device))


def batches(step: int) -> Pairs:
    random = torch.Generator().manual_seed(1000 + step)
    inputs = torch.randn(16, 3, generator=random)
    return Pairs(inputs, torch.sin(inputs.sum(1)) + 0.1 * torch.randn(16, generator=random))


def squared(network: nn.Module, batch: Pairs) -> StepLoss:
    error = (network(batch.inputs)[:, 0] - batch.targets).square().mean()
    return StepLoss(error, {"root": float(error.detach().sqrt())})


def small(seed: int = 0) -> nn.Sequential:
    """A network with weights and with buffers that training changes."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


def settings(**values: object) -> TrainerSettings:
    return TrainerSettings.model_validate({"max_steps": 30, "learning_rate": 1e-2} | values)


def interrupting(at: int) -> Callable[[int], Pairs]:
    """Batches during whose number `at` the user presses Ctrl-C."""

    def make(step: int) -> Pairs:
        if step == at:
            signal.raise_signal(signal.SIGINT)
        return batches(step)

    return make


@pytest.fixture(autouse=True)
def _one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _state(network: nn.Module) -> dict[str, list[float]]:
    return {name: value.tolist() for name, value in network.state_dict().items()}


def test_the_same_seed_gives_the_same_losses_and_weights() -> None:
    one, other, different = small(), small(), small(1)
    records = [train(network, batches, squared, settings()) for network in (one, other, different)]
    assert records[0].losses == records[1].losses != records[2].losses
    assert _state(one) == _state(other)
    assert records[0].steps == 30
    assert records[0].terms["root"] == pytest.approx(np.sqrt(records[0].losses))


@pytest.mark.parametrize("schedule", ["constant", "decay", "budget"])
def test_each_step_is_one_of_adams_on_its_own_batch(schedule: str) -> None:
    """Against a plain loop; all schedules but the constant one begin with a warm-up, and these steps end before a decay."""
    ours, plain = small(), small()
    seen: list[int] = []

    def counted(step: int) -> Pairs:
        seen.append(step)
        return batches(step)

    record = train(ours, counted, squared, settings(max_steps=20, schedule=schedule))
    assert seen == list(range(20))
    adam = torch.optim.Adam(plain.parameters(), lr=1e-2)
    losses = []
    for step in range(12):
        adam.param_groups[0]["lr"] = 1e-2 * (1.0 if schedule == "constant" else (step + 1) / WARM_UP)
        loss = squared(plain, batches(step)).total
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert record.losses[:12] == losses  # to the last bit
    assert not ours.training
    assert next(ours.parameters()).device.type == "cpu"


@pytest.mark.parametrize("schedule", ["constant", "decay"])
@pytest.mark.parametrize("at", [1, 7, 24])
def test_cut_and_resumed_is_as_if_never_cut(tmp_path: Path, at: int, schedule: str) -> None:
    whole = small()
    expected = train(whole, batches, squared, settings(schedule=schedule))
    with pytest.raises(Interrupted, match="give `resume` to continue"):
        train(small(), interrupting(at), squared, settings(schedule=schedule), checkpoint=tmp_path)
    again = small(99)  # the weights come from the checkpoint
    record = train(again, batches, squared, settings(schedule=schedule), checkpoint=tmp_path, resume=True)
    assert record.losses == expected.losses
    assert record.terms == expected.terms
    assert record.decay_from == expected.decay_from
    assert record.stopped_because == expected.stopped_because
    assert _state(again) == _state(whole)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]  # until the model is saved


def refused(step: int) -> Pairs:
    raise AssertionError(f"step {step} is taken once more")


@pytest.mark.parametrize("schedule", ["constant", "decay", "budget"])
def test_a_finished_run_that_is_taken_up_again_takes_no_step(tmp_path: Path, schedule: str) -> None:
    whole, again = small(), small(7)
    given = settings(max_steps=20, schedule=schedule)
    expected = train(whole, batches, squared, given, checkpoint=tmp_path)
    record = train(again, refused, squared, given, checkpoint=tmp_path, resume=True)
    assert (record.losses, record.steps) == (expected.losses, 20)
    assert record.stopped_because == expected.stopped_because
    assert _state(again) == _state(whole)
    assert not again.training


def test_a_run_that_is_cut_in_its_last_step_takes_no_step_more(tmp_path: Path) -> None:
    whole, again = small(), small(7)
    expected = train(whole, batches, squared, settings(max_steps=20))

    def pressed(network: nn.Module, batch: Pairs) -> StepLoss:
        pressed.steps += 1  # type: ignore[attr-defined]
        if pressed.steps == 20:  # type: ignore[attr-defined]
            signal.raise_signal(signal.SIGINT)
        return squared(network, batch)

    pressed.steps = 0  # type: ignore[attr-defined]
    with pytest.raises(Interrupted, match="stopped after 20 of at most 20"):
        train(small(), batches, pressed, settings(max_steps=20), checkpoint=tmp_path)
    record = train(again, refused, squared, settings(max_steps=20), checkpoint=tmp_path, resume=True)
    assert record.losses == expected.losses
    assert _state(again) == _state(whole)


def test_a_term_that_some_batches_lack_has_a_value_at_every_step() -> None:
    def of_some(network: nn.Module, batch: Pairs) -> StepLoss:
        loss = squared(network, batch)
        some = {"nuclei": 0.5} if batch.inputs[0, 0] > 0 else {}
        return StepLoss(loss.total, loss.terms | some)

    record = train(small(), batches, of_some, settings())
    expected = [0.5 if batches(step).inputs[0, 0] > 0 else 0.0 for step in range(30)]
    assert 0 < expected.count(0.5) < 30
    assert record.terms["nuclei"] == expected
    assert len(record.terms["root"]) == 30
    joined = TrainingRecord.joined(
        [
            TrainingRecord(losses=[1.0, 2.0], terms={"a": [3.0, 4.0]}),
            TrainingRecord(losses=[5.0], terms={"b": [6.0]}),
        ]
    )
    assert joined.terms == {"a": [3.0, 4.0, 0.0], "b": [0.0, 0.0, 6.0]}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path, bad: float) -> None:
    def loss(network: nn.Module, batch: Pairs) -> StepLoss:
        loss.steps += 1  # type: ignore[attr-defined]
        one = squared(network, batch)
        return one._replace(total=one.total * bad) if loss.steps == 7 else one  # type: ignore[attr-defined]

    loss.steps = 0  # type: ignore[attr-defined]
    with pytest.raises(TrainingFailed, match=rf"the loss is {bad} at step 7, .*lower learning rate"):
        train(small(), batches, loss, settings(), checkpoint=tmp_path)
    assert loss.steps == 7  # type: ignore[attr-defined]


def test_a_regular_checkpoint_can_be_resumed_after_a_crash(tmp_path: Path) -> None:
    def crashing(step: int) -> Pairs:
        if step == 23:
            raise MemoryError("no memory left")
        return batches(step)

    expected = train(small(), batches, squared, settings())
    with pytest.raises(MemoryError):
        train(small(), crashing, squared, settings(checkpoint_every=10), checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    started: list[int] = []

    def counted(step: int) -> Pairs:
        started.append(step)
        return batches(step)

    record = train(small(5), counted, squared, settings(), checkpoint=tmp_path, resume=True)
    assert started[0] == 20
    assert record.losses == expected.losses


def test_ctrl_c_ends_after_the_step_and_keeps_a_whole_checkpoint(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=r"stopped after 6 of at most 30 steps.*last\.ckpt"):
        train(small(), interrupting(5), squared, settings(), checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]
    kept = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert len(kept["record"]["losses"]) == 6
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_without_a_folder_says_so_and_promises_nothing() -> None:
    with pytest.raises(Interrupted) as caught:
        train(small(), interrupting(2), squared, settings())
    assert "resume" not in str(caught.value)


def test_without_resume_a_checkpoint_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small(), interrupting(5), squared, settings(), checkpoint=tmp_path)
    expected = train(small(), batches, squared, settings())
    assert train(small(), batches, squared, settings(), checkpoint=tmp_path).losses == expected.losses


def test_a_checkpoint_of_another_training_is_not_continued(tmp_path: Path) -> None:
    train(small(), batches, squared, settings(), checkpoint=tmp_path, of="these images")
    how: dict[str, Any] = {"checkpoint": tmp_path, "resume": True}
    with pytest.raises(
        BadModel, match=r"it is of a training with other images, settings, seed or start; start again"
    ):
        train(small(), batches, squared, settings(), of="others", **how)
    expected = train(small(), batches, squared, settings())
    assert train(small(), batches, squared, settings(), of="these images", **how).losses == expected.losses


def test_resume_without_a_checkpoint_starts_anew(tmp_path: Path) -> None:
    expected = train(small(), batches, squared, settings())
    assert (
        train(small(), batches, squared, settings(), checkpoint=tmp_path, resume=True).losses
        == expected.losses
    )


class _Malicious:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (self.path, "w")


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    with pytest.raises(Interrupted):
        train(small(), interrupting(5), squared, settings(), checkpoint=tmp_path)
    held = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    torch.save({**held, "more": _Malicious(trap)}, tmp_path / CHECKPOINT)
    with pytest.raises(
        BadModel, match=r"last\.ckpt can't be resumed.*; start again without `resume`"
    ) as refused:
        train(small(), batches, squared, settings(), checkpoint=tmp_path, resume=True)
    assert not trap.exists()
    assert "\n" not in str(refused.value)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small(), interrupting(5), squared, settings(), checkpoint=tmp_path)
    held = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    held["network"]["0.weight"] = torch.zeros(5, 3)
    torch.save(held, tmp_path / CHECKPOINT)
    with pytest.raises(BadModel, match="another network"):
        train(small(), batches, squared, settings(), checkpoint=tmp_path, resume=True)


def test_one_step_is_one_step_with_decay_too() -> None:
    assert train(small(), batches, squared, settings(max_steps=1, schedule="decay")).steps == 1


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:400])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("hello")


def _other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")


def _no_record(path: Path) -> None:
    held = torch.load(path, weights_only=True)
    del held["record"]
    torch.save(held, path)


@pytest.mark.parametrize(
    "damage",
    [_truncated, _empty, _other_zip, _no_record],
    ids=lambda damage: damage.__name__.strip("_"),
)
def test_damaged_checkpoints_are_told_in_one_line(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    with pytest.raises(Interrupted):
        train(small(), interrupting(5), squared, settings(), checkpoint=tmp_path)
    damage(tmp_path / CHECKPOINT)
    with pytest.raises(BadModel, match=r"last\.ckpt can't be resumed"):
        train(small(), batches, squared, settings(), checkpoint=tmp_path, resume=True)


def test_errors_of_a_loss_are_not_blamed_on_the_checkpoint(tmp_path: Path) -> None:
    def broken(network: nn.Module, batch: Pairs) -> StepLoss:
        raise ValueError("my own")

    with pytest.raises(ValueError, match="my own"):
        train(small(), batches, broken, settings(), checkpoint=tmp_path)


def constant(network: nn.Module, batch: Pairs) -> StepLoss:
    return StepLoss(0.0 * network(batch.inputs).sum() + 1.0, {})


def falling(network: nn.Module, batch: Pairs) -> StepLoss:
    falling.steps += 1  # type: ignore[attr-defined]
    return StepLoss(0.0 * network(batch.inputs).sum() - falling.steps, {})  # type: ignore[attr-defined]


@pytest.mark.parametrize("schedule", ["constant", "decay"])
def test_a_stable_loss_ends_training_early(schedule: str) -> None:
    record = train(small(), batches, constant, settings(max_steps=200, schedule=schedule))
    assert record.stopped_because == "the loss was stable"
    assert 40 <= record.steps < 200
    assert (record.decay_from is not None) == (schedule == "decay")


@pytest.mark.parametrize("schedule", ["constant", "decay"])
@pytest.mark.parametrize("bound", [2, 3, 5, 47])
def test_the_upper_bound_holds(schedule: str, bound: int) -> None:
    falling.steps = 0  # type: ignore[attr-defined]
    record = train(small(), batches, falling, settings(max_steps=bound, schedule=schedule))
    assert record.steps == bound
    assert record.stopped_because == "the upper bound of steps was reached"


def test_the_rate_falls_to_nothing_at_the_end_of_a_decay() -> None:
    """Steps whose gradient is always 1: Adam moves by the rate itself."""
    weight = nn.Linear(1, 1, bias=False)
    moves: list[float] = []

    def slope(network: nn.Module, batch: Pairs) -> StepLoss:
        moves.append(float(weight.weight.detach()))
        return StepLoss(weight.weight.sum(), {})

    record = train(weight, batches, slope, settings(max_steps=100, schedule="decay", learning_rate=1e-3))
    moves.append(float(weight.weight.detach()))
    rates = -np.diff(moves)
    assert record.decay_from is not None
    top = rates[: record.decay_from].max()
    assert top == pytest.approx(1e-3, rel=1e-2)
    late = rates[record.decay_from :]
    assert (np.diff(late) < 0).all()
    assert late[-1] < 0.1 * top


def test_is_stable_by_value() -> None:
    assert not is_stable([1.0] * 39, 100)
    assert is_stable([1.0] * 40, 100)
    assert not is_stable(list(np.linspace(10, 0, 100)), 100)
    noise = np.random.default_rng(0).normal(0, 0.01, 60)
    assert is_stable([*np.linspace(10, 0, 60), *noise], 100)
    assert is_stable(list(np.linspace(0, 10, 100)), 100)  # it got worse


def test_the_record_is_plain_values() -> None:
    record = TrainingRecord([2.0, 1.0], {"a": [1.0, 2.0]}, 3.5, "the loss was stable", "cpu", 1)
    assert record.to_dict() == {
        "steps": 2,
        "losses": [2.0, 1.0],
        "terms": {"a": [1.0, 2.0]},
        "seconds": 3.5,
        "stopped_because": "the loss was stable",
        "device": "cpu",
        "decay_from": 1,
        "history": [],
        "best_step": None,
        "alpha": None,
        "snapshots": [],
        "rounds_agree": {},
        "cells_agree": {},
        "rounds_differ": {},
    }
    record.cells_agree = {"a": {1: 0.5, 12: 1.0}}  # numbers of cells are text in JSON
    assert TrainingRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record


def test_a_record_is_read_back_and_an_older_one_too() -> None:
    record = TrainingRecord(
        [2.0, 1.0], {"a": [1.0, 2.0]}, 3.5, "the loss was stable", history=[(0, 0.5), (2, 0.75)]
    )
    plain = json.loads(json.dumps(record.to_dict()))
    assert TrainingRecord.from_dict(plain) == record
    plain["looks"] = plain.pop("history")
    assert TrainingRecord.from_dict(plain) == record
    with pytest.raises(ValueError, match="no 'colour'"):
        TrainingRecord.from_dict({**plain, "colour": 1})
    with pytest.raises(ValueError, match=r"^losses\.1: Input should be a valid number"):
        TrainingRecord.from_dict({"losses": [1.0, "x"]})


def test_a_missing_device_is_told_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device in ("cuda", "mps"):
        with pytest.raises(
            SettingsError, match=rf"'{device}' is not available on this machine; use one of \['cpu'\]"
        ):
            train(small(), batches, squared, settings(), device=device)
    with pytest.raises(
        SettingsError, match=r"`device` is 'gpu'; allowed are \['auto', 'cpu', 'cuda', 'mps'\]"
    ):
        pick_device("gpu")  # type: ignore[arg-type]
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("cuda")


def test_training_in_another_thread_works_without_the_signal(tmp_path: Path) -> None:
    records: list[TrainingRecord] = []
    thread = threading.Thread(
        target=lambda: records.append(
            train(small(), batches, squared, settings(max_steps=3), checkpoint=tmp_path)
        )
    )
    thread.start()
    thread.join()
    assert records[0].steps == 3


def test_nothing_is_left_in_the_working_folder_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(small(), batches, squared, settings(max_steps=3))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_progress_is_reported_after_every_step() -> None:
    reported: list[TrainingProgress] = []
    record = train(
        small(), batches, squared, settings(max_steps=60, schedule="budget"), progress=reported.append
    )
    assert [(now.step, now.max_steps) for now in reported] == [(step, 60) for step in range(1, 61)]
    means = [np.mean(record.losses[max(0, step - 50) : step]) for step in range(1, 61)]
    assert [now.loss for now in reported] == pytest.approx(means)


def test_sigterm_ends_after_the_step_too(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def terminated(step: int) -> Pairs:
        if step == 4:
            signal.raise_signal(signal.SIGTERM)
        return batches(step)

    with pytest.raises(Interrupted, match=r"stopped after 5 of at most 30 steps"):
        train(small(), terminated, squared, settings(), checkpoint=tmp_path)
    assert signal.getsignal(signal.SIGTERM) is before
    assert Checkpoint.load(tmp_path / CHECKPOINT).record.steps == 5


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    steps: list[int] = []

    def impatient(step: int) -> Pairs:
        steps.append(step)
        if step == 3:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return batches(step)

    usual = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's background job ignores Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            train(small(), impatient, squared, settings(checkpoint_every=2), checkpoint=tmp_path)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert steps == [0, 1, 2, 3]
    assert Checkpoint.load(tmp_path / CHECKPOINT).record.steps == 2  # of the step before the last


def test_the_time_of_an_interrupted_run_counts(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(small(), interrupting(5), squared, settings(), checkpoint=tmp_path)
    saved = Checkpoint.load(tmp_path / CHECKPOINT)
    assert saved.record.seconds > 0
    saved.record.seconds = 1000.0
    saved.save(tmp_path / CHECKPOINT)
    record = train(small(), batches, squared, settings(), checkpoint=tmp_path, resume=True)
    assert 1000 < record.seconds < 1100


def test_a_checkpoint_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputFailed, match=r"last\.ckpt could not be written"):
        train(small(), batches, squared, settings(max_steps=2), checkpoint=tmp_path / "file")


def test_a_checkpoint_of_lightning_is_of_an_older_version(tmp_path: Path) -> None:
    """The keys of one that frugalseg wrote before it had its own loop."""
    old = {LIGHTNING: "2.5.0", "epoch": 0, "global_step": 6, "state_dict": {}, "record": {"losses": [1.0]}}
    torch.save(old, tmp_path / CHECKPOINT)
    with pytest.raises(BadModel) as refused:
        train(small(), batches, squared, settings(), checkpoint=tmp_path, resume=True)
    assert str(refused.value) == (
        f"{tmp_path / CHECKPOINT} can't be resumed: it is of an older version of frugalseg; start again without `resume`"
    )


def test_training_inside_no_grad_learns_all_the_same() -> None:
    expected = train(small(), batches, squared, settings(max_steps=3))
    with torch.no_grad():
        assert train(small(), batches, squared, settings(max_steps=3)).losses == expected.losses


def test_records_settings_and_devices_need_no_torch() -> None:
    """The command line and reports import them."""
    names = ("training_record", "trainer_settings", "device")
    imports = "; ".join(f"import frugalseg.learning.{name}" for name in names)
    check = f"import sys; {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_inference_mode_is_refused_in_a_sentence() -> None:
    """PyTorch's own error says nothing of it."""
    with (
        torch.inference_mode(),
        pytest.raises(SettingsError, match=r"inside `torch.inference_mode`; train outside"),
    ):
        train(small(), batches, squared, settings())
