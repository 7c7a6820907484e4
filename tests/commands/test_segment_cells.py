"""`segment` with a student: one network for all fields, kept as a model that needs no nuclei."""

import csv
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import yaml

import frugalseg as fs
from frugalseg.commands.command_settings import (
    LearnMarkersSettings,
    PredictSettings,
    SegmentSettings,
    SuggestSettings,
)
from frugalseg.commands.learn_markers import learn_markers
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.commands.suggest_crops import suggest_crops
from frugalseg.errors import Interrupted, SettingsError
from frugalseg.learning.crop_batches import CropBatches, Crops
from frugalseg.networks.store import CARD
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set

NAMES = ("synthetic_1", "synthetic_2")
STUDENT: dict[str, Any] = {"encoder": "small", "rounds": 2, "max_steps": 40, "seed": 1}
QUIET = RunOptions(quiet=True, device="cpu")

pytestmark = pytest.mark.slow


def settings(**changed: Any) -> SegmentSettings:
    values = {"cells": ("cytoplasm",), "nuclei": "nuclear", "truth": "cells", **STUDENT}
    return SegmentSettings(**{**values, **changed})


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_synthetic_set(folder, 2, shape=(140, 150), n_cells=14, dim_nuclei=0.0, seed=4)
    return folder


@pytest.fixture(scope="module")
def done(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whole run on both fields."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    segment_cells([images], out, settings(), QUIET)
    return out


def test_crops_are_suggested_where_the_rounds_differ(done: Path, images: Path, tmp_path: Path) -> None:
    whole = SuggestSettings(crop=150, count=2)
    suggest_crops(done / "model", [images], tmp_path / "next", whole, QUIET)
    differ = json.loads((done / "model" / "training.json").read_text())["rounds_differ"]
    cells = sorted(sum(share for _, _, share in one) for one in differ.values())
    assert cells[0] > 0
    with (tmp_path / "next" / "suggestions.csv").open(newline="", encoding="utf-8") as file:
        assert sorted(float(row["rounds"]) for row in csv.DictReader(file)) == pytest.approx(cells, abs=0.005)


def labels_in(out: Path, name: str = NAMES[0]) -> np.ndarray:
    return tifffile.imread(out / f"{name}_labels.tif")


def test_one_model_serves_all_fields(done: Path) -> None:
    run = json.loads((done / "run.json").read_text())
    assert (run["state"], list(run["fields"])) == ("done", list(NAMES))
    assert list(run["stages"]) == ["cues", "learning", "fields", "report"]
    assert min(run["stages"].values()) > 0
    assert 0 <= run["seconds"] - sum(run["stages"].values()) < 0.2 * run["seconds"] + 1
    assert run["stages"]["fields"] == pytest.approx(
        sum(one["seconds"] for one in run["fields"].values()), abs=0.02
    )
    assert [path.name for path in done.glob("*model*")] == ["model"]
    card = fs.load_model(done / "model").card
    assert (card.kind, card.channels, card.training.steps) == ("cells", ("cytoplasm",), 40 + 20)
    assert card.training.fields == NAMES
    assert card.started_from == "self-training of 2 rounds, nothing"
    for name in NAMES:
        record = run["fields"][name]
        assert record["scores"]["cell_miou"] > 0.6
        agreement = record["nuclei_agreement"]
        assert agreement["nuclei"] == 14
        assert agreement["nuclei_without_cell"] == 0
        assert 0 < record["confidence"] <= 1
        assert 0.5 < record["rounds_agree"] < 1


def test_the_measurements_say_how_far_a_cell_can_be_trusted(done: Path) -> None:
    with (done / "measurements.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["field"] == NAMES[0]]
    assert [int(row["label"]) for row in rows] == np.unique(labels_in(done))[1:].tolist()
    assert all(0 <= float(row["confidence"]) <= 1 for row in rows)
    assert np.median([float(row["confidence"]) for row in rows]) > 0.5
    agree = [float(row["rounds_agree"]) for row in rows if int(row["label"]) <= 14]  # those of the 14 nuclei
    assert not any(row["rounds_agree"] for row in rows if int(row["label"]) > 14)
    assert 0 < min(agree) < max(agree) <= 1
    lone = len(rows) - len(agree)
    mean = json.loads((done / "run.json").read_text())["fields"][NAMES[0]]["rounds_agree"]
    assert mean == pytest.approx(np.mean(agree), abs=0.001 + lone / len(rows))


def test_the_measurements_and_the_record_count_the_same_nuclei(done: Path) -> None:
    fields = json.loads((done / "run.json").read_text())["fields"]
    with (done / "measurements.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in NAMES:
        held, agreement = (
            [int(row["nuclei"]) for row in rows if row["field"] == name],
            fields[name]["nuclei_agreement"],
        )
        assert len(held) == agreement["cells"]
        assert held.count(0) == agreement["cells_without_nucleus"]
        assert sum(n > 1 for n in held) == agreement["cells_with_several"]
        assert sum(held) == agreement["nuclei"] - agreement["nuclei_without_cell"]


def test_the_model_predicts_with_nuclei_and_without(done: Path, images: Path, tmp_path: Path) -> None:
    with_nuclei = PredictSettings(nuclei="nuclear")
    predict_fields(done / "model", [images], tmp_path / "with", with_nuclei, QUIET)
    said = json.loads((tmp_path / "with" / "run.json").read_text())["fields"]
    for name in NAMES:  # the very labels of the run
        np.testing.assert_array_equal(labels_in(tmp_path / "with", name), labels_in(done, name))
        assert "rounds_agree" not in said[name]  # other fields may have the same names
    result = predict_fields(
        done / "model", [images], tmp_path / "without", PredictSettings(truth="cells"), QUIET
    )
    assert all(
        record.scores is not None and record.scores.cell_miou > 0.55 for record in result.fields.values()
    )


def test_a_field_without_a_nucleus_has_the_cells_of_its_image(
    done: Path, images: Path, tmp_path: Path
) -> None:
    """A stain that failed in one field takes nothing from it that the model finds alone."""
    field, stain = fs.open_fields([images])[0], tmp_path / "noise.tif"
    tifffile.imwrite(stain, np.random.default_rng(0).normal(100, 1, field.shape).astype(np.float32))
    rows = {
        "nuclear": stain,
        "cytoplasm": field.channels["cytoplasm"].path,
        "cells": field.channels["cells"].path,
    }
    table = tmp_path / "fields.csv"
    table.write_text("\n".join([",".join(["field", *rows]), ",".join(map(str, ["a", *rows.values()]))]))
    given = PredictSettings(nuclei="nuclear", truth="cells")
    result = predict_fields(done / "model", [table], tmp_path / "out", given, QUIET)
    alone = fs.load_model(done / "model").predict(field.plane("cytoplasm"))
    np.testing.assert_array_equal(labels_in(tmp_path / "out", "a"), alone)
    record = result.fields["a"]
    assert record.n_cells == len(np.unique(alone)) - 1
    assert record.scores is not None
    assert record.scores.cell_miou > 0.55
    assert record.confidence is not None
    assert record.warnings[0].endswith("These cells are found without nuclei.")


def test_arrays_give_the_same_model(done: Path, images: Path) -> None:
    table = fs.open_fields([images])
    model = fs.self_train(
        [field.plane("cytoplasm") for field in table],
        nuclei=[field.plane("nuclear") for field in table],
        names=NAMES,
        device="cpu",
        **STUDENT,
    )
    other = fs.load_model(done / "model")
    state, expected = model.network.state_dict(), other.network.state_dict()
    assert all(np.array_equal(value.numpy(), expected[name].numpy()) for name, value in state.items())


def test_a_run_goes_on_where_it_was_stopped(
    done: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the second round: the first is not trained again."""
    make, steps = CropBatches.__call__, list[int]()

    def stopped(self: CropBatches, step: int) -> Crops:
        steps.append(step)
        if len(steps) == 60:
            signal.raise_signal(signal.SIGINT)
        return make(self, step)

    monkeypatch.setattr(CropBatches, "__call__", stopped)
    out = tmp_path / "out"
    with pytest.raises(Interrupted, match="`resume`"):
        segment_cells([images], out, settings(), QUIET)
    assert json.loads((out / "run.json").read_text())["state"] == "interrupted"
    assert not (out / "model").exists()
    before = len(steps)
    segment_cells([images], out, settings(), QUIET.model_copy(update={"resume": True}))
    assert (
        len(steps) - before < 40
    )  # of 60 steps, the batches of alpha, and 4 that say what each round learns from
    for name in NAMES:
        np.testing.assert_array_equal(labels_in(out, name), labels_in(done, name))
    assert not list(out.glob("*.part"))
    again = len(steps)
    segment_cells([images], out, settings(), QUIET.model_copy(update={"resume": True}))
    assert len(steps) == again
    with pytest.raises(SettingsError, match="other settings"):
        segment_cells([images], out, settings(seed=2), QUIET.model_copy(update={"resume": True}))


def test_learn_markers_keeps_the_same_student(done: Path, images: Path, tmp_path: Path) -> None:
    learn = LearnMarkersSettings(cells=("cytoplasm",), nuclei="nuclear", **STUDENT)
    learn_markers([images], tmp_path / "model", learn, QUIET)
    assert fs.load_model(tmp_path / "model").card.sha256 == fs.load_model(done / "model").card.sha256


def test_the_preset_of_the_paper_has_no_student() -> None:
    found = [
        SegmentSettings(cells=("c",), nuclei="n", preset=preset, rounds=rounds).n_rounds
        for preset, rounds in (("default", None), ("default", 2), ("paper", None), ("paper", 0))
    ]
    assert found == [3, 2, 0, 0]
    with pytest.raises(SettingsError, match="`preset` 'paper' is for a marker network, and `rounds` 2 asks"):
        settings(rounds=2, preset="paper")


@pytest.mark.parametrize("without", [{"rounds": 0}, {"preset": "paper"}], ids=["no rounds", "paper"])
@pytest.mark.parametrize(("name", "value"), [("encoder", "efficientnet_lite0"), ("weights", "none")])
def test_what_only_a_student_has_is_refused_without_one(
    without: dict[str, Any], name: str, value: str
) -> None:
    says = f"`{name}` '{value}' is for self-training, and without rounds there is none"
    with pytest.raises(SettingsError, match=says):
        LearnMarkersSettings(cells=("c",), nuclei="n", **without, **{name: value})


@pytest.mark.parametrize("nuclei", ["nuclear", None])
def test_a_field_unlike_those_learned_from_is_named(
    done: Path, images: Path, tmp_path: Path, nuclei: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the run's warnings, its record, its report and on the terminal; the fields of the run itself are not."""
    run = json.loads((done / "run.json").read_text())
    assert max(run["fields"][name]["look_distance"] for name in NAMES) < 0.5
    assert not any("unlike every field" in one for one in run["warnings"])
    other = shutil.copytree(images, tmp_path / "other")
    path = other / f"{NAMES[0]}_cytoplasm.tif"
    plane = tifffile.imread(path)
    tifffile.imwrite(path, plane.max() - plane)
    model = shutil.copytree(done / "model", tmp_path / "model")
    card = yaml.safe_load((model / CARD).read_text())
    for look in card["looks"]:
        look["spread"] /= 10  # such small images vary from part to part
    (model / CARD).write_text(yaml.safe_dump({**card, "usual_confidence": 0.0}))
    given: dict[str, Any] = {"cells": ("cytoplasm",), "nuclei": nuclei, "baselines": False}
    options = RunOptions(device="cpu", where=(f"field={NAMES[0]}",))
    predict_fields(model, [other], tmp_path / "out", PredictSettings(**given), options)
    found = json.loads((tmp_path / "out" / "run.json").read_text())
    assert found["fields"][NAMES[0]]["look_distance"] > 1
    sentence = "This field looks unlike every field that the model was learned from"
    assert [one.startswith(f"{NAMES[0]}: {sentence}") for one in found["warnings"]].count(True) == 1
    assert sentence in (tmp_path / "out" / "report.html").read_text()
    assert f"warning: {sentence}" in capsys.readouterr().out
    rows = (tmp_path / "out" / "measurements.csv").read_text().splitlines()
    assert "confidence" in rows[0].split(",")


def test_a_student_starts_from_a_model_and_another_model_is_another_run(
    done: Path, images: Path, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    shutil.copytree(done / "model", start)
    first = fs.load_model(start)
    short = {"start": start, "rounds": 1, "max_steps": 1, "truth": None}
    segment_cells([images], tmp_path / "out", settings(**short), QUIET)
    learned = LearnMarkersSettings(**settings(**short).model_dump(exclude={"truth", "baselines"}))
    learn_markers([images], tmp_path / "model", learned, QUIET)
    for folder in (tmp_path / "model", tmp_path / "out" / "model"):
        model = fs.load_model(folder)
        assert model.card.started_from == f"self-training of 1 rounds, cells model {first.card.sha256[:12]}"
        assert model.card.settings["encoder"] == "small"  # the start's
        assert (
            json.loads((folder / "record.json").read_text())["settings"]["start_sha256"] == first.card.sha256
        )
    with torch.no_grad():
        next(first.network.parameters()).add_(1)
    first.save(start, overwrite=True)
    with pytest.raises(SettingsError, match="start_sha256"):
        learn_markers(
            [images], tmp_path / "model", learned, RunOptions(quiet=True, device="cpu", resume=True)
        )


def test_a_start_is_for_students_only(done: Path, images: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"`start` .* is for self-training, and without rounds there is none"
    ):
        settings(start=done / "model", rounds=0)
    with pytest.raises(SettingsError, match="`weights` and `start` both say where to start from"):
        segment_cells([images], tmp_path / "out", settings(start=done / "model", weights="none"), QUIET)
    other = settings(start=done / "model", encoder="efficientnet_lite0")  # the default, and yet asked for
    with pytest.raises(
        SettingsError, match="has the encoder 'small', so `encoder` 'efficientnet_lite0' can't"
    ):
        segment_cells([images], tmp_path / "encoder", other, QUIET)
    with pytest.raises(SettingsError, match="the student of these images sees z-scored grey values"):
        segment_cells([images], tmp_path / "other", settings(cells=("phase",), start=done / "model"), QUIET)


def test_a_run_that_learns_nothing_leaves_no_model_of_an_earlier_one(
    done: Path, images: Path, tmp_path: Path
) -> None:
    out, noise = tmp_path / "out", tmp_path / "noise"
    shutil.copytree(done, out)
    write_synthetic_set(noise, 2, shape=(140, 150), n_cells=14, dim_nuclei=0.0, seed=4)
    random = np.random.default_rng(0)
    for path in noise.glob("*nuclear*"):
        tifffile.imwrite(path, random.normal(100, 1, (140, 150)).astype(np.float32))
    options = RunOptions(quiet=True, device="cpu", overwrite=True)
    segment_cells([noise], out, settings(truth=None), options)
    assert not labels_in(out).any()
    assert not (out / "model").exists()
    assert "the model of this run" not in (out / "report.html").read_text()


def test_a_run_with_one_field_more_has_no_result_of_the_model_before(images: Path, tmp_path: Path) -> None:
    out, quick = tmp_path / "out", settings(rounds=1, max_steps=3)
    where = RunOptions(quiet=True, device="cpu", where=(f"field={NAMES[0]}",))
    segment_cells([images], out, quick, where)
    segment_cells([images], out, quick, QUIET.model_copy(update={"resume": True}))
    assert fs.load_model(out / "model").card.training.fields == NAMES
    segment_cells([images], tmp_path / "both", quick, QUIET)
    for name in NAMES:
        np.testing.assert_array_equal(labels_in(out, name), labels_in(tmp_path / "both", name))
