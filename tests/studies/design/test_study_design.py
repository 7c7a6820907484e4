"""A design is read and checked before anything runs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from frugalseg.errors import SettingsError, UnreadableFile
from frugalseg.studies.design.study_design import Budget, Student, StudyDesign, parse_budget


def parsed(task: dict[str, Any], **changed: Any) -> StudyDesign:
    return StudyDesign.parse({"title": "a test", "tasks": {"cells": {**task, **changed}}}, "study.yaml")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0, Budget()),
        (4, Budget(fields=4)),
        ("4 fields", Budget(fields=4)),
        ("1 crop", Budget(crops=1)),
        ("12 crops", Budget(crops=12)),
    ],
)
def test_budgets(given: Any, expected: Budget) -> None:
    assert parse_budget(given) == expected
    assert parse_budget(str(expected) if any(expected) else 0) == expected


@pytest.mark.parametrize("given", ["few", -1, 1.5, True, None, "1 crop of 512", [1]])
def test_what_is_no_budget(given: Any) -> None:
    with pytest.raises(ValueError, match="a budget is a number of fields"):
        parse_budget(given)


def test_a_design_survives_yaml_and_json(labels_task: dict[str, Any], tmp_path: Path) -> None:
    student = {"kind": "student", "nuclei": "nuclear", "start": "stain", "student_settings": {"rounds": 1}}
    starts = {"stain": {"kind": "stain", "stain": "nuclear"}, "student": student}
    design = parsed(labels_task, starts=starts, budgets=[0, "1 crop", 2])
    found = design.tasks["cells"].starts["student"]  # type: ignore[union-attr]
    assert isinstance(found, Student)
    assert found.student_settings == {"rounds": 1}
    assert StudyDesign.model_validate_json(design.model_dump_json()) == design
    (tmp_path / "study.yaml").write_text("title: t\ntasks: {cells: {kind: labels}}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"study.yaml: tasks.cells.data: this is needed"):
        StudyDesign.read(tmp_path / "study.yaml")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": "cell"}, r"study.yaml: tasks.cells.target: .*'nuclei' or 'cells' \('cell' was given\)"),
        ({"budgets": ["many"]}, r"tasks.cells.budgets.0: a budget is a number of fields"),
        ({"stepz": 3}, r"tasks.cells.stepz: there is no such setting here"),
        (
            {"settings": {"encodr": "small"}},
            r"tasks.cells: there is no setting `encodr`; allowed are .*encoder",
        ),
        (
            {"settings": {"max_steps": 5}},
            r"tasks.cells: `max_steps` is no setting here; use `steps` of the task",
        ),
        ({"starts": {"s": {"kind": "magic"}}}, r"tasks.cells.starts.*'magic'"),
        (
            {"starts": {"s": {"kind": "student", "nuclei": "n", "start": "other"}}},
            r"start 's' begins with 'other', which must be a stain or model start",
        ),
        (
            {"starts": {"i": {"kind": "imagenet"}}},
            r"tasks.cells: start 'i' needs an encoder that has ImageNet weights; set `encoder`",
        ),
        (
            {"settings": {"weights": "imagenet"}},
            r"start 'nothing' is of kind 'nothing', which says what its weights are; leave `weights` out",
        ),
        (
            {"starts": {"s": {"kind": "student", "nuclei": "n", "settings": {"encoder": "small"}}}},
            r"start 's' has the network of the model that it starts from; set `encoder` in `settings` of the task",
        ),
        ({"test": []}, r"tasks.cells.test: no test field is named; name at least one in each list"),
        ({"test": [[]]}, r"tasks.cells.test: no test field is named; name at least one in each list"),
        ({"test": [["a"], []]}, r"tasks.cells.test: no test field is named; name at least one in each list"),
        ({"test": ["a", "b", "a"]}, r"tasks.cells.test: test field 'a' is named twice in one list"),
        ({"test": [["a"], ["b", "b"]]}, r"tasks.cells.test: test field 'b' is named twice in one list"),
        (
            {"budgets": [0]},
            r"tasks.cells: start 'nothing' finds no cells before it has learned from labels, and `budgets` is 0 only; add",
        ),
        ({"seeds": []}, r"tasks.cells.seeds: at least one is needed"),
    ],
)
def test_what_is_not_allowed(labels_task: dict[str, Any], changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parsed(labels_task, **changed)


def test_folds_may_share_a_field_and_a_start_that_others_begin_with_needs_no_budget(
    labels_task: dict[str, Any],
) -> None:
    assert parsed(labels_task, test=[["a", "b"], ["a"]]).tasks["cells"].test == (("a", "b"), ("a",))
    starts = {
        "stain": {"kind": "stain", "stain": "nuclear"},
        "student": {"kind": "student", "nuclei": "nuclear", "start": "stain"},
    }
    assert len(parsed(labels_task, starts=starts, budgets=[0]).tasks["cells"].budgets) == 1


@pytest.mark.parametrize("content", ["a: [", "\0", "!!python/object/apply:os.system [ls]"])
def test_what_is_no_yaml(tmp_path: Path, content: str) -> None:
    (tmp_path / "study.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UnreadableFile, match=r"study.yaml can't be read as a design of a study"):
        StudyDesign.read(tmp_path / "study.yaml")
    with pytest.raises(UnreadableFile):
        StudyDesign.read(tmp_path / "none.yaml")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    text = yaml.safe_dump(
        {
            "title": "t",
            "tasks": {"cells": {"kind": "stains", "data": ["a"], "inputs": "phase", "stain": "dapi"}},
        }
    )
    (tmp_path / "d.yaml").write_text(text + "title: u\n")
    with pytest.raises(UnreadableFile, match="'title' stands there twice; give each a name of its own"):
        StudyDesign.read(tmp_path / "d.yaml")
    (tmp_path / "d.yaml").write_text(text + "? [a, b]\n: c\n")
    with pytest.raises(UnreadableFile, match="can't be read as a design"):
        StudyDesign.read(tmp_path / "d.yaml")


def test_a_student_behind_a_start_has_its_encoder(labels_task: dict[str, Any]) -> None:
    stain = {"kind": "stain", "stain": "dapi"}
    student = {
        "kind": "student",
        "nuclei": "dapi",
        "start": "stain",
        "student_settings": {"encoder": "small"},
    }
    task = labels_task | {"starts": {"stain": stain, "student": student}}
    with pytest.raises(SettingsError, match="start 'student' begins with 'stain', whose network it has"):
        StudyDesign.parse({"title": "t", "tasks": {"cells": task}})


def test_mappings_that_are_merged_into_others_stay_what_they_are(tmp_path: Path) -> None:
    """A key that a merge brings does not stand twice, wherever the mapping is merged again."""
    (tmp_path / "d.yaml").write_text(
        "title: t\ntasks:\n"
        "  one: &one {kind: stains, data: [a], inputs: phase, stain: dapi, arms: {x: &base {crop: 64, batch: 2}, y: &mid {<<: *base, batch: 4}}}\n"
        "  two: {<<: *one, arms: {z: {<<: *mid}}}\n"
    )
    tasks: Any = StudyDesign.read(tmp_path / "d.yaml").tasks
    assert tasks["one"].arms["y"] == tasks["two"].arms["z"] == {"crop": 64, "batch": 4}


@pytest.mark.parametrize("given", [[1, 2], [-1, 0], [0, -1]])
def test_a_list_is_no_budget(labels_task: dict[str, Any], given: list[int]) -> None:
    with pytest.raises(SettingsError, match="a budget is a number of fields"):
        parsed(labels_task, budgets=[given])


@pytest.mark.parametrize(
    "changed",
    [
        {"seeds": [False, True]},
        {"steps": [True]},
        {"settings": {"scale": True}},
        {"settings": {"batch": True}},
    ],
)
def test_yes_and_no_are_no_numbers(labels_task: dict[str, Any], changed: dict[str, Any]) -> None:
    """YAML reads them as truth values, which count as 1 and 0 elsewhere."""
    with pytest.raises(SettingsError, match=r"a number is needed, and (true|false) was given"):
        parsed(labels_task, **changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"budgets": 2}, r"budgets: a list is needed, such as \[1, 2\] \('2' was given\)"),
        (
            {"traget": "cells", "target": None},
            r"tasks.cells.traget: there is no such setting here; correct its name",
        ),
        (
            {"starts": {"stain": {"kind": "stain", "stain": "dapi", "stain_settings": {"max_steps": 50}}}},
            "use `steps` of the stain model, beside `stain_settings`",
        ),
    ],
)
def test_a_message_says_what_to_do(labels_task: dict[str, Any], changed: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parsed(labels_task, **changed)
