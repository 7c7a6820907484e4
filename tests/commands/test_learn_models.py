"""`learn stains` and `learn labels`: from fields to model folders, through interruptions and what users get wrong."""

import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import load_file

from frugalseg.commands.command_settings import LearnLabelsSettings, LearnStainsSettings
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.commands.learn_stains import learn_stains
from frugalseg.errors import BadModel, BadPixels, InputError, Interrupted, OutputExists, SettingsError
from frugalseg.learning.crop_batches import CropBatches, Crops
from frugalseg.networks.store import load_card
from frugalseg.runs.checkpoint_folder import checkpoint_folder
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set

pytestmark = pytest.mark.slow

STAINS = {
    "inputs": "phase,brightfield",
    "to": "nuclear",
    "encoder": "small",
    "crop": 32,
    "batch": 2,
    "max_steps": 8,
    "seed": 1,
}
LABELS = {
    "labels": "cells",
    "target": "cells",
    "encoder": "small",
    "crop": 32,
    "batch": 2,
    "max_steps": 4,
    "seed": 1,
}
FILES = {"card.yaml", "weights.safetensors", "training.json", "record.json", "report.html"}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_synthetic_set(folder, 4, shape=(96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
    return folder


def run_stains(folder: Path, out: Path, **changed: Any) -> RunResult:
    run = {key: changed.pop(key) for key in ("resume", "overwrite", "where") if key in changed}
    settings = LearnStainsSettings(**{**STAINS, **changed})
    return learn_stains([folder], out, settings, options=RunOptions(device="cpu", quiet=True, **run))


def run_labels(folder: Path, out: Path, **changed: Any) -> RunResult:
    run = {key: changed.pop(key) for key in ("resume", "overwrite", "where", "pattern") if key in changed}
    settings = LearnLabelsSettings(**{**LABELS, **changed})
    return learn_labels([folder], out, settings, options=RunOptions(device="cpu", quiet=True, **run))


@pytest.fixture(scope="module")
def stain(images: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    """A stain model, and what its run gave."""
    out = tmp_path_factory.mktemp("models") / "stain"
    return out, run_stains(images, out)


@pytest.fixture(scope="module")
def cells(images: Path, stain: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunResult]:
    """A model of cells that started from it."""
    out = tmp_path_factory.mktemp("models") / "cells"
    return out, run_labels(images, out, start=stain[0])


def record(model: Path) -> dict[str, Any]:
    return json.loads((model / "record.json").read_text())


def test_a_stain_model_says_how_good_it_is(stain: tuple[Path, RunResult]) -> None:
    model, result = stain
    assert {path.name for path in model.iterdir()} == FILES
    assert not checkpoint_folder(model).exists()
    written = record(model)
    fields = written["fields"]
    roles = [one["role"] for one in fields.values()]
    assert (roles.count("held out"), roles.count("learned from")) == (1, 3)
    assert all(-1 <= one["pcc"] <= 1 for one in fields.values())
    learned = [one["pcc"] for one in fields.values() if one["role"] == "learned from"]
    assert written["pcc"]["learned from"]["mean"] == pytest.approx(np.mean(learned))
    assert written["pcc"]["learned from"]["low"] < np.mean(learned) < written["pcc"]["learned from"]["high"]
    assert (written["pcc"]["held out"]["n"], written["training"]["steps"], written["failed"]) == (1, 8, {})
    assert result.to_dict()["fields"] == fields
    card = load_card(model)
    assert (card.kind, card.channels, card.target) == ("stain", ("phase", "brightfield"), "nuclear")
    assert card.pixel_size == pytest.approx((0.65, 0.65))
    assert {*card.training.fields, *card.training.held_out} == set(fields)
    report = (model / "report.html").read_text()
    assert "predicted stain" in report
    assert "held-out PCC" in report


def test_the_report_counts_fields_that_it_does_not_show(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frugalseg.commands.learn_stains.SHOWN", 1)
    run_stains(images, tmp_path / "model", hold_out=False)
    page = " ".join(re.sub("<[^>]*>", " ", (tmp_path / "model" / "report.html").read_text()).split())
    mean = record(tmp_path / "model")["pcc"]["learned from"]["mean"]
    assert f"4 fields {mean:.3f} mean PCC predicted against real, all fields" in page


def test_a_stain_is_learned_on_the_scale_that_was_asked_for(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = LearnStainsSettings(**{**STAINS, "max_steps": 2, "target_scale": "log"})
    learn_stains([images], tmp_path / "model", settings, options=RunOptions(device="cpu"))
    card, written = load_card(tmp_path / "model"), record(tmp_path / "model")
    assert (card.target_scale.how, written["settings"]["target_scale"]) == ("log", "log")
    fields = written["fields"].values()
    assert all(one["pcc"] != one["pcc_learned"] for one in fields)
    learned = [one["pcc_learned"] for one in fields if one["role"] == "learned from"]
    assert written["pcc_learned"]["learned from"]["mean"] == pytest.approx(np.mean(learned))
    assert "PCC of the logarithm" in (tmp_path / "model" / "report.html").read_text()
    held_out = f"{written['pcc']['held out']['mean']:.3f}, of the logarithm {written['pcc_learned']['held out']['mean']:.3f}"
    assert f"PCC of what was held out: {held_out} (n = 1)" in capsys.readouterr().out


def test_the_scale_of_the_stain_is_fitted_on_what_is_learned_from(
    images: Path, stain: tuple[Path, RunResult]
) -> None:
    card = load_card(stain[0])
    greys = np.concatenate(
        [tifffile.imread(images / f"{n}_nuclear.tif")[::4, ::4].ravel() for n in card.training.fields]
    )
    low, high = np.percentile(greys.astype(np.float32), [1.0, 99.8])
    assert card.target_scale.centre[0] == pytest.approx(low, rel=1e-5)
    assert card.target_scale.spread[0] == pytest.approx(high - low, rel=1e-5)


def test_a_cell_model_tells_start_from_tuned(
    stain: tuple[Path, RunResult], cells: tuple[Path, RunResult]
) -> None:
    model, result = cells
    assert {path.name for path in model.iterdir()} == FILES
    card = load_card(model)
    assert (card.kind, card.channels) == ("cells", ("phase", "brightfield"))  # the start's
    assert card.started_from == f"stain model {load_card(stain[0]).sha256[:12]}"
    assert card.scale == load_card(stain[0]).scale
    written = record(model)
    assert set(written["fields"]) == set(written["start"])
    for one in (*written["fields"].values(), *written["start"].values()):
        assert set(one) == {"role", "mask_iou", "mAP", "cell_miou"}
        assert min(one["mask_iou"], one["mAP"], one["cell_miou"]) >= 0
    held_out = [name for name, one in written["fields"].items() if one["role"] == "held out"]
    assert list(card.training.held_out) == held_out
    assert len(held_out) == 1
    report = (model / "report.html").read_text()
    assert "Start against fine-tuned" in report
    change = written["fields"][held_out[0]]["mAP"] - written["start"][held_out[0]]["mAP"]
    assert f"changed by {change:+.3f} on average" in report
    assert result.to_dict()["started_from"] == card.started_from


def test_the_diameter_is_that_of_the_labels(images: Path, cells: tuple[Path, RunResult]) -> None:
    sizes = []
    for path in images.glob("*_cells.tif"):
        ids, counts = np.unique(tifffile.imread(path), return_counts=True)
        sizes += counts[ids > 0].tolist()
    assert load_card(cells[0]).diameter == pytest.approx(2 * np.sqrt(np.median(sizes) / np.pi))


def test_a_model_of_labels_can_be_the_start_too(images: Path, cells: Any, tmp_path: Path) -> None:
    run_labels(images, tmp_path / "more", start=cells[0], max_steps=1)
    again = record(tmp_path / "more")
    before = record(cells[0])["fields"]
    assert again["started_from"].startswith("cells model ")
    assert {name: one["mAP"] for name, one in again["start"].items()} == {
        name: pytest.approx(one["mAP"]) for name, one in before.items()
    }  # its first weights are the other's last
    run_labels(images, tmp_path / "nuclei", start=cells[0], target="nuclei", labels="nuclei", max_steps=1)
    card = load_card(tmp_path / "nuclei")
    assert (card.kind, card.started_from[:11]) == ("nuclei", "cells model")


def test_another_model_in_the_starts_folder_is_another_start(
    images: Path, cells: Any, tmp_path: Path
) -> None:
    start, model = tmp_path / "start", tmp_path / "m"
    shutil.copytree(cells[0], start)
    run_labels(images, model, start=start, max_steps=1)
    run_labels(images, model, start=start, max_steps=1, resume=True)  # complete already
    shutil.copytree(images, tmp_path / "set")
    with pytest.raises(SettingsError, match="files: synthetic_1"):
        run_labels(tmp_path / "set", model, start=start, max_steps=1, resume=True)
    run_labels(images, start, inputs="phase", max_steps=1, seed=5, overwrite=True)
    with pytest.raises(SettingsError, match="model of other settings"):
        run_labels(images, model, start=start, max_steps=1, resume=True)


def test_nothing_to_start_from_has_no_start_in_its_report(images: Path, tmp_path: Path) -> None:
    run_labels(images, tmp_path / "m", inputs="phase", max_steps=1, hold_out=False)
    written = record(tmp_path / "m")
    assert (written["started_from"], written["start"]) == ("nothing", None)
    assert {one["role"] for one in written["fields"].values()} == {"learned from"}
    assert "Start against fine-tuned" not in (tmp_path / "m" / "report.html").read_text()


def test_nothing_is_replaced_unasked(images: Path, stain: tuple[Path, RunResult], tmp_path: Path) -> None:
    model = tmp_path / "copy"
    shutil.copytree(stain[0], model)
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    for learn in (run_stains, lambda *a, **k: run_labels(*a, inputs="phase", **k)):
        with pytest.raises(OutputExists, match="`overwrite`"):
            learn(images, model)
    with pytest.raises(SettingsError, match="one of them"):
        run_stains(images, model, resume=True, overwrite=True)
    with pytest.raises(SettingsError, match="model of other settings"):
        run_stains(images, model, resume=True, seed=2)
    other = tmp_path / "set"
    shutil.copytree(images, other)
    with pytest.raises(SettingsError, match="files: synthetic_1"):
        run_stains(other, model, resume=True)
    shutil.rmtree(other)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    again = run_stains(images, model, resume=True)  # complete already
    assert again.to_dict() == {**stain[1].to_dict(), "folder": str(model)}
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    run_stains(images, model, overwrite=True, seed=2, max_steps=1)
    assert (record(model)["seed"], record(model)["training"]["steps"]) == (2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make = CropBatches.__call__

    def stopped(self: CropBatches, number: int) -> Crops:
        if number == step:
            signal.raise_signal(signal.SIGINT)
        return make(self, number)

    monkeypatch.setattr(CropBatches, "__call__", stopped)


def test_an_interrupted_run_goes_on_to_the_same_model(
    images: Path, stain: tuple[Path, RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "m"
    with monkeypatch.context() as patched:
        interrupt_at(4, patched)
        with pytest.raises(Interrupted, match="`resume`"):
            run_stains(images, model)
    assert not model.exists()
    assert {path.name for path in checkpoint_folder(model).iterdir()} == {"request.json", "last.ckpt"}
    with pytest.raises(SettingsError, match=r"other settings or images \(max_steps, seed\)"):
        run_stains(images, model, resume=True, seed=2, max_steps=9)
    run_stains(images, model, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    training, whole = (json.loads((one / "training.json").read_text()) for one in (model, stain[0]))
    assert training["losses"] == whole["losses"]
    ours, theirs = (load_file(one / "weights.safetensors") for one in (model, stain[0]))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def stopped_once(name: str, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let a function end with an error whenever it is called."""

    def stopped(*_: Any) -> None:
        raise error

    monkeypatch.setattr(name, stopped)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("no space left")])
def test_what_was_learned_is_kept_until_the_model_is_saved(
    images: Path,
    stain: tuple[Path, RunResult],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    model = tmp_path / "m"
    with monkeypatch.context() as patched:
        stopped_once("frugalseg.commands.learn_stains.StainModel.evaluate", patched, error)
        with pytest.raises((Interrupted, OSError, KeyboardInterrupt)) as ended:
            run_stains(images, model)
    if isinstance(error, KeyboardInterrupt):
        assert ended.type is Interrupted
        assert "`resume`" in str(ended.value)
    assert not model.exists()
    interrupt_at(
        4, monkeypatch
    )  # no step is taken any more: the first four batches only say what is learned from
    run_stains(images, model, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    training, whole = (json.loads((one / "training.json").read_text()) for one in (model, stain[0]))
    assert [training[key] for key in ("losses", "history", "best_step", "steps")] == [
        whole[key] for key in ("losses", "history", "best_step", "steps")
    ]
    ours, theirs = (load_file(one / "weights.safetensors") for one in (model, stain[0]))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())


def test_the_alpha_that_was_used_can_be_read_off_the_model(
    cells: tuple[Path, RunResult], images: Path, tmp_path: Path
) -> None:
    run_labels(images, tmp_path / "given", inputs="phase", alpha=3.0, max_steps=1)
    assert record(tmp_path / "given")["training"]["alpha"] == 3.0
    written, curves = record(cells[0]), json.loads((cells[0] / "training.json").read_text())
    distance, mask = (np.array(curves["terms"][name]) for name in ("distance", "mask"))
    assert written["training"]["alpha"] == curves["alpha"] == pytest.approx(
        np.mean((np.array(curves["losses"]) - distance) / mask), rel=1e-4
    )  # fmt: skip


def test_an_interrupted_run_of_labels_goes_on_too(
    images: Path, stain: Any, cells: tuple[Path, RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "m"
    with monkeypatch.context() as patched:
        interrupt_at(5, patched)  # each of the first batches is made once for alpha
        with pytest.raises(Interrupted):
            run_labels(images, model, start=stain[0], max_steps=7)
    assert not model.exists()
    run_labels(images, model, start=stain[0], max_steps=7, resume=True)
    run_labels(images, tmp_path / "whole", start=stain[0], max_steps=7)
    one, other = (json.loads((m / "training.json").read_text()) for m in (model, tmp_path / "whole"))
    assert one["losses"] == other["losses"]
    assert record(model)["start"] == record(cells[0])["start"]


def test_a_field_that_can_not_be_used_is_said_and_the_others_are_learned(
    images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(images, folder)
    tifffile.imwrite(folder / "synthetic_2_nuclear.tif", np.full((96, 104), 9, np.uint16))
    (folder / "synthetic_1_phase.tif").write_bytes(b"II*\0 not a TIFF")
    result = run_stains(folder, tmp_path / "m", max_steps=1)
    assert set(result.failed) == {"synthetic_1", "synthetic_2"}
    assert "channel 'nuclear' is constant (every pixel is 9)" in result.failed["synthetic_2"]
    assert {name.split(" ")[0] for name in result.fields} == {"synthetic_3", "synthetic_4"}
    assert "synthetic_1 failed" in (tmp_path / "m" / "report.html").read_text()
    with pytest.raises(BadPixels, match="'nuclear' is constant"):
        run_stains(folder, tmp_path / "n", where=("field=synthetic_2",))
    assert not (tmp_path / "n").exists()


def test_a_field_without_labels_is_left_out_and_a_wrong_one_fails(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    shutil.copytree(images, folder)
    table = (folder / "fields.csv").read_text()
    (folder / "fields.csv").write_text(table.replace("synthetic_1_cells.tif", ""))
    tifffile.imwrite(folder / "synthetic_2_cells.tif", np.full((96, 104), -1, np.int16))
    result = run_labels(folder, tmp_path / "m", inputs="phase", max_steps=1)
    assert result.to_dict()["unlabelled"] == ["synthetic_1"]
    assert list(result.failed) == ["synthetic_2"]
    assert "channel 'cells': nothing is annotated" in result.failed["synthetic_2"]
    assert {name.split(" ")[0] for name in result.fields} == {"synthetic_3", "synthetic_4"}
    tifffile.imwrite(folder / "synthetic_3_cells.tif", np.zeros((96, 104), np.uint16))
    for name, says in (
        ("1", "has no channel 'cells'; add it"),
        ("3", "there is no object in channel 'cells'"),
    ):
        with pytest.raises(InputError, match=says):
            run_labels(folder, tmp_path / "n", inputs="phase", where=(f"field=synthetic_{name}",))
    assert not (tmp_path / "n").exists()


def test_one_annotated_corner_is_learned_from_and_held_out(images: Path, tmp_path: Path) -> None:
    """The strip that decides which weights are kept must show something that is annotated."""
    folder = tmp_path / "set"
    shutil.copytree(images, folder)
    labels = tifffile.imread(folder / "synthetic_1_cells.tif").astype(np.int32)
    labels[:, 48:] = -1
    tifffile.imwrite(folder / "synthetic_1_cells.tif", labels)
    result = run_labels(folder, tmp_path / "m", inputs="phase", where=("field=synthetic_1",), max_steps=3)
    (held_out,) = [name for name, one in result.fields.items() if one.role == "held out"]
    start = int(held_out.split("(x ")[1].split("%")[0])
    assert 20 < start < 45  # per cent of the width, of which 46 are annotated
    training = json.loads((tmp_path / "m" / "training.json").read_text())
    assert training["history"][0][1] < 0.9  # nothing annotated would be perfect from the start


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({}, SettingsError, "the inputs are missing; give `inputs`"),
        ({"inputs": "phase[0]"}, SettingsError, "counted from 1"),
        ({"inputs": "phase", "weights": "imagenet"}, SettingsError, "small has no ImageNet weights"),
        ({"start": "STAIN", "inputs": "phase"}, SettingsError, "trained on 2 channels"),
        ({"start": "STAIN", "weights": "imagenet"}, SettingsError, "`weights` and `start` both"),
        ({"start": "STAIN", "encoder": "densenet121"}, SettingsError, "has the encoder 'small'"),
        ({"start": "nothing/there"}, BadModel, "is no model folder"),
        ({"inputs": "phase", "labels": "nuclear_area"}, InputError, "nuclear_area"),
    ],
    ids=str,
)
def test_what_does_not_fit_together_leaves_nothing_behind(
    images: Path, stain: Any, tmp_path: Path, changed: dict[str, Any], error: type, says: str
) -> None:
    given = {key: stain[0] if value == "STAIN" else value for key, value in changed.items()}
    with pytest.raises(error, match=says.replace("(", r"\(")) as told:
        run_labels(images, tmp_path / "m", **given)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []
