"""Memory that is freed is kept for the next array, and given back after each image."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from frugalseg.runs import field_loop

KEEP = """
import sys
import numpy as np
from frugalseg.images.freed_memory import give_back_freed_memory, keep_freed_memory

def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 // 2**20

if "keep" in sys.argv:
    keep_freed_memory()
arrays = [np.ones(2**21) for _ in range(20)]  # 16 MB each
full = megabytes()
del arrays
kept = megabytes()
give_back_freed_memory()
print(full - kept, full - megabytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only the C library of Linux is told to keep memory")
@pytest.mark.parametrize("keep", [True, False])
def test_what_is_kept_is_given_back(keep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-c", KEEP, *(["keep"] if keep else [])]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    freed, freed_in_the_end = map(int, printed.split())
    assert freed < 50 if keep else freed > 250
    assert freed_in_the_end > 250


def test_it_is_given_back_after_each_field(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(field_loop, "_one_field", lambda field, *_: done.append(field.name))
    monkeypatch.setattr(field_loop, "give_back_freed_memory", lambda: done.append("given back"))
    monkeypatch.setattr(field_loop, "summarize_run", lambda *_: SimpleNamespace(with_warnings=lambda _: None))
    for name in ("_say_at_the_end", "_finish_report"):
        monkeypatch.setattr(field_loop, name, lambda *_: None)
    nothing: Any = SimpleNamespace(line=lambda _: None, finish=lambda _: None)

    class Table(list[Any]):
        notes = ()

    table: Any = Table([SimpleNamespace(name="a"), SimpleNamespace(name="b")])
    field_loop.run_fields(table, nothing, nothing, nothing, nothing, None)
    assert done == ["a", "given back", "b", "given back"]
