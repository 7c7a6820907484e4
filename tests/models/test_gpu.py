"""On a CUDA GPU training starts as on the CPU, its models serve both, and several workers share it; skipped without one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import frugalseg as fs
from frugalseg.studies.study_plan import plan_study

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU"),
    pytest.mark.slow,
]

CELLS = [fs.make_cells((128, 128), n_cells=14, dim_nuclei=0, seed=seed) for seed in range(2)]
PHASE, NUCLEAR = [one.phase for one in CELLS], [one.nuclear for one in CELLS]
QUICK: dict[str, Any] = {"crop": 64, "batch": 4, "seed": 3}


def fits(kind: str, **given: Any) -> Any:
    """Train a model of a kind for some steps."""
    if kind == "marker":
        return fs.MarkerModel.fit(PHASE, nuclei=NUCLEAR, seed=3, **given)
    if kind == "stain":
        return fs.StainModel.fit(PHASE, NUCLEAR, **QUICK, **given)
    if kind == "cells":
        return fs.ObjectModel.fit(PHASE, [one.cells for one in CELLS], **QUICK, **given)
    return fs.self_train(PHASE, NUCLEAR, rounds=1, seed=3, **given)


@pytest.mark.parametrize("kind", ["marker", "stain", "cells", "student"])
def test_training_starts_as_on_the_cpu(kind: str) -> None:
    on = {device: fits(kind, max_steps=4, device=device) for device in ("cpu", "cuda")}
    losses = {device: np.array(model.training.losses) for device, model in on.items()}
    assert np.allclose(losses["cuda"][:2], losses["cpu"][:2], rtol=0.02)


@pytest.mark.parametrize("kind", ["marker", "stain", "cells"])
def test_a_model_of_the_gpu_sees_the_same_on_the_cpu(tmp_path: Path, kind: str) -> None:
    given = {"nuclei": NUCLEAR[0]} if kind == "marker" else {}
    fits(kind, max_steps=40, device="cuda").save(tmp_path / "model")
    found = [
        fs.load_model(tmp_path / "model", device=device).predict(PHASE[0], **given)
        for device in ("cpu", "cuda")
    ]
    if kind == "stain":
        assert fs.pearson_correlation(*found) > 0.9999
    else:
        assert found[0].max() > 0
        assert np.mean(found[0] != found[1]) < 0.001


def test_workers_of_a_study_share_the_gpu(tmp_path: Path) -> None:
    data = fs.ArrayData({"phase": PHASE, "nuclear": NUCLEAR, "cells": [one.cells for one in CELLS]})
    arms = {
        "network": {"inputs": "phase", "nuclei": "nuclear", "method": "network", "settings": {"max_steps": 4}}
    }
    task = {"kind": "markers", "data": [], "labels": "cells", "arms": arms, "learn": "alone", "seeds": [0, 1]}
    design = fs.StudyDesign.parse({"title": "cells", "tasks": {"cells": task}})
    result = fs.run_study(design, data, tmp_path / "out", workers=2, device="cuda")
    assert not result.failed
    assert len({row.run for row in result.rows}) == 4
    finished = plan_study(design, data, tmp_path / "out", device="cuda").finished
    assert {record.device for record in finished.values()} == {"cuda"}
