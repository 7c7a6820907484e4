"""What made a result: the command, and the versions of frugalseg, Python and the libraries that decide numbers."""

import platform
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version

import frugalseg

LIBRARIES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "opencv-python-headless",
    "tifffile",
    "zarr",
    "pydantic",
)

_typed = ContextVar("typed", default="")


@contextmanager
def typed(arguments: Sequence[str]) -> Iterator[None]:
    """Let reports show these arguments behind ``frugalseg``, quoted where a shell needs it."""
    before = _typed.set(shlex.join(["frugalseg", *arguments]))
    try:
        yield
    finally:
        _typed.reset(before)


def command_line(command: str) -> str:
    """The command line as typed, or the command alone where it was called from Python.

    >>> command_line("segment")
    'frugalseg segment'
    >>> with typed(["segment", "my image.tif", "--cells", "phase"]):
    ...     command_line("segment")
    "frugalseg segment 'my image.tif' --cells phase"
    """
    return _typed.get() or f"frugalseg {command}"


def versions() -> dict[str, str]:
    """Name -> version, without importing anything; "not installed" where a library is missing.

    >>> versions()["frugalseg"] == frugalseg.__version__
    True
    """
    found = {"frugalseg": frugalseg.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    found["platform"] = platform.platform()
    return found
