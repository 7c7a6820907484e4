"""What the classical methods are given, so that the comparison is fair, and the cells that a student learns from."""

from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.evaluation.baselines import BASELINES
from frugalseg.images.resize import resize_labels
from frugalseg.models import baseline_scores
from frugalseg.models.marker_samples import marker_sample
from frugalseg.models.seeded_image import SeededImage, seeded_image
from frugalseg.models.teacher_cells import nuclear_contrast, teacher_cells
from frugalseg.synthetic.cells import SyntheticField, make_cells


def test_baselines_get_the_cues_and_the_root_of_the_grey_values(
    cells: SyntheticField, monkeypatch: pytest.MonkeyPatch
) -> None:
    cues = fs.find_cues(cells.cytoplasm, cells.nuclear)
    assert cues.factor != 1
    seen: list[Any] = []

    def method(image: Any, seeds: Any, mask: Any) -> Any:
        seen.append((image, seeds, mask))
        return np.where(mask, 1, 0).astype(np.uint32)

    monkeypatch.setattr(baseline_scores, "BASELINES", {"one cell": method})
    scores = baseline_scores.score_baselines(cells.cells, cues)
    ((image, seeds, mask),) = seen
    sample = marker_sample(cues)  # what the network is given
    np.testing.assert_array_equal(image, sample.cost_image)
    np.testing.assert_array_equal(seeds, resize_labels(cues.markers.nuclei.astype(np.uint32), image.shape))  # type: ignore[union-attr]
    np.testing.assert_array_equal(mask, sample.foreground)
    assert image.min() == 0
    assert np.corrcoef(image.ravel() ** 2, np.clip(sample.planes[0], 0, None).ravel())[0, 1] > 0.8
    assert (scores["one cell"].n_predicted, scores["one cell"].n_true) == (9, 9)  # each nucleus is imposed


def test_points_outside_the_foreground_are_no_cells(cells: SyntheticField) -> None:
    mask = cells.cells > 1
    cues = fs.find_cues(cells.cytoplasm, markers=cells.markers, mask=mask, diameter=30)
    assert sorted(np.unique(seeded_image(cues).seeds)) == [0, *range(2, 10)]
    assert all(one.n_predicted == 8 for one in baseline_scores.score_baselines(cells.cells, cues).values())


def test_the_halo_is_trimmed_in_label_free_images_only(cells: SyntheticField) -> None:
    label_free, stained = (
        fs.find_cues(plane, cells.nuclear, mask=cells.cells, diameter=30)
        for plane in (cells.phase, cells.cytoplasm)
    )
    assert set(baseline_scores.score_baselines(cells.cells, label_free)) == {
        *BASELINES,
        "propagation_trimmed",
    }
    assert set(baseline_scores.score_baselines(cells.cells, stained)) == set(BASELINES)


def test_halo_is_trimmed_from_cells_but_not_from_nuclei() -> None:
    plane = np.random.default_rng(0).normal(0, 0.1, (80, 80)).astype(np.float32)
    labels, seeds = np.zeros((2, 80, 80), np.uint32)
    labels[20:60, 20:60] = 1
    plane[18:62, 18:62] = -9  # a dark halo around the cell, inside its labels and outside
    plane[22:58, 22:58] = np.random.default_rng(1).normal(0, 1, (36, 36))
    seeds[30:50, 20:30] = 1  # a nucleus that touches the boundary
    image = SeededImage(plane, plane, seeds, labels > 0)
    trimmed = image.without_halo(labels)
    assert trimmed[20, 20:60].max() == 0
    assert (trimmed[seeds > 0] == 1).all()
    assert (trimmed[23:57, 23:57] == 1).all()


@pytest.mark.parametrize("channel", ["cytoplasm", "phase"])
def test_every_nucleus_lies_inside_its_own_cell_of_the_teacher(channel: str) -> None:
    field = make_cells((192, 192), density=0.7, dim_nuclei=0, seed=2)
    cues = fs.find_cues(field.planes([channel]), field.nuclear, diameter=30)
    labels, nuclei = teacher_cells(cues), cues.markers.nuclei
    assert nuclei is not None
    assert labels.dtype == np.uint32
    assert np.array_equal(labels[nuclei > 0], nuclei[nuclei > 0])
    assert not labels[~cues.foreground.mask & (nuclei == 0)].any()
    assert fs.score_labels(field.cells, labels).cell_miou > 0.55


def test_bright_nuclei_choose_the_watershed(monkeypatch: pytest.MonkeyPatch) -> None:
    field = make_cells((128, 128), n_cells=9, dim_nuclei=0, seed=1)
    nuclei = fs.find_markers(field.nuclear).nuclei
    assert nuclei is not None
    shining = field.cytoplasm + 4 * field.cytoplasm.max() * (nuclei > 0)
    used: list[str] = []
    for name in ("propagation", "watershed_intensity"):

        def method(image: Any, seeds: Any, mask: Any, name: str = name) -> Any:
            used.append(name)
            return seeds

        monkeypatch.setattr(f"frugalseg.models.teacher_cells.{name}", method)
    found = []
    for plane in (field.cytoplasm, shining):
        cues = fs.find_cues(plane, field.nuclear, mask=field.cells, diameter=30)
        found.append(nuclear_contrast(seeded_image(cues)))
        teacher_cells(cues)
    assert used == ["propagation", "watershed_intensity"]
    assert found[1] - found[0] > 0.5
