"""Write results atomically: a file is complete or absent."""

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, OutputExists, OutputFailed, WrongShape
from frugalseg.images.masked import refuse_masked
from frugalseg.images.pixel_size import PixelSize, check_pixel_size
from frugalseg.images.plain_files import shortened
from frugalseg.images.unfinished import hidden_path

SMALLEST_RESOLUTION_UM = 1e-5
"""um; the resolution of smaller pixels does not fit into a TIFF's tag, so they are in the OME-XML alone."""


@contextmanager
def atomic_file(path: str | Path, overwrite: bool = False) -> Iterator[IO[bytes]]:
    """Open a hidden file beside `path` that is renamed to `path` once all is on the disk.

    If the block ends early, by Ctrl-C or a full disk for example, the hidden file is removed and the file at `path`
    stays as it was.

    Raises
    ------
    OutputExists
        `path` exists and `overwrite` is not set.
    OutputFailed
        The file can't be written: no space, no permission, or a folder of that name.
    """
    path = Path(path)
    if path_taken(path) and not overwrite:
        raise OutputExists(f"{path} exists already; give `overwrite` to replace it")
    if path.exists() and not path.is_file():
        raise OutputFailed(f"{path} is no file, so it is not replaced; choose another name")
    hidden = hidden_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with hidden.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(path)
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
        reason = "the disk is full" if full else error.strerror or str(error)
        todo = "free some space or choose another folder" if full else "choose another folder"
        raise OutputFailed(f"{path} could not be written: {reason}; {todo}") from error


def path_taken(path: Path) -> bool:
    """Return whether something lies at the place of a result.

    Raises
    ------
    OutputFailed
        Nothing can lie there: the name is too long, or its folder is closed.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise OutputFailed(
            f"{shortened(path)} can't be written: {reason}; choose another name or folder"
        ) from error
    return True


def folder_taken(folder: Path) -> bool:
    """Return whether a folder lies at the place of a folder of results.

    Raises
    ------
    OutputFailed
        Something else lies there, or nothing can.
    """
    if not path_taken(folder):
        return False
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is a link to a place that does not exist"
        raise OutputFailed(f"{folder} {what}; results need a folder, so choose another name")
    return True


def write_labels(
    path: str | Path, labels: NDArray[Any], pixel_size: float | PixelSize = None, overwrite: bool = False
) -> None:
    """Write a label map as a zlib-compressed TIFF.

    Parameters
    ----------
    path
        The new file; its folder is created if missing.
    labels
        (Y, X) integers >= 0; 0 is background. Stored as uint16, or uint32 where an id is above 65535.
    pixel_size
        In um, one number or (y, x); written as OME-XML and as the resolution that ImageJ reads.
    overwrite
        Replace an existing file.

    Raises
    ------
    OutputExists, OutputFailed
        See `atomic_file`; the name does not end in ``.tif`` or ``.tiff``.
    WrongShape
        The array is not (Y, X), not of integers, or has negative ids.

    Examples
    --------
    >>> import numpy as np, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> write_labels(folder / "a_labels.tif", np.eye(3, dtype=int), pixel_size=(0.65, 0.65))
    >>> sorted(file.name for file in folder.iterdir())
    ['a_labels.tif']
    """
    refuse_masked(labels, "`labels`")
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iub" or labels.size == 0:
        raise WrongShape(f"`labels` must be (Y, X) integers, not {labels.dtype} of shape {labels.shape}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > np.iinfo(np.uint32).max:
        raise WrongShape(
            f"ids in `labels` must be between 0 and {np.iinfo(np.uint32).max}, not {low} to {high}"
        )
    stored = labels.astype(np.uint16 if high <= np.iinfo(np.uint16).max else np.uint32)
    _write_tiff(path, stored, "YX", (), pixel_size, overwrite)


def write_image(
    path: str | Path,
    pixels: NDArray[Any],
    channels: Sequence[str] = (),
    pixel_size: float | PixelSize = None,
    overwrite: bool = False,
) -> None:
    """Write a plane (Y, X) or channels (C, Y, X) as a zlib-compressed TIFF.

    With channel names or a pixel size it is an OME-TIFF, which has no 64-bit integers and no 16-bit floats: such pixels are
    stored as a type that holds the same values. Raises as `write_labels` does, and `BadPixels` if no type holds them.

    >>> import numpy as np, tempfile
    >>> write_image(tempfile.mkdtemp() + "/a.ome.tif", np.zeros((2, 8, 9), "uint16"), ["phase", "dapi"])
    """
    pixels = np.asarray(pixels)
    if (
        pixels.ndim not in (2, 3)
        or pixels.size == 0
        or (channels and len(channels) != len(pixels.reshape(-1, *pixels.shape[-2:])))
    ):
        raise WrongShape(
            f"`pixels` must be (Y, X) or (C, Y, X) with one name per channel, not {pixels.shape} with {len(channels)} names"
        )
    if channels or pixel_size is not None:
        pixels = _as_ome_holds(pixels)
    _write_tiff(path, pixels, "YX" if pixels.ndim == 2 else "CYX", channels, pixel_size, overwrite)


def _as_ome_holds(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the same values in a type that OME-TIFF has."""
    kind, size = pixels.dtype.kind, pixels.dtype.itemsize
    if kind == "f" and size == 2:
        return pixels.astype(np.float32)
    if kind in "iu" and size == 8:
        low, high = int(pixels.min()), int(pixels.max())
        for smaller in (np.uint32, np.int32):
            if np.iinfo(smaller).min <= low and high <= np.iinfo(smaller).max:
                return pixels.astype(smaller)
        raise BadPixels(f"pixels from {low} to {high} are too large for an OME-TIFF; 32 bits can be written")
    if kind == "f" and size > 8:
        raise BadPixels(
            f"pixels of type {pixels.dtype} can't be written as OME-TIFF; convert them to float64"
        )
    return pixels


