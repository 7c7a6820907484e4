"""The folder of a run: nothing is overwritten unasked, and a run goes on where it was cut short."""

import errno
import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.errors import OutputExists, OutputFailed, SettingsError, UnreadableFile
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.images.read import read_image
from frugalseg.images.write import write_labels
from frugalseg.runs.manifest import Mean, RunSummary
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.provenance import Sources, content_checksum, file_state
from frugalseg.runs.records import FieldRecord

LABELS = np.kron(np.arange(1, 5).reshape(2, 2), np.ones((6, 6), int))
SETTINGS = {"cells": ("phase",), "seed": 2, "diameter": float("nan")}


def opened(folder: Path, *, sources: dict[str, Sources] | None = None, **given: Any) -> OutputFolder:
    """A run over the fields a and b; what is no option of a run is passed on."""
    options = RunOptions(**{name: given.pop(name) for name in ("overwrite", "resume") if name in given})
    both = {"a": Sources(), "b": Sources()} | (sources or {})
    settings = given.pop("settings", SETTINGS)
    return OutputFolder(folder, both, settings, command="segment", options=options, **given)


def write_field(out: OutputFolder, name: str, rows: Any = (), **known: Any) -> FieldRecord:
    """Labels and a record of a field."""
    write = partial(write_labels, labels=LABELS, pixel_size=(0.5, 0.5), overwrite=True)
    return out.write_field(name, FieldRecord(**known, measurements=tuple(rows)), write)


def written(folder: Path, name: str = "run.json") -> dict[str, Any]:
    return json.loads((folder / name).read_text())


def finished(folder: Path) -> OutputFolder:
    """A run of which field a is done and b failed."""
    out = opened(folder)
    write_field(out, "a", measure_cells(LABELS), n_cells=4, seconds=1.5)
    out.fail("b", "there is no\n nucleus")
    out.finish(RunSummary(pcc=Mean(mean=0.5, low=None, high=None, n=1)))
    return out


def test_a_run_leaves_labels_records_measurements_and_what_made_them(tmp_path: Path) -> None:
    out = finished(tmp_path / "out")
    names = {path.name for path in out.folder.iterdir()}
    assert names == {"a_labels.tif", "a_record.json", "measurements.csv", "run.json"}
    np.testing.assert_array_equal(tifffile.imread(out.result_path("a")), LABELS)
    run = written(out.folder)
    assert (run["state"], run["command"], run["seed"]) == ("done", "segment", 2)
    assert run["settings"] == {"cells": ["phase"], "seed": 2, "diameter": None}
    assert run["fields"] == {"a": {"n_cells": 4, "seconds": 1.5, "files": []}}
    assert run["failed"] == {"b": "there is no nucleus"}
    assert run["pcc"] == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert "scores" not in run
    assert {"frugalseg", "python", "torch", "numpy"} <= set(run["versions"])
    rows = (out.folder / "measurements.csv").read_text().splitlines()
    assert len(rows) == 5
    assert rows[1].startswith("a,1,")


def test_result_has_what_is_in_run_json(tmp_path: Path) -> None:
    out = opened(tmp_path)
    write_field(out, "b", n_cells=4)
    result = out.finish()
    assert json.loads(json.dumps(result.to_dict()))["fields"] == {"b": {"n_cells": 4, "files": []}}
    assert result.to_dict()["settings"] == written(tmp_path)["settings"]


