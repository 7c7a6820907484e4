"""Channels that come last, and axes that the user has to state because an image would be a few px wide."""

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from frugalseg.errors import SettingsError, WrongShape
from frugalseg.images.axes import plan_axes
from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image

WRITERS: dict[str, dict[str, Any]] = {
    "shaped": {"photometric": "minisblack"},
    "plain": {"photometric": "minisblack", "metadata": None},
    "contig": {"photometric": "minisblack", "planarconfig": "contig"},
    "compressed": {"photometric": "minisblack", "metadata": None, "compression": "zlib"},
}


def values(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return (np.arange(np.prod(shape)) % 251).reshape(shape).astype(dtype)


def written(path: Path, array: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, array, **(options or WRITERS["plain"]))
    return path


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [2, 3, 4, 5, 12, 16])
def test_channels_last(tmp_path: Path, channels: int, dtype: str, writer: str) -> None:
    stored = values(72, 90, channels, dtype=dtype)
    image = read_image(written(tmp_path / "a.tif", stored, **WRITERS[writer]))
    assert image.channels == tuple(map(str, range(channels)))
    assert image.axes == ("YXS" if writer == "contig" else "YXC")
    assert image.pixels.shape == (channels, 1, 72, 90)
    np.testing.assert_array_equal(np.moveaxis(image.pixels[:, 0], 0, 2), stored)
    np.testing.assert_array_equal(image.pixels[channels - 1, 0, 10:20, 30:90], stored[10:20, 30:90, -1])


def test_a_single_channel_last(tmp_path: Path) -> None:
    stored = values(72, 90, 1)
    for writer in ("shaped", "plain", "compressed"):
        image = read_image(written(tmp_path / f"{writer}.tif", stored, **WRITERS[writer]))
        np.testing.assert_array_equal(image.pixels[...], stored[None, None, ..., 0])


def test_focal_planes_with_channels_last(tmp_path: Path) -> None:
    stored = values(3, 72, 90, 5)
    image = read_image(written(tmp_path / "a.tif", stored, photometric="minisblack"))
    assert image.pixels.shape == (5, 3, 72, 90)
    np.testing.assert_array_equal(image.pixels[4, 2], stored[2, :, :, 4])


@pytest.mark.parametrize(
    ("axes", "shape", "czyx"),
    [
        ("QYX", (256, 256, 5), (5, 1, 256, 256)),
        ("IYX", (64, 1000, 16), (16, 1, 64, 1000)),
        ("QQYX", (1, 256, 256, 5), (5, 1, 256, 256)),
        ("QQYX", (9, 256, 256, 5), (5, 9, 256, 256)),
        ("QYX", (5, 256, 256), (5, 1, 256, 256)),
        ("QYX", (16, 64, 64), (1, 16, 64, 64)),
        ("QYX", (40, 512, 200), (1, 40, 512, 200)),
        ("CYX", (16, 64, 64), (16, 1, 64, 64)),
        ("CYX", (3, 100, 10), (3, 1, 100, 10)),
        ("ZYX", (600, 512, 100), (1, 600, 512, 100)),
        ("YX", (300, 5), (1, 1, 300, 5)),
    ],
)
def test_what_is_understood(axes: str, shape: tuple[int, ...], czyx: tuple[int, ...]) -> None:
    assert plan_axes(axes, shape, "a.tif").czyx == czyx


@pytest.mark.parametrize(
    ("axes", "shape", "understood", "px"),
    [
        ("QYX", (3, 256, 7), "C 3, Y 256, X 7", "7 px wide"),
        ("QYX", (3, 7, 256), "C 3, Y 7, X 256", "7 px high"),
        ("QYX", (256, 256, 17), "Z 256, Y 256, X 17", "17 px wide"),
        ("QYX", (256, 256, 40), "Z 256, Y 256, X 40", "40 px wide"),
        ("QYX", (256, 5, 256), "Z 256, Y 5, X 256", "5 px high"),
        ("IYX", (600, 40, 512), "Z 600, Y 40, X 512", "40 px high"),
        ("QYX", (12, 14, 3), "Z 12, Y 14, X 3", "3 px wide"),
        ("QQYX", (5, 256, 256, 20), "C 5, Z 256, Y 256, X 20", "20 px wide"),
        ("CYX", (256, 256, 5), "C 256, Y 256, X 5", "5 px wide"),
        ("ZYX", (256, 200, 16), "Z 256, Y 200, X 16", "16 px wide"),
    ],
)
def test_images_a_few_px_wide_are_refused(
    axes: str, shape: tuple[int, ...], understood: str, px: str
) -> None:
    with pytest.raises(WrongShape) as caught:
        plan_axes(axes, shape, "a.tif")
    letters = "".join(part[0] for part in understood.split(", "))
    assert str(caught.value) == (
        f"a.tif is of shape {shape}, and understood as {understood} it would be only {px}; say which axis is which, such as "
        f"`axes=YXC`, or `axes={letters}` if that is right"
    )
    assert plan_axes(axes, shape, "a.tif", stated=letters).shape == shape


