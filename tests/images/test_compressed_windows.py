"""Windows of compressed TIFFs equal those of the whole planes: also where the decoder needs tables from elsewhere in the file."""

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image

HEIGHT, WIDTH = 150, 210
WINDOWS = [
    (slice(10, 120), slice(30, 200)),
    (slice(0, 3), slice(0, 4)),
    (slice(63, 65), slice(127, 130)),
    (slice(140, 150), slice(205, 210)),
    (slice(0, 150), slice(0, 210)),
]


def smooth(samples: int = 1) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [127 + 100 * np.sin(y / (9 + 5 * i)) * np.cos(x / (17 - 3 * i)) for i in range(samples)]
    return np.stack(planes, axis=-1).astype(np.uint8).squeeze(-1 if samples == 1 else ())


def assert_windows_fit(path: Path, planes: np.ndarray) -> None:
    """Every channel or focal plane read in windows, each from a file that was not read before."""
    for index, plane in enumerate(planes):
        for rows, columns in WINDOWS:
            pixels = read_image(path).pixels
            place = (index, 0) if pixels.shape[0] > 1 or pixels.shape[1] == 1 else (0, index)
            np.testing.assert_array_equal(pixels[(*place, rows, columns)], plane[rows, columns])


def without_tables(jpeg: bytes) -> tuple[bytes, bytes]:
    """Return the tables of a JPEG as a stream of their own, and the rest, as libtiff stores them."""
    tables, rest, at = b"", jpeg[:2], 2
    while True:
        marker, length = struct.unpack(">xBH", jpeg[at : at + 4])
        if marker == 0xDA:
            return jpeg[:2] + tables + b"\xff\xd9", rest + jpeg[at:]
        segment = jpeg[at : at + 2 + length]
        tables, rest = (tables + segment, rest) if marker in (0xDB, 0xC4) else (tables, rest + segment)
        at += 2 + length


def write_with_tables(path: Path, pages: list[np.ndarray], tile: int | None, **options: Any) -> None:
    """Write JPEGs whose tables stand in a tag, behind the pixels."""
    height, width = (tile, tile) if tile else (16, WIDTH)
    with tifffile.TiffWriter(path, **options) as writer:
        for page in pages:
            colour = "RGB" if page.ndim == 3 else None
            padding = ((0, height), (0, width if tile else 0), (0, 0))[: page.ndim]
            padded = np.pad(page, padding, mode="edge")
            parts = [
                without_tables(
                    imagecodecs.jpeg8_encode(
                        np.ascontiguousarray(
                            padded[y : y + height if tile else min(y + height, HEIGHT), x : x + width]
                        ),
                        level=95,
                        colorspace=colour,
                        outcolorspace=colour,
                    )
                )
                for y in range(0, HEIGHT, height)
                for x in range(0, WIDTH, width)
            ]
            tables = parts[0][0]
            assert {part[0] for part in parts} == {tables}
            writer.write(
                iter([part[1] for part in parts]),
                shape=page.shape,
                dtype=page.dtype,
                compression="jpeg",
                photometric="rgb" if page.ndim == 3 else "minisblack",
                extratags=[(347, 7, len(tables), tables, True)],
                metadata=None,
                **({"tile": (tile, tile)} if tile else {"rowsperstrip": height}),
            )


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}], ids=str)
@pytest.mark.parametrize("tile", [64, None])
@pytest.mark.parametrize("samples", [1, 3])
def test_jpeg_with_tables(tmp_path: Path, samples: int, tile: int | None, options: dict[str, Any]) -> None:
    path, stored = tmp_path / "a.tif", smooth(samples)
    write_with_tables(path, [stored], tile, **options)
    with tifffile.TiffFile(path) as file:
        assert file.pages.first.jpegtables is not None
        whole = file.asarray()
    assert np.abs(whole.astype(int) - stored).max() <= 3
    assert_windows_fit(path, np.moveaxis(whole, -1, 0) if samples > 1 else whole[None])


@pytest.mark.parametrize("tile", [64, None])
def test_a_stack_of_jpegs_with_tables(tmp_path: Path, tile: int | None) -> None:
    path, pages = tmp_path / "a.tif", [smooth(), 255 - smooth(), smooth() // 2]
    write_with_tables(path, pages, tile)
    whole = tifffile.imread(path)
    assert np.abs(whole.astype(int) - np.stack(pages)).max() <= 3
    assert_windows_fit(path, whole)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_of_libtiff(tmp_path: Path, mode: str) -> None:
    stored, buffer = smooth(3 if mode == "RGB" else 1), io.BytesIO()
    Picture.fromarray(stored).save(buffer, "TIFF", compression="jpeg", quality=95)
    (tmp_path / "a.tif").write_bytes(buffer.getvalue())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages.first.jpegtables is not None
        whole = file.asarray()
    assert_windows_fit(tmp_path / "a.tif", np.moveaxis(whole, -1, 0) if mode == "RGB" else whole[None])


CODECS: dict[str, dict[str, Any]] = {
    "jpeg": {"compression": "jpeg"},
    "jpeg of subsampled colours": {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 2)},
    "jpeg of separate colours": {"compression": "jpeg", "planarconfig": "separate"},
    "jpeg 2000": {"compression": "jpeg2000"},
    "jpeg xl": {"compression": "jpegxl"},
    "jpeg xr": {"compression": "jpegxr"},
    "webp": {"compression": "webp"},
    "png": {"compression": "png"},
    "lerc": {"compression": "lerc"},
    "lzw": {"compression": "lzw", "predictor": True},
    "deflate": {"compression": "deflate", "predictor": True},
    "zstd": {"compression": "zstd"},
    "lzma": {"compression": "lzma"},
    "packbits": {"compression": "packbits"},
}


@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 16}, {}], ids=str)
@pytest.mark.parametrize("codec", CODECS)
def test_codecs_of_colour_images(tmp_path: Path, codec: str, layout: dict[str, Any]) -> None:
    path, options = tmp_path / "a.tif", {"photometric": "rgb", **CODECS[codec], **layout}
    stored = smooth(3)
    if options.get("planarconfig"):
        stored = np.moveaxis(stored, -1, 0)
    try:
        tifffile.imwrite(path, stored, **options)
    except (ImportError, ValueError) as error:  # a codec that this build of imagecodecs lacks
        pytest.skip(str(error))
    whole = tifffile.imread(path)
    assert_windows_fit(path, whole if options.get("planarconfig") else np.moveaxis(whole, -1, 0))


@pytest.mark.parametrize("tile", [64, None])
def test_what_inspect_reads_can_be_read_in_windows(tmp_path: Path, tile: int | None) -> None:
    write_with_tables(tmp_path / "a.tif", [smooth()], tile)
    assert not inspect_inputs([tmp_path / "a.tif"]).has_errors
    image = open_fields([tmp_path / "a.tif"])[0].image()
    np.testing.assert_array_equal(
        image.pixels[0, 0, 20:90, 30:100], tifffile.imread(tmp_path / "a.tif")[20:90, 30:100]
    )
