"""Threads of torch that wait for work give their core to other programs soon, unless the user says how they wait."""

import os
import subprocess
import sys

import pytest

CODE = """
from frugalseg.cli import main
try:
    main(["--version"])
except SystemExit:
    import torch
"""


@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP comes with torch on Linux only")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "2000"),
        ({"GOMP_SPINCOUNT": "77"}, "77"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "30000000000"),
    ],
)
def test_spins_of_a_waiting_thread(given: dict[str, str], expected: str) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    environment = {**kept, "OMP_NUM_THREADS": "1", "OMP_DISPLAY_ENV": "VERBOSE", **given}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, env=environment, check=True
    )
    # the library that torch brings says what it has read when it is loaded
    told = {line.split("=")[1].strip(" '") for line in done.stderr.splitlines() if "GOMP_SPINCOUNT" in line}
    assert told == {expected}
