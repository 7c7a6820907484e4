"""A model that is replaced: one of both is always there, or found again, and nothing of a killed run stays."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from frugalseg.errors import BadModel, OutputExists
from frugalseg.networks.cards import MarkerCard, TrainingSummary
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.store import (
    CARD,
    WEIGHTS,
    check_free,
    load_card,
    load_weights,
    remove_model,
    save_model,
)

CHANGING = ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync")


class Killed(BaseException):
    """From then on no file operation does anything."""


def network(seed: int) -> MarkerNetwork:
    torch.manual_seed(seed)
    return MarkerNetwork(1, (4, 8))


def a_card() -> MarkerCard:
    training = TrainingSummary(steps=7, stopped_because="stable", seconds=1.5, seed=3, fields=("a",))
    return MarkerCard(
        channels=("phase",), modalities=("label-free",), diameter=40, settings={}, training=training
    )


def first_weight(folder: Path) -> list[float]:
    """Read the model, whichever it is."""
    return next(iter(load_weights(folder, network(9)).state_dict().values())).flatten()[:3].tolist()


BOTH = [next(iter(network(seed).state_dict().values())).flatten()[:3].tolist() for seed in (0, 1)]


@contextmanager
def killed_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[list[str]]:
    """Let nothing happen from this operation on; the names of those that happened are listed."""
    done: list[str] = []

    def counted(name: str) -> None:
        do = getattr(os, name)

        def operation(*arguments: object, **options: object) -> object:
            if len(done) >= number:
                raise Killed
            done.append(name)
            return do(*arguments, **options)

        patched.setattr(os, name, operation)

    with monkeypatch.context() as patched:
        for name in CHANGING:
            counted(name)
        yield done


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", a_card(), network(0), extras={"training.json": "{}"})
    return tmp_path / "model"


def operations(model: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    with killed_at(monkeypatch, 999) as done:
        save_model(model, a_card(), network(1), overwrite=True, extras={"training.json": "{}"})
    return done


def test_whenever_it_is_killed_a_whole_model_is_there(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for by `load`, or written again: both find it."""
    save_model(tmp_path / "whole" / "model", a_card(), network(0))
    all_of_them = operations(tmp_path / "whole" / "model", monkeypatch)
    assert all_of_them.count("rename") == 2
    found = []
    for number in range(len(all_of_them)):
        place = tmp_path / str(number) / "model"
        save_model(place, a_card(), network(0), extras={"training.json": "{}"})
        with killed_at(monkeypatch, number), pytest.raises(Killed):
            save_model(place, a_card(), network(1), overwrite=True, extras={"training.json": "{}"})
        if number % 2:
            check_free(place, overwrite=True)
        weight = first_weight(place)
        assert weight in BOTH
        found.append(BOTH.index(weight))
        check_free(place, overwrite=True)  # as every run does first
        assert [path.name for path in place.parent.iterdir()] == ["model"]
        assert {path.name for path in place.iterdir()} == {CARD, WEIGHTS, "training.json"}
    assert found == sorted(found)  # first the old one, then the new one
    assert set(found) == {0, 1}


def test_a_model_whose_place_was_taken_meanwhile_is_not_lost(model: Path) -> None:
    old = model.with_name(".model.0123abcd.old")
    model.rename(old)
    model.mkdir()
    (model / "note.txt").write_text("mine")
    with pytest.raises(BadModel, match="no card"):
        load_card(model)
    assert (old / WEIGHTS).exists()
    assert (model / "note.txt").read_text() == "mine"


def test_hidden_folders_of_something_else_stay(model: Path) -> None:
    kept = [
        model.with_name(name)
        for name in (".model.0123abcd.old", ".model.0123abcd.part", ".other.0123abcd.part")
    ]
    for folder in kept:
        folder.mkdir()
        (folder / "note.txt").write_text("mine")
    left = model.with_name(".model.89abcdef.part")
    left.mkdir()
    (left / CARD).write_text("half")
    check_free(model, overwrite=True)
    assert [(folder / "note.txt").read_text() for folder in kept] == ["mine"] * 3
    assert not left.exists()


@pytest.mark.parametrize("name", [".git/config", ".gitignore", ".note.txt", "card.yaml.bak"])
def test_hidden_files_of_a_user_are_not_deleted_with_the_model(model: Path, name: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("mine")
    with pytest.raises(OutputExists, match=f"holds {name.split('/')[0]}".replace(".", r"\.")):
        save_model(model, a_card(), network(1), overwrite=True)
    remove_model(model)
    assert (model / name).read_text() == "mine"
    assert first_weight(model) == BOTH[0]


def test_files_of_the_system_do_not_count(model: Path) -> None:
    for name in (".DS_Store", "._card.yaml", "Thumbs.db", ".card.yaml.0123abcd.part"):
        (model / name).write_text("")
    save_model(model, a_card(), network(1), overwrite=True)
    assert first_weight(model) == BOTH[1]
    remove_model(model)
    assert list(model.parent.iterdir()) == []


def test_a_link_to_a_model_stays_a_link(model: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(model)
    save_model(link, a_card(), network(1), overwrite=True)
    assert link.is_symlink()
    assert first_weight(model) == BOTH[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "model"]


def test_long_names_have_hidden_names_of_their_own(tmp_path: Path) -> None:
    """255 bytes are allowed, of which a hidden name keeps the first 200 and a checksum."""
    models = [tmp_path / ("ä" * 115 + end) for end in ("one", "two")]
    for model in models:
        save_model(model, a_card(), network(0))
    olds = []
    for model in models:
        save_model(model, a_card(), network(1), overwrite=True)
        olds.append(first_weight(model))
    assert olds == [BOTH[1]] * 2
