"""Fields of synthetic cells as arrays, and a design that studies them."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from frugalseg.studies.design import StudyDesign
from frugalseg.studies.study_data import ArrayData
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