UNNAMED: tuple[dict[str, Any], ...] = ({}, {"metadata": None})
MISNAMED: tuple[dict[str, Any], ...] = ({"imagej": True}, {"ome": True})
"""tifffile calls the rows of an array channels where nobody tells it the axes."""


@pytest.mark.parametrize(
    ("shape", "stated", "order", "writers"),
    [
        ((100, 110, 24), "YXC", (2, 0, 1), UNNAMED),
        ((100, 5, 110), "YCX", (1, 0, 2), UNNAMED),
        ((100, 110, 5), "YXC", (2, 0, 1), UNNAMED + MISNAMED),
        ((100, 90, 5), "XYC", (2, 1, 0), UNNAMED + MISNAMED),
    ],
)
def test_stated_axes(
    tmp_path: Path,
    shape: tuple[int, ...],
    stated: str,
    order: tuple[int, ...],
    writers: tuple[dict[str, Any], ...],
) -> None:
    stored = values(*shape)
    wanted = stored.transpose(order)
    for number, writer in enumerate(writers):
        path = written(tmp_path / f"{number}.tif", stored, photometric="minisblack", **writer)
        image = read_image(path, axes=stated)
        assert image.pixels.shape == (wanted.shape[0], 1, *wanted.shape[1:])
        np.testing.assert_array_equal(image.pixels[:, 0], wanted)
        np.testing.assert_array_equal(image.pixels[1, 0, 3:9, 40:70], wanted[1, 3:9, 40:70])


def test_axes_that_are_named_and_planes_do_not_need_a_statement(tmp_path: Path) -> None:
    cyx, yx = values(3, 40, 50), values(40, 50)
    ome = written(tmp_path / "a.ome.tif", cyx, metadata={"axes": "CYX"}, photometric="minisblack")
    np.testing.assert_array_equal(read_image(ome, axes="YXC").pixels[:, 0], cyx)
    np.testing.assert_array_equal(read_image(written(tmp_path / "b.tif", yx), axes="YXC").pixels[0, 0], yx)


@pytest.mark.parametrize("axes", ["YXT", "yxc", "YX C", "YC", "YXX", "", "YXCQ"])
def test_statements_that_can_not_be(tmp_path: Path, axes: str) -> None:
    path = written(tmp_path / "a.tif", values(60, 80, 5))
    with pytest.raises(SettingsError, match=r"`axes` is .*such as YXC"):
        read_image(path, axes=axes)
    with pytest.raises(SettingsError, match="`axes` is"):
        open_fields([path], axes=axes)


def test_a_statement_with_too_few_axes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", values(2, 60, 80, 5), photometric="minisblack")
    with pytest.raises(WrongShape, match=r"has 4 axes, .* and `axes` names 3 \(YXC\); name each axis"):
        read_image(path, axes="YXC")
    assert read_image(path, axes="ZYXC").pixels.shape == (5, 2, 60, 80)
    assert read_image(written(tmp_path / "b.tif", values(1, 60, 80, 5)), axes="YXC").pixels.shape == (
        5,
        1,
        60,
        80,
    )


def test_fields_keep_the_statement(tmp_path: Path) -> None:
    """Whether they come of files, a folder, a pattern or a table."""
    stored = values(60, 5, 80)
    written(tmp_path / "a_img.tif", stored)
    (tmp_path / "fields.csv").write_text("field,img\na,a_img.tif#4\n")
    wanted = stored[:, 4]
    for inputs, pattern, channel in (
        (tmp_path / "a_img.tif", None, "4"),
        (tmp_path, "{field}_img.tif", "4"),
        (tmp_path, "{field}_{channel}.tif", "img#4"),
        (tmp_path / "fields.csv", None, "img"),
    ):
        with pytest.raises(WrongShape, match="only 5 px high"):
            open_fields([inputs], pattern=pattern)[0].plane(channel)
        field = open_fields([inputs], pattern=pattern, axes="YCX")[0]
        np.testing.assert_array_equal(field.plane(channel), wanted)
        assert field.pixel_size is None


def test_a_channel_beside_the_colours_is_no_alpha(tmp_path: Path) -> None:
    stored = values(60, 80, 4)
    for extra, names in (("unassalpha", 3), ("assocalpha", 3), ("unspecified", 4)):
        path = written(tmp_path / f"{extra}.tif", stored, photometric="rgb", extrasamples=[extra])
        image = read_image(path)
        assert len(image.channels) == names
        np.testing.assert_array_equal(image.pixels[names - 1, 0], stored[..., names - 1])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_narrow_pngs_name_their_axes(tmp_path: Path, channels: int) -> None:
    stored = values(70, 5, channels, dtype="uint8")
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(stored))
    image = read_image(tmp_path / "a.png")
    assert image.shape == (70, 5)
    np.testing.assert_array_equal(image.pixels[0, 0], stored[..., 0])
