"""The mask of a student of fluorescence covers as much of its images as its teacher's cells, and keeps its shape."""

from typing import Any

import numpy as np
import pytest
import torch

import frugalseg as fs
from frugalseg.models import self_training
from frugalseg.models.mask_level import match_foreground
from frugalseg.models.student_images import StudentImage
from frugalseg.networks.heads import MASK
from frugalseg.networks.object_net import CellNetwork
from frugalseg.prediction.whole_image import mean_maps, oriented_maps


@pytest.fixture
def network() -> CellNetwork:
    torch.manual_seed(0)
    return CellNetwork("small", 1).eval()


def image_of(share: float, seed: int) -> StudentImage:
    """Return noise of which the teacher calls so much cell."""
    planes = np.random.default_rng(seed).normal(0, 1, (1, 64, 64)).astype(np.float32)
    cells = np.zeros((64, 64), np.uint32)
    cells[: round(64 * share)] = 3
    return StudentImage("noise", planes, np.zeros_like(cells), cells, keeps_teacher=False, checksum="")


def logits_of(network: CellNetwork, image: StudentImage, orientations: int = 4) -> np.ndarray[Any, Any]:
    """Return the logit of the mask."""
    return mean_maps(oriented_maps(network, image.planes, 1.0, orientations))[MASK]


@pytest.mark.parametrize("orientations", [1, 4])
def test_all_images_together_are_covered_as_by_the_teacher(network: CellNetwork, orientations: int) -> None:
    images = [image_of(0.75, 1), image_of(0.25, 2), image_of(0.125, 3)]
    before = [logits_of(network, one, orientations) for one in images]
    shift = match_foreground(network, images, 1.0, orientations)
    after = [logits_of(network, one, orientations) for one in images]
    assert np.mean([one > 0 for one in after]) == pytest.approx(0.375, abs=0.001)
    assert shift != 0
    for one, other in zip(before, after, strict=True):
        assert np.allclose(one - other, shift, atol=1e-5)


def test_the_distance_map_stays(network: CellNetwork) -> None:
    image = image_of(0.5, 1)
    before = oriented_maps(network, image.planes, 1.0)[0]
    match_foreground(network, [image], 1.0, 1)
    assert np.array_equal(oriented_maps(network, image.planes, 1.0)[0][0], before[0])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_teacher_that_tells_nothing_changes_nothing(network: CellNetwork, share: float) -> None:
    image = image_of(share, 1)
    before = logits_of(network, image)
    assert match_foreground(network, [image], 1.0, 4) == 0
    assert np.array_equal(logits_of(network, image), before)


@pytest.mark.parametrize(("channel", "times"), [("cytoplasm", 2), ("phase", 0)])
def test_every_round_of_fluorescence_ends_with_it(
    monkeypatch: pytest.MonkeyPatch, channel: str, times: int
) -> None:
    seen = []
    monkeypatch.setattr(self_training, "match_foreground", lambda *given: seen.append(given))
    cells = fs.make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    image = getattr(cells, channel)
    fs.self_train(image, cells.nuclear, encoder="small", rounds=2, max_steps=1, device="cpu")
    assert len(seen) == times
