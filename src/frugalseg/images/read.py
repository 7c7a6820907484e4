"""Open an image file of any supported format without reading its pixels."""

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError, UnreadableFile
from frugalseg.images.axes import COLOURS, check_stated_axes
from frugalseg.images.formats import FORMATS, LABEL_SUFFIXES, ROI_SUFFIXES, TIFF_SUFFIXES
from frugalseg.images.image import Image
from frugalseg.images.memory import check_memory, memory_error
from frugalseg.images.plain_files import check_plain, shortened

#: Place of the colour type in a PNG, and its value for a palette.
COLOUR_TYPE, PALETTE = 25, 3


def read_image(path: str | Path, axes: str | None = None) -> Image:
    """Open an image without reading its pixels.

    Parameters
    ----------
    path
        A TIFF, ImageJ TIFF, OME-TIFF or PNG file, or an OME-Zarr (0.4 or 0.5) image folder; for labels also a ``.npy``
        (`frugalseg.images.seg_npy`) or ImageJ regions (`frugalseg.images.rois`). Code stored in a file is never run.
    axes
        Letters for the axes of a TIFF with more than two axes that it does not name, in the order in which they are stored,
        such as YXC; None: they are guessed.

    Returns
    -------
    Image
        Pixels (C, Z, Y, X) as stored, of a pyramid at full resolution; see `frugalseg.images.axes` for unnamed axes.
        Colour images have the channels red, green, blue; alpha is left out.

    Raises
    ------
    UnreadableFile
        The file is missing, empty, damaged, incomplete, or of another format.
    WrongShape
        Its axes are ambiguous, or it is a time series.
    SettingsError
        `axes` are not letters of C, Z, Y and X.

    Examples
    --------
    >>> read_image("nowhere.tif")
    Traceback (most recent call last):
    ...
    frugalseg.errors.UnreadableFile: nowhere.tif does not exist
    """
    if axes is not None:
        check_stated_axes(axes)
    path = Path(path)
    if not path_exists(path):
        raise UnreadableFile(f"{path} does not exist")
    check_plain(path)
    if path.is_dir():
        from frugalseg.images.ome_zarr import read_ome_zarr

        return read_ome_zarr(path)
    suffix = path.suffix.lower()
    if suffix not in (*TIFF_SUFFIXES, ".png", *LABEL_SUFFIXES):
        raise UnreadableFile(
            f"{path} is of a format that is not read; {FORMATS} are, and for labels cellpose's _seg.npy and ImageJ's .roi "
            "and .zip"
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UnreadableFile(f"{path} can't be opened: {error.strerror}") from error
    if size == 0:
        raise UnreadableFile(f"{path} is empty (0 bytes); copy or export it again")
    if suffix in LABEL_SUFFIXES:
        return _read_label_file(path)
    # The content decides, not the name: some programs write the wrong suffix.
    if start == b"\x89PNG\r\n\x1a\n":
        return _read_png(path, size)
    if start[:2] not in (b"II", b"MM"):
        raise UnreadableFile(
            f"{path} is neither a TIFF nor a PNG, whatever its name says; {FORMATS} are read"
        )
    from frugalseg.images.tiff import read_tiff

    return read_tiff(path, axes)


def path_exists(path: Path) -> bool:
    """Return whether a file or folder exists; `UnreadableFile` where permissions forbid to look."""
    try:
        return path.exists()
    except OSError as error:
        raise UnreadableFile(
            f"{shortened(path)} can't be opened ({error.strerror}); allow reading it and its folder"
        ) from error


def _read_label_file(path: Path) -> Image:
    if path.suffix.lower() in ROI_SUFFIXES:
        from frugalseg.images.rois import read_roi_image

        return read_roi_image(path)
    from frugalseg.images.seg_npy import read_npy

    return read_npy(path)


def _read_png(path: Path, size: int) -> Image:
    """Read a PNG, which can only be decoded as a whole."""
    import imagecodecs

    try:
        check_memory(size, str(path))
        data = path.read_bytes()
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        # At most four samples of 16 bits a pixel; one copy while it is decoded.
        check_memory(16 * width * height, f"{path}, a PNG of {height} x {width} px,")
        pixels = np.asarray(imagecodecs.png_decode(data))
        indices = _palette_indices(data) if data[COLOUR_TYPE] == PALETTE else None
    except FrugalsegError:
        raise
    except Exception as error:  # libpng errors have several types
        raise memory_error(error, str(path)) or UnreadableFile(
            f"{path} can't be read as a PNG, it is damaged or cut short ({shortened(error)}); copy or export it again"
        ) from error
    if pixels.ndim == 3 and pixels.shape[2] > 2:
        colours = np.moveaxis(pixels[:, :, :3], 2, 0)[:, None]
        return Image(colours, COLOURS, None, path.name, "YXS", indices)
    grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]
    return Image(grey[None, None], ("0",), None, path.name, "YX" if pixels.ndim == 2 else "YXS")


def _palette_indices(data: bytes) -> NDArray[np.uint8]:
    """Return the numbers (1, 1, Y, X) that a PNG with a palette stores; the other decoder has only their colours."""
    from PIL.PngImagePlugin import PngImageFile

    with PngImageFile(BytesIO(data)) as picture:
        return np.asarray(picture, np.uint8)[None, None]
