"""Maps to numbered cells. Before anything here is compiled, numba gets a folder that it can write to."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _can_write(folder: Path) -> bool:
    """Whether a folder, or the one in which it would be made, takes files."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), None)
    return there is not None and os.access(there, os.W_OK)


def _find_cache() -> None:
    """Give numba a folder for what it compiles, where neither the package's own nor the user's can be written.

    Else it refuses to compile, as in a container or on a cluster without a home. The folder is new and goes at the end: what
    lies in a cache is run, so it must not be one that others can guess.
    """
    home = os.path.expanduser("~/.cache")  # noqa: PTH111  (that of Path raises where there is no home)
    usual = Path(__file__).parent / "__pycache__", Path(home)
    if "NUMBA_CACHE_DIR" in os.environ or any(map(_can_write, usual)):
        return
    folder = tempfile.mkdtemp(prefix="frugalseg-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder


_find_cache()
