"""What a checkpoint was made from decides whether training goes on from it."""

import json
from pathlib import Path
from typing import Any

import pytest

from frugalseg.errors import OutputExists, SettingsError
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.model_settings import MarkerModelSettings
from frugalseg.runs.marker_process import resolved_marker_settings
from frugalseg.runs.model_folder import ModelRun, begin_checkpoint, checkpoint_folder
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import Sources

FILES = {"a": Sources(read=(("/a.tif", 5, 7),))}
OTHER = {"a": Sources(read=(("/a.tif", 5, 8),))}
NETWORK = {"network": {"area": 3, "patch": 64}}


def begin(
    model: Path, files: dict[str, Sources] = FILES, network: dict[str, Any] = NETWORK, **options: bool
) -> ModelRun:
    return ModelRun("learn x", model, {"seed": 1}, files, RunOptions(quiet=True, **options), network)


def test_learning_goes_on_from_the_same_files_and_network_only(tmp_path: Path) -> None:
    model = tmp_path / "m"
    begin(model)
    checkpoint = checkpoint_folder(model) / "last.ckpt"
    checkpoint.write_text("weights")
    assert begin(model, resume=True).earlier is None
    with pytest.raises(SettingsError, match=r"other settings or images \(files: a\)"):
        begin(model, OTHER, resume=True)
    with pytest.raises(SettingsError, match=r"\(network: area\)"):
        begin(model, network={"network": {"area": 4, "patch": 64}}, resume=True)
    with pytest.raises(
        OutputExists, match=r"interrupted training is kept in .*; give `resume` to go on with it"
    ):
        begin(model)
    assert checkpoint.read_text() == "weights"
    begin(model, overwrite=True)
    assert not checkpoint.exists()


@pytest.mark.parametrize("how", [{}, {"overwrite": True}, {"resume": True}])
def test_a_folder_that_no_training_made_is_never_removed(tmp_path: Path, how: dict[str, bool]) -> None:
    model, note = tmp_path / "m", tmp_path / "m.part" / "note.txt"
    note.parent.mkdir()
    note.write_text("mine")
    with pytest.raises(OutputExists, match=r"m\.part is needed while the model is trained"):
        begin(model, **how)
    with pytest.raises(OutputExists, match=r"m\.part is needed"):
        begin_checkpoint(model, {"run": "abc"})
    assert note.read_text() == "mine"


def test_a_model_that_is_complete_is_the_result_of_the_same_files_only(tmp_path: Path) -> None:
    model = tmp_path / "m"
    model.mkdir()
    provenance = {"files": {"a": [["/a.tif", 5, 7]]}, **NETWORK}
    kept = {
        "command": "learn x",
        "state": "done",
        "settings": {"seed": 1, "fields": ["a"]},
        "provenance": provenance,
        "fields": {"a": {"pcc": 0.5}},
        "failed": {},
    }
    (model / "record.json").write_text(json.dumps(kept))
    earlier = begin(model, resume=True).earlier
    assert earlier is not None
    assert earlier.fields["a"].pcc == 0.5
    with pytest.raises(
        SettingsError, match=r"model of other settings or images \(fields, files: a, files: b\)"
    ):
        begin(model, {"b": Sources()}, resume=True)


def test_a_checkpoint_of_a_field_is_dropped_where_it_was_made_from_something_else(tmp_path: Path) -> None:
    model = tmp_path / "a_model"
    request: dict[str, Any] = {"run": "abc", "files": [["/a.tif", 5, 7]]}
    begin_checkpoint(model, request)
    checkpoint = checkpoint_folder(model) / "last.ckpt"
    checkpoint.write_text("weights")
    begin_checkpoint(model, request)
    assert checkpoint.read_text() == "weights"
    begin_checkpoint(model, {**request, "files": [["/a.tif", 5, 8]]})
    assert not checkpoint.exists()
    kept = json.loads((checkpoint_folder(model) / "request.json").read_text())
    assert kept["files"] == [["/a.tif", 5, 8]]


def test_a_preset_is_compared_by_what_it_comes_to() -> None:
    found: Any = resolved_marker_settings(MarkerModelSettings(max_steps=77))
    label_free = MarkerSettings.preset("default", 77, label_free=True).model_dump(mode="json")
    assert found["marker network for label-free cells"] == label_free
    assert found["marker network for fluorescent cells"]["boundary"] != label_free["boundary"]
    assert found["marker network for fluorescent cells"]["max_steps"] == 77
