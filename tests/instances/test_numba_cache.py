"""Where nothing can be written, what is compiled goes to a new folder, for this process only."""

import os
from pathlib import Path

import pytest

from frugalseg import instances


def test_a_folder_of_its_own_where_no_usual_one_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    instances._set_numba_cache()
    assert "NUMBA_CACHE_DIR" not in os.environ  # the package's own folder can be written
    gone: list[object] = []
    monkeypatch.setattr(instances.atexit, "register", lambda *given, **_: gone.extend(given))
    monkeypatch.setattr(instances, "_can_write", lambda folder: False)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "mine")
    instances._set_numba_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "mine"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    instances._set_numba_cache()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder.is_dir()
    assert gone[1] == str(folder)  # removed at the end
    assert folder.stat().st_mode & 0o077 == 0  # nobody else's business
    folder.rmdir()


def test_what_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(instances.os, "access", lambda folder, how: bool(asked.append(folder)) or True)
    assert instances._can_write(tmp_path / "not" / "there")
    assert asked == [tmp_path]
