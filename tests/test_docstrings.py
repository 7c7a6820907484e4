"""Every example in a docstring runs, and gives what it says."""

import doctest
import importlib
import pkgutil
import tempfile
from pathlib import Path

import pytest

import frugalseg

MODULES = [
    module.name
    for module in pkgutil.walk_packages(frugalseg.__path__, "frugalseg.")
    if module.name != "frugalseg.__main__"
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # what examples write is cleared away
    module = importlib.import_module(name)
    failures, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failures == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(f"frugalseg.{name}") for name in ("images.read", "evaluation.scores")]
    assert all(any(test.examples for test in finder.find(module)) for module in modules)
