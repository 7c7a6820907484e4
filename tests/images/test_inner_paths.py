"""A path that stands in an image leads nowhere but into the image's own folder."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from frugalseg.errors import UnreadableFile
from frugalseg.images.fields import open_fields
from frugalseg.images.inner_paths import inner_path
from frugalseg.images.read import read_image

PLANE = np.arange(12, dtype=np.uint16).reshape(3, 4)
SECRET = PLANE + 500
OUTSIDE = ("../secret", "a/../../secret", "/secret", "..\\secret", "C:\\secret", "C:secret", "..", "a\0b")
XML = (
    '<?xml version="1.0"?>{entity}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{own}><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="4" SizeY="3" SizeC="2" SizeZ="1" SizeT="1">'
    '<Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>'
    '<TiffData IFD="0" FirstC="0" PlaneCount="1"><UUID FileName="{first}">urn:uuid:1</UUID></TiffData>'
    '<TiffData IFD="0" FirstC="1" PlaneCount="1"><UUID FileName="{second}">urn:uuid:2</UUID></TiffData>'
    "</Pixels></Image></OME>"
)


def group(folder: Path, plane: np.ndarray = PLANE, **metadata: object) -> Path:
    """An OME-Zarr image of one level, or with other metadata."""
    made = zarr.open_group(folder, mode="w", zarr_format=3)
    made.create_array("0", data=plane)
    scale = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": "0"}]}
    made.attrs["ome"] = metadata or {"version": "0.5", "multiscales": [scale]}
    return folder


@pytest.mark.parametrize("name", [*OUTSIDE, 7, None])
def test_what_leads_out_is_refused(name: object) -> None:
    with pytest.raises(UnreadableFile, match=r"a\.zarr names .*outside its own folder"):
        inner_path(Path("a.zarr"), name, Path("a.zarr"))


@pytest.mark.parametrize("name", ["0", "A/1/0", "a..b", "...", "./0", "ab:c"])
def test_what_stays_inside_is_kept(name: str) -> None:
    assert inner_path(Path("a.zarr"), name, Path("a.zarr")) == Path("a.zarr") / name


@pytest.mark.parametrize("relative", [True, False])
def test_the_array_of_an_image(tmp_path: Path, relative: bool) -> None:
    secret = group(tmp_path / "secret.zarr", SECRET)
    path = "../secret.zarr/0" if relative else str(secret / "0")
    scale = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [{"path": path}]}
    image = group(tmp_path / "a.zarr", multiscales=[scale])
    with pytest.raises(UnreadableFile, match=r"a\.zarr names .*secret.*outside its own folder"):
        read_image(image)


def test_the_labels_of_an_image(tmp_path: Path) -> None:
    group(tmp_path / "secret.zarr", SECRET)
    image = group(tmp_path / "a.zarr")
    labels = zarr.open_group(image / "labels", mode="w", zarr_format=3)
    group(image / "labels" / "cells", SECRET)
    labels.attrs["ome"] = {"labels": ["cells"]}
    np.testing.assert_array_equal(open_fields([image])[0].labels("cells"), SECRET)
    labels.attrs["ome"] = {"labels": ["cells", "../../secret.zarr"]}
    with pytest.raises(UnreadableFile, match=r"labels names '\.\./\.\./secret\.zarr'"):
        open_fields([image])


@pytest.mark.parametrize(
    ("well", "image"),
    [("../secret", "0"), ("A/1", "../../../secret/0"), ("/secret", "0"), ("A/1", "/secret")],
)
def test_the_wells_and_images_of_a_plate(tmp_path: Path, well: str, image: str) -> None:
    group(tmp_path / "secret" / "0", SECRET)
    plate = group(tmp_path / "p.zarr", plate={"wells": [{"path": well}]})
    group(plate / "A" / "1", well={"images": [{"path": image}]})
    with pytest.raises(UnreadableFile, match="outside its own folder"):
        open_fields([plate])


def ome_tiff(
    path: Path, first: str, second: str, own: str = ' UUID="urn:uuid:1"', entity: str = "", tag: str = "UUID"
) -> Path:
    """The first file of a set of two, one channel each."""
    text = XML.format(first=first, second=second, own=own, entity=entity)
    text = text.replace("<UUID ", f"<{tag} ").replace("</UUID>", f"</{tag}>")
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, PLANE, description=text, metadata=None)
    return path


@pytest.mark.parametrize("own", [' UUID="urn:uuid:1"', ""])
def test_the_files_of_an_ome_tiff(tmp_path: Path, own: str) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", SECRET)
    for name in ("../secret.tif", str(tmp_path / "secret.tif")):
        path = ome_tiff(tmp_path / "set" / "a.ome.tif", "a.ome.tif", name, own)
        with pytest.raises(UnreadableFile, match=r"a\.ome\.tif names .*secret\.tif', which is outside"):
            read_image(path)
        path = ome_tiff(path, "a.ome.tif", name, own, tag="aUUID")  # tifffile asks only how the tag ends
        with pytest.raises(UnreadableFile, match="outside its own folder"):
            read_image(path)
    (tmp_path / "set" / "more").mkdir()
    for name in ("b.tif", "more/b.tif"):
        tifffile.imwrite(tmp_path / "set" / name, SECRET)
        path = ome_tiff(tmp_path / "set" / "a.ome.tif", "a.ome.tif", name, own)
        np.testing.assert_array_equal(read_image(path).pixels[:, 0], [PLANE, SECRET])


def test_what_an_ome_tiff_calls_itself_does_not_matter(tmp_path: Path) -> None:
    """It was moved since it was written; its own name is never opened."""
    path = ome_tiff(tmp_path / "a.ome.tif", "D:\\data\\old.ome.tif", "b.tif")
    tifffile.imwrite(tmp_path / "b.tif", SECRET)
    np.testing.assert_array_equal(read_image(path).pixels[:, 0], [PLANE, SECRET])


def test_a_path_hidden_in_an_entity_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", SECRET)
    entity = '<!DOCTYPE OME [<!ENTITY up "../secret.tif">]>'
    path = ome_tiff(tmp_path / "set" / "a.ome.tif", "a.ome.tif", "&up;", entity=entity)
    with pytest.raises(UnreadableFile, match="XML entities"):
        read_image(path)


def test_the_index_of_an_ndtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    monkeypatch.setattr(tifffile.TiffFile, "is_ndtiff", True)
    monkeypatch.setattr(tifffile, "read_ndtiff_index", lambda _: iter([({}, "../secret.tif", 0)]))
    with pytest.raises(UnreadableFile, match=r"NDTiff\.index names '\.\./secret\.tif'"):
        read_image(tmp_path / "a.tif")
