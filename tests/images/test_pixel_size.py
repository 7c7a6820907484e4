"""Pixel sizes as OME, ImageJ, TIFF tags and OME-Zarr state them; what can't be parsed is unknown, and the pixels are read."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.images.fields import open_fields
from frugalseg.images.pixel_size import doubt_about_size, parse_size, unit_in_um
from frugalseg.images.read import read_image
from frugalseg.images.write import write_image, write_labels
from frugalseg.runs.field_arrays import learned_pixel_size

GREY = np.random.default_rng(1).integers(0, 60000, (20, 30)).astype(np.uint16)


def size_of(path: Path) -> tuple[float, float] | None:
    image = read_image(path)
    np.testing.assert_array_equal(image.pixels[0, 0], GREY)
    return image.pixel_size


def ome(path: Path, attributes: str) -> Path:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="30" SizeY="20" SizeC="1" '
        f'SizeZ="1" SizeT="1" {attributes}><Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(path, GREY, description=xml.encode(), metadata=None)
    return path


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        *[("Ym", 1e30), ("Mm", 1e12), ("km", 1e9), ("hm", 1e8), ("dam", 1e7), ("m", 1e6), ("dm", 1e5)],
        *[
            ("cm", 1e4),
            ("mm", 1e3),
            ("µm", 1),
            ("μm", 1),
            ("um", 1),
            ("nm", 1e-3),
            ("pm", 1e-6),
            ("ym", 1e-18),
        ],
        *[("Å", 1e-4), ("\u212b", 1e-4), ("thou", 25.4), ("li", 25400 / 12), ("in", 25400), ("ft", 304800)],
        *[("yd", 914400), ("mi", 1609344000), ("pt", 25400 / 72), ("ly", 9.4607304725808e21)],
        *[
            ("micron", 1),
            ("microns", 1),
            ("Micrometers", 1),
            ("micrometre", 1),
            ("µ", 1),
            (" um ", 1),
            ("UM", 1),
        ],
        *[("\\u00B5m", 1), ("\\u03BCm", 1), ("\\u00b5m", 1), ("inch", 25400), ("inches", 25400)],
        *[
            ("nanometer", 1e-3),
            ("nanometers", 1e-3),
            ("millimeter", 1e3),
            ("angstrom", 1e-4),
            ("decimeter", 1e5),
        ],
    ],
)
def test_units(unit: str, um: float) -> None:
    assert unit_in_um(unit) == pytest.approx(um, rel=1e-9)


@pytest.mark.parametrize(
    "unit", ["pixel", "pixels", "reference frame", "", "None", None, "sec", "inf", "K", 5]
)
def test_what_is_no_unit_of_length(unit: object) -> None:
    assert math.isnan(unit_in_um(unit))


@pytest.mark.parametrize(
    "value", ["0,325", "0.325 um", "1_0", "nan", "inf", "", "x", None, True, (1, 2), b"1"]
)
def test_what_is_no_number(value: object) -> None:
    assert math.isnan(parse_size(value))
    assert [parse_size(text) for text in ("0.325", " 3.25e-1", ".325", 0.325)] == [0.325] * 4


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('PhysicalSizeX="650" PhysicalSizeXUnit="nm"', (0.65, 0.65)),
        ('PhysicalSizeY="650" PhysicalSizeYUnit="nm"', (0.65, 0.65)),
        ('PhysicalSizeX="650" PhysicalSizeXUnit="nm" PhysicalSizeY="325"', (0.325, 0.65)),
        ('PhysicalSizeX="325" PhysicalSizeY="650" PhysicalSizeYUnit="nm"', (0.65, 0.325)),
        ('PhysicalSizeX="0.65" PhysicalSizeY="650" PhysicalSizeYUnit="nm"', (0.65, 0.65)),
        ('PhysicalSizeX="0.65"', (0.65, 0.65)),
        ('PhysicalSizeX="0.65" PhysicalSizeY="0.325"', (0.325, 0.65)),
        ('PhysicalSizeX="0.65" PhysicalSizeXUnit="" PhysicalSizeY=""', (0.65, 0.65)),
        (
            'PhysicalSizeX="6500" PhysicalSizeXUnit="Å" PhysicalSizeY="0.65" PhysicalSizeYUnit="μm"',
            (0.65, 0.65),
        ),
        (
            'PhysicalSizeX="0.65" PhysicalSizeXUnit="mm" PhysicalSizeY="0.65" PhysicalSizeYUnit="µm"',
            (0.65, 650),
        ),
        ('PhysicalSizeX="0.65" PhysicalSizeXUnit="pixel"', None),
        ('PhysicalSizeX="0.65" PhysicalSizeXUnit="pixel" PhysicalSizeY="0.65"', None),
        ('PhysicalSizeX="0,325" PhysicalSizeY="0,325"', None),
        ('PhysicalSizeX="0.325" PhysicalSizeY="0,325"', None),
        ('PhysicalSizeX="0" PhysicalSizeY="0.65"', None),
        ('PhysicalSizeX="-0.65" PhysicalSizeY="0.65"', None),
        ('PhysicalSizeX="INF" PhysicalSizeY="0.65"', None),
        ('PhysicalSizeX="1e999"', None),
        ('PhysicalSizeX="NaN" PhysicalSizeY="0.65"', None),
        ("", None),
    ],
)
def test_ome(tmp_path: Path, attributes: str, size: tuple[float, float] | None) -> None:
    assert size_of(ome(tmp_path / "a.ome.tif", attributes)) == (pytest.approx(size) if size else None)


@pytest.mark.parametrize(
    ("metadata", "size"),
    [
        ({"unit": "um"}, (0.5, 0.25)),
        ({"unit": "\\u00B5m"}, (0.5, 0.25)),
        ({"unit": "micron"}, (0.5, 0.25)),
        ({"unit": "nm"}, (0.5e-3, 0.25e-3)),
        ({"unit": "cm"}, (5000, 2500)),
        ({"unit": "um", "yunit": "nm"}, (0.5e-3, 0.25)),
        ({"unit": "nm", "yunit": "um"}, (0.5, 0.25e-3)),
        ({"unit": "micron", "yunit": "\\u00B5m"}, (0.5, 0.25)),
        ({"unit": "um", "yunit": "pixel"}, None),
        ({"unit": "pixel"}, None),
        ({"unit": "inch"}, None),  # 6 mm: more than 20 um
        ({}, None),
    ],
)
def test_imagej(tmp_path: Path, metadata: dict[str, Any], size: tuple[float, float] | None) -> None:
    path = tmp_path / "ij.tif"
    tifffile.imwrite(path, GREY, imagej=True, resolution=(4, 2), metadata=metadata)
    assert size_of(path) == (pytest.approx(size) if size else None)


@pytest.mark.parametrize("unit", ["µm".encode(), "μm".encode(), "µm".encode("latin-1")])
def test_imagej_with_an_unescaped_micro_sign(tmp_path: Path, unit: bytes) -> None:
    path = tmp_path / "ij.tif"
    text = b"ImageJ=1.53t\nimages=1\nunit=" + unit + b"\n"
    tifffile.imwrite(path, GREY, resolution=(4, 2), description=text, metadata=None)
    assert size_of(path) == pytest.approx((0.5, 0.25))


def test_imagej_that_misses_the_unit_of_x(tmp_path: Path) -> None:
    path = tmp_path / "ij.tif"
    tifffile.imwrite(path, GREY, imagej=True, resolution=(4, 4), metadata={"yunit": "um"})
    assert size_of(path) == pytest.approx((0.25, 0.25))


@pytest.mark.parametrize(
    ("resolution", "unit", "size"),
    [
        ((1e4 / 0.65, 1e4 / 0.325), "CENTIMETER", (0.325, 0.65)),
        ((25400 / 0.5, 25400 / 0.5), "INCH", (0.5, 0.5)),
        ((25400 / 19, 25400 / 19), "INCH", (19, 19)),
        ((96, 96), "INCH", None),
        ((28.35, 28.35), "CENTIMETER", None),  # 72 dpi
        ((1e4, 1e4), "NONE", None),
    ],
)
def test_resolution_tags(
    tmp_path: Path, resolution: tuple[float, float], unit: str, size: tuple[float, float] | None
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, resolution=resolution, resolutionunit=unit)
    assert size_of(path) == (pytest.approx(size, rel=1e-4) if size else None)


@pytest.mark.parametrize(
    "tags",
    [
        {"XResolution": ("f", 15384.6), "YResolution": ("f", 15384.6)},
        {"XResolution": ("H", 15384), "YResolution": ("H", 15384)},
        {"XResolution": ("s", "15384.6"), "YResolution": ("s", "15384.6")},
        {"YResolution": ("s", "x")},
        {"YResolution": ("f", 15384.6)},
        {"XResolution": ("2I", (1, 2, 3, 4))},
        {"XResolution": ("2I", (0, 0)), "YResolution": ("2I", (0, 1))},
        {"XResolution": ("2I", (1, 0)), "YResolution": ("2I", (1, 0))},
        {"XResolution": ("2i", (-15384, 1)), "YResolution": ("2i", (-15384, 1))},
        {"ResolutionUnit": ("s", "cm")},
        {"ResolutionUnit": ("H", 7)},
        {"ResolutionUnit": ("H", (3, 3))},
    ],
    ids=str,
)
def test_odd_tags(tmp_path: Path, tags: dict[str, tuple[str, Any]]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, resolution=(1e4 / 0.65, 1e4 / 0.65), resolutionunit="CENTIMETER")
    assert size_of(path) == pytest.approx((0.65, 0.65))
    with tifffile.TiffFile(path, mode="r+") as file:
        for name, (dtype, value) in tags.items():
            file.pages.first.tags[name].overwrite(value, dtype=dtype)
    assert size_of(path) is None


def zarr_image(
    folder: Path, units: tuple[str | None, str | None], scale: Any = (0.5, 0.25), transforms: Any = None
) -> Path:
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    group.create_array("0", data=GREY)
    axes = [
        {"name": name, "type": "space", **({"unit": unit} if unit else {})}
        for name, unit in zip("yx", units, strict=True)
    ]
    steps = [{"type": "scale", "scale": list(scale)}] if transforms is None else transforms
    levels = [{"path": "0", "coordinateTransformations": steps}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return folder


@pytest.mark.parametrize(
    ("units", "scale", "size"),
    [
        (("micrometer", "micrometer"), (0.5, 0.25), (0.5, 0.25)),
        (("nanometer", None), (500, 250), (0.5, 0.25)),
        ((None, "nanometer"), (500, 250), (0.5, 0.25)),
        (("angstrom", "nanometer"), (5000, 250), (0.5, 0.25)),
        (("µm", "micron"), (0.5, 0.25), (0.5, 0.25)),
        ((None, None), (0.5, 0.25), None),
        (("pixel", "micrometer"), (0.5, 0.25), None),
        (("micrometer", "micrometer"), ("0,5", 0.25), None),
        (("micrometer", "micrometer"), (0, 0.25), None),
        (("micrometer", "micrometer"), (0.5, -0.25), None),
        (("micrometer", "micrometer"), (0.5,), None),
        (("micrometer", "micrometer"), (None, 0.25), None),
    ],
)
def test_ome_zarr(tmp_path: Path, units: Any, scale: Any, size: tuple[float, float] | None) -> None:
    assert size_of(zarr_image(tmp_path / "a.zarr", units, scale)) == (pytest.approx(size) if size else None)


@pytest.mark.parametrize(
    "transforms", [[], [{"type": "identity"}], [{"type": "scale"}], [{"type": "scale", "scale": 3}], "x", [1]]
)
def test_ome_zarr_whose_scale_can_not_be_understood(tmp_path: Path, transforms: Any) -> None:
    um = ("micrometer", "micrometer")
    assert size_of(zarr_image(tmp_path / "a.zarr", um, transforms=transforms)) is None


@pytest.mark.parametrize("size", [(0.65, 0.65), (0.5, 1.0), (20.0, 20.0), (0.01, 0.02), None])
def test_sizes_that_can_be_right(size: tuple[float, float] | None) -> None:
    assert doubt_about_size(size) is None


@pytest.mark.parametrize("size", [(650, 0.65), (0.3, 0.65), (21, 21), (0.009, 0.009), (1e-30, 1e-30)])
def test_sizes_that_can_hardly_be_right(size: tuple[float, float]) -> None:
    doubt = doubt_about_size(size)
    assert doubt is not None
    assert f"{size[0]:.4g} um high and {size[1]:.4g} um wide" in doubt


@pytest.mark.parametrize("size", [(650, 0.65), (1e-12, 1e-12), (1e12, 1e12)])
def test_doubtful_sizes_can_be_written(tmp_path: Path, size: tuple[float, float]) -> None:
    write_labels(tmp_path / "a_labels.tif", GREY.astype(int), pixel_size=size)
    assert size_of(tmp_path / "a_labels.tif") == pytest.approx(size)


def test_models_learn_at_no_size_that_can_not_be(tmp_path: Path) -> None:
    rows = ["field,phase"]
    for name, size in (("a", 6.5e-7), ("b", 0.5), ("c", 4e6)):
        write_image(
            tmp_path / f"{name}.tif",
            np.ones((1, 8, 8), np.uint16),
            channels=["phase"],
            pixel_size=(size, size),
        )
        rows.append(f"{name},{name}.tif")
    (tmp_path / "fields.csv").write_text("\n".join(rows) + "\n")
    fields = tuple(open_fields([tmp_path / "fields.csv"]))
    assert learned_pixel_size(fields) == pytest.approx((0.5, 0.5))
    assert learned_pixel_size(fields[::2]) is None
    assert doubt_about_size(fields[0].pixel_size) is not None
