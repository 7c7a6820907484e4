"""Results that appear whole or not at all, and a user's work in them that is never deleted."""

import json
import os
from pathlib import Path

import pytest

from frugalseg.errors import OutputExists, OutputFailed
from frugalseg.runs.provenance import Sources, file_state
from frugalseg.runs.whole_folder import checksums, refuse_inputs_within, whole_folder


def fill(folder: Path, text: str) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "a.txt").write_text(text)
    record = {"command": "test", "results": checksums(folder)}
    (folder / "run.json").write_text(json.dumps(record))


def stop_halfway(out: Path, overwrite: bool = False, drawn: Path | None = None) -> None:
    with whole_folder(out, "test", overwrite) as folder:
        fill(folder, "half")
        if drawn is None:
            raise ZeroDivisionError
        drawn.write_text("drawn by hand")


def write(out: Path, text: str = "first", overwrite: bool = False) -> None:
    with whole_folder(out, "test", overwrite) as folder:
        fill(folder, text)
        assert not (out / "inner").exists() or overwrite


def test_results_appear_at_the_end_and_an_error_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    write(out)
    assert (out / "inner" / "a.txt").read_text() == "first"
    with pytest.raises(ZeroDivisionError):
        stop_halfway(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_results_are_replaced_when_asked_and_stay_where_that_fails(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out)
    with pytest.raises(OutputExists, match="holds results already; give `overwrite`"):
        write(out, "second")
    with pytest.raises(ZeroDivisionError):
        stop_halfway(out, overwrite=True)
    assert (out / "inner" / "a.txt").read_text() == "first"
    write(out, "second", overwrite=True)
    assert (out / "inner" / "a.txt").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["inner/a.txt", "inner/mine.txt", "note.txt"])
def test_what_a_user_changed_or_added_is_never_deleted(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    write(out)
    (out / name).write_text("drawn by hand")
    with pytest.raises(OutputExists, match=f"{name} was changed or added after the results were written"):
        write(out, "second", overwrite=True)
    assert (out / name).read_text() == "drawn by hand"


def test_what_was_drawn_while_the_run_went_on_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out)
    with pytest.raises(OutputExists, match=r"inner/a\.txt was changed"):
        stop_halfway(out, overwrite=True, drawn=out / "inner" / "a.txt")
    assert (out / "inner" / "a.txt").read_text() == "drawn by hand"


def test_other_folders_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.tif").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"command": "segment"}')
    for name in ("images", "run"):
        with pytest.raises(OutputExists, match="holds something else than results of `test`"):
            write(tmp_path / name, overwrite=True)
    with pytest.raises(OutputFailed, match="is a file; results need a folder"):
        write(tmp_path / "images" / "a.tif", overwrite=True)
    assert (tmp_path / "images" / "a.tif").read_text() == "mine"
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(
        OutputFailed, match="link is a link to a place that does not exist; results need a folder"
    ):
        write(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()


def test_results_whose_replacement_was_cut_short_get_their_name_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out)
    out.rename(tmp_path / ".out.0123abcd.old")
    (tmp_path / ".out.0123abcd.part").mkdir()
    with pytest.raises(OutputExists, match="holds results already"):
        write(out, "second")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_of_two_results_the_newer_one_gets_its_name_back(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number, text in enumerate(("older", "newer")):
        write(tmp_path / text, text)
        hidden = tmp_path / f".out.{number}123abcd.old"
        (tmp_path / text).rename(hidden)
        os.utime(hidden, (number, number))
    with pytest.raises(OutputExists, match="holds results already"):
        write(out, "third")
    assert (out / "inner" / "a.txt").read_text() == "newer"


def test_earlier_results_get_their_name_back_where_new_ones_can_not_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rename = tmp_path / "out", Path.rename
    write(out)

    def refused(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OutputFailed, match="out could not be written: No space left on device"):
        write(out, "second", overwrite=True)
    assert (out / "inner" / "a.txt").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_images_in_the_folder_that_is_replaced_are_refused(tmp_path: Path) -> None:
    image = tmp_path / "out" / "crops" / "a.tif"
    image.parent.mkdir(parents=True)
    image.write_text("pixels")
    state = file_state(image)
    assert state is not None
    with pytest.raises(OutputExists, match="is one of the images that were given"):
        refuse_inputs_within(tmp_path / "out", {"a": Sources(read=(state,))})
    refuse_inputs_within(tmp_path / "elsewhere", {"a": Sources(read=(state,))})
