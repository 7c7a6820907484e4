"""Label maps of nuclei, from the command line to the files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.cli import main
from frugalseg.evaluation.scores import score_labels
from frugalseg.models.nucleus_labels import segment_nuclei
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.synthetic.cells import make_cells

NAMES = ("synthetic_1", "synthetic_2")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    write_synthetic_set(folder, 2, shape=(140, 150), n_cells=14, dim_nuclei=0.0, seed=4)
    return folder


@pytest.fixture
def segment(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def go(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["segment", *(str(argument) for argument in arguments), "--target", "nuclei"])
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return go


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_warnings_name_options(segment: Any, images: Path, tmp_path: Path, quiet: tuple[str, ...]) -> None:
    where = f"field={NAMES[0]},nosuch"
    code, printed, error = segment(
        images, "--nuclei", "nuclear", "-o", tmp_path / "out", "--where", where, *quiet
    )
    assert code == 0
    assert f"warning: --where '{where}': no field has 'nosuch'" in (error if quiet else printed)


def test_nuclei_are_found_scored_and_reported(segment: Any, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, error = segment(images, "--nuclei", "nuclear", "--truth", "nuclei", "-o", out, "--json")
    assert (code, error) == (0, "")
    run = json.loads((out / "run.json").read_text())
    assert run["state"] == "done"
    assert run["settings"]["target"] == "nuclei"
    assert json.loads(printed)["fields"] == run["fields"]
    for name in NAMES:
        labels = tifffile.imread(out / f"{name}_labels.tif")
        truth = tifffile.imread(images / f"{name}_nuclei.tif")
        stain = tifffile.imread(images / f"{name}_nuclear.tif")
        assert labels.dtype == np.uint16
        np.testing.assert_array_equal(labels, segment_nuclei(stain))
        assert run["fields"][name]["scores"] == score_labels(truth, labels).to_dict()
        assert run["fields"][name]["scores"]["cell_miou"] > 0.75
        read = [Path(path).name for path, *_ in run["fields"][name]["files"]]
        assert read == [f"{name}_nuclear.tif", f"{name}_nuclei.tif"]
        assert run["fields"][name]["n_cells"] == len(np.unique(labels)) - 1 >= 13
    rows = (out / "measurements.csv").read_text().splitlines()
    assert len(rows) == 1 + sum(run["fields"][name]["n_cells"] for name in NAMES)
    assert rows[0].startswith("field,label,centroid_y,")
    assert rows[0].endswith(",mean_nuclear")
    assert run["scores"]["cell_miou"]["n"] == 2
    assert "synthetic_2" in (out / "report.html").read_text()


def test_resume_keeps_what_is_done(segment: Any, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    typed = (images, "--nuclei", "nuclear", "-o", out)
    assert segment(*typed, "--quiet")[0] == 0
    assert "--overwrite" in segment(*typed)[2]
    kept = out / f"{NAMES[0]}_labels.tif"
    before = kept.stat().st_mtime_ns
    for left in ("labels.tif", "record.json"):
        (out / f"{NAMES[1]}_{left}").unlink()
    code, printed, _ = segment(*typed, "--resume")
    assert (code, printed.count("done earlier")) == (0, 1)
    assert kept.stat().st_mtime_ns == before
    assert "level None -> 0.4" in segment(*typed, "--resume", "--level", "0.4")[2]


def test_what_is_done_stays_done_where_its_image_is_gone(segment: Any, images: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "set", tmp_path / "out"
    shutil.copytree(images, folder)
    typed = (folder, "--nuclei", "nuclear", "-o", out, "--quiet")
    assert segment(*typed)[0] == 0
    (folder / f"{NAMES[1]}_nuclear.tif").unlink()
    assert segment(*typed, "--resume") == (0, "", "")
    assert list(json.loads((out / "run.json").read_text())["fields"]) == list(NAMES)


def test_a_field_without_nuclei_is_empty_and_a_constant_one_fails(segment: Any, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).normal(100, 3, (90, 96)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a_dapi.tif", noise)
    tifffile.imwrite(tmp_path / "b_dapi.tif", np.full((90, 96), 7, np.uint16))
    out = tmp_path / "out"
    code, _, error = segment(
        tmp_path, "--pattern", "{field}_{channel}.tif", "--nuclei", "dapi", "-o", out, "--quiet"
    )
    assert code == 3
    assert error.startswith("failed: b: field 'b', channel 'dapi': the image is constant (every pixel is 7)")
    assert not tifffile.imread(out / "a_labels.tif").any()
    run = json.loads((out / "run.json").read_text())
    assert run["warnings"][0] == "a: No nucleus was found in channel 'dapi'; is it the nuclear stain?"


def test_truth_that_is_partly_annotated_counts_where_it_is(segment: Any, tmp_path: Path) -> None:
    cells = make_cells((140, 150), n_cells=14, dim_nuclei=0.0, seed=4)
    truth = cells.nuclei.astype(np.int32)
    outside = ~np.isin(truth, np.unique(truth[:, :75])) | (truth == 0)
    truth[outside & (np.arange(150) >= 75)] = -1  # nuclei across the line stay whole
    tifffile.imwrite(tmp_path / "a_dapi.tif", cells.nuclear)
    tifffile.imwrite(tmp_path / "a_truth.tif", truth)
    out = tmp_path / "out"
    typed = (
        tmp_path,
        "--pattern",
        "{field}_{channel}.tif",
        "--nuclei",
        "dapi",
        "--truth",
        "truth",
        "-o",
        out,
    )
    code, _, error = segment(*typed, "--quiet")
    assert (code, error) == (0, "")
    scores = json.loads((out / "run.json").read_text())["fields"]["a"]["scores"]
    assert scores["n_true"] == len(np.unique(truth[truth > 0]))
    assert scores["cell_miou"] > 0.7


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ((), "--nuclei CH is missing"),
        (("--nuclei", "nuclear", "--cells", "phase"), "--cells can't be combined with --target nuclei"),
        (("--nuclei", "nuclear", "--mask", "m", "--diameter", "9"), "--mask, --diameter can't be combined"),
        (
            ("--nuclei", "nuclear", "--nuclei-method", "log", "--seed", "0", "--no-baselines"),
            "--nuclei-method, --seed, --no-baselines can't be combined with --target nuclei; leave it out",
        ),
        (("--nuclei", "nuclear", "--encoder", "small"), "--encoder can't be combined with --target nuclei"),
    ],
)
def test_wrong_usage_is_2(segment: Any, images: Path, tmp_path: Path, more: Any, line: str) -> None:
    code, _, error = segment(images, "-o", tmp_path / "out", *more)
    assert code == 2
    assert line in " ".join(error.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_cells_need_their_channels(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more, line in (
        ((), "--cells CH[,CH] is missing"),
        (("--cells", "phase", "--level", "0.3"), "--level can't be combined with --target cells"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["segment", str(images), "-o", str(tmp_path / "out"), "--nuclei", "nuclear", *more])
        assert ended.value.code == 2
        assert line in " ".join(capsys.readouterr().err.replace("│", " ").split())
