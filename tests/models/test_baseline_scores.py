"""What the classical methods are given, so that they are judged fairly."""

from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.models import baseline_scores
from frugalseg.models.marker_samples import marker_sample
from frugalseg.synthetic.cells import SyntheticField


def test_baselines_get_the_cues_and_the_root_of_the_grey_values(
    cells: SyntheticField, monkeypatch: pytest.MonkeyPatch
) -> None:
    cues = fs.find_cues(cells.cytoplasm, cells.nuclear)
    assert cues.factor != 1
    seen: list[Any] = []

    def method(image: Any, points: Any, mask: Any) -> Any:
        seen.append((image, points, mask))
        return np.where(mask, 1, 0).astype(np.uint32)

    monkeypatch.setattr(baseline_scores, "BASELINES", {"one cell": method})
    scores = baseline_scores.score_baselines(cells.cells, cues)
    ((image, points, mask),) = seen
    sample = marker_sample(cues)  # what the network is given
    np.testing.assert_array_equal(image, sample.cost_image)
    np.testing.assert_array_equal(points, sample.points)
    np.testing.assert_array_equal(mask, sample.foreground)
    assert image.min() == 0
    assert np.corrcoef(image.ravel() ** 2, np.clip(sample.planes[0], 0, None).ravel())[0, 1] > 0.8
    assert (scores["one cell"].n_predicted, scores["one cell"].n_true) == (1, 9)
