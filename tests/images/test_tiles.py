"""Tiles cover an image once, windows are read without the rest, and moments are those of numpy."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.errors import BadPixels, SettingsError, UnreadableFile
from frugalseg.images.image import LazyPixels
from frugalseg.images.read import read_image
from frugalseg.images.tiles import plan_tiles, read_window, streamed_moments

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (65, 200), (300, 31), (257, 129)])
@pytest.mark.parametrize(
    ("core", "margin", "multiple"), [(64, 0, 1), (64, 10, 1), (64, 40, 32), (96, 200, 8)]
)
def test_cores_cover_an_image_exactly_once(
    shape: tuple[int, int], core: int, margin: int, multiple: int
) -> None:
    covered = np.zeros(shape, int)
    numbers = np.arange(covered.size).reshape(shape)
    for tile in plan_tiles(shape, core, margin, multiple):
        covered[tile.core] += 1
        np.testing.assert_array_equal(numbers[tile.window][tile.inner], numbers[tile.core])
        for inner, outer, size in zip(tile.core, tile.window, shape, strict=True):
            assert outer.start % multiple == 0
            assert outer.stop % multiple == 0 or outer.stop == size
            assert inner.start - outer.start >= margin or outer.start == 0
            assert outer.stop - inner.stop >= margin or outer.stop == size
            assert max(inner.start - outer.start, outer.stop - inner.stop) < margin + multiple
    assert (covered == 1).all()


@pytest.mark.parametrize(("core", "margin", "multiple"), [(0, 1, 1), (48, 1, 32), (32, -1, 32), (32, 0, 0)])
def test_sizes_that_fit_no_grid_are_refused(core: int, margin: int, multiple: int) -> None:
    with pytest.raises(SettingsError, match="`core` must be a multiple of"):
        plan_tiles((100, 100), core, margin, multiple)


LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "big endian": {"byteorder": ">"},
    "tiled zlib": {"tile": (32, 48), "compression": "zlib"},
    "tiled raw": {"tile": (16, 16)},
    "predictor": {"tile": (32, 32), "compression": "lzw", "predictor": True},
    "strips": {"rowsperstrip": 7, "compression": "zlib"},
    "raw strips": {"rowsperstrip": 7},
    "one strip": {"rowsperstrip": 1000, "compression": "zlib"},
    "imagej": {"imagej": True},
}
PLACES = [np.s_[0:5, 0:9], np.s_[31:70, 40:101], np.s_[90:101, 100:131], np.s_[3:4, 0:131], np.s_[0:101, 7:8]]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(101, 131), (3, 101, 131)])
def test_windows_of_tiffs_are_what_the_whole_plane_says(
    tmp_path: Path, layout: str, shape: tuple[int, ...]
) -> None:
    stored = RNG.integers(0, 60000, shape).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", **LAYOUTS[layout])
    image = read_image(tmp_path / "a.tif")
    planes = stored.reshape(-1, *shape[-2:])
    for place in PLACES:
        for c, plane in enumerate(planes):
            got = image.pixels[c, 0, *place]
            assert got.dtype == np.uint16
            np.testing.assert_array_equal(got, plane[place])
    np.testing.assert_array_equal(image.pixels[:, 0, 5, -9:-2], planes[:, 5, -9:-2])
    np.testing.assert_array_equal(image.pixels[0, 0, ::3, [5, 2]], planes[0][::3, [5, 2]])
    assert image.pixels[0, 0, 9:9, 2:5].shape == (0, 3)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tile", [(32, 32), None])
def test_windows_of_colour_images(tmp_path: Path, planar: str, tile: tuple[int, int] | None) -> None:
    shape = (101, 131, 3) if planar == "contig" else (3, 101, 131)
    stored = RNG.integers(0, 255, shape).astype(np.uint8)
    layout: dict[str, Any] = {"tile": tile} if tile else {"rowsperstrip": 9}
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, compression="zlib", **layout
    )
    planes = np.moveaxis(stored, -1, 0) if planar == "contig" else stored
    image = read_image(tmp_path / "a.tif")
    for place in PLACES:
        np.testing.assert_array_equal(image.pixels[:, 0, *place], planes[:, *place])


def test_tiles_that_were_never_stored_are_empty(tmp_path: Path) -> None:
    pieces = iter([np.full((32, 32), 7, np.uint8), None, None, np.full((32, 32), 9, np.uint8)])
    tifffile.imwrite(
        tmp_path / "a.tif", pieces, shape=(64, 64), dtype=np.uint8, tile=(32, 32), compression="zlib"
    )
    window = read_image(tmp_path / "a.tif").pixels[0, 0, 20:44, 20:44]
    expected = np.zeros((24, 24), np.uint8)
    expected[:12, :12], expected[12:, 12:] = 7, 9
    np.testing.assert_array_equal(window, expected)


@pytest.mark.parametrize("layout", [{"tile": (32, 48)}, {"rowsperstrip": 16}, {"rowsperstrip": 1000}])
@pytest.mark.parametrize("samples", [1, 3])
def test_windows_of_jpeg_compressed_tiffs(tmp_path: Path, layout: dict[str, Any], samples: int) -> None:
    ramps = np.indices((2, 101, 131, samples))
    stored = (50 * ramps[0] + ramps[1] + ramps[2] // 2 + 20 * ramps[3]).astype(np.uint8).squeeze()
    colour = {"photometric": "minisblack" if samples == 1 else "rgb"}
    tifffile.imwrite(tmp_path / "a.tif", stored, compression="jpeg", **colour, **layout)
    decoded = tifffile.imread(tmp_path / "a.tif").reshape(2, 101, 131, samples)
    assert np.abs(decoded.reshape(stored.shape) - stored.astype(float)).mean() < 5
    pixels = read_image(tmp_path / "a.tif").pixels
    for place in [*PLACES, np.s_[0:101, 0:131]]:
        for sample in range(samples):
            # Pages are focal planes where the samples are colours, and channels otherwise.
            got = pixels[:, 0, *place] if samples == 1 else pixels[sample, :, *place]
            np.testing.assert_array_equal(got, decoded[:, *place, sample])


LARGE = np.zeros((2, 2048, 2048), np.uint16)
LARGE[1, 1000:1100, 1500:1600] = 5


@pytest.mark.parametrize("layout", ["tiled", "strips", "raw", "raw pages"])
def test_a_window_does_not_read_the_whole_plane(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a.tif"
    options: dict[str, Any] = {"photometric": "minisblack"}
    if layout == "raw pages":  # with tags between one page's pixels and the next one's
        with tifffile.TiffWriter(path) as file:
            for plane in LARGE:
                file.write(plane, metadata=None, **options)
        with tifffile.TiffFile(path) as written:
            assert (len(written.series), written.series[0].dataoffset) == (1, None)
    else:
        options |= {"tiled": {"tile": (256, 256), "compression": "zlib"}, "raw": {}}.get(
            layout, {"rowsperstrip": 8, "compression": "zlib"}
        )
        tifffile.imwrite(path, LARGE, **options)
    pixels = read_image(path).pixels
    pixels[0, 0, :9, :9]  # what is imported and cached once does not count
    tracemalloc.start()
    assert pixels[1, 0, 900:1200, 1400:1700].sum() == 50000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LARGE[0].nbytes / 5


def test_a_damaged_tile_is_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RNG.integers(0, 255, (64, 64)).astype(np.uint8), tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(path) as tif:
        at = tif.pages.first.dataoffsets[3]
    content = bytearray(path.read_bytes())
    content[at : at + 40] = b"\xff" * 40
    path.write_bytes(content)
    pixels = read_image(path).pixels
    assert pixels[0, 0, :30, :30].shape == (30, 30)
    with pytest.raises(UnreadableFile, match="damaged"):
        pixels[0, 0, 40:50, 40:50]


@pytest.mark.parametrize("order", ["yx", "xy"])
def test_windows_of_ome_zarr_touch_only_their_chunks(tmp_path: Path, order: str) -> None:
    stored = RNG.integers(0, 999, (2, 100, 90)).astype(np.uint16)
    folder = tmp_path / "a.zarr"
    axes = [{"name": "c", "type": "channel"}, *({"name": axis, "type": "space"} for axis in order)]
    scales = {"version": "0.4", "axes": axes, "datasets": [{"path": "0"}]}
    group = zarr.create_group(folder, zarr_format=2, attributes={"multiscales": [scales]})
    array = group.create_array("0", shape=stored.shape, chunks=(1, 32, 32), dtype=stored.dtype)
    array[...] = stored
    planes = stored if order == "yx" else stored.transpose(0, 2, 1)
    pixels = read_image(folder).pixels
    np.testing.assert_array_equal(pixels[1, 0, 20:50, 60:80], planes[1, 20:50, 60:80])
    for chunk in folder.glob("0/1.*"):
        chunk.write_bytes(b"damaged")
    np.testing.assert_array_equal(pixels[0, 0, 20:50, 60:80], planes[0, 20:50, 60:80])
    with pytest.raises(UnreadableFile):
        pixels[1, 0, 20:50, 60:80]


def test_focal_planes_of_a_window_are_projected_and_checked() -> None:
    stored = RNG.normal(size=(2, 3, 20, 30)).astype(np.float32)
    stored[0, 1, 0, 0] = np.nan
    pixels = LazyPixels(stored.shape, stored.dtype, lambda c, z, rows, columns: stored[c, z, rows, columns])
    place = (slice(4, 9), slice(10, 30))
    np.testing.assert_array_equal(read_window(pixels, [1, 0], place), stored[[1, 0], :, 4:9, 10:].max(axis=1))
    with pytest.raises(BadPixels, match=r"channel 0 of a\.tif has 1 pixels"):
        read_window(pixels, [1, 0], (slice(0, 2), slice(0, 2)), owner="a.tif")


@pytest.mark.parametrize("core", [1, 7, 64, 1000])
def test_moments_are_those_of_numpy(core: int) -> None:
    image = RNG.gamma(2.0, 50.0, (2, 61, 83))
    # A bright image with little contrast, where sums of squares lose all digits.
    image[1] = 1e8 + RNG.normal(0, 1e-2, (61, 83))
    image[1, :30] += 5.0
    mean, sd = streamed_moments(lambda window: image[:, *window], (61, 83), core)
    assert mean.dtype == sd.dtype == np.float64
    np.testing.assert_allclose(mean, image.mean(axis=(1, 2)), rtol=1e-13)
    np.testing.assert_allclose(sd, image.std(axis=(1, 2)), rtol=1e-7)
    np.testing.assert_allclose(sd[0], image[0].std(), rtol=1e-12)


def test_moments_of_nothing_are_refused() -> None:
    with pytest.raises(BadPixels, match="no pixels"):
        streamed_moments(lambda _: np.zeros((1, 0, 5), np.float32), (0, 5))
