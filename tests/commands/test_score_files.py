"""`score`: what can't be scored is refused, and why."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from frugalseg.commands.score_files import score_files
from frugalseg.errors import BadPixels, OutputFailed


def test_a_truth_in_which_nothing_is_annotated_is_no_truth(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), np.int16)
    labels[3:9, 3:9] = 1
    tifffile.imwrite(tmp_path / "a_labels.tif", labels.astype(np.uint16))
    tifffile.imwrite(tmp_path / "truth.tif", np.full_like(labels, -1))
    with pytest.raises(BadPixels, match=r"nothing in the truth truth\.tif is annotated"):
        score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif")
    tifffile.imwrite(tmp_path / "truth.tif", np.where(labels > 0, 1, -1).astype(np.int16))
    assert score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif").mean["cell_miou"].mean == 1


@pytest.mark.parametrize("overwrite", [False, True])
def test_scores_go_into_a_file(tmp_path: Path, overwrite: bool) -> None:
    """What lies at the place of the file is looked at before anything is read."""
    with pytest.raises(OutputFailed, match=r"is a folder, .*; give the name of a file$"):
        score_files("nowhere", "nowhere", json_file=tmp_path, overwrite=overwrite)