@pytest.mark.parametrize(
    "left", ["run.json", "report.html", "measurements.csv", "b_labels.tif", "a_record.json"]
)
def test_nothing_is_overwritten_unasked(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_text("mine")
    (tmp_path / "run.json").write_text("mine")
    with pytest.raises(OutputExists, match="`overwrite`"):
        opened(tmp_path)
    assert {(path.name, path.read_text()) for path in tmp_path.iterdir()} == {
        (left, "mine"),
        ("run.json", "mine"),
    }
    if left == "b_labels.tif":
        with pytest.raises(
            OutputExists, match=r"b_labels.tif is no result of a run, and what no run made is never"
        ):
            opened(tmp_path, overwrite=True)
        assert (tmp_path / left).read_text() == "mine"
        return
    write_field(opened(tmp_path, overwrite=True), "b")
    assert tifffile.imread(tmp_path / "b_labels.tif").shape == LABELS.shape


@pytest.mark.parametrize("how", ["overwrite", "resume"])
def test_work_of_the_users_is_never_replaced(tmp_path: Path, how: str) -> None:
    """Labels that somebody drew or corrected where results go, whatever was asked and whatever the run's settings were."""
    write_field(opened(tmp_path), "a")
    other = {"settings": {"cells": ["dapi"]}} if how == "overwrite" else {}
    for name, word in (("b", "is no result of a run"), ("a", "was changed after it was written")):
        drawn = tmp_path / f"{name}_labels.tif"
        tifffile.imwrite(drawn, LABELS + 7)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        with pytest.raises((OutputExists, SettingsError), match=rf"{name}_labels.tif {word}"):
            opened(tmp_path, **{how: True}, **other)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
        if name == "b":
            drawn.unlink()
    (tmp_path / "a_record.json").write_text("damaged")
    opened(tmp_path, overwrite=True, **other)
    assert not (tmp_path / "a_labels.tif").exists()


def test_a_result_that_a_killed_run_wrote_is_its_own(tmp_path: Path) -> None:
    out = opened(tmp_path)

    def killed(path: Path, written: bool) -> None:
        if written:
            tifffile.imwrite(path, LABELS)
        raise KeyboardInterrupt

    for name, written in (("a", False), ("b", True)):
        with pytest.raises(KeyboardInterrupt):
            out.write_field(name, FieldRecord(), partial(killed, written=written))
    assert not (tmp_path / "a_record.json").exists()
    assert (tmp_path / "b_labels.tif").exists()
    again = opened(tmp_path, resume=True)
    assert [again.is_complete(name) for name in "ab"] == [False, False]
    write_field(again, "b", n_cells=4)
    assert opened(tmp_path, resume=True).is_complete("b")


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "c_labels.tif").write_text("of another field")
    opened(tmp_path).finish()
    assert (tmp_path / "c_labels.tif").read_text() == "of another field"


def test_resume_keeps_complete_fields_only(tmp_path: Path) -> None:
    finished(tmp_path)
    again = opened(tmp_path, resume=True)
    assert (again.is_complete("a"), again.is_complete("b")) == (True, False)
    write_field(again, "b", measure_cells(LABELS), n_cells=4)
    result = again.finish()
    assert list(result.fields) == ["a", "b"]
    assert result.failed == {}
    assert len((tmp_path / "measurements.csv").read_text().splitlines()) == 9  # those of the first run too


def test_a_result_that_is_no_label_map_counts_by_its_own_ending(tmp_path: Path) -> None:
    out = opened(tmp_path, suffix="_dapi.tif")
    assert out.result_path("a") == tmp_path / "a_dapi.tif"
    assert not out.is_complete("a")
    tifffile.imwrite(out.result_path("a"), LABELS.astype(np.uint16))
    out.fail("a", "first try")
    out.write_field("a", FieldRecord(pcc=np.float32(0.5), diameter=float("nan")), None)
    assert (out.is_complete("a"), out.failed) == (True, {})
    record = {"pcc": 0.5, "diameter": None, "measurements": [], "result": "a_dapi.tif"}
    record |= out.provenance("a")
    record["result_checksum"] = content_checksum(tmp_path / "a_dapi.tif")
    assert written(tmp_path, "a_record.json") == record
    result = out.finish()
    assert {name: one.pcc for name, one in result.fields.items()} == {"a": 0.5}
    assert written(tmp_path)["fields"] == {"a": {"pcc": 0.5, "diameter": None, "files": []}}
    again = opened(tmp_path, suffix="_dapi.tif", resume=True)
    assert (again.is_complete("a"), again.is_complete("b")) == (True, False)
    (tmp_path / "a_dapi.tif").unlink()
    assert not opened(tmp_path, suffix="_dapi.tif", resume=True).is_complete("a")


def test_a_predicted_stain_is_not_overwritten_unasked(tmp_path: Path) -> None:
    (tmp_path / "b_dapi.tif").write_text("mine")
    with pytest.raises(OutputExists, match=r"b_dapi\.tif is there, where"):
        opened(tmp_path, suffix="_dapi.tif")
    assert (tmp_path / "b_dapi.tif").read_text() == "mine"


def test_a_result_that_was_corrected_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    """Its scores and measurements would be those of before."""
    first = opened(tmp_path)
    first.write_field("a", FieldRecord(n_cells=2), lambda path: write_labels(path, np.eye(4, dtype=int)))
    assert opened(tmp_path, resume=True).is_complete("a")
    write_labels(first.result_path("a"), np.ones((4, 4), int), overwrite=True)
    with pytest.raises(
        SettingsError, match=r"a_labels\.tif was changed after it was written, and its numbers here"
    ):
        opened(tmp_path, resume=True)
    assert read_image(first.result_path("a")).pixels[0, 0].all()


