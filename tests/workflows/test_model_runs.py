"""What a checkpoint was made from decides whether training goes on from it."""

import json
from pathlib import Path
from typing import Any

import pytest

from frugalseg.errors import OutputExists, SettingsError
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.workflows.model_runs import (
    begin_model,
    checkpoints_of,
    keep_checkpoint_of,
    resolved_marker_settings,
)

ASKED: dict[str, Any] = {"seed": 1, "fields": ["a"]}
MADE_FROM: dict[str, Any] = {"files": {"a": [["/a.tif", 5, 7]]}, "cutter": {"area": 3, "patch": 64}}


def test_learning_goes_on_from_the_same_files_and_cutter_only(tmp_path: Path) -> None:
    model = tmp_path / "m"
    begin_model(model, ASKED, MADE_FROM, resume=False, overwrite=False)
    checkpoint = checkpoints_of(model) / "last.ckpt"
    checkpoint.write_text("weights")
    assert begin_model(model, ASKED, MADE_FROM, resume=True, overwrite=False) is None
    for changed, says in (
        ({"files": {"a": [["/a.tif", 5, 8]]}}, r"other settings or images \(files: a\)"),
        ({"cutter": {"area": 4, "patch": 64}}, r"\(cutter: area\)"),
    ):
        with pytest.raises(SettingsError, match=says):
            begin_model(model, ASKED, {**MADE_FROM, **changed}, resume=True, overwrite=False)
    with pytest.raises(
        OutputExists, match=r"interrupted training is kept in .*; give --resume to go on with it, --ov"
    ):
        begin_model(model, ASKED, MADE_FROM, resume=False, overwrite=False)
    assert checkpoint.read_text() == "weights"
    begin_model(model, ASKED, MADE_FROM, resume=False, overwrite=True)
    assert not checkpoint.exists()


@pytest.mark.parametrize("how", [{}, {"overwrite": True}, {"resume": True}])
def test_a_folder_that_no_training_made_is_never_removed(tmp_path: Path, how: dict[str, bool]) -> None:
    model, note = tmp_path / "m", tmp_path / "m.part" / "note.txt"
    note.parent.mkdir()
    note.write_text("mine")
    with pytest.raises(OutputExists, match=r"m\.part is needed while the model is trained"):
        begin_model(model, ASKED, MADE_FROM, **{"resume": False, "overwrite": False, **how})
    with pytest.raises(OutputExists, match=r"m\.part is needed"):
        keep_checkpoint_of(MADE_FROM, model)
    assert note.read_text() == "mine"


def test_a_model_that_is_complete_is_the_result_of_the_same_files_only(tmp_path: Path) -> None:
    model = tmp_path / "m"
    model.mkdir()
    kept = {"settings": ASKED, "provenance": MADE_FROM, "fields": {"a": {}}, "failed": {}}
    (model / "record.json").write_text(json.dumps(kept))
    result = begin_model(model, ASKED, MADE_FROM, resume=True, overwrite=False)
    assert result is not None
    assert result.fields == {"a": {}}
    with pytest.raises(SettingsError, match=r"model of other settings or images \(files: a, files: b\)"):
        begin_model(model, ASKED, {**MADE_FROM, "files": {"b": []}}, resume=True, overwrite=False)


def test_a_checkpoint_of_a_field_is_dropped_where_it_was_made_from_something_else(tmp_path: Path) -> None:
    model = tmp_path / "a_model"
    provenance = {"run": "abc", "files": [["/a.tif", 5, 7]]}
    keep_checkpoint_of(provenance, model)
    checkpoint = checkpoints_of(model) / "last.ckpt"
    checkpoint.write_text("weights")
    keep_checkpoint_of(provenance, model)
    assert checkpoint.read_text() == "weights"
    keep_checkpoint_of({**provenance, "files": [["/a.tif", 5, 8]]}, model)
    assert not checkpoint.exists()
    assert json.loads((checkpoints_of(model) / "asked.json").read_text())["files"] == [["/a.tif", 5, 8]]


def test_a_preset_is_compared_by_what_it_comes_to() -> None:
    found = resolved_marker_settings("default", 77)
    label_free = MarkerSettings.preset("default", 77, label_free=True).model_dump(mode="json")
    assert found["cutter for label-free cells"] == label_free
    assert found["cutter for fluorescent cells"]["boundary"] != label_free["boundary"]
    assert found["cutter for fluorescent cells"]["max_steps"] == 77