def _write_tiff(
    path: str | Path,
    pixels: NDArray[Any],
    axes: str,
    channels: Sequence[str],
    pixel_size: float | PixelSize,
    overwrite: bool,
) -> None:
    import tifffile

    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        raise OutputFailed(
            f"{shortened(path)} can't be written: results are TIFF files, so give a name that ends in .tif"
        )
    options = tiff_options(axes, channels, check_pixel_size(pixel_size))
    with atomic_file(path, overwrite) as file:
        tifffile.imwrite(file, pixels, **options)


def tiff_options(axes: str, channels: Sequence[str], pixel_size: PixelSize) -> dict[str, Any]:
    """Return the arguments of `tifffile.imwrite`: zlib compression, and OME-XML where needed."""
    # A fixed id instead of a random one, so that equal results are equal files.
    metadata: dict[str, Any] = {"axes": axes, "UUID": "urn:uuid:00000000-0000-0000-0000-000000000000"}
    options: dict[str, Any] = {}
    if channels:
        metadata["Channel"] = {"Name": list(channels)}
    if pixel_size is not None:
        y, x = pixel_size
        for axis, size in (("Y", y), ("X", x)):
            metadata[f"PhysicalSize{axis}"] = float(size)
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
        if min(y, x) > SMALLEST_RESOLUTION_UM:
            options = {"resolution": (1e4 / x, 1e4 / y), "resolutionunit": "CENTIMETER"}
    return {
        "ome": bool(channels) or pixel_size is not None,
        "photometric": "minisblack",
        "compression": "zlib",
        "metadata": metadata,
        "maxworkers": 1,
        **options,
    }


def write_text(path: str | Path, text: str, overwrite: bool = False) -> None:
    """Write UTF-8 text atomically; raises as `atomic_file` does."""
    with atomic_file(path, overwrite) as file:
        file.write(in_utf8(text).encode("utf-8"))


def write_json(path: str | Path, content: Any, overwrite: bool = False) -> None:
    """Write JSON atomically, converted by `plain`.

    >>> import numpy as np, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.json"
    >>> write_json(path, {"f1": np.float64("nan"), "n": np.int64(3)})
    >>> json.loads(path.read_text())
    {'f1': None, 'n': 3}
    """
    write_text(
        path, json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n", overwrite
    )


def in_utf8(text: str) -> str:
    r"""Return a text with backslashes in place of what UTF-8 can't hold: names of files may be in no encoding at all.

    >>> in_utf8("caf\udce9")
    'caf\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def plain(value: Any) -> Any:
    """Return `value` in the types of JSON; NaN and infinity become None, typed records dictionaries."""
    if isinstance(value, str):
        return value if value.isascii() else in_utf8(value)
    if isinstance(value, dict):
        return {plain(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Path):
        return plain(str(value))
    if isinstance(value, float) and not np.isfinite(value):
        return None
    to_dict: Callable[[], Any] | None = getattr(value, "to_dict", None) or getattr(value, "model_dump", None)
    return plain(to_dict()) if to_dict is not None else value
