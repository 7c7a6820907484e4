"""Label maps in ``.npy`` files, and in ``_seg.npy`` files of cellpose.

A ``_seg.npy`` is a pickled dictionary, and loading a pickle can run any program that is stored in it. The unpickler here
builds arrays and plain containers and refuses everything else.
"""

import pickle
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from frugalseg.errors import UnreadableFile, WrongShape
from frugalseg.images.image import Image

_ARRAYS = {"_reconstruct", "scalar"}
ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((module, name) for module in ("numpy.core.multiarray", "numpy._core.multiarray") for name in _ARRAYS),
    *((module, "_frombuffer") for module in ("numpy.core.numeric", "numpy._core.numeric")),
    *((module, name) for module in ("builtins", "__builtin__") for name in ("set", "frozenset", "complex")),
}
"""All that numpy arrays, numpy numbers and plain containers are built with; none of it runs other code."""


class _ArraysOnly(pickle.Unpickler):
    """Unpickler that builds arrays and containers, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function that `ALLOWED` lists; pickle calls this for every name in a file."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is not an array and is never run"
            )
        return super().find_class(module, name)


def read_npy(path: Path) -> Image:
    """Read a plane from a ``.npy``, or the masks from a ``_seg.npy`` of cellpose.

    Returns
    -------
    Image
        Pixels (1, 1, Y, X), or (1, Z, Y, X) for the masks of a stack.

    Raises
    ------
    UnreadableFile
        The file is damaged, has no masks, or holds other objects than arrays, numbers, texts and containers of these.
    WrongShape
        The array is not (Y, X) or (Z, Y, X).
    """
    try:
        with path.open("rb") as file:
            values = _load(file)
    except UnreadableFile as error:
        raise UnreadableFile(f"{path} {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything: index, key, type, memory errors
        raise UnreadableFile(
            f"{path} can't be read ({error or type(error).__name__}); save its masks as TIFF or PNG instead"
        ) from error
    if values.dtype.kind not in "iufb":
        raise UnreadableFile(
            f"{path} holds {values.dtype}, not numbers; save the masks as TIFF or PNG instead"
        )
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise WrongShape(f"{path} is not an image: its shape is {values.shape}; (Y, X) or (Z, Y, X) is read")
    return Image(values.reshape(1, -1, *values.shape[-2:]), ("0",), None, path.name, "ZYX"[-values.ndim :])


def _load(file: IO[bytes]) -> np.ndarray[Any, Any]:
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    _, _, dtype = read_header(file)
    if not dtype.hasobject:
        file.seek(0)
        return np.asarray(np.load(file, allow_pickle=False))
    content = _ArraysOnly(file).load()
    if isinstance(content, np.ndarray) and content.dtype == object and content.shape == ():
        content = content.item()
    if not isinstance(content, dict) or not isinstance(content.get("masks"), np.ndarray):
        raise UnreadableFile("holds Python objects but no array 'masks', so it is not a _seg.npy of cellpose")
    return np.asarray(content["masks"])
