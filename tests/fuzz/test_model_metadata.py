"""Cards, settings, training records and weights of models with random values in random places."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.load import load_model
from frugalseg.networks.cards import MarkerCard, ObjectCard, TrainingSummary
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.object_net import object_network
from frugalseg.networks.store import CARD, WEIGHTS, save_model
from frugalseg.runs.model_folder import TRAINING, read_curve

pytestmark = pytest.mark.fuzz


def a_model(folder: Path, kind: str) -> None:
    training = TrainingSummary(steps=3, stopped_because="s", seconds=1.5, seed=0, fields=("a",))
    shared: dict[str, Any] = {"channels": ("phase",), "training": training, "pixel_size": (0.5, 0.5)}
    record = json.dumps({"steps": 2, "losses": [0.5, 0.25], "history": [[0, 0.1], [2, 0.7]], "best_step": 2})
    if kind == "markers":
        settings = MarkerSettings(widths=(4, 8), stride=1, patch=32, margin=0)
        card = MarkerCard(
            **shared,
            settings=settings.model_dump(mode="json"),
            modalities=("label-free",),
            diameter=30.0,
            nuclei="dapi",
        )
        save_model(folder, card, MarkerNetwork(2, (4, 8), 1, True), extras={TRAINING: record})
    else:
        settings = LabelSettings(target="cells")
        card = ObjectCard(
            **shared, kind="cells", settings=settings.model_dump(mode="json"), scale=0.75, diameter=31.5
        )
        save_model(folder, card, object_network("cells", "small", 1), extras={TRAINING: record})


@pytest.mark.parametrize("kind", ["markers", "cells"])
@pytest.mark.parametrize("written", ["JSON", "YAML"])
def test_cards_and_their_settings(cases: Any, spoil: Any, tmp_path: Path, kind: str, written: str) -> None:
    folder = tmp_path / "model"
    a_model(folder, kind)
    load_model(folder)
    card = yaml.safe_load((folder / CARD).read_text())
    tried = cases(f"card ({written})")
    for seed in tried.count(8):
        text = spoil(card, seed)
        if written == "YAML":
            text = (
                "\n".join(line for line in text.replace('"', "").replace(", ", ",\n ").splitlines())
                if seed % 4 == 0
                else text
            )
            text = (
                f"x: &a [1,2]\n<<: *a\n{text}"
                if seed % 7 == 0
                else text.replace("null", "2026-99-99").replace("true", "0x" + "f" * 9000)
            )
        (folder / CARD).write_text(text)
        tried.attempt(f"{kind} seed {seed}", lambda: load_model(folder))


def test_training_records(cases: Any, spoil: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    a_model(folder, "cells")
    before = json.loads((folder / TRAINING).read_text())
    tried = cases("training.json")
    for seed in tried.count(8):
        (folder / TRAINING).write_text(spoil(before, seed))
        tried.attempt(f"seed {seed}", lambda: load_model(folder))
        tried.attempt(f"curve, seed {seed}", lambda: read_curve(folder / TRAINING, "a"))


def test_headers_of_weights(cases: Any, spoil: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    a_model(folder, "markers")
    whole = (folder / WEIGHTS).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    header, body = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    card = yaml.safe_load((folder / CARD).read_text())
    tried = cases("safetensors")
    types = ["F16", "BF16", "F64", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "C64", "F4", "XX", ""]
    for seed in tried.count(12):
        rng = np.random.default_rng(seed)
        text = (
            spoil(header, seed) if seed % 3 else json.dumps(header).replace("F32", str(rng.choice(types)), 1)
        )
        coded = text.encode("utf-8", "replace")
        length = len(coded) if seed % 5 else int(rng.choice([0, 1, 2**40, 2**63, len(coded) + 1]))
        content = length.to_bytes(8, "little") + coded + body[: len(body) - int(rng.integers(0, 2)) * 5]
        (folder / WEIGHTS).write_bytes(content)
        (folder / CARD).write_text(yaml.safe_dump({**card, "sha256": hashlib.sha256(content).hexdigest()}))
        tried.attempt(f"seed {seed}", lambda: load_model(folder))
