"""OME-TIFF over several files: each names the others, and may hold a part of an image or one image of several."""

from pathlib import Path

import numpy as np
import tifffile

from frugalseg.images.fields import open_fields
from frugalseg.images.read import read_image

VALUES = np.random.default_rng(1).integers(0, 60000, (2, 2, 20, 30)).astype(np.uint16)


def test_ome_tiff_over_two_files(tmp_path: Path) -> None:
    """Each file holds one channel and names the other; opening either gives both."""
    names = ["c0.ome.tif", "c1.ome.tif"]
    uuids = [f"urn:uuid:{i:08d}-0000-0000-0000-000000000000" for i in range(2)]
    data = "".join(
        f'<TiffData IFD="0" FirstC="{i}" PlaneCount="1"><UUID FileName="{names[i]}">{uuids[i]}</UUID></TiffData>'
        for i in range(2)
    )
    for i in range(2):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuids[i]}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="30" SizeY="20" '
            'SizeC="2" SizeZ="1" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5">'
            '<Channel ID="Channel:0:0" Name="phase" SamplesPerPixel="1"/>'
            f'<Channel ID="Channel:0:1" Name="DAPI" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / names[i], VALUES[0, i], description=xml, metadata=None)
    image = read_image(tmp_path / names[0])
    assert image.channels == ("phase", "DAPI")
    assert image.pixel_size == (0.5, 0.5)
    np.testing.assert_array_equal(image.plane("phase"), VALUES[0, 0])
    np.testing.assert_array_equal(image.plane("DAPI"), VALUES[0, 1])
    table = open_fields([tmp_path])  # one image is one field, however many files it has
    assert [(field.name, field.columns) for field in table] == [("c0", ("phase", "DAPI"))]
    assert table.notes == (
        "c1.ome.tif was left out: it holds a part of the image of field 'c0', by the file of that field",
    )


def _set_of_two_positions(folder: Path) -> list[Path]:
    """Each file holds one position, and both tell of both, as Micro-Manager writes them; sizes of pixels differ."""
    paths = [folder / f"MMStack_Pos{i}.ome.tif" for i in range(2)]
    uuids = [f"urn:uuid:{i:08d}-0000-0000-0000-000000000000" for i in range(2)]
    positions = "".join(
        f'<Image ID="Image:{i}" Name="Pos{i}"><Pixels ID="Pixels:{i}" DimensionOrder="XYCZT" Type="uint16" SizeX="30" SizeY="20" '
        f'SizeC="2" SizeZ="1" SizeT="1" PhysicalSizeX="{0.5 + i}" PhysicalSizeY="{0.5 + i}">'
        f'<Channel ID="Channel:{i}:0" Name="phase {i}" SamplesPerPixel="1"/><Channel ID="Channel:{i}:1" Name="DAPI" SamplesPerPixel="1"/>'
        + "".join(
            f'<TiffData IFD="{c}" FirstC="{c}" PlaneCount="1"><UUID FileName="{paths[i].name}">{uuids[i]}</UUID></TiffData>'
            for c in range(2)
        )
        + "</Pixels></Image>"
        for i in range(2)
    )
    for i, path in enumerate(paths):
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuids[i]}">'
            f"{positions}</OME>"
        )
        tifffile.imwrite(path, VALUES[i], description=xml, metadata=None, photometric="minisblack")
    return paths


def test_a_file_of_one_position_that_tells_of_all_is_that_position(tmp_path: Path) -> None:
    for i, path in enumerate(_set_of_two_positions(tmp_path)):
        image = read_image(path)
        assert image.channels == (f"phase {i}", "DAPI")
        assert image.pixel_size == (0.5 + i, 0.5 + i)
        np.testing.assert_array_equal(image.pixels[:, 0], VALUES[i])
        assert image.files == ()
    assert [field.name for field in open_fields([tmp_path])] == ["MMStack_Pos0", "MMStack_Pos1"]
