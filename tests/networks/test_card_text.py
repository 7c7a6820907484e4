"""Cards that were changed to stop a program, and cards of enormous networks: one sentence, at once, without memory."""

import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save

from frugalseg.errors import BadModel
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.load import load_model
from frugalseg.networks.card_text import read_card_text
from frugalseg.networks.cards import Look, MarkerCard, ObjectCard, TrainingSummary
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.object_net import object_network
from frugalseg.networks.store import CARD, WEIGHTS, load_card, save_model

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30)
)
COMMON: dict[str, Any] = {
    "channels": ("phase",),
    "pixel_size": (0.5, 0.25),
    "training": TrainingSummary(steps=3, stopped_because="s", seconds=1.5, seed=0, fields=("a",)),
}


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    settings = LabelSettings(target="cells").model_dump(mode="json")
    card = ObjectCard(**COMMON, kind="cells", settings=settings, scale=0.75, diameter=31.5)
    save_model(tmp_path / "cells", card, object_network("cells", "small", 1))
    return tmp_path / "cells"


@pytest.fixture
def markers(tmp_path: Path) -> Path:
    settings = MarkerSettings(widths=(4, 8), patch=32, margin=0).model_dump(mode="json")
    card = MarkerCard(**COMMON, settings=settings, modalities=("label-free",), diameter=30.0)
    save_model(tmp_path / "markers", card, MarkerNetwork(2, (4, 8), 2, True))
    return tmp_path / "markers"


def change(model: Path, **values: Any) -> None:
    content = yaml.safe_load((model / CARD).read_text())
    (model / CARD).write_text(yaml.safe_dump({**content, **values}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "aliases, which are not read"),
        ("a: &a {b: 1}\nc:\n  <<: *a\n", "aliases, which are not read"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("a: " + "{b: " * 100 + "1" + "}" * 100, "nested too deeply"),
        ("a: 0x" + "f" * 9000, "a whole number of 36000 bits"),
        ("a: " + "1" * 9000, "Exceeds the limit"),
        ("a: " + "59:" * 400 + "1.5", "damaged"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("? [a, b]\n: 1", "damaged"),
        ("1: 2", "no keys in it"),
        ("- a", "no keys in it"),
        ("a: b\0", "damaged"),
        ("x" * 2_000_000, "too large for what it is: 2000000 bytes, and 1048576 are allowed"),
    ],
    ids=range(13),
)
def test_what_a_card_never_has(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(BadModel, match=says) as error:
        read_card_text(tmp_path / CARD)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_a_card_of_very_many_fields_keeps_as_many_as_can_be_read(tmp_path: Path) -> None:
    names = tuple(f"{number:05} of a plate with a name of some length" for number in range(30_000))
    training = COMMON["training"].model_copy(update={"fields": names, "held_out": names[:11]})
    looks = tuple(Look(values=(number / 9,), spread=0.5) for number in range(9))
    settings = LabelSettings(target="cells").model_dump(mode="json")
    about: dict[str, Any] = {**COMMON, "training": training, "looks": looks, "settings": settings}
    card = ObjectCard(**about, kind="cells", scale=0.75, diameter=31.5)
    saved = save_model(tmp_path / "cells", card, object_network("cells", "small", 1))
    assert saved.training.fields == names[::2]
    assert saved.training.held_out == names[:11:2]
    assert saved.looks == looks[::2]
    assert load_model(tmp_path / "cells").card == saved
    few = card.model_copy(update={"training": COMMON["training"]})
    assert save_model(tmp_path / "few", few, object_network("cells", "small", 1)).looks == looks


def test_dates_and_numbers_are_what_is_written(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text(
        "a: 2026-99-99\nb: 2026-01-01 12:00:00\nc: 1.5\nd: 7\ne: null\nf: [true, x]\n"
    )
    values = {"a": "2026-99-99", "b": "2026-01-01 12:00:00", "c": 1.5, "d": 7, "e": None, "f": [True, "x"]}
    assert read_card_text(tmp_path / CARD) == values


def test_a_card_with_a_date_that_is_none_is_still_read(cells: Path) -> None:
    change(cells, created="left out")
    text = (cells / CARD).read_text().replace("created: left out", "created: 2026-99-99")
    (cells / CARD).write_text(text)
    assert load_card(cells).created == "2026-99-99"
    assert load_model(cells).card.scale == 0.75


@pytest.mark.parametrize(
    "values",
    [
        {"diameter": 1e300},
        {"diameter": 1e-300},
        {"diameter": float("nan")},
        {"scale": 1e-300},
        {"scale": 1e300},
        {"pixel_size": [0, 1]},
        {"pixel_size": [float("inf"), 1]},
        {"pixel_size": [-1, 1]},
        {"channels": ["a"] * 2000},
        {"settings": []},
        {"settings": {"target": "cells", "crop": 10**9}},
        {"settings": {"target": "cells", "encoder": ["small"]}},
        {"kind": "x" * 100_000},
        {"format": 1, "settings": {"": {"a": 1}}},
    ],
    ids=str,
)
def test_absurd_values_are_one_sentence(cells: Path, values: dict[str, Any]) -> None:
    change(cells, **values)
    with pytest.raises(BadModel, match="damaged or of another version") as error:
        load_model(cells)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


@pytest.mark.parametrize(
    ("widths", "says"),
    [
        ([30_000, 30_000], "does not fit its card: .* should be .30000,. float32"),
        ([10**9, 4], "describes no network .Storage size calculation overflowed"),
        ([4, 8] * 60, "settings: Value error, patch must be a multiple"),
        ([-1, 8], "describes no network"),
        ([], "describes no network .a marker network needs one input channel and two levels"),
    ],
)
def test_a_card_of_an_enormous_network_takes_no_memory(markers: Path, widths: list[int], says: str) -> None:
    load_model(markers)
    change(markers, settings={"widths": widths, "patch": 32, "margin": 0})
    tracemalloc.start()
    with pytest.raises(BadModel, match=says):
        load_model(markers)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:7],
        lambda whole: (2**63).to_bytes(8, "little") + whole[8:],
        lambda whole: whole.replace(b'"F32"', b'"F99"', 1),
        lambda whole: whole.replace(b'"F32"', b'"F64"', 1),
        lambda whole: whole.replace(b'"shape"', b'"shapf"', 1),
        lambda whole: whole.replace(b'"data_offsets":[', b'"data_offsets":[9', 1),
        lambda whole: whole[:8] + b"[" * (len(whole) - 8),
        lambda whole: whole[:-4],
        lambda whole: b"",
        lambda whole: save({"x" * 50_000: torch.zeros(1)}),
    ],
)
def test_weights_with_a_damaged_header_and_the_right_checksum(markers: Path, damage: Any) -> None:
    content = damage((markers / WEIGHTS).read_bytes())
    (markers / WEIGHTS).write_bytes(content)
    change(markers, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(BadModel, match=r"weights\.safetensors (is damaged|does not fit its card)") as error:
        load_model(markers)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


def test_the_loaded_network_is_the_saved_one(markers: Path) -> None:
    again = load_model(markers)
    saved = MarkerNetwork(2, (4, 8), 2, True)
    assert {name: tensor.shape for name, tensor in again.network.state_dict().items()} == {
        name: tensor.shape for name, tensor in saved.state_dict().items()
    }
    assert all(parameter.device.type != "meta" for parameter in again.network.parameters())
    assert not again.network.training
