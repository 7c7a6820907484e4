"""What a training does to the process around it: nothing, also where several run at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import frugalseg as fs
from frugalseg.learning.device import without_denormals
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.seeded import seeded
from frugalseg.models.object_training import begin_network


def small_numbers_are_there() -> bool:
    return bool(np.float32(1e-40) * np.float32(1) > 0 and torch.tensor([1e-40]).mul(1.0).any())


def test_threads_draw_the_weights_of_their_own_seeds() -> None:
    def draw(seed: int) -> list[float]:
        found = []
        for _ in range(200):
            with seeded(seed):
                found += torch.rand(3).tolist() + torch.rand(2).tolist()
        return found

    alone = [draw(seed) for seed in range(4)]
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw, range(4))) == alone
    assert torch.equal(torch.get_rng_state(), before)


def test_small_numbers_are_taken_for_0_in_training_only(tmp_path: Path) -> None:
    field, seen = fs.make_cells((48, 48), n_cells=3, seed=1), list[bool]()

    def look(_: object) -> None:
        seen.append(small_numbers_are_there())

    how = {"encoder": "small", "crop": 32, "batch": 1, "max_steps": 2, "device": "cpu"}
    assert small_numbers_are_there()
    fs.StainModel.fit(field.phase, field.nuclear, progress=look, **how)
    assert small_numbers_are_there()
    assert seen == [False, False]
    with without_denormals():
        fs.StainModel.fit(field.phase, field.nuclear, **how)
        assert not small_numbers_are_there()
    with pytest.raises(RuntimeError), without_denormals():
        raise RuntimeError
    assert small_numbers_are_there()


def test_loading_a_model_draws_no_random_number(tmp_path: Path) -> None:
    field = fs.make_cells((48, 48), n_cells=3, seed=1)
    how = {"encoder": "small", "crop": 32, "batch": 1, "max_steps": 1, "device": "cpu"}
    fs.StainModel.fit(field.phase, field.nuclear, **how).save(tmp_path / "model")
    before = torch.get_rng_state()
    fs.load_model(tmp_path / "model", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_loading_a_model_in_another_thread_changes_no_random_weights(tmp_path: Path) -> None:
    cells = fs.make_cells((64, 64), n_cells=4, seed=0)
    how: dict[str, Any] = {"encoder": "small", "max_steps": 1, "crop": 32, "device": "cpu"}
    fs.ObjectModel.fit(cells.phase, cells.cells, **how).save(tmp_path / "model")
    settings, stop = LabelSettings(target="cells", encoder="small"), threading.Event()

    def draw() -> float:
        return sum(float(one.detach().abs().sum()) for one in begin_network(settings, 1, 0)[0].parameters())

    def load() -> None:
        while not stop.is_set():
            fs.ObjectModel.load(tmp_path / "model", "cpu")

    alone, other = draw(), threading.Thread(target=load)
    other.start()
    try:
        beside = [draw() for _ in range(20)]
    finally:
        stop.set()
        other.join()
    assert beside == [alone] * 20
