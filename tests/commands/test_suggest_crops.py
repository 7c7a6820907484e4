"""`suggest`, from the command line to the files: crops that can be outlined and learned from, and nothing that is lost."""

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

import frugalseg as fs
from frugalseg.cli import main
from frugalseg.commands.command_settings import LearnLabelsSettings, SuggestSettings
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.commands.suggest_crops import suggest_crops
from frugalseg.errors import BadModel, InputError, OutputExists, SettingsError, UnreadableFile
from frugalseg.images.normalize import IntensityScale
from frugalseg.images.read import read_image
from frugalseg.images.write import write_image
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.networks.cards import ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.store import save_model
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions

from .bright_network import Bright

PIXEL = (0.5, 0.25)
COMMON: dict[str, Any] = {
    "scale": 1.0,
    "training": TrainingSummary(steps=1, stopped_because="s", seconds=1.0, seed=0, fields=("a",)),
}
PATTERN = "{field}_{channel}.tif"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three fields, of which "c" can't be read, with a channel "dic" and, of field "a", labels of its left half."""
    folder = tmp_path_factory.mktemp("set")
    for name, seed in (("a", 4), ("b", 5)):
        cells = fs.make_cells((96, 120), n_cells=12, dim_nuclei=0.0, seed=seed)
        write_image(folder / f"{name}_phase.tif", cells.cytoplasm, pixel_size=PIXEL)
        write_image(folder / f"{name}_dic.tif", cells.phase, pixel_size=PIXEL)
        write_image(folder / f"{name}_dapi.tif", cells.nuclear, pixel_size=PIXEL)
        if name == "a":
            half = np.where(np.arange(120) < 60, cells.cells.astype(np.int32), -1)
            tifffile.imwrite(folder / "a_drawn.tif", half)
    (folder / "c_phase.tif").write_bytes(b"no image")
    return folder


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder whose network is a known function of one channel."""
    monkeypatch.setattr("frugalseg.models.object_model.object_network", lambda *_: Bright())
    return saved(tmp_path / "cells", ("phase",))


def saved(folder: Path, channels: tuple[str, ...]) -> Path:
    settings = LabelSettings(target="cells").model_dump(mode="json")
    card = ObjectCard(**COMMON, channels=channels, kind="cells", settings=settings, diameter=20.0)
    save_model(folder, card, Bright())
    return folder


def suggest(model: Path, images: Path, out: Path, **given: Any) -> RunResult:
    where = given.pop("where", ("field=a,b",))
    options = RunOptions(
        device="cpu", quiet=True, pattern=PATTERN, where=where, overwrite=given.pop("overwrite", False)
    )
    return suggest_crops(model, [images], out, SuggestSettings(**{"crop": 40, "count": 3, **given}), options)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_crops_show_the_pixels_of_their_windows_and_what_the_model_finds(
    model: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = suggest(model, images, out)
    rows, record = rows_of(out / "suggestions.csv"), json.loads((out / "run.json").read_text())
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    fields = {name: tifffile.imread(images / f"{name}_phase.tif") for name in "ab"}
    direct = fs.suggest(fs.load_model(model, "cpu"), list(fields.values()), crop=40, n=3, pixel_size=PIXEL)  # type: ignore[arg-type]
    for row, one, kept in zip(rows, direct, record["suggestions"], strict=True):
        assert (row["field"], int(row["y"]), int(row["x"])) == ("ab"[one.image], one.y, one.x)
        assert (float(row["score"]), float(row["objects"])) == (one.score, one.objects)
        assert (kept["y"], kept["width"], kept["disagreement"]) == (one.y, one.width, one.disagreement)
        area = one.area
        name = f"{row['rank']}_{row['field']}"
        crop = read_image(out / "crops" / f"{name}.tif")
        whole = fields[row["field"]]
        assert crop.pixels.dtype == whole.dtype
        np.testing.assert_array_equal(crop.pixels[0, 0], whole[area])
        assert crop.pixel_size == pytest.approx(PIXEL)
        labels = read_image(out / "crops" / f"{name}_labels.tif")
        found = fs.load_model(model, "cpu").predict(whole, pixel_size=PIXEL)[area]  # type: ignore[call-arg]
        drawn = np.asarray(labels.pixels[0, 0])
        np.testing.assert_array_equal(drawn > 0, found > 0)
        assert fs.match_labels(found, drawn).iou.tolist() == [1.0] * len(np.unique(found[found > 0]))
        assert drawn.max() == len(np.unique(found[found > 0])) > 0
        assert labels.pixel_size == pytest.approx(PIXEL)
        assert name in (out / "report.html").read_text()
    assert cv2.imread(str(out / "suggestions.png")).max() == 255
    assert list(result.fields) == ["a", "b"]
    assert {path.name for path in out.iterdir()} == {
        "suggestions.csv",
        "suggestions.png",
        "crops",
        "report.html",
        "run.json",
    }


@pytest.mark.slow
def test_the_crops_are_learned_from_as_they_are(model: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    record: Any = suggest(model, images, out).record
    table = fs.open_fields([out / "crops"])
    names = [field.name for field in table]
    assert names == [f"{row['rank']}_{row['field']}" for row in rows_of(out / "suggestions.csv")]
    np.testing.assert_array_equal(
        table[0].plane("phase"), tifffile.imread(out / "crops" / f"{names[0]}.tif").astype(np.float32)
    )
    settings = LearnLabelsSettings(
        inputs="phase", labels="labels", target="cells", max_steps=1, crop=32, encoder="small", weights="none"
    )
    options = RunOptions(device="cpu", quiet=True, pattern=PATTERN)
    learned = learn_labels([out / "crops" / "fields.csv", images], tmp_path / "new", settings, options)
    assert learned.failed == {}
    n = len(names)
    (said,) = [one for one in learned.record.warnings if "proposed" in one]
    assert said.startswith(
        f"{n} of {n} label maps in {out / 'crops'} are what the model proposed, unchanged since "
    )
    assert learned.record.unlabelled == ("a", "b", "c")  # type: ignore[attr-defined]
    learn = f"frugalseg learn labels {out / 'crops' / 'fields.csv'}"
    how = f"--pattern '{PATTERN}' --labels labels --target cells --start {model} --scale 1 -o NEW_MODEL"
    assert record.next_step == f"{learn} {how}"
    both = suggest(model, images, tmp_path / "all", where=()).record
    assert f"fields.csv {images} --pattern" in both.next_step  # type: ignore[attr-defined]


def test_several_inputs_are_channels_of_one_file(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frugalseg.models.object_model.object_network", lambda *_: Bright())
    model, out = saved(tmp_path / "two", ("green", "grey")), tmp_path / "out"
    record: Any = suggest(model, images, out, inputs="phase,dic", count=1).record
    (row,) = rows_of(out / "suggestions.csv")
    (field,) = fs.open_fields([out / "crops"])
    y, x = int(row["y"]), int(row["x"])
    for channel in ("phase", "dic"):
        whole = tifffile.imread(images / f"{row['field']}_{channel}.tif")
        np.testing.assert_array_equal(field.plane(channel), whole[y : y + 40, x : x + 40].astype(np.float32))
    assert "--from phase,dic" in record.next_step


@pytest.mark.slow
def test_crops_of_focal_planes_are_learned_from_by_the_command_that_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frugalseg.models.object_model.object_network", lambda *_: Bright())
    cells, stacks = fs.make_cells((96, 120), n_cells=12, dim_nuclei=0.0, seed=4), tmp_path / "stacks"
    stacks.mkdir()
    stack = np.stack([cells.cytoplasm, cells.phase, cells.nuclear]).astype(np.float32)
    tifffile.imwrite(stacks / "a_phase.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    model, out = saved(tmp_path / "two", ("phase[1]", "phase[3]")), tmp_path / "out"
    record: Any = suggest(model, stacks, out, inputs="phase[1,3]", count=1, where=()).record
    (row,) = rows_of(out / "suggestions.csv")
    (crop,) = fs.open_fields([out / "crops"])
    y, x = int(row["y"]), int(row["x"])
    np.testing.assert_array_equal(crop.plane("phase[3]"), stack[2, y : y + 40, x : x + 40])
    monkeypatch.undo()
    words = shlex.split(record.next_step)[1:]
    assert words[words.index("--from") + 1] == "phase[1],phase[3]"
    words[words.index("NEW_MODEL")] = str(tmp_path / "new")
    del words[words.index("--start") : words.index("--start") + 2]  # that model is no real network
    few = ["--max-steps", "1", "--crop", "32", "--encoder", "small", "--device", "cpu", "--quiet"]
    with pytest.raises(SystemExit) as end:
        main([*words, *few])
    assert end.value.code == 0
    learned = fs.load_model(tmp_path / "new", "cpu")
    assert learned.card.channels == ("phase[1]", "phase[3]")


def test_labels_and_nuclei_of_some_fields_count(model: Path, images: Path, tmp_path: Path) -> None:
    suggest(model, images, tmp_path / "out", labels="drawn", nuclei="dapi", count=20)
    rows = rows_of(tmp_path / "out" / "suggestions.csv")
    assert {row["field"] for row in rows} == {"a", "b"}
    assert min(int(row["x"]) for row in rows if row["field"] == "a") >= 60
    assert min(int(row["x"]) for row in rows if row["field"] == "b") < 60
    assert all(row["misfits"] and row["look_distance"] for row in rows)


def test_crops_and_fields_are_learned_from_together(model: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    record = suggest(model, images, out, labels="drawn", count=2, where=()).record
    assert " --labels drawn " in record.next_step  # type: ignore[attr-defined]
    how = LearnLabelsSettings(
        inputs="phase", labels="drawn", target="cells", max_steps=1, crop=32, encoder="small"
    )
    options = RunOptions(device="cpu", quiet=True, pattern=PATTERN)
    learned = learn_labels([out / "crops" / "fields.csv", images], tmp_path / "new", how, options)
    (drawn,) = [name for name in learned.fields if name.startswith("a")]
    assert drawn
    assert len([name for name in learned.fields if name.startswith(("1_", "2_"))]) == 2


def test_fewer_crops_than_were_asked_for_are_said(
    model: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suggest(model, images, tmp_path / "few", crop=64, count=1)
    assert "crops are suggested" not in "".join(capsys.readouterr())
    suggest(model, images, tmp_path / "out", crop=64, count=40)
    number = len(rows_of(tmp_path / "out" / "suggestions.csv"))
    told = " ".join("".join(capsys.readouterr()).split())
    assert f"only {number} crops are suggested, as no more of up to 64 px fit beside each other" in told


def test_crops_of_earlier_suggestions_count_as_labelled_unless_they_were_left_out(
    model: Path, images: Path, tmp_path: Path
) -> None:
    suggest(model, images, tmp_path / "first")
    done = rows_of(tmp_path / "first" / "suggestions.csv")
    table = tmp_path / "first" / "crops" / "fields.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:3]))  # the third crop is left out
    second: Any = suggest(model, images, tmp_path / "second", after=(tmp_path / "first",), count=20).record
    # Crops of both are learned from together, so no two have the same name.
    tables = [tmp_path / name / "crops" / "fields.csv" for name in ("second", "first")]
    assert second.next_step.startswith(f"frugalseg learn labels {tables[0]} {tables[1]} --pattern")
    assert rows_of(tmp_path / "second" / "suggestions.csv")[0]["rank"] == "4"
    suggested = rows_of(tmp_path / "second" / "suggestions.csv")
    assert len({field.name for field in fs.open_fields(tables)}) == 2 + len(suggested)
    with pytest.raises(UnreadableFile, match="nowhere holds no results of `suggest`; give the folder of"):
        suggest(model, images, tmp_path / "third", after=(tmp_path / "nowhere",))
    covered = {name: np.zeros((96, 120), bool) for name in "ab"}
    for row in rows_of(tmp_path / "second" / "suggestions.csv"):
        y, x = int(row["y"]), int(row["x"])
        covered[row["field"]][y : y + 40, x : x + 40] = True
    shares = []
    for row in done:
        y, x = int(row["y"]), int(row["x"])
        shares.append(covered[row["field"]][y : y + 40, x : x + 40].mean())
    assert shares[:2] == [0, 0]
    assert shares[2] > 0.3
    (tmp_path / "first" / "suggestions.csv").write_text("rank,field\n1,a\n")
    with pytest.raises(UnreadableFile, match=r"suggestions\.csv is damaged, or no list that `suggest` wrote"):
        suggest(model, images, tmp_path / "third", after=(tmp_path / "first",))


def test_outlines_are_never_deleted_and_images_never_replaced(
    model: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    suggest(model, images, out)
    with pytest.raises(OutputExists, match="holds results already; give `overwrite`"):
        suggest(model, images, out)
    suggest(model, images, out, overwrite=True, count=1)
    assert len(list((out / "crops").glob("*.tif"))) == 2
    (labels,) = (out / "crops").glob("*_labels.tif")
    tifffile.imwrite(labels, np.ones((40, 40), np.uint16))
    with pytest.raises(
        OutputExists, match=r"_labels\.tif was changed or added after the results were written"
    ):
        suggest(model, images, out, overwrite=True)
    assert tifffile.imread(labels).all()


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"crop": 121}, SettingsError, "`crop` is 121 px, and the largest image has 96 x 120 px"),
        ({"inputs": "phase,dic"}, SettingsError, "phase, dic are 2; give as many as `inputs`, in"),
        ({"nuclei": "dapy"}, InputError, "dapi"),
        ({"where": ("field=c",)}, InputError, "c_phase.tif"),
    ],
)
def test_what_can_not_be_is_said_and_nothing_is_written(
    model: Path, images: Path, tmp_path: Path, given: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        suggest(model, images, tmp_path / "out", **given)
    assert [path.name for path in tmp_path.iterdir()] == ["cells"]


def test_a_stain_model_is_refused(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frugalseg.models.stain_model.Unet", lambda *_: Bright())
    scale = IntensityScale(how="percentile", centre=(1.0,), spread=(2.0,), channels=("dapi",))
    about: dict[str, Any] = {"channels": ("phase",), "settings": {"encoder": "small"}}
    save_model(tmp_path / "m", StainCard(**COMMON, **about, target="dapi", target_scale=scale), Bright())
    with pytest.raises(
        BadModel, match="/m is a StainModel, and crops are suggested for a model that finds nuclei or"
    ):
        suggest(tmp_path / "m", images, tmp_path / "out")


def test_the_command_says_what_failed_and_what_comes_next(
    model: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["suggest", str(model), str(images), "--pattern", PATTERN, "--crop", "40", "--device", "cpu"]
    for more, code, printed in (
        (["--where", "field!=c"], 0, "2 fields done, 0 failed"),
        ([], 3, "2 fields done, 1 failed"),
    ):
        out = tmp_path / f"out{code}"
        with pytest.raises(SystemExit) as ended:
            main([*typed, *more, "-o", str(out)])
        written = capsys.readouterr()
        assert (ended.value.code or 0) == code
        assert f"{printed}: {out}" in written.out
        assert (
            f"correct the outlines in {out / 'crops'}; then: frugalseg learn labels {out / 'crops'}"
            in written.out
        )
        assert written.err.startswith("failed: c: ") is (code == 3)
    with pytest.raises(SystemExit):
        main([*typed, "--where", "field!=c", "--count", "1", "--json", "-o", str(tmp_path / "third")])
    shown = json.loads(capsys.readouterr().out)
    assert (len(shown["suggestions"]), shown["state"]) == (1, "done")
