"""Label maps in ``.npy`` files, and in ``_seg.npy`` files of cellpose.

A ``_seg.npy`` is a pickled dictionary, and loading a pickle can run any program that is stored in it. Here only the numbers of
its masks are taken out; nothing is unpickled.
"""

import math
import os
import re
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from frugalseg.errors import NotEnoughMemory, UnreadableFile, WrongShape
from frugalseg.images.image import Image
from frugalseg.images.memory import check_memory, memory_error
from frugalseg.images.pickle_data import Unmade, read_pickle
from frugalseg.images.plain_files import shortened

MODULES = ("numpy.core", "numpy._core")
REBUILT = {f"{module}.multiarray._reconstruct" for module in MODULES}
FROM_BUFFER = {f"{module}.numeric._frombuffer" for module in MODULES}
NUMBERS = re.compile(r"b1|[iu][1248]|f[248]")

HARMLESS = {"set", "frozenset", "complex", "bytearray", "range", "slice", "object", "dict", "list", "tuple"}
ATTACKS = re.compile(
    r"(posix|nt|os|sys|subprocess|shutil|socket|importlib|runpy|pty|ctypes|code|codeop|webbrowser|marshal|pickle|types|operator"
    r"|functools|numpy\.f2py|numpy\.testing|timeit|pdb|bdb|cProfile|profile|asyncio|multiprocessing)(\.|$)"
)
"""Modules that no image analysis stores and attacks use. None of it would run, but such a file can't be trusted."""


def read_npy(path: Path) -> Image:
    """Read a plane from a ``.npy``, or the masks from a ``_seg.npy`` of cellpose.

    Returns
    -------
    Image
        Pixels (1, 1, Y, X), or (1, Z, Y, X) for the masks of a stack.

    Raises
    ------
    UnreadableFile
        The file is damaged, has no masks or holds other things than numbers, or was made to attack its reader.
    WrongShape
        The array is not (Y, X) or (Z, Y, X).
    """
    try:
        with path.open("rb") as file:
            values = _load(file)
    except NotEnoughMemory:
        raise
    except UnreadableFile as error:
        raise UnreadableFile(f"{path} {error}") from error
    except Exception as error:  # damaged files raise nearly anything: index, key, type, memory errors
        reason = shortened(str(error) or type(error).__name__)
        raise memory_error(error, f"reading {path}") or UnreadableFile(
            f"{path} can't be read ({reason}); save its masks as TIFF or PNG instead"
        ) from error
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise WrongShape(f"{path} is not an image: its shape is {values.shape}; (Y, X) or (Z, Y, X) is read")
    return Image(values.reshape(1, -1, *values.shape[-2:]), ("0",), None, path.name, "ZYX"[-values.ndim :])


def _load(file: IO[bytes]) -> NDArray[Any]:
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if not dtype.hasobject:
        if dtype.kind not in "iufb":
            raise _no_numbers(str(dtype))
        there = os.fstat(file.fileno()).st_size - file.tell()
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > there:
            raise UnreadableFile(f"is cut short or damaged: its shape is {shape} and it has {there} bytes")
        check_memory(2 * there, file.name)
        file.seek(0)
        return np.asarray(np.load(file, allow_pickle=False))
    content = read_pickle(file.read())
    if isinstance(content, Unmade) and content.call in REBUILT:  # an array of one object, the dictionary
        content = content.state[4][0]
    masks = content.get("masks") if isinstance(content, dict) else None
    _refuse_attacks(content)
    if not isinstance(masks, Unmade) or masks.call not in REBUILT | FROM_BUFFER:
        raise UnreadableFile(
            "holds Python objects, which are never run, but no array 'masks', so it is not a _seg.npy of cellpose"
        )
    return _array(masks)


def _array(masks: Unmade) -> NDArray[Any]:
    """Return the numbers of an array; what is said of them is checked, not believed."""
    if masks.call in REBUILT:
        _, shape, dtype, by_columns, data = masks.state
    else:
        data, dtype, shape, order = masks.arguments
        by_columns = order == "F"
    if isinstance(data, Unmade) and data.call == "_codecs.encode":  # bytes in pickles of protocol 2
        data = data.arguments[0]
    kind = _number_type(dtype)
    sides = tuple(int(side) for side in shape)
    raw = data.encode("latin-1") if isinstance(data, str) else bytes(data)
    if min(sides, default=1) < 0 or math.prod(sides) * kind.itemsize != len(raw):
        raise UnreadableFile(
            f"is damaged: {len(raw)} bytes for masks of shape {sides} and type {kind}; save it again"
        )
    # Other bytes than 0 and 1 are no truth values.
    values = np.frombuffer(raw, np.uint8) != 0 if kind.kind == "b" else np.frombuffer(raw, kind)
    return values.reshape(sides, order="F" if by_columns else "C")


def _number_type(dtype: Any) -> np.dtype[Any]:
    """Return a plain type of numbers; `UnreadableFile` for any other, and for one with parts."""
    name = dtype.arguments[0] if isinstance(dtype, Unmade) and dtype.call == "numpy.dtype" else None
    _, order, *parts = dtype.state if isinstance(dtype, Unmade) and dtype.state else (3, "=", None)
    if (
        not isinstance(name, str)
        or NUMBERS.fullmatch(name) is None
        or any(part is not None for part in parts[:3])
    ):
        raise _no_numbers(str(name))
    if order not in ("<", ">", "|", "="):
        raise _no_numbers(f"{name} in the byte order {order!r}")
    return np.dtype(name if order == "|" else f"{order}{name}")


def _no_numbers(what: str) -> UnreadableFile:
    return UnreadableFile(f"holds {what}, not numbers; save the masks as TIFF or PNG instead")


def _refuse_attacks(content: Any) -> None:
    """`UnreadableFile` where an object anywhere would run a program if it were made."""
    waiting, seen = [content], set[int]()
    while waiting:
        value = waiting.pop()
        if isinstance(value, str | bytes | int | float | None) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Unmade):
            waiting += [value.call, value.arguments, value.state]
            module, _, name = str(value.call).rpartition(".") if isinstance(value.call, str) else ("", "", "")
            builtin = (
                module in ("builtins", "__builtin__") and name not in HARMLESS and not name.endswith("Error")
            )
            if builtin or ATTACKS.match(module):
                raise UnreadableFile(f"asks for {value.call}, which is not an array and is never run")
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
