"""Turn maps into numbered cells. Numba gets a cache folder that it can write to before anything is compiled."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _can_write(folder: Path) -> bool:
    """Return whether a folder, or the existing folder in which it would be made, is writable."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), None)
    return existing is not None and os.access(existing, os.W_OK)


def _set_numba_cache() -> None:
    """Set a cache folder for numba where it can write neither to the package's own nor to the user's.

    Numba refuses to compile without one, as in a container or on a cluster without a home folder. The new folder is
    deleted at exit, and its name is random: code in a cache is run, so others must not be able to guess where it is.
    """
    home = os.path.expanduser("~/.cache")  # noqa: PTH111  (that of Path raises where there is no home)
    usual = Path(__file__).parent / "__pycache__", Path(home)
    if "NUMBA_CACHE_DIR" in os.environ or any(map(_can_write, usual)):
        return
    folder = tempfile.mkdtemp(prefix="frugalseg-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder


_set_numba_cache()
