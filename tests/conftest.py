"""Fixtures every room's tests share."""

import os
from pathlib import Path

import pytest

# The networks here are tiny: threads only wait for each other, for minutes on a busy machine. Set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real images; the test is skipped with a reason where there is none."""
    folder = Path(os.environ.get("FRUGALSEG_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images: {folder} is not a folder (set FRUGALSEG_DATA)")
    return folder
