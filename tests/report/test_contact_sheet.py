"""A sheet of pictures: each in its place, with its outlines and its title."""

from pathlib import Path

import cv2
import numpy as np

from frugalseg.report.contact_sheet import (
    GAP,
    NARROWEST,
    SIDE,
    TITLE,
    contact_sheet,
    write_contact_sheet,
)
from frugalseg.report.svg_outlines import PALETTE


def test_every_picture_is_in_its_place_with_outlines_and_title(tmp_path: Path) -> None:
    labels = np.zeros((40, 60), int)
    labels[10:20, 10:30] = 3
    pictures = [(f"{at} é", np.full((40, 60), at / 4), labels) for at in range(1, 4)]
    sheet = contact_sheet(pictures)
    height, width = TITLE + 40 + GAP, NARROWEST
    assert sheet.shape == (GAP + 2 * height, GAP + 2 * width, 3)
    for at, (row, column) in enumerate([(0, 0), (0, 1), (1, 0)], start=1):
        top, left = GAP + row * height + TITLE, GAP + column * width
        shown = sheet[top : top + 40, left : left + 60]
        assert np.array_equal(shown[30, 30], [round(255 * at / 4)] * 3)
        assert shown[10, 15].tobytes().hex() == PALETTE[0][1:]
        assert np.array_equal(shown[15, 20], shown[30, 30])  # inside of the object
        assert sheet[top - TITLE : top, left : left + 60].max() > 200
    assert sheet[GAP + height :, GAP + width :].max() == 0
    write_contact_sheet(tmp_path / "sheet.png", pictures)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "sheet.png"))[..., ::-1], sheet)


def test_a_large_picture_is_shrunk() -> None:
    sheet = contact_sheet([("a", np.full((2 * SIDE, SIDE), 1.0), np.zeros((2 * SIDE, SIDE), int))])
    part = sheet[GAP + TITLE : GAP + TITLE + SIDE, GAP:]
    assert part[:, : SIDE // 2].min() == 255
    assert part.shape[1] == SIDE // 2 + GAP
    assert part[:, SIDE // 2 :].max() == 0