def test_resume_of_nothing_is_a_new_run(tmp_path: Path) -> None:
    assert not opened(tmp_path / "new", resume=True).is_complete("a")


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}], ids=str)
@pytest.mark.parametrize("left", ["b_labels.tif", "a_record.json", "report.html"])
def test_what_no_run_made_is_never_replaced(tmp_path: Path, left: str, how: dict[str, bool]) -> None:
    """Such as labels drawn by hand beside the images, in the folder that was given for the results."""
    (tmp_path / left).write_text("mine")
    with pytest.raises(OutputExists, match=rf"{left} is there, .*no run\.json.* another folder") as raised:
        opened(tmp_path, **how)
    assert "overwrite" not in str(raised.value)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(left, "mine")]


def test_an_image_that_was_given_is_never_replaced(tmp_path: Path) -> None:
    """Read or only listed; the result of an earlier run is no image, although its folder lists it."""
    read, listed = (tmp_path / f"{name}_labels.tif" for name in "ab")
    for path in (read, listed):
        path.write_text("mine")
    refused = [
        {"a": Sources(states(tmp_path / "." / read.name))},
        {"b": Sources((), (listed,))},
        {"b": Sources(states(listed), (listed,))},
    ]
    for sources in refused:
        for how in ({}, {"overwrite": True}, {"resume": True}):
            with pytest.raises(OutputExists, match="one of the images that were given"):
                opened(tmp_path, sources=sources, **how)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        read.name: "mine",
        listed.name: "mine",
    }
    for path in (read, listed):
        path.unlink()
    write_field(opened(tmp_path), "b")
    write_field(opened(tmp_path, overwrite=True, sources={"b": Sources((), (listed,))}), "b")
    with pytest.raises(OutputExists, match="b_labels"):
        opened(tmp_path, overwrite=True, sources={"b": Sources(states(listed), (listed,))})
    assert listed.exists()


def test_a_record_of_other_settings_is_not_taken(tmp_path: Path) -> None:
    """Of a field that a later run with `overwrite` did not do."""
    finished(tmp_path)
    one = {"b": Sources()}
    options = RunOptions(overwrite=True)
    OutputFolder(tmp_path, one, {**SETTINGS, "seed": 3}, command="segment", options=options).finish()
    again = opened(tmp_path, resume=True, settings={**SETTINGS, "seed": 3})
    assert not again.is_complete("a")


def states(*paths: Path) -> tuple[tuple[str, int, int], ...]:
    return tuple((str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths)


def test_resume_refuses_other_files_of_a_field_that_is_done(tmp_path: Path) -> None:
    image, other = tmp_path / "a_phase.tif", tmp_path / "b_phase.tif"
    image.write_text("one")
    other.write_text("two")
    out = tmp_path / "out"
    first = opened(out, sources={"a": Sources(states(image))})
    write_field(first, "a", n_cells=4)
    first.finish()
    assert written(out)["fields"]["a"]["files"] == [list(state) for state in states(image)]
    same = {"a": Sources(states(image)), "b": Sources(states(other))}
    assert opened(out, resume=True, sources=same).is_complete("a")
    assert opened(out, resume=True, sources={"a": Sources()}).is_complete("a")  # it is gone: nothing differs
    with pytest.raises(SettingsError, match=r"'a'.* not made from .*b_phase\.tif"):
        opened(out, resume=True, sources={"a": Sources(states(other))})
    image.write_text("changed")
    with pytest.raises(SettingsError, match=r"'a'.* not made from .*a_phase\.tif"):
        opened(out, resume=True, sources={"a": Sources(states(image))})
    opened(out, overwrite=True, sources={"a": Sources(states(image))})


def test_resume_refuses_what_settings_came_to_in_another_version(tmp_path: Path) -> None:
    write_field(opened(tmp_path, resolved={"cutter": {"area": 5, "patch": 64}}), "a")
    assert written(tmp_path)["resolved"] == {"cutter": {"area": 5, "patch": 64}}
    assert opened(tmp_path, resume=True, resolved={"cutter": {"area": 5, "patch": 64}}).is_complete("a")
    with pytest.raises(SettingsError, match=r"\(cutter: area 5 -> 6\)"):
        opened(tmp_path, resume=True, resolved={"cutter": {"area": 6, "patch": 64}})


def test_resume_refuses_other_settings(tmp_path: Path) -> None:
    finished(tmp_path)
    with pytest.raises(SettingsError, match="seed 2 -> 3"):
        opened(tmp_path, resume=True, settings={**SETTINGS, "seed": 3})
    with pytest.raises(SettingsError, match="one of them"):
        opened(tmp_path, resume=True, overwrite=True)


def test_overwriting_forgets_what_was_complete(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "report.html").write_text("of the run before")
    opened(tmp_path, overwrite=True)  # and stopped at once
    assert {path.name for path in tmp_path.iterdir()} == {"run.json"}  # else `score` would count what is left
    assert written(tmp_path)["state"] == "running"
    assert not opened(tmp_path, resume=True).is_complete("a")


def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "a_record.json").write_text('{"n_cells": 4')
    with pytest.raises(UnreadableFile, match=r"a_record\.json"):
        opened(tmp_path, resume=True)


