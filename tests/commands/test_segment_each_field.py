"""Segmenting, learning and predicting end to end on small synthetic fields, with short training."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import frugalseg
from frugalseg.commands.command_settings import LearnMarkersSettings, SegmentSettings
from frugalseg.commands.learn_markers import learn_markers
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.errors import Interrupted
from frugalseg.images.fields import open_fields
from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.from_markers import marker_training
from frugalseg.learning.from_markers.marker_batches import Batch, MarkerBatches
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.marker_model import MarkerModel
from frugalseg.models.marker_samples import marker_sample
from frugalseg.networks.cards import MarkerCard, StainCard, TrainingSummary
from frugalseg.networks.store import load_card, save_model
from frugalseg.networks.unet import Unet
from frugalseg.runs.channel_settings import CueChannels
from frugalseg.runs.field_cues import read_cues
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set

STEPS = 30
SMALL = MarkerSettings(widths=(8, 12, 16), max_steps=STEPS, orientations=1, batch=6)
NAMES = ("synthetic_1", "synthetic_2")


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A preset that trains in a second."""
    monkeypatch.setattr(MarkerSettings, "preset", classmethod(lambda cls, *_: SMALL))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two easy fields: cells as wide as the working scale, well stained, with space between the colonies."""
    folder = tmp_path_factory.mktemp("set")
    write_synthetic_set(folder, 2, shape=(140, 150), n_cells=14, dim_nuclei=0.0, seed=4)
    return folder


def settings(**changed: Any) -> SegmentSettings:
    values = {"cells": ("cytoplasm",), "nuclei": "nuclear", "truth": "cells", "seed": 1, "rounds": 0}
    return SegmentSettings(**{**values, **changed})


def labels_in(out: Path, name: str = NAMES[0]) -> np.ndarray:
    return tifffile.imread(out / f"{name}_labels.tif")


@pytest.fixture(scope="module")
def done(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whole run on both fields."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MarkerSettings, "preset", classmethod(lambda cls, *_: SMALL))
        segment_cells([images], out, settings(), options=RunOptions(quiet=True))
    return out


@pytest.mark.slow
def test_cells_are_found_scored_and_reported(done: Path, images: Path) -> None:
    run = json.loads((done / "run.json").read_text())
    assert run["state"] == "done"
    assert run["resolved"]["marker network for fluorescent cells"] == SMALL.model_dump(mode="json")
    assert list(run["fields"]) == list(NAMES)
    for name in NAMES:
        one = run["fields"][name]
        truth, found = tifffile.imread(images / f"{name}_cells.tif"), labels_in(done, name)
        assert one["scores"]["cell_miou"] > 0.6
        assert (
            one["scores"]
            == frugalseg.score_labels(
                truth, found, read_cues(open_fields([images])[name], settings()).image.markers.points
            ).to_dict()
        )
        assert set(one["baselines"]) == {
            "voronoi",
            "watershed_gradient",
            "watershed_intensity",
            "propagation",
        }
        assert all(0.3 < scores["cell_miou"] < 1 for scores in one["baselines"].values())
        assert one["training"]["steps"] == STEPS
        assert 24 < one["diameter"] < 40
        assert 12 <= one["n_cells"] <= 14
    mean = np.mean([one["scores"]["mAP"] for one in run["fields"].values()])
    assert run["scores"]["mAP"]["mean"] == pytest.approx(mean)
    assert run["scores"]["mAP"]["n"] == 2
    page = (done / "report.html").read_text()
    assert all(name in page for name in (*NAMES, "propagation", "voronoi"))
    rows = (done / "measurements.csv").read_text().splitlines()
    assert len(rows) == 1 + sum(one["n_cells"] for one in run["fields"].values())
    assert {"mean_cytoplasm", "mean_nuclear", "area_um2"} <= set(rows[0].split(","))
    assert frugalseg.read_image(done / f"{NAMES[0]}_labels.tif").pixel_size == pytest.approx((0.65, 0.65))


@pytest.mark.slow
def test_the_id_of_a_cell_is_its_markers_number(done: Path, images: Path) -> None:
    cues = read_cues(open_fields([images])[0], settings()).image
    found = labels_in(done)
    rows, columns = np.rint(cues.markers.points).astype(int).T
    at = found[rows, columns]
    assert np.mean(at == np.arange(1, len(at) + 1)) > 0.9
    assert set(np.unique(at)) <= {0, *range(1, len(at) + 1)}


@pytest.mark.slow
def test_the_model_folder_remembers_the_run(done: Path) -> None:
    model = done / f"{NAMES[0]}_model"
    card = load_card(model)
    assert (card.channels, card.nuclei, card.modalities) == (("cytoplasm",), "nuclear", ("fluorescent",))
    assert MarkerSettings.model_validate(card.settings) == SMALL
    assert (card.training.steps, card.training.seed, card.training.fields) == (STEPS, 1, (NAMES[0],))
    assert len(json.loads((model / "training.json").read_text())["losses"]) == STEPS
    assert not list(done.glob("*.part"))


@pytest.mark.slow
def test_the_scale_of_the_image_does_not_matter(images: Path, done: Path, tmp_path: Path) -> None:
    """Twice as large an image is cut at the same working scale, into cells of four times the area."""
    names = ("cytoplasm", "nuclear", "cells")
    for name in names:
        plane = tifffile.imread(images / f"{NAMES[0]}_{name}.tif")
        tifffile.imwrite(tmp_path / f"{NAMES[0]}_{name}.tif", np.kron(plane, np.ones((2, 2), plane.dtype)))
    result = segment_cells(
        [tmp_path],
        tmp_path / "out",
        settings(baselines=False),
        options=RunOptions(pattern="{field}_{channel}.tif", quiet=True),
    )
    one = result.fields[NAMES[0]]
    assert 48 < one.diameter < 80
    assert one.scores.cell_miou > 0.6
    assert labels_in(tmp_path / "out").shape == (280, 300)
    assert one.baselines == {}


def stopping(monkeypatch: pytest.MonkeyPatch, at: int) -> list[int]:
    """Ctrl-C while training step `at`, once; the list grows by the number of every step that is taken."""
    make, pressed, steps = MarkerBatches.__call__, [], []
    look, looking = marker_training.fingerprint, []

    def made(self: MarkerBatches, step: int) -> Batch:
        if looking:  # which sees the first batches to know what is learned from, and takes no step
            return make(self, step)
        steps.append(step)
        if step == at and not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)
        return make(self, step)

    monkeypatch.setattr(MarkerBatches, "__call__", made)

    def looked(*given: Any) -> str:
        looking.append(True)
        found = look(*given)
        looking.clear()
        return found

    monkeypatch.setattr(marker_training, "fingerprint", looked)
    return steps


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_stopped(images: Path, done: Path, tmp_path: Path, monkeypatch) -> None:
    steps = stopping(monkeypatch, at=11)
    out = tmp_path / "out"
    with pytest.raises(Interrupted, match="`resume`"):
        segment_cells([images], out, settings(), options=RunOptions(quiet=True))
    assert json.loads((out / "run.json").read_text())["state"] == "interrupted"
    part = out / f"{NAMES[0]}_model.part"
    assert (part / "last.ckpt").exists()
    read = [Path(path).name for path, *_ in json.loads((part / "request.json").read_text())["files"]]
    assert read == [f"{NAMES[0]}_{channel}.tif" for channel in ("cytoplasm", "nuclear", "cells")]
    assert not list(out.glob("*_labels.tif"))
    result = segment_cells([images], out, settings(), options=RunOptions(resume=True, quiet=True))
    assert steps == [*range(STEPS), *range(STEPS)]  # no step is taken twice
    for name in NAMES:
        np.testing.assert_array_equal(labels_in(out, name), labels_in(done, name))
    assert result.failed == {}
    assert not list(out.glob("*.part"))
    # and once more: nothing is trained, the report shows everything
    before = (out / "report.html").stat().st_size
    again = segment_cells([images], out, settings(), options=RunOptions(resume=True, quiet=True))
    assert len(steps) == 2 * STEPS
    assert again.fields == result.fields
    assert (out / "report.html").stat().st_size == pytest.approx(before, rel=0.02)


@pytest.mark.slow
def test_what_a_field_taught_is_kept_until_its_cells_are_written(
    images: Path, done: Path, tmp_path: Path, monkeypatch
) -> None:
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    out, part = tmp_path / "out", tmp_path / "out" / f"{NAMES[0]}_model.part"
    with monkeypatch.context() as patched:
        patched.setattr("frugalseg.models.marker_model.MarkerModel.segment", pressed)
        with pytest.raises(KeyboardInterrupt):
            segment_cells([images], out, settings(), options=RunOptions(quiet=True))
    assert (part / "last.ckpt").exists()
    steps = stopping(monkeypatch, at=-1)
    segment_cells([images], out, settings(), options=RunOptions(resume=True, quiet=True))
    assert steps == [*range(STEPS)]  # of the second field only
    np.testing.assert_array_equal(labels_in(out, NAMES[0]), labels_in(done, NAMES[0]))
    assert not list(out.glob("*.part"))


@pytest.mark.slow
def test_a_field_without_nuclei_is_empty_and_leaves_the_others_alone(images: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "set", tmp_path / "out"
    shutil.copytree(images, folder)
    blank = folder / f"{NAMES[0]}_nuclear.tif"
    tifffile.imwrite(blank, np.random.default_rng(0).normal(100, 3, (140, 150)).astype(np.uint16))
    segment_cells(
        [images], out, settings(baselines=False), options=RunOptions(where=[f"field={NAMES[0]}"], quiet=True)
    )
    assert (out / f"{NAMES[0]}_model").exists()
    result = segment_cells(
        [folder], out, settings(baselines=False), options=RunOptions(overwrite=True, quiet=True)
    )
    assert (list(result.fields), result.failed) == (list(NAMES), {})
    assert not labels_in(out).any()
    assert labels_in(out).shape == (140, 150)
    empty = result.fields[NAMES[0]]
    assert (empty.n_cells, empty.scores.cell_miou, empty.cues) == (0, 0.0, None)
    assert empty.scores.marker_false_negatives == empty.scores.n_true == 14
    warning = result.record.warnings[0]
    assert warning.startswith(
        f"{NAMES[0]}: No nucleus was found in channel 'nuclear'; is it the nuclear stain,"
    )
    assert warning.endswith("The label map is empty.")
    assert "No nucleus was found" in (out / "report.html").read_text()
    assert result.record.scores["mAP"].n == 2
    models = [path.name for path in out.glob("*_model")]  # that of the earlier run is no model of this one
    assert models == [f"{NAMES[1]}_model"]
    again = segment_cells(
        [folder], out, settings(baselines=False), options=RunOptions(resume=True, quiet=True)
    )
    assert (again.fields, again.failed) == (result.fields, {})


def test_where_no_field_has_a_nucleus_nothing_is_trained(images: Path, tmp_path: Path) -> None:
    for name in NAMES:
        for channel in ("cytoplasm", "cells"):
            shutil.copy(images / f"{name}_{channel}.tif", tmp_path)
        tifffile.imwrite(tmp_path / f"{name}_dots.tif", np.zeros((140, 150), np.uint16))
    out = tmp_path / "out"
    own = settings(nuclei=None, markers="dots")
    result = segment_cells(
        [tmp_path], out, own, options=RunOptions(pattern="{field}_{channel}.tif", quiet=True)
    )
    assert result.failed == {}
    assert list(result.record.warnings) == [
        "No field has a nucleus, so nothing was trained and all label maps are empty.",
        f"{', '.join(NAMES)} (2 fields): There is no label or point in the markers 'dots'; is it the right array? The label map is empty.",
    ]
    one = result.fields[NAMES[0]]
    assert set(one.baselines) >= {"voronoi", "watershed_gradient", "watershed_intensity", "propagation"}
    assert all(scores == one.scores for scores in one.baselines.values())
    assert not any(labels_in(out, name).any() for name in NAMES)
    assert not list(out.glob("*_model*"))
    for left in ("labels.tif", "record.json"):
        (out / f"{NAMES[1]}_{left}").unlink()
    (tmp_path / f"{NAMES[1]}_dots.tif").unlink()  # no marker image at all is no empty field
    again = segment_cells(
        [tmp_path], out, own, options=RunOptions(pattern="{field}_{channel}.tif", resume=True, quiet=True)
    )
    assert list(again.fields) == [NAMES[0]]
    assert "has no file for the markers 'dots'" in again.failed[NAMES[1]]


def test_a_model_folder_that_is_no_model_is_said_before_training(images: Path, tmp_path: Path) -> None:
    foreign = tmp_path / f"{NAMES[1]}_model"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    for how in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(frugalseg.OutputExists, match=f"{NAMES[1]}_model exists and is no model"):
            segment_cells([images], tmp_path, settings(), options=RunOptions(quiet=True, **how))
    assert [path.name for path in tmp_path.rglob("*")] == [foreign.name, "notes.txt"]
    (foreign / "notes.txt").rename(foreign / "card.yaml")  # a model now, but of no run in this folder
    with pytest.raises(frugalseg.OutputExists, match=f"{NAMES[1]}_model exists already"):
        segment_cells([images], tmp_path, settings(), options=RunOptions(quiet=True, resume=True))
    assert {path.name for path in tmp_path.rglob("*")} == {foreign.name, "card.yaml"}


@pytest.mark.slow
def test_a_model_of_many_fields_predicts_as_it_did_in_memory(images: Path, tmp_path: Path) -> None:
    learn = LearnMarkersSettings(rounds=0, cells=("cytoplasm",), nuclei="nuclear", seed=2)
    model = tmp_path / "model"
    learned = learn_markers([images], model, learn, options=RunOptions(quiet=True))
    assert list(learned.fields) == list(NAMES)
    names = {"card.yaml", "weights.safetensors", "training.json", "record.json", "report.html"}
    assert {path.name for path in model.iterdir()} == names
    assert not model.with_name("model.part").exists()
    predicted = predict_fields(model, [images], tmp_path / "out", options=RunOptions(quiet=True))
    read = [Path(path).name for path, *_ in predicted.fields[NAMES[0]].files]
    assert read == [f"{NAMES[0]}_cytoplasm.tif", f"{NAMES[0]}_nuclear.tif"]

    table = open_fields([images])
    cues = [read_cues(field, learn).image for field in table]
    model_of_arrays = MarkerModel.fit_to_cues(cues, settings=learn, device="cpu")
    for one in cues:
        expected = model_of_arrays.segment(one)
        np.testing.assert_array_equal(labels_in(tmp_path / "out", one.name), expected)

    # resuming what is complete does nothing; other settings are refused
    assert learn_markers(
        [images], model, learn, options=RunOptions(resume=True, quiet=True)
    ).fields.keys() == set(NAMES)
    other = learn.model_copy(update={"seed": 3})
    with pytest.raises(frugalseg.SettingsError, match="other settings"):
        learn_markers([images], model, other, options=RunOptions(resume=True, quiet=True))


@pytest.mark.slow
def test_channels_given_by_index_are_kept_by_name(images: Path, tmp_path: Path) -> None:
    """By index, a model would read other channels of a table with its columns in another order."""
    one = RunOptions(quiet=True, where=(f"field={NAMES[0]}",))
    given: dict[str, Any] = {"cells": ("1",), "nuclei": "0", "rounds": 0, "seed": 1}
    segment_cells([images], tmp_path / "out", SegmentSettings(**given), one)
    learn_markers([images], tmp_path / "model", LearnMarkersSettings(**given), one)
    for model in (tmp_path / "out" / f"{NAMES[0]}_model", tmp_path / "model"):
        card = load_card(model)
        assert isinstance(card, MarkerCard)
        assert (card.channels, card.nuclei) == (("cytoplasm",), "nuclear")
    files = open_fields([images])[NAMES[0]].channels
    rows = {name: str(files[name].path) for name in ("phase", "cytoplasm", "nuclear")}
    table = tmp_path / "fields.csv"
    table.write_text(f"field,{','.join(rows)}\n{NAMES[0]},{','.join(rows.values())}\n")
    predict_fields(tmp_path / "model", [table], tmp_path / "again", options=RunOptions(quiet=True))
    np.testing.assert_array_equal(labels_in(tmp_path / "again"), labels_in(tmp_path / "out"))


@pytest.mark.slow
def test_learning_goes_on_where_it_was_stopped(images: Path, tmp_path: Path, monkeypatch) -> None:
    learn = LearnMarkersSettings(rounds=0, cells=("cytoplasm",), nuclei="nuclear")
    learn_markers([images], tmp_path / "whole", learn, options=RunOptions(quiet=True))
    steps = stopping(monkeypatch, at=9)
    with pytest.raises(Interrupted):
        learn_markers([images], tmp_path / "cut", learn, options=RunOptions(quiet=True))
    assert not (tmp_path / "cut").exists()
    other = learn.model_copy(update={"seed": 3})
    with pytest.raises(frugalseg.SettingsError, match="seed"):
        learn_markers([images], tmp_path / "cut", other, options=RunOptions(resume=True, quiet=True))
    shutil.copytree(images, tmp_path / "set")
    with pytest.raises(frugalseg.SettingsError, match=f"files: {NAMES[0]}, files: {NAMES[1]}"):
        learn_markers(
            [tmp_path / "set"], tmp_path / "cut", learn, options=RunOptions(resume=True, quiet=True)
        )
    with monkeypatch.context() as patch:
        changed = SMALL.model_copy(update={"learning_rate": 1e-9})
        patch.setattr(MarkerSettings, "preset", classmethod(lambda cls, *_: changed))
        with pytest.raises(
            frugalseg.SettingsError, match="marker network for fluorescent cells: learning_rate"
        ):
            learn_markers([images], tmp_path / "cut", learn, options=RunOptions(resume=True, quiet=True))
    learn_markers([images], tmp_path / "cut", learn, options=RunOptions(resume=True, quiet=True))
    assert steps == list(range(STEPS))
    assert load_card(tmp_path / "cut").sha256 == load_card(tmp_path / "whole").sha256


@pytest.mark.slow
def test_a_cutter_says_that_its_markers_were_predicted(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real channel, if given, is only compared with, so the card does not name it."""
    card = StainCard(
        channels=("nuclear",),
        settings={"encoder": "small"},
        training=TrainingSummary(steps=1, stopped_because="x", seconds=0, seed=0, fields=("a",)),
        scale=1.0,
        target="dapi",
        target_scale=IntensityScale(how="percentile", centre=(100.0,), spread=(50.0,)),
    )
    save_model(tmp_path / "stain", card, Unet("small", 1, 1))
    monkeypatch.setattr(
        "frugalseg.models.stain_model.predict_stain", lambda network, planes, scale: planes[0]
    )
    given = {
        "rounds": 0,
        "cells": ("cytoplasm",),
        "nuclei": "nuclear",
        "nuclei_from": str(tmp_path / "stain"),
    }
    one = {"where": [f"field={NAMES[0]}"], "quiet": True}
    model = tmp_path / "model"
    learn_markers([images], model, LearnMarkersSettings(**given), options=RunOptions(**one))
    own = SegmentSettings(**given)
    segment_cells([images], tmp_path / "out", own, options=RunOptions(**one))
    for folder in (model, tmp_path / "out" / f"{NAMES[0]}_model"):
        found = load_card(folder)
        assert (found.nuclei, found.nuclei_from) == (None, "dapi")
    says = r"names no nuclear channel \(its markers are of a predicted 'dapi'\); give one of `nuclei_from`, `nuclei` and"
    with pytest.raises(frugalseg.SettingsError, match=says):
        predict_fields(model, [images], tmp_path / "predicted", options=RunOptions(quiet=True))


