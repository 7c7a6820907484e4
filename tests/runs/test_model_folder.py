"""What a checkpoint was made from decides whether training goes on from it."""

import json
from pathlib import Path
from typing import Any

import pytest

from frugalseg.errors import OutputExists, OutputFailed, SettingsError, UnreadableFile
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.models.model_settings import MarkerModelSettings
from frugalseg.report import TrainingCurve
from frugalseg.runs.checkpoint_folder import begin_checkpoint, checkpoint_folder
from frugalseg.runs.marker_process import resolved_marker_settings
from frugalseg.runs.model_folder import ModelRun
from frugalseg.runs.options import RunOptions
from frugalseg.runs.provenance import Sources, file_state

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


def complete(model: Path, seed: int = 1, card: str = "of the model before") -> None:
    """A model that an earlier run with this seed made of the same files."""
    model.mkdir(exist_ok=True)
    (model / "card.yaml").write_text(card)
    settings = {"seed": seed, "fields": ["a"]}
    provenance = {"files": {"a": [["/a.tif", 5, 7]]}, **NETWORK}
    record = {"command": "learn x", "state": "done", "settings": settings, "provenance": provenance}
    (model / "record.json").write_text(json.dumps(record))


def test_resume_goes_on_with_the_run_that_was_to_replace_a_model(tmp_path: Path) -> None:
    """Ctrl-C in `learn --overwrite`, then `--resume`: of other settings than the model that is there, or the same."""
    for seed in (2, 1):
        model = tmp_path / f"m{seed}"
        complete(model, seed)
        begin(model, overwrite=True)
        checkpoint = checkpoint_folder(model) / "last.ckpt"
        checkpoint.write_text("weights")
        again = begin(model, resume=True)
        assert again.earlier is None
        assert checkpoint.read_text() == "weights"
        again.sources = {}  # its files are not of this disk
        assert saved(again, model) == {"overwrite": True}


def saved(run: ModelRun, model: Path) -> dict[str, bool]:
    """How the run asks a model to be saved."""
    asked: dict[str, bool] = {}

    class Model:
        training = TrainingRecord()

        def save(self, folder: Path, overwrite: bool = False, extras: object = None) -> None:
            assert folder == model
            asked["overwrite"] = overwrite

    record = run.record(Model.training, (), {})
    run.save(Model(), record, run.report(record, TrainingCurve.of("a", Model.training)))
    return asked


def test_resume_replaces_no_model_that_came_meanwhile(tmp_path: Path) -> None:
    model = tmp_path / "m"
    complete(model, seed=2)
    begin(model, overwrite=True)
    (checkpoint_folder(model) / "last.ckpt").write_text("weights")
    complete(model, seed=3, card="of another run")
    with pytest.raises(SettingsError, match=r"holds a model of other settings or images \(seed\)"):
        begin(model, resume=True)
    complete(model, seed=1, card="of this very run, killed before it removed the checkpoint")
    assert begin(model, resume=True).earlier is not None
    assert not checkpoint_folder(model).exists()


def test_ctrl_c_before_the_first_checkpoint_does_not_hide_what_was_to_be_replaced(tmp_path: Path) -> None:
    for old in (True, False):
        model = tmp_path / f"m{old}"
        if old:
            complete(model, seed=2)
        run = begin(model, overwrite=True)
        with pytest.raises(KeyboardInterrupt), run.resumable():
            raise KeyboardInterrupt
        assert begin(model, resume=True).earlier is None
        with pytest.raises(ValueError, match="else"), begin(model, overwrite=True).resumable():
            raise ValueError("anything else")
        assert not checkpoint_folder(model).exists()


def test_a_model_inside_a_run_that_was_compared_already_is_replaced(tmp_path: Path) -> None:
    complete(tmp_path / "m", seed=2)
    options = RunOptions(quiet=True, resume=True)
    with pytest.raises(SettingsError, match="other settings"):
        ModelRun("segment", tmp_path / "m", {"seed": 1}, FILES, options, NETWORK)
    run = ModelRun("segment", tmp_path / "m", {"seed": 1}, FILES, options, NETWORK, inside=True)
    assert run.earlier is None
    assert (tmp_path / "m" / "card.yaml").read_text() == "of the model before"


def test_a_full_disk_says_where_the_last_checkpoint_is(tmp_path: Path) -> None:
    run = begin(tmp_path / "m")
    (run.checkpoint / "last.ckpt").write_text("weights")
    with pytest.raises(OutputFailed) as told, run.resumable():
        raise OutputFailed("x could not be written: the disk is full; free some space")
    assert str(told.value) == (
        f"x could not be written: the disk is full; free some space; what was learned is kept in {run.checkpoint}, so run the "
        "same command with `resume` to go on from there"
    )
    assert (run.checkpoint / "last.ckpt").read_text() == "weights"


def test_no_model_is_saved_of_files_that_changed_meanwhile(tmp_path: Path) -> None:
    image = tmp_path / "a.tif"
    image.write_text("before")
    states = (file_state(image),)
    run = begin(tmp_path / "m", {"a": Sources(read=states)})
    image.write_text("after!")
    with pytest.raises(
        UnreadableFile, match=r"field 'a': .*a\.tif was changed or removed while the run went on"
    ):
        saved(run, tmp_path / "m")
    assert not (tmp_path / "m").exists()
    assert not run.checkpoint.exists()
