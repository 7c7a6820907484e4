"""What the classical methods are given, so that they are judged fairly."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from frugalseg.workflows import judging
from frugalseg.workflows.cues import CueSettings, find_cues, marker_sample

from frugalseg.commands.score_files import score_files
from frugalseg.errors import BadPixels
from frugalseg.images.fields import open_fields
from frugalseg.runs.synthetic_set import write_synthetic_set


def test_baselines_get_our_cues_and_the_root_of_the_grey_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_synthetic_set(tmp_path, 1, shape=(96, 120), n_cells=6, seed=1)
    field = open_fields([tmp_path / "fields.csv"])[0]
    cues = find_cues(field, CueSettings(cells=("cytoplasm",), nuclei="nuclear"))
    sample, truth = marker_sample(cues), field.labels("cells")
    seen: list[Any] = []

    def method(image: Any, points: Any, mask: Any) -> Any:
        seen.append((image, points, mask))
        return np.where(mask, 1, 0).astype(np.uint32)

    monkeypatch.setattr(judging, "BASELINES", {"one cell": method})
    scores = judging.score_baselines(truth, cues, sample)
    ((image, points, mask),) = seen
    assert image is sample.cost_image
    assert points is sample.points
    assert mask is sample.foreground
    assert image.min() == 0
    assert np.corrcoef(image.ravel() ** 2, np.clip(sample.planes[0], 0, None).ravel())[0, 1] > 0.8
    assert scores["one cell"]["n_predicted"] == 1


def test_a_truth_in_which_nothing_is_annotated_is_no_truth(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), np.int16)
    labels[3:9, 3:9] = 1
    tifffile.imwrite(tmp_path / "a_labels.tif", labels.astype(np.uint16))
    tifffile.imwrite(tmp_path / "truth.tif", np.full_like(labels, -1))
    with pytest.raises(BadPixels, match=r"nothing in the truth truth\.tif is annotated"):
        score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif")
    tifffile.imwrite(tmp_path / "truth.tif", np.where(labels > 0, 1, -1).astype(np.int16))
    assert score_files(tmp_path / "a_labels.tif", tmp_path / "truth.tif").mean["cell_miou"].mean == 1