def test_learning_that_can_not_begin_leaves_nothing(images: Path, tmp_path: Path) -> None:
    blank = np.random.default_rng(0).normal(100, 3, (140, 150)).astype(np.uint16)
    for name in NAMES:
        shutil.copy(images / f"{name}_cytoplasm.tif", tmp_path)
        tifffile.imwrite(tmp_path / f"{name}_nuclear.tif", blank)
    learn = LearnMarkersSettings(rounds=0, cells=("cytoplasm",), nuclei="nuclear")
    pattern = "{field}_{channel}.tif"
    with pytest.raises(frugalseg.InputError, match="no nucleus was found"):
        learn_markers([tmp_path], tmp_path / "model", learn, options=RunOptions(pattern=pattern, quiet=True))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".tif"] * 4


def test_a_sample_is_at_the_working_scale(images: Path) -> None:
    cues = read_cues(
        open_fields([images])[0], CueChannels(cells=("cytoplasm", "phase"), nuclei="0", diameter=60)
    ).image
    sample = marker_sample(cues)
    assert sample.planes.shape == (2, 70, 75)
    assert sample.foreground.shape == (70, 75)
    np.testing.assert_allclose(sample.points, (cues.markers.points + 0.5) / 2 - 0.5)
    np.testing.assert_allclose(sample.planes.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(sample.planes.std(axis=(1, 2)), 1, atol=1e-5)
    assert cues.modalities == ("fluorescent", "label-free")
    other = marker_sample(cues, ("label-free", "label-free"))
    assert not np.allclose(other.planes[0], sample.planes[0])
    np.testing.assert_array_equal(other.planes[1], sample.planes[1])


def test_own_markers_and_mask_are_taken_as_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "a_cells.tif", random.integers(0, 99, (64, 80)).astype(np.uint16))
    points = np.zeros((64, 80), np.uint16)
    points[10, 12], points[30, 40], points[50, 70] = 5, 2, 9
    tifffile.imwrite(tmp_path / "a_points.tif", points)
    mask = np.zeros((64, 80), np.uint8)
    mask[5:60, 5:75] = 255
    tifffile.imwrite(tmp_path / "a_mask.tif", mask)
    table = open_fields([tmp_path], pattern="{field}_{channel}.tif")
    cues = read_cues(table[0], CueChannels(cells=("cells",), markers="points", mask="mask")).image
    np.testing.assert_array_equal(cues.markers.points, [[30, 40], [10, 12], [50, 70]])
    np.testing.assert_array_equal(cues.foreground.mask, mask > 0)
    assert cues.nuclei is None
    assert cues.diameter == 16  # single pixels say nothing on size, so a quarter of the shorter side at most
