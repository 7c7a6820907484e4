"""Letters with accents, which are one character here and two there (macOS)."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.images.fields import open_fields

GREY = np.arange(12, dtype=np.uint16).reshape(3, 4)


@pytest.mark.parametrize(("on_disk", "typed"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFC", "NFC")])
def test_either_spelling_finds_the_file(tmp_path: Path, on_disk: str, typed: str) -> None:
    name = unicodedata.normalize(on_disk, "Zelle ü_phase.tif")
    tifffile.imwrite(tmp_path / name, GREY)
    [field] = open_fields([tmp_path], pattern=unicodedata.normalize(typed, "{field} ü_{channel}.tif"))
    assert field.name == "Zelle"
    np.testing.assert_array_equal(field.plane("phase"), GREY)
    table = tmp_path / "fields.csv"
    table.write_text(
        unicodedata.normalize(typed, "field,phase,dapi\na,Zelle ü_phase.tif,Zelle ü_phase.tif#0\n")
    )
    [field] = open_fields([table])
    for channel in ("phase", "dapi"):
        np.testing.assert_array_equal(field.plane(channel), GREY)
