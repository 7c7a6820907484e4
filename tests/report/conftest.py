"""A real browser for the tests of the report."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., str]:
    """Open a page in headless Chromium with further options and return its output; skip without a browser."""

    def run(path: Path, *options: str) -> str:
        names = ("chromium", "chromium-browser", "google-chrome")
        browser = next((found for name in names if (found := shutil.which(name))), None)
        if browser is None:
            pytest.skip(f"no browser: none of {', '.join(names)} is installed")
        quiet = (
            "no-first-run disable-quic disable-background-networking disable-component-update disable-sync"
        )
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}",
        ]
        flags += [f"--{name}" for name in quiet.split()]
        command = [
            browser,
            *flags,
            "--virtual-time-budget=8000",
            "--window-size=1000,1500",
            *options,
            path.as_uri(),
        ]
        return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()

    return run
