"""From the patches of a marker network back to the image's own scale."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import frugalseg as fs
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.marker_samples import marker_sample, segment_sample


class Peak(nn.Module):
    """Claims the marker's own pixel."""

    def forward(self, patches: Tensor) -> Tensor:
        side = patches.shape[-1]
        claimed = torch.full((len(patches), side, side), -20.0)
        claimed[:, side // 2, side // 2] = 20.0
        return claimed


def test_patches_lie_where_their_markers_are() -> None:
    """An image whose sides don't go evenly into the model scale: every cell is its patch around its marker."""
    cells = fs.make_cells((251, 249), n_cells=5, seed=3)
    cues = fs.find_cues(cells.cytoplasm, cells.nuclear, diameter=290)
    sample = marker_sample(cues)
    assert sample.planes.shape[1:] == (26, 26)  # 25.97 and 25.76 were asked for
    assert len(sample.points) == len(cues.markers) > 0
    settings = MarkerSettings(
        widths=(4, 4), orientations=1, batch=2, margin=0, assign_remaining=False, keep_nuclei=False
    )
    labels = segment_sample(Peak(), cues, sample, settings, "cpu")  # type: ignore[arg-type]
    for number, point in enumerate(np.round(sample.points), start=1):
        middle = np.argwhere(labels == number).mean(axis=0)
        assert middle == pytest.approx((point + 0.5) * [251 / 26, 249 / 26] - 0.5, abs=0.6)
