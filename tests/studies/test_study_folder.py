"""A study writes into its own folder only: what the user keeps there or in another one stays."""

from pathlib import Path
from types import ModuleType

import pytest
import yaml

from frugalseg.errors import OutputExists
from frugalseg.studies.design.study_design import StudyDesign
from frugalseg.studies.study_folder import begin_folder, check_folder

#: What a user may keep in a folder beside images.
MINE = {"scores.csv": "mine", "report.html": "mine", "examples_for_talk.png": "mine"}


def parsed(fakes: ModuleType, out: Path) -> tuple[StudyDesign, str]:
    plan = fakes.plan(out)
    return plan.design, plan.text


def test_another_design_does_not_make_a_folder_a_study(tmp_path: Path, fakes: ModuleType) -> None:
    design, text = parsed(fakes, tmp_path / "out")
    for name, content in {"design.yaml": "title: mine\ntasks: {}\n", **MINE}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(OutputExists, match="is no study"):
        fakes.study(tmp_path)
    assert {name: (tmp_path / name).read_text() for name in MINE} == MINE
    for name in MINE:
        (tmp_path / name).unlink()
    with pytest.raises(OutputExists, match=r"holds design\.yaml and is no study"):
        check_folder(tmp_path, design)
    (tmp_path / "design.yaml").write_text(f"# this very design\n{text}")
    check_folder(tmp_path, design)


def test_a_folder_of_a_study_keeps_comments_and_the_users_files(tmp_path: Path, fakes: ModuleType) -> None:
    out = tmp_path / "out"
    design, text = parsed(fakes, out)
    fakes.study(out)
    (out / "design.yaml").write_text(f"# why it was made\n{text}")
    for name in ("examples_for_talk.png", "examples_cells.png"):
        (out / name).write_text("drawn")
    check_folder(out, design)
    begin_folder(out, text)
    assert (out / "design.yaml").read_text().startswith("# why it was made")
    assert (out / "examples_cells.png").exists()
    other = yaml.safe_load(text)
    other["title"] = "another"
    begin_folder(out, yaml.safe_dump(other))
    assert not (out / "examples_cells.png").exists()
    assert (out / "examples_for_talk.png").read_text() == "drawn"
    assert StudyDesign.read(out / "design.yaml").title == "another"
