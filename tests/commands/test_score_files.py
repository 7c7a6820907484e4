"""`score`: what can't be scored is refused, and why."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.commands.score_files import score_files
from frugalseg.errors import BadPixels


def test_a_truth_in_which_nothing_is_annotated_is_no_truth(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), np.int16)
    labels[3:9, 3:9] = 1
    tifffile.imwrite(tmp_path / "a_labels.tif", labels.astype(np.uint16))
    tifffile.imwrite(tmp_path / "truth.tif", np.full_like(labels, -1))
    with pytest.raises(BadPixels, match=r"nothing in the truth truth\.tif is annotated"):
        score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif")
    tifffile.imwrite(tmp_path / "truth.tif", np.where(labels > 0, 1, -1).astype(np.int16))
    assert score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif").mean["cell_miou"].mean == 1
