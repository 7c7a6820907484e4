"""Documents are true: their Python runs, and the files and functions that they name are there."""

import ast
import re
from pathlib import Path

import pytest

import frugalseg

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def run_blocks(document: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the Python blocks of a document in an empty folder; what one defines, the next can use."""
    monkeypatch.chdir(folder)
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, document.name, "exec"), names)


def test_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_blocks(ROOT / "README.md", tmp_path, monkeypatch)
    shown = capsys.readouterr().out
    assert "nuclei; IoU of the cells 0." in shown
    assert {path.name for path in tmp_path.iterdir()} == {"cell_model", "field_labels.tif"}


def test_the_example_from_arrays_to_labels_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_blocks(ROOT / "docs" / "from-arrays.md", tmp_path, monkeypatch)
    shown = capsys.readouterr().out
    assert "14 nuclei, mean IoU 0.8" in shown
    assert "14 cells, mean IoU 0." in shown
    assert "cells from predicted nuclei" in shown
    assert "image 2 learned from 0." in shown
    assert shown.splitlines()[-1].startswith("images[2]: `nuclei` is constant")
    written = {"cell_model", "field_3_labels.tif", "field_3_rois.zip"}
    assert {path.name for path in tmp_path.iterdir()} == written


def test_a_study_on_arrays_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_blocks(ROOT / "docs" / "studies.md", tmp_path, monkeypatch)
    assert capsys.readouterr().out.splitlines()[-1] == "18 scores of 6 runs"
    assert (tmp_path / "study_out" / "report.html").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_files_that_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|docs|experiments)/[\w./-]+\.\w+)`", text)
    named += re.findall(r"\]\(((?!https?:)[^)#]+)\)", text)
    base = document.parent
    assert [name for name in named if not (ROOT / name).exists() and not (base / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_what_is_public(document: Path) -> None:
    named = set(re.findall(r"\bfs\.([A-Za-z_]\w*)", document.read_text(encoding="utf-8")))
    assert sorted(named - set(frugalseg.__all__)) == []


def test_the_steps_of_the_architecture_are_functions_of_their_files() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\| \d+ \| `(\w+)` \| `(src/[\w/]+\.py)` \|", text, flags=re.MULTILINE)
    assert len(steps) >= 15
    for function, file in steps:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, file
