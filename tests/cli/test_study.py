"""``frugalseg study``: a design for one's own images, the list of runs, the runs, and how each ends."""

import functools
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from frugalseg import __version__
from frugalseg.commands import run_study
from frugalseg.runs.synthetic_set import write_synthetic_set

FAKES = Path(__file__).parent.parent / "studies"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Three synthetic fields."""
    return write_synthetic_set(tmp_path / "images", 3, shape=(96, 96), n_cells=8, dim_nuclei=0.0)


@pytest.fixture
def design(tmp_path: Path, images: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The design that `--init` writes for them, with fewer runs; they take no time and need no network."""
    monkeypatch.syspath_prepend(str(FAKES))
    for name in ("run_plan", "estimate_seconds"):
        fake = functools.partial(getattr(run_study, name), execution="fake_runs")
        monkeypatch.setattr(run_study, name, fake)
    assert run("study", "--init", images, "-o", tmp_path / "new.yaml").code == 0
    content = yaml.safe_load((tmp_path / "new.yaml").read_text())
    content["tasks"]["cells"] |= {"seeds": [0], "budgets": [1], "test": ["synthetic_1"]}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_init_replaces_designs_only_and_prints_a_command_that_works(
    tmp_path: Path, images: Path, run: Any
) -> None:
    (tmp_path / "fields.csv").write_text("field,phase\na,a.tif\n")
    ended = run("study", "--init", images, "-o", tmp_path / "fields.csv", "--overwrite")
    assert ended.code == 1
    assert "fields.csv is no design of a study, so it is not replaced; give another name" in ended.err
    assert (tmp_path / "fields.csv").read_text() == "field,phase\na,a.tif\n"
    path = tmp_path / "my designs" / "new one.yaml"
    printed = run("study", "--init", images, "-o", path).out.split("then run: ")[1]
    assert shlex.split(printed) == ["frugalseg", "study", str(path), "-o", "RESULTS"]


@pytest.mark.parametrize("option", [("--dry-run",), ("--workers", 1), ("--data", "x")])
def test_init_refuses_what_only_a_run_needs(tmp_path: Path, images: Path, run: Any, option: Any) -> None:
    ended = run("study", "--init", images, "-o", tmp_path / "d.yaml", *option)
    assert ended.code == 1
    assert f"{option[0]} is of a study that runs, and --init only writes a design" in ended.err
    assert not (tmp_path / "d.yaml").exists()


def test_init_writes_a_design_once_and_says_what_comes_next(tmp_path: Path, images: Path, run: Any) -> None:
    path = tmp_path / "study.yaml"
    ended = run("study", "--init", images, "-o", path)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"look through {path}, then run: frugalseg study {path} -o RESULTS\n"
    path.write_text("tasks: of mine")
    ended = run("study", "--init", images, "-o", path)
    assert ended.code == 1
    assert ended.error == f"error: {path} exists already; give --overwrite to replace it, or another name"
    assert (
        run("study", "--init", images, "-o", path, "--overwrite", "--where", "field!=synthetic_3").code == 0
    )
    assert yaml.safe_load(path.read_text())["tasks"]["cells"]["where"] == ["field!=synthetic_3"]


def test_a_dry_run_lists_the_runs_and_writes_nothing(tmp_path: Path, design: Path, run: Any) -> None:
    ended = run("study", design, "-o", tmp_path / "out", "--device", "cpu", "--dry-run", "--json")
    listed = json.loads(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert [(row["arm"], row["budget"], row["runs"], row["done"]) for row in listed["rows"]] == [
        ("stain", "600 steps", 1, 0),
        ("student", "start", 1, 0),
        *((arm, "1 field, 200 steps", 1, 0) for arm in ("nothing", "imagenet", "stain", "student")),
    ]
    assert listed["seconds"] > 0
    assert not (tmp_path / "out").exists()


def test_a_study_says_what_failed_and_goes_on_the_next_time(
    tmp_path: Path, design: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_ERROR", "start-student")
    out = tmp_path / "out"
    typed = ("study", design, "-o", out, "--device", "cpu", "--workers", 1)
    ended = run(*typed, "--quiet")
    assert (ended.code, ended.out) == (3, "")
    student = "cells/start-student-synthetic_1-seed_0"
    assert ended.err.splitlines() == [
        f"failed: {student}: field 'b' is empty; leave it out",
        f"failed: cells/student-1_field-200_steps-synthetic_1-seed_0: it needs run '{student}', which failed",
    ]
    monkeypatch.delenv("FAKE_ERROR")
    content = yaml.safe_load(design.read_text())
    content["tasks"]["cells"]["starts"]["stain"]["steps"] = 9
    design.write_text(yaml.safe_dump(content, sort_keys=False))
    ended = run(*typed)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert (
        "2 of them are of another design or other images, or damaged, and are made anew: cells/start-stain"
        in ended.out
    )
    assert lines[-1] == f"6 runs done, 0 failed: {out}"
    assert [line.split()[0] for line in lines if " done: cells/" in line] == ["1/4", "2/4", "3/4", "4/4"]
    assert "all 6 runs are done" in run(*typed).out
    record = out / "runs" / "cells" / "start-student-synthetic_1-seed_0" / "run.json"
    record.write_text(record.read_text().replace(f'"frugalseg": "{__version__}"', '"frugalseg": "0.0.9"'))
    said = f"1 run is by frugalseg 0.0.9 and 5 by {__version__}, so scores may differ for that reason"
    assert said in " ".join(run(*typed).out.split())
    assert said in (out / "report.html").read_text()


def test_what_was_typed_wrongly_is_one_line(tmp_path: Path, images: Path, run: Any) -> None:
    out = tmp_path / "out"
    ended = run("study", "no_such_design", "-o", out)
    assert ended.code == 1
    assert ended.error.startswith(
        "error: there is no design no_such_design; give a YAML file, or one that comes with"
    )
    ended = run("study", images, images, "-o", out)
    assert ended.error == "error: 2 designs were given; give one"
    ended = run("study", images, "-o", out, "--where", "split=train")
    assert ended.error == "error: --where says which images --init looks at; write it into the design instead"
    assert run("study", images, "-o", out, "--workers", 0).code == 2
    (tmp_path / "empty.yaml").write_text("title: nothing")
    ended = run("study", tmp_path / "empty.yaml", "-o", out)
    assert ended.error == f"error: {tmp_path / 'empty.yaml'}: tasks: this is needed"
    assert not out.exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path, design: Path, run: Any) -> None:
    ended = run("study", design, "-o", tmp_path / "images", "--device", "cpu")
    assert ended.code == 1
    assert "is no study; give a new folder" in ended.error


def test_every_shipped_design_can_be_read() -> None:
    from frugalseg.studies.design.shipped_designs import find_design, shipped_designs
    from frugalseg.studies.design.study_design import StudyDesign

    for name in shipped_designs():
        assert StudyDesign.read(find_design(name)).tasks
