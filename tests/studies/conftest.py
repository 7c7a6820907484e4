"""Fields of synthetic cells as arrays, and a design that studies them."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.plan.study_data import ArrayData
from frugalseg.studies.scores.score_rows import ScoreRow
from frugalseg.synthetic.cells import make_cells


@pytest.fixture(scope="session")
def cells_data() -> ArrayData:
    """Four fields; the last has no truth."""
    fields = [make_cells((96, 96), n_cells=8, dim_nuclei=0, seed=seed) for seed in range(4)]
    return ArrayData(
        {
            "phase": [one.phase for one in fields],
            "nuclear": [one.nuclear for one in fields],
            "cytoplasm": [one.cytoplasm for one in fields],
            "cells": [*(one.cells for one in fields[:3]), None],
        },
        names=["a", "b", "c", "d"],
    )


@pytest.fixture
def labels_task() -> dict[str, Any]:
    """A task that learns cells from few labels, as YAML would hold it."""
    return {
        "kind": "labels",
        "data": ["fields.csv"],
        "target": "cells",
        "inputs": "phase",
        "labels": "cells",
        "starts": {"nothing": {"kind": "nothing"}},
        "budgets": [1],
        "steps": [2],
        "seeds": [0],
        "test": ["c"],
        "settings": {"encoder": "small", "crop": 32, "batch": 2, "scale": 0.5, "hold_out": False},
    }


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module `fake_runs`, which the processes of a study can import too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return import_module("fake_runs")


def design_of(**tasks: dict[str, Any]) -> StudyDesign:
    """Return a design of these tasks."""
    return StudyDesign.parse({"title": "a test", "tasks": tasks})


@pytest.fixture
def make_rows() -> Callable[..., list[ScoreRow]]:
    """Return rows of one task from (arm, budget, outlined) -> field -> one value for each seed."""

    def make(
        scores: Mapping[tuple[str, str, int], Mapping[str, Sequence[float]]],
        task: str = "cells",
        metric: str = "mAP",
        steps: int = 200,
        fold: str = "f",
    ) -> list[ScoreRow]:
        return [
            ScoreRow(
                task,
                arm,
                f"{task}/{arm}-{budget}-{steps}-{fold}-{seed}",
                budget,
                outlined,
                steps,
                fold,
                seed,
                field,
                metric,
                value,
            )
            for (arm, budget, outlined), fields in scores.items()
            for field, values in fields.items()
            for seed, value in enumerate(values)
        ]

    return make
