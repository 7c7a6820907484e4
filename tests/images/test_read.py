"""Files as microscopes, ImageJ, tifffile and browsers write them, and files that are damaged."""

import contextlib
import logging
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from frugalseg.errors import UnreadableFile, WrongShape
from frugalseg.images.read import read_image

VALUES = np.random.default_rng(1).integers(0, 60000, (2, 3, 20, 30)).astype(np.uint16)


def test_imagej_hyperstack(tmp_path: Path) -> None:
    path = tmp_path / "ij.tif"
    tifffile.imwrite(
        path,
        VALUES,
        imagej=True,
        resolution=(1 / 0.5, 1 / 0.25),
        metadata={"axes": "ZCYX", "unit": "um", "spacing": 2.0},
    )
    image = read_image(path)
    assert image.pixels.shape == (3, 2, 20, 30)
    assert image.channels == ("0", "1", "2")
    assert image.pixel_size == pytest.approx((0.25, 0.5))
    np.testing.assert_array_equal(image.pixels[...], VALUES.transpose(1, 0, 2, 3))


def test_imagej_slice_labels_name_channels(tmp_path: Path) -> None:
    path = tmp_path / "ij.tif"
    tifffile.imwrite(
        path, VALUES[0], imagej=True, metadata={"axes": "CYX", "Labels": ["phase", "DAPI", "actin"]}
    )
    image = read_image(path)
    assert image.channels == ("phase", "DAPI", "actin")
    assert image.pixel_size is None
    np.testing.assert_array_equal(image.plane("DAPI"), VALUES[0, 1])


def test_ome_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(
        path,
        VALUES,
        compression="zlib",
        tile=(16, 16),
        metadata={
            "axes": "ZCYX",
            "Channel": {"Name": ["phase", "DAPI", "actin"]},
            "PhysicalSizeX": 650.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.7,
            "PhysicalSizeYUnit": "µm",
        },
    )
    image = read_image(path)
    assert image.channels == ("phase", "DAPI", "actin")
    assert image.pixel_size == pytest.approx((0.7, 0.65))
    np.testing.assert_array_equal(image.pixels[2, 1], VALUES[1, 2])
    np.testing.assert_array_equal(image.plane("actin"), VALUES[:, 2].max(axis=0))


def test_channels_saved_last(tmp_path: Path) -> None:
    path = tmp_path / "last.tif"
    tifffile.imwrite(path, np.moveaxis(VALUES[0, :2], 0, 2), photometric="minisblack")
    image = read_image(path)
    assert image.pixels.shape == (2, 1, 20, 30)
    np.testing.assert_array_equal(image.pixels[1, 0], VALUES[0, 1])


def test_numpy_stack_of_three_is_no_colour_image(tmp_path: Path) -> None:
    path = tmp_path / "three.tif"
    tifffile.imwrite(path, VALUES[0], photometric="rgb", planarconfig="separate")
    image = read_image(path)
    assert image.channels == ("0", "1", "2")
    np.testing.assert_array_equal(image.pixels[2, 0], VALUES[0, 2])


@pytest.mark.parametrize(
    "shape", [(1, 20, 30), (20, 30, 1), (1, 20, 30, 1), (20, 30, 1, 1), (20, 1, 1), (1, 1, 30, 1)]
)
@pytest.mark.parametrize(
    "stored", [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"rowsperstrip": 4, "compression": "zlib"}]
)
def test_axes_of_length_1_are_read(tmp_path: Path, shape: tuple[int, ...], stored: dict[str, object]) -> None:
    """Masks are often saved as (Y, X, 1), of which the file keeps a page (Y, X)."""
    pixels = np.random.default_rng(0).integers(0, 250, shape).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, **stored)  # type: ignore[arg-type]
    image = read_image(tmp_path / "a.tif")
    plane = image.pixels[0, 0]
    np.testing.assert_array_equal(plane.ravel(), pixels.ravel())
    assert plane.shape == image.shape
    np.testing.assert_array_equal(image.pixels[0, 0, :7, :9], plane[:7, :9])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64"])