def test_what_can_not_be_written_fails_before_any_work(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed, match="is a file"):
        opened(tmp_path / "file")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed, match="the disk is full"):
        opened(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_report_without_a_field_that_is_to_be_done_does_not_stay(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "report.html").write_text("of the run before")
    again = opened(tmp_path, resume=True)
    assert not (tmp_path / "report.html").exists()
    write_field(again, "b")
    again.finish()
    (tmp_path / "report.html").write_text("of all fields")
    opened(tmp_path, resume=True)
    assert (tmp_path / "report.html").read_text() == "of all fields"


def test_fields_can_be_done_again(tmp_path: Path) -> None:
    """As where a model that they were made with is learned anew."""
    finished(tmp_path)
    again = opened(tmp_path, resume=True)
    again.begin_again()
    assert (again.is_complete("a"), (tmp_path / "a_record.json").exists()) == (False, False)
    assert not opened(tmp_path, resume=True).is_complete("a")


def test_stages_of_a_resumed_run_are_added_to_those_before(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.add_stages(cues=2.0, learning=10.25)
    write_field(first, "a")
    first.finish()
    opened(tmp_path, resume=True)  # and killed at once
    for cues in (5.0, 8.0):
        again = opened(tmp_path, resume=True)
        again.add_stages(cues=3.0, learning=0.0)
        again.finish()
        assert written(tmp_path)["stages"] == {"cues": cues, "learning": 10.25}


def test_results_do_not_go_into_an_image(tmp_path: Path) -> None:
    image = tmp_path / "a.zarr"
    zarr.create_array(image, data=np.zeros((4, 4)))
    sources = {"a": Sources((file_state(image),))}  # type: ignore[arg-type]
    for folder in (image, image / "results"):
        with pytest.raises(OutputExists, match=r"lies in .*a\.zarr, an image that was given"):
            opened(folder, sources=sources)
    opened(tmp_path / "results", sources=sources)


def test_a_stain_and_labels_of_a_field_know_each_other(tmp_path: Path) -> None:
    """They share a record, and neither looks changed after the other was made; what was changed since is spared."""
    stain = {"suffix": "_dapi.tif", "overwrite": True}
    for given in (stain, {"overwrite": True}, stain):
        out = opened(tmp_path, **given)
        out.write_field("a", FieldRecord(), lambda path: write_labels(path, LABELS, overwrite=True))
    assert list(written(tmp_path, "a_record.json")["other_results"]) == ["a_labels.tif"]
    write_labels(tmp_path / "a_labels.tif", np.ones((4, 4), int), overwrite=True)
    with pytest.raises(OutputExists, match=r"a_labels\.tif was changed after it was written"):
        opened(tmp_path, overwrite=True)
    (tmp_path / "a_dapi.tif").replace(tmp_path / "a_gfp.tif")  # the user's own, by its name
    with pytest.raises(OutputExists, match=r"a_gfp\.tif is not the result that a_record\.json is of"):
        opened(tmp_path, suffix="_gfp.tif", overwrite=True)


def test_a_pixel_size_that_changed_is_another_image(tmp_path: Path) -> None:
    """Whichever file states it: cells are found at its scale, and measured in its um."""
    before, now = ({"a": Sources(pixel_size=size), "b": Sources()} for size in ((0.5, 0.5), (1.0, 1.0)))
    write_field(opened(tmp_path, sources=before), "a")
    assert opened(tmp_path, sources=before, resume=True).is_complete("a")
    with pytest.raises(
        SettingsError,
        match=r"'a' .* not made from a pixel size of \(1\.0, 1\.0\) um",
    ):
        opened(tmp_path, sources=now, resume=True)


def test_resume_with_other_images_loses_no_measurements(tmp_path: Path) -> None:
    """The table and the run's record are of the images that are given now."""
    write_field(opened(tmp_path), "a", measure_cells(LABELS))
    finished(tmp_path / "out")
    before = (tmp_path / "out" / "measurements.csv").read_text()

    def resumed(*names: str) -> OutputFolder:
        sources = {name: Sources() for name in names}
        return OutputFolder(
            tmp_path / "out", sources, SETTINGS, command="segment", options=RunOptions(resume=True)
        )

    with pytest.raises(SettingsError, match=r"holds a, which is not among the images now, .* would be lost"):
        resumed("b", "c")
    assert (tmp_path / "out" / "measurements.csv").read_text() == before
    assert resumed("a", "b", "c").is_complete("a")
