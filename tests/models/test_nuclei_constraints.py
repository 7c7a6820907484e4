"""Areas of nuclei as constraints: each nucleus lies in its own cell and in no other, whatever finds the cells."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import frugalseg as fs
from frugalseg.evaluation.baselines import BASELINES
from frugalseg.learning.from_markers.marker_batches import Batch, MarkerBatches
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_samples import marker_sample, segment_sample
from frugalseg.models.seeded_image import cells_at_image_scale, seeded_image
from frugalseg.models.self_training import self_train_on_cues
from frugalseg.models.teacher_cells import teacher_cells

#: Least share of nuclei that lie mostly in their own cell.
INSIDE = 0.98
TINY: dict[str, Any] = {"max_steps": 3, "device": "cpu"}


class Greedy(nn.Module):
    """Claims its whole patch, and more surely the further a pixel is from its marker: all nuclei but its own."""

    def forward(self, patches: Tensor) -> Tensor:
        return 2.0 - patches[:, -1]


def _share_inside(labels: NDArray[np.uint32], nuclei: NDArray[np.int32] | None) -> float:
    """Share of the nuclei of which at least half lies in the cell of the same number."""
    assert nuclei is not None
    n = int(nuclei.max()) + 1
    own = np.bincount(nuclei[labels == nuclei], minlength=n)[1:]
    return float(np.mean(2 * own >= np.bincount(nuclei.ravel(), minlength=n)[1:]))


@pytest.fixture(scope="module")
def cues() -> ImageCues:
    """A dense field whose foreground misses the nuclei of its left half."""
    field = fs.make_cells((128, 160), density=0.75, dim_nuclei=0, seed=2)
    markers = fs.find_markers(field.nuclear)
    assert markers.nuclei is not None
    mask = (field.cells > 0) & ((markers.nuclei == 0) | (np.arange(160) > 80))
    found = fs.find_cues(field.cytoplasm, markers=markers, mask=mask, diameter=26)
    return replace(found, foreground=replace(found.foreground, method="intensity"))  # no mask of the user's


def _only_points(cues: ImageCues) -> ImageCues:
    """The same cues without areas of nuclei."""
    return replace(cues, markers=replace(cues.markers, nuclei=None))


def test_every_nucleus_lies_in_its_own_cell_whatever_finds_the_cells(cues: ImageCues) -> None:
    image, nuclei = seeded_image(cues), cues.markers.nuclei
    found = {
        name: cells_at_image_scale(method(image.pixels, image.seeds, image.foreground), cues)
        for name, method in BASELINES.items()
    }
    found["teacher"] = teacher_cells(cues)
    found["marker network"] = fs.MarkerModel.fit_to_cues([cues], **TINY).segment(cues)
    shares = {name: _share_inside(labels, nuclei) for name, labels in found.items()}
    assert len(shares) == len(BASELINES) + 2
    assert min(shares.values()) >= INSIDE, shares


def _segment(cues: ImageCues, settings: MarkerSettings) -> NDArray[np.uint32]:
    return segment_sample(Greedy(), cues, marker_sample(cues), settings, "cpu")  # type: ignore[arg-type]


def test_no_network_can_take_a_nucleus(cues: ImageCues) -> None:
    """Even one that claims all of its neighbours' nuclei, and none of its own."""
    settings = MarkerSettings(widths=(4, 4), orientations=1)
    nuclei = cues.markers.nuclei
    assert nuclei is not None
    labels = _segment(cues, settings)
    assert np.mean(labels[nuclei > 0] == nuclei[nuclei > 0]) > 0.99  # a px at a corner may be a loose piece
    free = _segment(cues, settings.model_copy(update={"keep_nuclei": False}))
    assert _share_inside(free, nuclei) < 0.5


def test_cells_of_a_marker_network_end_where_a_mask_of_the_user_does(cues: ImageCues) -> None:
    own = replace(cues, foreground=replace(cues.foreground, method="mask"))
    settings = MarkerSettings(widths=(4, 4), orientations=1)
    mask, nuclei = cues.foreground.mask, cues.markers.nuclei
    everywhere, inside = _segment(cues, settings), _segment(own, settings)
    assert not inside[~mask].any()
    assert (everywhere[~mask] > 0).sum() > 1000
    assert nuclei is not None
    right = (nuclei > 0) & (np.arange(160) > 90)
    assert np.mean(inside[right] == nuclei[right]) > 0.99


def _batches(cues: ImageCues, settings: MarkerSettings) -> list[Batch]:
    batches = MarkerBatches([marker_sample(cues)], settings, seed=0)
    return [batches(step) for step in range(3)]


def test_the_paper_knows_points_only(cues: ImageCues) -> None:
    """Paper B has one Gaussian disk per marker, three terms of the loss, and the highest probability decides."""
    paper = MarkerSettings.preset("paper")
    for batch, other in zip(_batches(cues, paper), _batches(_only_points(cues), paper), strict=True):
        assert batch.known is None
        assert batch.flips == other.flips
        assert torch.equal(batch.patches, other.patches)
        assert torch.equal(batch.foreground, other.foreground)
    np.testing.assert_array_equal(_segment(cues, paper), _segment(_only_points(cues), paper))


def test_points_without_areas_are_used_as_before(cues: ImageCues) -> None:
    usual = MarkerSettings(patch=32, margin=0, widths=(4, 4))
    before = usual.model_copy(update={"nuclei": 0.0, "keep_nuclei": False})
    points = _only_points(cues)
    for batch, other in zip(_batches(points, usual), _batches(points, before), strict=True):
        assert batch.known is None
        assert torch.equal(batch.patches, other.patches)
    np.testing.assert_array_equal(_segment(points, usual), _segment(points, before))


def test_a_model_that_was_saved_before_segments_as_before(cues: ImageCues, tmp_path: Path) -> None:
    added = {"nuclei": 0.0, "keep_nuclei": False}
    model = fs.MarkerModel.fit_to_cues([cues], **TINY)
    model.save(tmp_path / "model")
    card = (tmp_path / "model" / "card.yaml").read_text(encoding="utf-8").splitlines()
    older = [line for line in card if line.strip().split(":")[0] not in added or line.startswith("nuclei")]
    assert len(card) - len(older) == len(added)
    (tmp_path / "model" / "card.yaml").write_text("\n".join(older) + "\n", encoding="utf-8")
    loaded = fs.load_model(tmp_path / "model", device="cpu")
    assert isinstance(loaded, fs.MarkerModel)
    assert loaded.settings == model.settings.model_copy(update=added)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name", "channel"),
    [
        ("phase_nuclear", "hela_2", "phase"),
        ("fluo_two_channel", "kc167_095", "cyto"),
        ("fluo_two_channel", "macrophagocyte_107", "cyto"),
    ],
)
def test_nuclei_of_real_fields_lie_in_their_own_cells(
    real_data: Path, folder: str, name: str, channel: str
) -> None:
    field = fs.open_fields([real_data / folder / "fields.csv"], where=[f"field={name}"])[0]
    cues = fs.find_cues(field.planes([channel]), field.plane("nuclear"))
    nuclei = cues.markers.nuclei
    assert _share_inside(teacher_cells(cues), nuclei) >= INSIDE
    assert _share_inside(fs.MarkerModel.fit_to_cues([cues], **TINY).segment(cues), nuclei) >= INSIDE
    student = self_train_on_cues([cues], encoder="small", rounds=1, max_steps=20, device="cpu")
    inside = student.segment(cues).agreement.nuclei_inside
    assert inside is not None
    assert inside >= INSIDE
