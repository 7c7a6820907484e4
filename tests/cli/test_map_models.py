"""`learn stains`, `learn labels`, and `predict` with their models: files, exit codes, and one line where it fails."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

import frugalseg as fs
from frugalseg.cli import main
from frugalseg.runs.synthetic_set import write_synthetic_set

FEW = ("--encoder", "small", "--crop", "32", "--batch", "2", "--max-steps", "3", "--device", "cpu", "--quiet")
PATTERN = ("--pattern", "{field}_{channel}.tif")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_synthetic_set(folder, 3, shape=(96, 96), n_cells=8, dim_nuclei=0.0, seed=4)
    return folder


def typed(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def models(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A stain model, and one of cells that started from it."""
    folder = tmp_path_factory.mktemp("models")
    stains = ("learn", "stains", images, "--from", "phase", "--to", "nuclear", "-o", folder / "stain", *FEW)
    assert typed(*stains) == 0
    labels = (
        "learn",
        "labels",
        images,
        "--labels",
        "cells",
        "--target",
        "cells",
        "-o",
        folder / "cells",
        *FEW,
    )
    assert typed(*labels, "--start", folder / "stain") == 0
    return {"stain": folder / "stain", "cells": folder / "cells"}


@pytest.mark.slow
def test_learning_prints_what_json_says(run: Any, images: Path, tmp_path: Path) -> None:
    ended = run(
        *("learn", "stains", images, "--from", "phase,brightfield", "--to", "nuclear", "-o", tmp_path / "m"),
        *(*FEW, "--json", "--no-hold-out", "--where", "field=synthetic_1", "--scale", "0.5", "--seed", "7"),
    )
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(ended.out)
    record = json.loads((tmp_path / "m" / "record.json").read_text())
    assert told["fields"] == record["fields"]
    assert list(told["fields"]) == ["synthetic_1"]
    assert (told["inputs"], told["scale"], told["seed"]) == (["phase", "brightfield"], 0.5, 7)
    assert told["settings"]["crop"] == 32
    assert -1 <= told["pcc"]["learned from"]["mean"] <= 1
    report = (tmp_path / "m" / "report.html").read_text()
    assert f"frugalseg learn stains {images} --from phase,brightfield --to nuclear" in report
    assert "--scale 0.5 --seed 7" in report


