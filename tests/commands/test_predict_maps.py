"""`predict` with models of whole images: stains in their own grey values, cells with scores, one bad field alone."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from frugalseg.commands.command_settings import PredictSettings
from frugalseg.commands.predict_fields import predict_fields
from frugalseg.errors import BadModel, OutputExists, SettingsError
from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import score_labels
from frugalseg.images.normalize import IntensityScale
from frugalseg.images.read import read_image
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models.cell_prediction import INVERTED
from frugalseg.networks.cards import ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.object_net import CellNetwork
from frugalseg.networks.store import save_model
from frugalseg.networks.unet import Unet
from frugalseg.report import Comparison
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set

CENTRE, SPREAD = 150.0, 900.0
PIXEL = (0.65, 0.65)
PATTERN = "{field}_{channel}.tif"
COMMON: dict[str, Any] = {
    "channels": ("nuclear",),
    "pixel_size": PIXEL,
    "scale": 1.0,
    "training": TrainingSummary(steps=1, stopped_because="s", seconds=1.0, seed=0, fields=("a",)),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_synthetic_set(folder, 3, shape=(96, 104), n_cells=9, dim_nuclei=0.0, noise=0.2, seed=4)
    return folder


class Through(torch.nn.Module):
    """What takes the place of a U-Net here: its input, scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(0.2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, :1] * self.weight


class Bright(torch.nn.Module):
    """Cells where the nuclear stain is above its mean: distance and logit."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        getattr(self, "seen", []).append(tuple(images.shape))
        return torch.cat([images * self.weight, images * self.weight], dim=1)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Model folders whose networks are known functions."""
    scale = IntensityScale(how="percentile", centre=(CENTRE,), spread=(SPREAD,), channels=("my stain",))
    stain = StainCard(**COMMON, settings={"encoder": "small"}, target="my stain", target_scale=scale)
    settings = LabelSettings(target="cells", orientations=1).model_dump(mode="json")
    cells = ObjectCard(**COMMON, kind="cells", settings=settings, diameter=20.0)
    save_model(tmp_path / "stain", stain, Through())
    save_model(tmp_path / "cells", cells, Bright())
    monkeypatch.setattr("frugalseg.models.stain_model.Unet", lambda *_: Through())
    monkeypatch.setattr("frugalseg.models.object_model.object_network", lambda *_: Bright())
    return {"stain": tmp_path / "stain", "cells": tmp_path / "cells"}


def predict(model: Path, inputs: Path, out: Path, **given: Any) -> RunResult:
    run = {key: given.pop(key) for key in ("resume", "overwrite", "where", "pattern") if key in given}
    return predict_fields(
        model, [inputs], out, PredictSettings(**given), options=RunOptions(device="cpu", quiet=True, **run)
    )


def stain_at(images: Path, name: str) -> np.ndarray:
    """What the stain model above says of a field, in its grey values."""
    plane = tifffile.imread(images / f"{name}_nuclear.tif").astype(np.float64)
    zscored = (plane - plane.mean()) / plane.std()
    return np.clip(np.rint(0.2 * zscored * SPREAD + CENTRE), 0, 65535)


def run_json(out: Path) -> dict[str, Any]:
    return json.loads((out / "run.json").read_text())


