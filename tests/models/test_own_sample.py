"""What a further round learns from: own cells, and nothing where network and teacher disagree and the network is unsure."""

from typing import Any

import numpy as np
import pytest

from frugalseg.models import own_sample
from frugalseg.models.seeded_cells import SeededCells
from frugalseg.models.student_images import StudentImage
from frugalseg.models.student_start import Student
from frugalseg.networks.heads import MASK

BAND = slice(20, 40)  # rows that the teacher calls background and the network calls cell


@pytest.fixture
def image() -> StudentImage:
    teacher, nuclei = np.zeros((2, 64, 48), np.uint32)
    teacher[:20] = nuclei[8:12, 8:12] = 1
    planes = np.random.default_rng(0).normal(0, 1, (1, 64, 48)).astype(np.float32)
    return StudentImage("one", planes, nuclei, teacher, keeps_teacher=False)


def sample_of(
    image: StudentImage,
    monkeypatch: pytest.MonkeyPatch,
    *said: list[float],
    scale: float = 1.0,
    found_at: float | None = None,
) -> Any:
    """Return the sample where each orientation gives the band half by half the logits `said`."""
    every = round(1 / (found_at or scale))
    own = np.zeros((64, 48), np.uint32)
    own[:40] = 7
    maps = []
    for left, right in said:
        one = np.full((2, 64, 48), -3.0, np.float32)
        one[MASK, :20] = 3.0
        one[MASK, BAND, :24], one[MASK, BAND, 24:] = left, right
        maps.append(one[:, ::every, ::every])
    monkeypatch.setattr(own_sample, "seeded_cells", lambda *_: SeededCells(own, maps, {}))
    student = Student(None, None, scale, 24.0, ("zscore",), "nothing")  # type: ignore[arg-type]
    return own_sample.own_sample(student, image)


def test_its_targets_are_the_networks_own_cells(image: StudentImage, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sample_of(image, monkeypatch, [2.0, 2.0])
    assert (sample.targets[1] > 0).sum() == 40 * 48
    assert sample.targets[0][:40].max() == 1.0


def test_a_network_that_is_sure_is_believed_against_the_teacher(
    image: StudentImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = sample_of(image, monkeypatch, [2.0, 2.0], [1.0, -1.0], [0.1, 2.0])
    assert sample.valid[BAND, :24].all()  # all orientations say cell
    assert not sample.valid[BAND, 24:].any()  # one does not
    assert sample.valid[:20].all()
    assert sample.valid[40:].all()


def test_where_network_and_teacher_agree_all_is_learned(
    image: StudentImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    image.cells[BAND] = 1
    assert sample_of(image, monkeypatch, [2.0, -1.0], [-1.0, 2.0]).valid.all()


def test_all_is_at_the_scale_of_the_network(image: StudentImage, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sample_of(image, monkeypatch, [2.0, -1.0], [2.0, 1.0], scale=0.5)
    assert sample.shape == sample.valid.shape == (32, 24)
    assert (~sample.valid).sum() == 10 * 12


def test_cells_that_were_found_at_a_finer_scale_are_learned_at_the_scale_of_the_network(
    image: StudentImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = sample_of(image, monkeypatch, [2.0, -1.0], [2.0, 1.0], scale=0.25, found_at=1.0)
    assert sample.shape == sample.valid.shape == (16, 12)
    assert (~sample.valid).sum() == 5 * 6


@pytest.mark.parametrize(("normalization", "found_by"), [("zscore", "seeded_cells"), ("log", "cells_at")])
def test_students_of_fluorescence_learn_from_cells_at_their_own_scale(
    image: StudentImage, monkeypatch: pytest.MonkeyPatch, normalization: Any, found_by: str
) -> None:
    found = {}
    for number, name in enumerate(("seeded_cells", "cells_at"), start=1):
        own = np.zeros((64, 48), np.uint32)
        own[: 10 * number] = 1
        found[name] = SeededCells(own, [np.ones((2, 64, 48), np.float32)], {})
        monkeypatch.setattr(own_sample, name, lambda *_, name=name: found[name])
    student = Student(None, None, 1.0, 24.0, (normalization,), "nothing")  # type: ignore[arg-type]
    sample = own_sample.own_sample(student, image)
    np.testing.assert_array_equal(sample.targets[1] > 0, found[found_by].labels > 0)
