"""What happens to images and results while a run goes on is never passed over."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.commands import outline_nuclei as outline
from frugalseg.commands.command_settings import OutlineSettings
from frugalseg.errors import OutputFailed, UnreadableFile
from frugalseg.images.fields import open_fields
from frugalseg.images.tile_store import TileStore
from frugalseg.runs import field_loop
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.provenance import file_state, find_sources
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.runs.tiled_run import TiledRun, discard_earlier

NAMES = ("synthetic_1", "synthetic_2")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_synthetic_set(tmp_path / "set", 2, shape=(64, 64), n_cells=3, dim_nuclei=0.0, seed=1)
    return tmp_path / "set"


def run(images: Path, **options: bool) -> RunResult:
    settings = OutlineSettings(nuclei="nuclear")
    return outline.outline_nuclei(
        [images], images.parent / "out", settings, RunOptions(quiet=True, **options)
    )


def during(monkeypatch: pytest.MonkeyPatch, number: int, do: Any) -> None:
    """Do something while a field of the run is computed."""
    compute, count = outline.segment_nuclei, 0

    def computed(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == number:
            do()
        return compute(*given)

    monkeypatch.setattr(outline, "segment_nuclei", computed)


def test_a_field_whose_image_is_replaced_meanwhile_has_no_result(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = images / "synthetic_1_nuclear.tif"
    with monkeypatch.context() as patched:
        during(patched, 1, lambda: tifffile.imwrite(path, tifffile.imread(path)[::-1]))
        result = run(images)
    assert list(result.fields) == ["synthetic_2"]
    assert f"{path} was changed or removed while the run went on" in result.failed["synthetic_1"]
    out = images.parent / "out"
    assert not list(out.glob("synthetic_1*"))
    assert list(run(images, resume=True).fields) == list(NAMES)


def test_an_image_that_is_removed_meanwhile_is_said_too(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(monkeypatch, 2, (images / "synthetic_2_nuclear.tif").unlink)
    assert list(run(images).failed) == ["synthetic_2"]


def test_a_channel_that_is_not_read_may_change(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    during(monkeypatch, 1, lambda: (images / "synthetic_1_phase.tif").write_text("another"))
    assert list(run(images).fields) == list(NAMES)


@pytest.mark.parametrize(
    "what", ["out", "out/run.json", "out/synthetic_1_labels.tif", "out/synthetic_1_record.json"]
)
@pytest.mark.parametrize("when", ["field", "end"])
def test_results_that_are_removed_meanwhile_do_not_end_well(
    images: Path, monkeypatch: pytest.MonkeyPatch, what: str, when: str
) -> None:
    gone = images.parent / what

    def remove() -> None:
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()

    if when == "field":
        during(monkeypatch, 2, remove)
    else:
        summarize = field_loop.summarize_run
        monkeypatch.setattr(field_loop, "summarize_run", lambda *given: (remove(), summarize(*given))[1])
    with pytest.raises(OutputFailed, match=r"was removed or replaced while the run went on.*run again"):
        run(images)
    assert not (images.parent / "out" / "report.html").exists()
    assert what != "out" or not gone.exists()


def test_a_folder_that_another_run_took_over_is_not_written_to(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = images.parent / "out"

    def take_over() -> None:
        shutil.rmtree(out)
        out.mkdir()
        (out / "run.json").write_text('{"state": "running"}')

    during(monkeypatch, 2, take_over)
    with pytest.raises(OutputFailed, match=r"run\.json was removed or replaced"):
        run(images)
    assert [path.name for path in out.iterdir()] == ["run.json"]


def test_the_result_of_a_large_field_does_not_stay_without_its_image(images: Path) -> None:
    table = open_fields([images])
    out = OutputFolder(
        images.parent / "out", find_sources(table, ["nuclear"]), {}, command="x", options=RunOptions()
    )
    out.result_path("synthetic_1").write_text("written tile by tile")
    (images / "synthetic_1_nuclear.tif").write_text("another")
    with pytest.raises(UnreadableFile, match=r"field 'synthetic_1': .*synthetic_1_nuclear\.tif was changed"):
        out.write_field("synthetic_1", FieldRecord(), None)
    assert not out.result_path("synthetic_1").exists()


def test_a_model_that_predicts_nuclei_counts_as_well(images: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("one")
    sources = find_sources(open_fields([images]), ["nuclear"], [card, tmp_path / "missing"])["synthetic_1"]
    sources.check_unchanged("a")
    assert sources.other_than(sources.read) is None  # another path of the same model is no other run
    card.write_text("two, trained anew")
    with pytest.raises(UnreadableFile, match=r"card\.yaml was changed"):
        sources.check_unchanged("a")


def test_the_chunks_of_an_ome_zarr_count_and_labels_added_to_it_do_not(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    array = group.create_array("0", shape=(8, 8), chunks=(4, 4), dtype="uint16")
    array[...] = np.ones((8, 8))
    before = file_state(tmp_path / "a.zarr")
    group.create_group("labels").create_array("cells", shape=(8, 8), dtype="uint16")
    after = file_state(tmp_path / "a.zarr")
    assert before is not None
    assert after == before
    array[5, 5] = 60000
    assert file_state(tmp_path / "a.zarr") != before


def test_what_killed_runs_left_in_the_folder_is_removed(images: Path) -> None:
    out = images.parent / "out"
    out.mkdir()
    for name in ("run.json", "synthetic_1_labels.tif", "synthetic_2_record.json", "report.html"):
        (out / f".{name}.0123abcd.part").write_text("half")
    kept = [out / ".c_labels.tif.0123abcd.part", out / ".hidden", out / "note.txt"]
    for path in kept:
        path.write_text("of another")
    run(images, resume=True)
    assert sorted(path for path in out.iterdir() if path.name[0] == ".") == sorted(kept[:2])
    assert kept[2].read_text() == "of another"


def test_a_run_is_running_before_it_removes_what_it_replaces(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed there, it does not look like the run before; a full disk ends it before anything is removed."""
    run(images)
    out = images.parent / "out"
    report = (out / "report.html").read_text()

    def stopped(path: Path, *_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(images, overwrite=True)
    assert json.loads((out / "run.json").read_text())["state"] == "running"
    assert (out / "report.html").read_text() == report


def test_tiles_of_an_earlier_run_are_removed_unless_it_goes_on(images: Path) -> None:
    out = OutputFolder(
        images.parent / "out",
        find_sources(open_fields([images]), ["nuclear"]),
        {},
        command="x",
        options=RunOptions(),
    )
    folders = [out.folder / f".{name}.tiles" for name in (*NAMES, "another")]
    for folder in folders:
        TileStore(folder / "maps", (4, 4), 4, {"model": "a"})
    (folders[1] / "note.txt").write_text("mine")
    log = RunLog(quiet=True)
    discard_earlier(TiledRun(out, log, (), None, resume=True))
    assert all((folder / "maps" / "run.json").exists() for folder in folders)
    discard_earlier(TiledRun(out, log, (), None, resume=False))
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert [path.name for path in folders[1].iterdir()] == ["note.txt"]
    assert (folders[2] / "maps" / "run.json").exists()


def test_a_run_that_is_stopped_while_its_report_is_written_is_interrupted(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = images.parent / "out"

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(field_loop, "write_report", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(images)
    record = json.loads((out / "run.json").read_text())
    assert (record["state"], list(record["fields"])) == ("interrupted", list(NAMES))
    assert (out / "measurements.csv").exists()
    assert list(run(images, resume=True).fields) == list(NAMES)
    assert json.loads((out / "run.json").read_text())["state"] == "done"


def test_a_field_that_is_done_and_cannot_be_shown_is_said(images: Path) -> None:
    run(images)
    path = images / "synthetic_1_nuclear.tif"
    path.rename(images / "moved.tif_")
    result = run(images, resume=True)
    assert (list(result.fields), result.failed) == (list(NAMES), {})
    (warning,) = result.record.warnings
    assert warning.startswith("synthetic_1 is done, but not in the report: ")
    assert path.name in warning