def test_a_stain_is_written_in_its_own_grey_values(
    models: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(models["stain"], images, out)
    for number in (1, 2, 3):
        path = out / f"synthetic_{number}_my_stain.tif"
        written = tifffile.imread(path)
        assert (written.dtype, written.shape) == (np.uint16, (96, 104))
        assert np.abs(written - stain_at(images, f"synthetic_{number}")).max() <= 1
        image = read_image(path)
        assert image.pixel_size == pytest.approx(PIXEL)
        assert image.channels == ("my stain",)
    written = run_json(out)
    assert (written["state"], written["command"], written["failed"]) == ("done", "predict", {})
    assert "pcc" not in written
    assert "predicted stain" in (out / "report.html").read_text()
    assert not list(out.glob("*_labels.tif"))


def test_a_stain_is_scored_where_there_is_a_real_one(
    models: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    folder, out = tmp_path / "set", tmp_path / "out"
    shutil.copytree(images, folder)
    table = (folder / "fields.csv").read_text()
    (folder / "fields.csv").write_text(table.replace("synthetic_2_cytoplasm.tif", ""))
    shape = (96, 104)
    tifffile.imwrite(folder / "synthetic_3_cytoplasm.tif", np.full(shape, 8, np.uint16))
    result = predict(models["stain"], folder, out, truth="cytoplasm")
    assert result.failed == {}
    expected = np.corrcoef(
        *(tifffile.imread(folder / f"synthetic_1_{one}.tif").ravel() for one in ("nuclear", "cytoplasm"))
    )[0, 1]
    written = run_json(out)
    assert written["fields"]["synthetic_1"]["pcc"] == pytest.approx(expected, abs=1e-4)
    assert "pcc" not in written["fields"]["synthetic_2"]  # has none: fine
    assert "pcc" not in written["fields"]["synthetic_3"]  # constant: not defined, and said
    assert "'cytoplasm' or what was predicted of it has one grey value only" in written["warnings"][0]
    assert written["pcc"] == {"mean": pytest.approx(expected, abs=1e-4), "low": None, "high": None, "n": 1}
    assert len(list(out.glob("*_my_stain.tif"))) == 3


def test_cells_are_written_measured_and_scored(models: dict[str, Path], images: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "set", tmp_path / "out"
    shutil.copytree(images, folder)
    truth = tifffile.imread(folder / "synthetic_1_nuclei.tif").astype(np.int32)
    truth[:, 80:] = -1
    tifffile.imwrite(folder / "synthetic_1_nuclei.tif", truth)
    predict(models["cells"], folder, out, truth="nuclei")
    written = run_json(out)
    for number in (1, 2, 3):
        name = f"synthetic_{number}"
        labels = tifffile.imread(out / f"{name}_labels.tif")
        plane = tifffile.imread(folder / f"{name}_nuclear.tif")
        known = tifffile.imread(folder / f"{name}_nuclei.tif")
        record = written["fields"][name]
        assert labels.dtype == np.uint16
        assert set(np.unique(labels[plane <= plane.mean() - 1e-3])) == {0}
        assert record["n_cells"] == labels.max() > 3
        assert record["scores"] == score_labels(known, labels).to_dict()
        inside = (plane > plane.mean()) & (known >= 0)
        assert record["mask_iou"] == pytest.approx(mask_iou(inside, known), abs=1e-3)
    assert written["scores"]["mAP"]["n"] == 3
    with (out / "measurements.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["field"] == "synthetic_2"]
    labels = tifffile.imread(out / "synthetic_2_labels.tif")
    plane = tifffile.imread(images / "synthetic_2_nuclear.tif")
    for row in rows:  # grey values, not what the network sees
        mean = plane[labels == int(row["label"])].mean()
        assert float(row["mean_nuclear"]) == pytest.approx(mean, rel=1e-3)


class BrightOrBeside(Bright):
    """Cells where the image is bright, and a few pixels beside where it is dark: mirrored images disagree on those."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        cells = (images > 1) | torch.roll(images < -1, 4, dims=-1)
        return torch.cat([cells.float(), cells.float() * 2 - 1], dim=1) * self.weight


def test_images_of_the_other_contrast_are_seen_inverted_and_said_to_be(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = LabelSettings(target="cells").model_dump(mode="json")
    card = ObjectCard(**COMMON, kind="cells", settings=settings, diameter=20.0, self_trained=True)
    card = card.model_copy(update={"usual_confidence": 0.9})
    save_model(tmp_path / "student", card, BrightOrBeside())
    monkeypatch.setattr("frugalseg.models.object_model.object_network", lambda *_: BrightOrBeside())
    other = tmp_path / "other"
    shutil.copytree(images, other)
    for path in other.glob("*_nuclear.tif"):
        plane = tifffile.imread(path)
        tifffile.imwrite(path, plane.max() - plane)
    said = []
    for folder in (images, other):
        out = tmp_path / f"out_{folder.name}"
        predict(tmp_path / "student", folder, out, diameter=20.0)
        record = run_json(out)["fields"]["synthetic_1"]
        said.append((record.get("inverted", False), INVERTED in record["warnings"], record["confidence"]))
    assert said == [(False, False, 1.0), (True, True, 1.0)]
    told = capsys.readouterr()
    assert told.err.replace("\n", " ").strip() == (
        f"warning: 3 of 3 fields have warnings: see {tmp_path / 'out_other' / 'run.json'} or the report"
    )
    assert told.out == ""
    first, second = (
        tifffile.imread(tmp_path / f"out_{folder.name}" / "synthetic_1_labels.tif")
        for folder in (images, other)
    )
    assert first.max() > 3
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("bad", ["synthetic_1", "synthetic_3"])
@pytest.mark.parametrize("kind", ["stain", "cells"])
def test_one_bad_field_does_not_stop_the_others(
    models: dict[str, Path], images: Path, tmp_path: Path, kind: str, bad: str
) -> None:
    folder, out = tmp_path / "set", tmp_path / "out"
    shutil.copytree(images, folder)
    path = folder / f"{bad}_nuclear.tif"
    stack = np.random.default_rng(0).integers(0, 99, (3, 96, 104)).astype(np.uint16)
    damages: list[tuple[Callable[[], object], str]] = [
        (lambda: tifffile.imwrite(path, np.full((96, 104), 7, np.uint16)), "constant"),
        (lambda: path.write_bytes(b"II*\0 not a TIFF"), f"{bad}_nuclear.tif"),
    ]
    if kind == "stain":  # a model of cells sees the maximum of a stack
        more = {"imagej": True, "metadata": {"axes": "ZYX"}}
        damages.append((lambda: tifffile.imwrite(path, stack, **more), "has 3 inputs"))
    for damage, says in damages:
        damage()
        result = predict(models[kind], folder, out, overwrite=True)
        assert list(result.failed) == [bad]
        assert says in result.failed[bad]
        assert set(result.fields) == {"synthetic_1", "synthetic_2", "synthetic_3"} - {bad}
        assert f"{bad} failed" in (out / "report.html").read_text()


def test_resume_keeps_what_is_done(models: dict[str, Path], images: Path, tmp_path: Path) -> None:
    for kind, ending in (("stain", "my_stain"), ("cells", "labels")):
        out = tmp_path / f"out_{kind}"
        first = predict(models[kind], images, out)
        with pytest.raises(OutputExists, match="`overwrite`"):
            predict(models[kind], images, out)
        kept = out / f"synthetic_1_{ending}.tif"
        before = kept.stat().st_mtime_ns
        for left in (f"{ending}.tif", "record.json"):
            (out / f"synthetic_2_{left}").unlink()
        again = predict(models[kind], images, out, resume=True)
        assert kept.stat().st_mtime_ns == before
        assert list(again.fields) == list(first.fields)
        with pytest.raises(SettingsError, match="truth None -> 'nuclei'"):
            predict(models[kind], images, out, resume=True, truth="nuclei")


def test_the_users_own_stain_is_never_replaced(models: dict[str, Path], images: Path, tmp_path: Path) -> None:
    """Results into the folder of the images, where a real stain is called as the predicted one would be."""
    folder, own = tmp_path / "set", tmp_path / "set" / "a_my_stain.tif"
    folder.mkdir()
    for name in ("nuclear", "my_stain"):
        shutil.copy(images / "synthetic_1_nuclear.tif", folder / f"a_{name}.tif")
    (folder / "fields.csv").write_text("field,nuclear,real\na,a_nuclear.tif,a_my_stain.tif\n")
    before = own.read_bytes()

    def refused(**given: Any) -> None:
        with pytest.raises(OutputExists, match=r"a_my_stain\.tif is one of the images that were given"):
            predict(models["stain"], folder, folder, **given)

    for how in ({}, {"overwrite": True}, {"resume": True}):
        refused(**how)
    assert own.read_bytes() == before
    own.unlink()  # what a run made may be replaced, although the table names it, but not while it is read
    predict(models["stain"], folder, folder)
    predict(models["stain"], folder, folder, overwrite=True)
    refused(overwrite=True, truth="real")


def test_other_images_of_the_same_names_are_not_taken_for_done(
    models: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    predict(models["cells"], images, out, truth="nuclei")
    read = run_json(out)["fields"]["synthetic_2"]["files"]
    assert [Path(path).name for path, *_ in read] == ["synthetic_2_nuclear.tif", "synthetic_2_nuclei.tif"]
    other = tmp_path / "set"
    shutil.copytree(images, other)
    with pytest.raises(SettingsError, match=r"'synthetic_1' .* not made from .*set.synthetic_1_nuclear\.tif"):
        predict(models["cells"], other, out, truth="nuclei", resume=True)


def test_finished_stains_are_not_predicted_again_for_their_pictures(
    models: dict[str, Path], images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shown: list[list[Comparison]] = []
    monkeypatch.setattr(
        "frugalseg.runs.field_loop.write_report",
        lambda path, report, **_: shown.append(report.comparisons),
    )
    predict(models["stain"], images, out, truth="cytoplasm")
    for left in ("my_stain.tif", "record.json"):
        (out / f"synthetic_2_{left}").unlink()
    seen: list[int] = []
    forward = Through.forward
    monkeypatch.setattr(Through, "forward", lambda *given: seen.append(1) or forward(*given))
    predict(models["stain"], images, out, truth="cytoplasm", resume=True)
    assert len(seen) == 1  # the field whose result is missing
    for one, again in zip(*shown, strict=True):
        assert (one.name, one.numbers) == (again.name, pytest.approx(again.numbers))
        assert [name for name, _ in again.pictures] == ["input", "real stain", "predicted stain"]
        for (_, before), (_, after) in zip(one.pictures, again.pictures, strict=True):
            # The written stain is rounded, and pictures are of 8 bits.
            np.testing.assert_allclose(np.asarray(after, float), np.asarray(before, float), atol=2)


def test_pixel_sizes_or_diameters_decide_the_scale(
    models: dict[str, Path], images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    forward = Bright.forward

    def watched(self: Bright, images: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(images.shape[2:]))
        return forward(self, images)

    monkeypatch.setattr(Bright, "forward", watched)
    plane = tifffile.imread(images / "synthetic_1_nuclear.tif")
    one = tmp_path / "a_nuclear.tif"
    tifffile.imwrite(one, plane, resolution=(1e4 / 0.325, 1e4 / 0.325), resolutionunit="CENTIMETER")
    pattern = PATTERN
    predict(models["cells"], one, tmp_path / "out1", pattern=pattern)  # half the pixel size: half the image
    predict(
        models["cells"], one, tmp_path / "out2", pattern=pattern, diameter=40.0
    )  # twice the training's 20 px
    predict(models["cells"], one, tmp_path / "out3", pattern=pattern, diameter=20.0)
    assert seen == [(48, 52), (48, 52), (96, 104)]
    said = [" ".join(run_json(tmp_path / f"out{i}")["fields"]["a"]["warnings"]) for i in (1, 2, 3)]
    assert "0.325 um wide and those that the model was trained on 0.65 um, so it is resized" in said[0]
    assert "um wide" not in said[1] + said[2]


def test_what_is_a_speck_depends_on_the_models_cells_as_this_image_shows_them(
    models: dict[str, Path], tmp_path: Path
) -> None:
    plane = np.zeros((96, 104), np.uint16)
    plane[10:14, 10:14], plane[50:80, 50:80] = 900, 900  # 16 px: less than 3 % of the area of 40 px
    one = tmp_path / "a_nuclear.tif"
    tifffile.imwrite(one, plane)
    for diameter, count in ((None, 2), (40.0, 1)):  # the model's cells are 20 px wide
        out = tmp_path / f"out_{count}"
        predict(models["cells"], one, out, pattern="{field}_{channel}.tif", diameter=diameter)
        assert run_json(out)["fields"]["a"]["n_cells"] == count


@pytest.mark.parametrize("given", [{}, {"nuclei": "nuclear"}], ids=["alone", "nuclei"])
def test_fast_sees_each_image_once_and_so_without_confidence(
    models: dict[str, Path],
    images: Path,
    tmp_path: Path,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(Bright, "seen", seen, raising=False)
    settings = LabelSettings(target="cells", orientations=4, zoom=0.25).model_dump(mode="json")
    card = ObjectCard(**COMMON, kind="cells", settings=settings, diameter=20.0)
    save_model(tmp_path / "flips", card, Bright())
    counts = {}
    for fast in (False, True):
        seen.clear()
        result = predict(
            tmp_path / "flips", images, tmp_path / str(fast), fast=fast, where=("field=synthetic_1",), **given
        )
        assert result.failed == {}
        counts[fast] = len(seen)
        columns = (tmp_path / str(fast) / "measurements.csv").read_text().splitlines()[0].split(",")
        assert ("confidence" in columns) is not fast
        assert run_json(tmp_path / str(fast))["settings"]["fast"] is fast
    assert counts == {False: 8 if given else 6, True: 1}


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("stain", {"nuclei": "nuclear"}, "no use for `nuclei`"),
        ("cells", {"nuclei_diameter": 9.0, "mask": "nuclear"}, "no use for `"),
        ("cells", {"foreground": "texture"}, "no use for `foreground`"),
        (
            "stain",
            {"cells": ("phase", "brightfield")},
            "phase, brightfield are 2; give as many as `cells`, in",
        ),
        ("cells", {"cells": ("phase[0]",)}, "counted from 1"),
        ("stain", {"diameter": 20.0}, "leave `diameter` out"),
        ("stain", {"fast": True}, "only models of nuclei or cells can be `fast`"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_before_anything_is_written(
    models: dict[str, Path], images: Path, tmp_path: Path, kind: str, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingsError, match=says.replace("[", r"\[")):
        predict(models[kind], images, tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_damaged_weights_leave_nothing_behind(images: Path, tmp_path: Path) -> None:
    settings = LabelSettings(target="cells").model_dump(mode="json")
    model = tmp_path / "m"
    save_model(
        model, ObjectCard(**COMMON, kind="cells", settings=settings, diameter=20.0), CellNetwork("small", 1)
    )
    weights = model / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(BadModel, match="checksum"):
        predict(model, images, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_encoder_than_the_cards_is_said(images: Path, tmp_path: Path) -> None:
    scale = IntensityScale(centre=(1.0,), spread=(1.0,))
    card = StainCard(**COMMON, settings={"encoder": "efficientnet_lite0"}, target="s", target_scale=scale)
    save_model(tmp_path / "m", card, Unet("small", 1, 1))
    with pytest.raises(BadModel, match="tensors differ"):
        predict(tmp_path / "m", images, tmp_path / "out")
