"""Between a trained cutter and its use: how much it sees, and what older cards mean."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from frugalseg.workflows.cues import CueSettings, find_cues, marker_sample
from frugalseg.workflows.cutters import load_marker_network, segment_cells
from torch import Tensor, nn

import frugalseg
from frugalseg.images.fields import open_fields
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.store import CARD
from frugalseg.runs.synthetic_set import write_synthetic_set

SMALL = MarkerSettings(widths=(4, 4), max_steps=2, orientations=1, batch=2)


class Everything(nn.Module):
    """Claims all that it is shown, most of it in the middle."""

    def forward(self, patches: Tensor) -> Tensor:
        side = patches.shape[-1]
        steps = (torch.arange(side) - side // 2).abs().float()
        return (4.0 - 0.01 * (steps[:, None] + steps[None, :])).expand(len(patches), side, side)


class Peak(nn.Module):
    """Claims the marker's own pixel."""

    def forward(self, patches: Tensor) -> Tensor:
        side = patches.shape[-1]
        claimed = torch.full((len(patches), side, side), -20.0)
        claimed[:, side // 2, side // 2] = 20.0
        return claimed


@pytest.mark.parametrize("margin", [0, 8, 24])
def test_a_cutter_sees_wider_patches_in_use_than_in_training(tmp_path: Path, margin: int) -> None:
    """One marker in a field that is all cell: the cell is as wide as what the cutter was shown."""
    write_synthetic_set(tmp_path, 1, shape=(160, 160), n_cells=1, seed=1)
    field = open_fields([tmp_path / "fields.csv"])[0]
    cues = find_cues(field, CueSettings(cells=("cytoplasm",), nuclei="nuclear", diameter=30))
    cues.foreground.mask[:] = True
    settings = SMALL.model_copy(update={"margin": margin, "assign_remaining": False})
    labels = segment_cells(Everything(), cues, marker_sample(cues), settings, "cpu")  # type: ignore[arg-type]
    assert len(cues.markers) == 1
    half = settings.side_in_use // 2
    assert half == 32 + margin
    y, x = np.round(cues.markers.points[0]).astype(int)
    expected = np.zeros((160, 160), np.uint32)
    expected[max(0, y - half) : y + half, max(0, x - half) : x + half] = 1
    np.testing.assert_array_equal(labels, expected)


def test_patches_lie_where_their_markers_are(tmp_path: Path) -> None:
    """A field whose sides don't go evenly into the working scale: every cell is its patch around its marker."""
    write_synthetic_set(tmp_path, 1, shape=(251, 249), n_cells=5, seed=3)
    field = open_fields([tmp_path / "fields.csv"])[0]
    cues = find_cues(field, CueSettings(cells=("cytoplasm",), nuclei="nuclear", diameter=290))
    sample = marker_sample(cues)
    assert sample.planes.shape[1:] == (26, 26)  # 25.97 and 25.76 were asked for
    settings = SMALL.model_copy(update={"margin": 0, "assign_remaining": False})
    labels = segment_cells(Peak(), cues, sample, settings, "cpu")  # type: ignore[arg-type]
    for number, point in enumerate(np.round(sample.points), start=1):
        middle = np.argwhere(labels == number).mean(axis=0)
        assert middle == pytest.approx((point + 0.5) * [251 / 26, 249 / 26] - 0.5, abs=0.6)


def test_cards_from_before_ways_mean_the_papers_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MarkerSettings, "preset", classmethod(lambda cls, *_: SMALL))
    write_synthetic_set(tmp_path / "set", 1, shape=(96, 96), n_cells=6, seed=2)
    settings = frugalseg.LearnMarkersSettings(cells=("cytoplasm",), nuclei="nuclear")
    frugalseg.learn_markers([tmp_path / "set" / "fields.csv"], tmp_path / "model", settings, quiet=True)
    assert load_marker_network(tmp_path / "model")[1] == SMALL
    card = tmp_path / "model" / CARD
    content = yaml.safe_load(card.read_text(encoding="utf-8"))
    for name in ("regularization", "margin"):
        del content["settings"][name]
    card.write_text(yaml.safe_dump(content), encoding="utf-8")
    _, old, cutter = load_marker_network(tmp_path / "model")
    assert (old.regularization, old.margin) == (None, 0)
    assert isinstance(cutter, MarkerNetwork)