def test_any_number_type(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.tif"
    stored = (VALUES[0, 0] // 300).astype(dtype)
    tifffile.imwrite(path, stored, byteorder=">", compression="zlib", predictor=True)
    image = read_image(path)
    assert image.pixels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.pixels[0, 0], stored)


def test_rgb_tiff_with_alpha(tmp_path: Path) -> None:
    path = tmp_path / "rgba.tif"
    colours = (VALUES[0, 0, :, :, None] % 250 + np.arange(4)).astype(np.uint8)
    tifffile.imwrite(path, colours, photometric="rgb", extrasamples=["unassalpha"])
    image = read_image(path)
    assert image.channels == ("red", "green", "blue")
    np.testing.assert_array_equal(image.pixels[1, 0], colours[..., 1])


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        ((20, 30), ("0",)),
        ((20, 30, 2), ("0",)),
        ((20, 30, 3), ("red", "green", "blue")),
        ((20, 30, 4), ("red", "green", "blue")),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png(tmp_path: Path, shape: tuple[int, ...], names: tuple[str, ...], dtype: type) -> None:
    stored = np.random.default_rng(2).integers(0, 255, shape).astype(dtype)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(stored))
    image = read_image(path)
    assert image.channels == names
    assert image.pixels.shape == (len(names), 1, 20, 30)
    for i in range(len(names)):
        np.testing.assert_array_equal(image.pixels[i, 0], stored.reshape(20, 30, -1)[..., i])


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        ((10000 / 0.65, 10000 / 0.65), "CENTIMETER", (0.65, 0.65)),
        ((72, 72), "INCH", None),
        ((300, 300), "INCH", None),
        ((1, 1), "NONE", None),
    ],
)
def test_resolution_tags_are_used_where_plausible(
    tmp_path: Path, resolution: tuple[float, float], unit: str, size: tuple[float, float] | None
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VALUES[0, 0], resolution=resolution, resolutionunit=unit)
    assert read_image(path).pixel_size == (pytest.approx(size) if size else None)


def test_a_pyramid_gives_its_full_resolution(tmp_path: Path) -> None:
    path = tmp_path / "p.ome.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(VALUES[0, 0], subifds=1, metadata={"axes": "YX"})
        writer.write(VALUES[0, 0, ::2, ::2], subfiletype=1)
    image = read_image(path)
    assert image.shape == (20, 30)
    np.testing.assert_array_equal(image.pixels[0, 0], VALUES[0, 0])


def test_listing_does_not_read_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VALUES, imagej=True, metadata={"axes": "ZCYX"}, compression="zlib")
    pages: list[int] = []
    whole = tifffile.TiffPage.asarray
    monkeypatch.setattr(
        tifffile.TiffPage,
        "asarray",
        lambda self, **options: pages.append(self.index) or whole(self, **options),
    )
    monkeypatch.setattr(
        tifffile.TiffPageSeries, "asarray", lambda *_, **__: pytest.fail("the whole file was read")
    )
    image = read_image(path)
    assert pages == []
    np.testing.assert_array_equal(image.pixels[2, 1], VALUES[1, 2])
    assert len(pages) == 1


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_a_stack_behind_a_single_page(tmp_path: Path, byteorder: str) -> None:
    """How ImageJ saves more than 4 GB: one page, all planes after it; they are not read at once."""
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, VALUES, imagej=True, byteorder=">", metadata={"axes": "ZCYX"}, truncate=True)
    if byteorder == "<":
        tifffile.imwrite(
            path, VALUES, byteorder="<", metadata={"axes": "ZCYX"}, truncate=True, photometric="minisblack"
        )
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels[...], VALUES.transpose(1, 0, 2, 3))
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(UnreadableFile, match="cut short"):
        read_image(path).pixels[2, 1]


