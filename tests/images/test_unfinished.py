"""Hidden names of what is being written: they say what they belong to, and are removed only there."""

from pathlib import Path

import numpy as np

from frugalseg.images.tile_store import TileStore, discard_tiles
from frugalseg.images.tiles import plan_tiles
from frugalseg.images.unfinished import hidden_path, hidden_paths, remove_folder, remove_unfinished
from frugalseg.images.write import write_text


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_only_what_a_killed_run_left_of_these_files_is_removed(tmp_path: Path) -> None:
    left = [hidden_path(tmp_path / "run.json"), hidden_path(tmp_path / "a_labels.tif")]
    kept = [
        hidden_path(tmp_path / "b_labels.tif"),
        hidden_path(tmp_path / "run.json", "old"),
        tmp_path / ".run.json.part",
        tmp_path / ".run.json.0123ABCD.part",
        tmp_path / ".run.json.01234567.part.txt",
        tmp_path / "run.json.01234567.part",
    ]
    for path in (*left, *kept):
        path.write_text("")
    (tmp_path / ".run.json.0123abcd.part").mkdir()
    assert hidden_paths(tmp_path / "run.json") == sorted([left[0], tmp_path / ".run.json.0123abcd.part"])
    remove_unfinished(tmp_path / "run.json", tmp_path / "a_labels.tif", tmp_path / "no" / "folder")
    assert names(tmp_path) == sorted([*(path.name for path in kept), ".run.json.0123abcd.part"])


def test_two_long_names_never_share_a_hidden_name(tmp_path: Path) -> None:
    one, two = (tmp_path / ("é" * 110 + end) for end in ("_one.json", "_two.json"))
    write_text(one, "1")
    hidden_path(one).write_text("")
    assert len(hidden_paths(one)) == 1
    assert hidden_paths(two) == []
    remove_unfinished(two)
    assert len(hidden_paths(one)) == 1
    remove_unfinished(one)
    assert names(tmp_path) == [one.name]


def test_a_folder_with_anything_else_is_not_removed(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "card.yaml").write_text("")
    (folder / "more").mkdir()
    remove_folder(folder, ("card.yaml", "more"))
    assert names(tmp_path) == ["m", "m/card.yaml", "m/more"]
    (folder / "more").rmdir()
    remove_folder(folder, ())
    assert names(tmp_path) == ["m", "m/card.yaml"]
    remove_folder(folder, ("card.yaml",))
    assert names(tmp_path) == []


def test_a_store_of_tiles_that_was_killed_early_or_late_blocks_nothing(tmp_path: Path) -> None:
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    hidden_path(tiles / "run.json").write_text("")  # killed before it said what it is
    store = TileStore(tiles, (4, 4), 4, {"model": "a"})
    (tile,) = plan_tiles((4, 4), 4, 0)
    store.save("maps", tile, np.ones((1, 4, 4), np.float32))
    (tiles / ".maps_00000_00000.npy.0123abcd.part").write_text("")
    discard_tiles(tiles)
    assert names(tmp_path) == []
    tiles.mkdir()
    (tiles / "maps_00000_00000.npy").write_text("mine")  # no store says that it is of it
    discard_tiles(tiles)
    assert (tiles / "maps_00000_00000.npy").read_text() == "mine"
