"""The command keeps the memory of freed arrays, unless the user says how memory is kept."""

import os
import subprocess
import sys

import pytest

#: Prints how many pages the system has to clear for ten arrays of 64 MB, one after the other, behind the command.
CODE = """
import resource
import numpy as np
from frugalseg.cli import main
try:
    main(["--version"])
except SystemExit:
    np.ones(8_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(8_000_000)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**given: str) -> int:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    # without huge pages, which numpy asks for, each page of 4 KB counts
    environment = {**kept, "NUMPY_MADVISE_HUGEPAGE": "0", **given}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, env=environment, check=True
    )
    return int(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="options of glibc")
def test_large_arrays_get_the_memory_of_freed_ones() -> None:
    pages = 10 * 64_000_000 // os.sysconf("SC_PAGESIZE")
    assert faults(MALLOC_ARENA_MAX="8") > pages / 2  # as the user's variables say: nothing is kept
    assert faults() < pages / 100