def damaged(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.tif"
    tifffile.imwrite(
        path, np.random.default_rng(3).integers(0, 9999, (64, 64)).astype(np.uint16), compression="zlib"
    )
    content = path.read_bytes()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("this is no image")
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "header":
        path.write_bytes(content[:8])
    elif kind == "flipped":
        middle = len(content) // 2
        path.write_bytes(
            content[:middle]
            + bytes(255 - b for b in content[middle : middle + 400])
            + content[middle + 400 :]
        )
    return path


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "header", "flipped"])
def test_damaged_tiff_gives_one_sentence(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = damaged(kind, tmp_path)
    with pytest.raises(UnreadableFile) as caught:
        read_image(path).plane(0)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    words = {"empty": "is empty (0 bytes)", "text": "neither a TIFF nor a PNG", "header": "holds no image"}
    assert words.get(kind, "damaged or cut short") in message
    # tifffile's own complaints stay out of the terminal, and its logger is left as it was.
    assert capfd.readouterr().err == ""
    assert not caplog.records
    assert not logging.getLogger("tifffile").filters


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95, 0.999])
@pytest.mark.parametrize("kind", ["imagej", "ome", "plain", "shaped"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_no_plane_is_lost_unnoticed(tmp_path: Path, kind: str, compression: str | None, kept: float) -> None:
    """Reading with tifffile goes on with the planes that are left of a file that is cut short."""
    path = tmp_path / "a.tif"
    options: dict = {"imagej": {"imagej": True}, "ome": {"ome": True}, "plain": {"metadata": None}}.get(
        kind, {}
    )
    tifffile.imwrite(path, VALUES[0, :, :, :], photometric="minisblack", compression=compression, **options)
    assert read_image(path).pixels.shape == (3, 1, 20, 30)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    lost_nothing = False
    with contextlib.suppress(UnreadableFile):
        read = np.asarray(read_image(path).pixels[...])
        np.testing.assert_array_equal(read[:, 0], VALUES[0])
        lost_nothing = True
    # The last bytes may be of a tag that is not needed.
    assert not lost_nothing or kept > 0.99


def test_truncated_uncompressed_tiff(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, VALUES[0, 0])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableFile, match="cut short"):
        read_image(path).plane(0)


def test_damaged_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(VALUES[0, 0])[:200])
    with pytest.raises(UnreadableFile, match="can't be read as a PNG"):
        read_image(path)


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really_png.tif"
    path.write_bytes(imagecodecs.png_encode(VALUES[0, 0]))
    np.testing.assert_array_equal(read_image(path).pixels[0, 0], VALUES[0, 0])


def test_what_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="does not exist"):
        read_image(tmp_path / "a.tif")
    (tmp_path / "a.czi").write_bytes(b"x")
    with pytest.raises(UnreadableFile, match="format that is not read; TIFF, OME-TIFF, PNG and OME-Zarr are"):
        read_image(tmp_path / "a.czi")
    tifffile.imwrite(tmp_path / "t.tif", VALUES[0], imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(WrongShape, match="3 time points"):
        read_image(tmp_path / "t.tif")


def test_two_images_in_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(VALUES[0, 0])
        writer.write(VALUES[0, 0, :15])
    with pytest.raises(UnreadableFile, match=r"2 images of different kinds \(20 x 30, 15 x 30\)"):
        read_image(path)
    with tifffile.TiffWriter(path, ome=True) as writer:
        for _ in range(3):
            writer.write(VALUES[0, 0])
    with pytest.raises(
        UnreadableFile,
        match=r"3 images of one size \(20 x 30\), such as positions; save each as its own file",
    ):
        read_image(path)


def test_start_up_stays_light() -> None:
    code = (
        "import sys, frugalseg.images.fields, frugalseg.images.write, frugalseg.images.resize;"
        "print([m for m in ('torch', 'dask', 'skimage', 'sklearn', 'zarr', 'tifffile', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