@pytest.mark.slow
def test_predict_writes_the_stain_and_its_correlation(
    run: Any, models: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ended = run("predict", models["stain"], images, "-o", out, "--truth", "nuclear", "--device", "cpu")
    assert (ended.code, ended.err) == (0, "")
    assert "3 fields done, 0 failed" in ended.out
    written = json.loads((out / "run.json").read_text())
    for name, record in written["fields"].items():
        stain = tifffile.imread(out / f"{name}_nuclear.tif")
        assert (stain.dtype, stain.shape) == (np.uint16, (96, 96))
        real = tifffile.imread(images / f"{name}_nuclear.tif")
        assert np.corrcoef(stain.ravel(), real.ravel())[0, 1] == pytest.approx(record["pcc"], abs=0.01)
        assert f"PCC {record['pcc']:.3f}" in ended.out


@pytest.mark.slow
def test_predict_writes_cells_and_their_scores(
    run: Any, models: dict[str, Path], images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    use = ("predict", models["cells"], images, "-o", out, "--truth", "cells", "--quiet", "--device", "cpu")
    ended = run(*use)
    assert (ended.code, ended.out) == (0, "")
    written = json.loads((out / "run.json").read_text())
    warned = sum(bool(record["warnings"]) for record in written["fields"].values())
    assert warned == 3  # it was trained for few steps
    assert ended.err == f"warning: 3 of 3 fields have warnings: see {out / 'run.json'} or the report\n"
    assert set(written["fields"]["synthetic_1"]["scores"]) >= {"mAP", "cell_miou", "foreground_iou"}
    assert 0 <= written["scores"]["mAP"]["mean"] <= 1
    assert (out / "synthetic_3_labels.tif").exists()
    assert (
        f"frugalseg predict {models['cells']} {images} -o {out} --truth cells"
        in (out / "report.html").read_text()
    )
    again = run(*use)
    assert (again.code, "--overwrite" in again.error) == (1, True)
    assert run(*use, "--overwrite").code == 0


@pytest.mark.slow
def test_some_fields_failed_is_3_and_all_is_1(run: Any, models: dict[str, Path], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, plane in (("a", random.integers(0, 999, (64, 64))), ("b", np.full((64, 64), 5))):
        tifffile.imwrite(tmp_path / f"{name}_phase.tif", plane.astype(np.uint16))
    for kind in ("stain", "cells"):
        use = ("predict", models[kind], tmp_path, *PATTERN, "--device", "cpu", "--quiet")
        ended = run(*use, "-o", tmp_path / kind)
        assert ended.code == 3
        assert ended.error.startswith("failed: b: field 'b': channel 'phase' is constant")
        ended = run(*use, "-o", tmp_path / f"{kind}_b", "--where", "field=b")
        assert (ended.code, ended.error.startswith("failed: b: ")) == (1, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more", "says"),
    [
        ("stain", ("--nuclei", "nuclear"), "has no use for --nuclei"),
        ("cells", ("--foreground", "texture"), "has no use for --foreground"),
        ("cells", ("--seed", "3"), "has no use for --seed"),
        ("stain", ("--from", "phse"), "Did you mean 'phase'?"),
        ("stain", ("--truth", "nucleus"), "'nucleus'"),
        ("cells", ("--truth", "cell"), "Did you mean 'cells'?"),
        ("cells", ("--from", "phase,brightfield"), "trained on 1 inputs (phase)"),
        ("cells", ("--from", "phase[0]"), "counted from 1"),
        ("cells", ("--from", "phase[2]"), "only plane 1"),
        ("stain", ("--diameter", "20"), "leave --diameter out"),
    ],
    ids=str,
)
def test_predict_says_what_is_wrong(
    run: Any, models: dict[str, Path], images: Path, tmp_path: Path, kind: str, more: Any, says: str
) -> None:
    ended = run("predict", models[kind], images, "-o", tmp_path / "out", *more)
    assert ended.code == 1
    assert says in ended.error


STAINS = ("learn", "stains", "--from", "phase", "--to", "nuclear")
LABELS = ("learn", "labels", "--labels", "cells", "--target", "cells")


@pytest.mark.parametrize(
    ("command", "more", "says"),
    [
        (STAINS, ("--to", "nuclar"), "Did you mean 'nuclear'?"),
        (STAINS, ("--from", "phase,phase"), "names phase twice"),
        (STAINS, ("--from", "phase[0]"), "counted from 1, so there is no plane 0"),
        (STAINS, ("--from", "phase[2]"), "asks for focal plane 2"),
        (STAINS, ("--weights", "imagenet"), "--encoder small has no ImageNet weights"),
        (STAINS, ("--weights", "nothing.pth"), "'nothing.pth' is no file"),
        (STAINS, ("--scale", "5"), "--scale: Input should be less than or equal to 4"),
        (STAINS, ("--where", "split=none"), "split"),
        (LABELS, (), "the inputs are missing; give --from, or a model as --start"),
        (LABELS, ("--from", "phase", "--labels", "cels"), "Did you mean 'cells'?"),
        (LABELS, ("--start", "nothing/there"), "is no model folder"),
        (LABELS, ("--from", "phase", "--slope", "0"), "--slope: give a number above 0, or 'fitted'"),
        (LABELS, ("--from", "phase", "--h", "100"), "--h: Input should be less than 100"),
    ],
    ids=str,
)
def test_learning_says_what_is_wrong_and_leaves_nothing(
    run: Any, images: Path, tmp_path: Path, command: Any, more: Any, says: str
) -> None:
    ended = run(*command, images, "-o", tmp_path / "m", *FEW, *more)
    assert ended.code == 1
    assert ended.error.startswith("error: ")
    assert says in ended.error
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_orientations_is_a_number_in_the_card(run: Any, images: Path, tmp_path: Path) -> None:
    command = (*LABELS, images, "--from", "phase", "-o", tmp_path / "m", *FEW)
    wrong = run(*command, "--orientations", "3")
    assert (wrong.code, "'1', '2', '4', '8'" in wrong.err) == (2, True)
    assert run(*command, "--orientations", "4").code == 0
    assert fs.load_model(tmp_path / "m", device="cpu").card.settings["orientations"] == 4


def test_a_constant_target_is_one_line(run: Any, images: Path, tmp_path: Path) -> None:
    plane = tifffile.imread(images / "synthetic_1_phase.tif")
    tifffile.imwrite(tmp_path / "a_phase.tif", plane)
    tifffile.imwrite(tmp_path / "a_dapi.tif", np.full(plane.shape, 3, np.uint16))
    command = ("learn", "stains", tmp_path, *PATTERN, "--from", "phase", "-o", tmp_path / "m", *FEW)
    ended = run(*command, "--to", "dapi")
    assert (ended.code, "channel 'dapi' is constant (every pixel is 3)" in ended.error) == (1, True)
    assert not list(tmp_path.glob("m*"))
    tifffile.imwrite(tmp_path / "a_dapi.tif", np.zeros((20, 30), np.uint16))
    assert "both must show the same pixels" in run(*command, "--to", "dapi").error


@pytest.mark.parametrize(
    "arguments",
    [
        ("learn", "stains", "--from", "phase"),
        ("learn", "labels", "--labels", "cells"),
        (*LABELS, "--target", "mitochondria"),
        (*STAINS, "--crop", "8"),
        (*STAINS, "--encoder", "resnet50"),
        (*STAINS, "--project", "min"),
        (*STAINS, "--max-steps", "0"),
        (*LABELS, "--alpha", "-1"),
    ],
    ids=str,
)
def test_wrong_usage_is_2(run: Any, images: Path, tmp_path: Path, arguments: Any) -> None:
    assert run(*arguments, images, "-o", tmp_path / "m").code == 2
    assert list(tmp_path.iterdir()) == []


def test_parts_of_a_field_are_counted_once(run: Any, images: Path, tmp_path: Path) -> None:
    ended = run(
        *(
            "learn",
            "labels",
            images,
            "--where",
            "field!=synthetic_3",
            "--labels",
            "cells",
            "--target",
            "cells",
        ),
        *("--from", "phase", "-o", tmp_path / "m", *(one for one in FEW if one != "--quiet")),
    )
    record = json.loads((tmp_path / "m" / "record.json").read_text())
    assert len(record["fields"]) == 3  # a part of one field is held out
    assert f"2 fields done, 0 failed: {tmp_path / 'm'}" in ended.out
