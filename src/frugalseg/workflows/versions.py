"""Which versions made a result: of frugalseg, Python and the libraries that decide numbers."""

import platform
from importlib.metadata import PackageNotFoundError, version

import frugalseg

LIBRARIES = (
    "torch",
    "lightning",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "opencv-python-headless",
    "tifffile",
    "zarr",
    "pydantic",
)


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
