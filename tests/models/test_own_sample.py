"""What a further round learns from: own cells, and nothing where network and teacher disagree and the network is unsure."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from frugalseg.models import own_sample, seeded_cells
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
    return StudentImage("one", planes, nuclei, teacher, keeps_teacher=False, checksum="")


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
    monkeypatch.setattr(own_sample, "at_both_scales", lambda *_: (SeededCells(own, maps, {}), None))
    student = Student(None, None, scale, 24.0, ("zscore",), "nothing")  # type: ignore[arg-type]
    return own_sample.own_samples(student, [image])[0].sample


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


def found_on(rows: int, side: int = 64) -> SeededCells:
    """Cells in so many of 64 rows, in maps of another size."""
    labels = np.zeros((64, 48), np.uint32)
    labels[:rows] = 1
    maps = np.full((2, side, side), -1.0, np.float32)
    maps[:, : rows * side // 64] = 1
    return SeededCells(labels, [maps], {})


def student_of(normalization: Any) -> Student:
    return Student(None, None, 1.0, 24.0, (normalization,), "nothing")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("enlarged", "taken"),
    [
        ((40, 30), "enlarged"),
        ((39, 31), "enlarged"),  # what one loses, the other has more
        ((36, 30), "usual"),
        ((40, 60), "enlarged"),
        ((None, 30), "enlarged"),  # an image that is too large to be enlarged keeps its cells
    ],
)
def test_enlarged_images_are_learned_where_all_together_lose_no_area(
    image: StudentImage, monkeypatch: pytest.MonkeyPatch, enlarged: tuple[int | None, int], taken: str
) -> None:
    usual = (40, 30)
    pairs = [
        (found_on(one), None if other is None else found_on(other, 128))
        for one, other in zip(usual, enlarged, strict=True)
    ]
    said = iter(pairs)
    monkeypatch.setattr(own_sample, "at_both_scales", lambda *_: next(said))
    samples = own_sample.own_samples(student_of("zscore"), [image, image])
    rows = [int((one.targets[1] > 0).sum()) // 48 for one, _ in samples]
    assert rows == [
        (one if taken == "usual" or other is None else other)
        for one, other in zip(usual, enlarged, strict=True)
    ]


def test_an_image_on_which_the_orientations_agree_less_enlarged_keeps_its_cells(
    image: StudentImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = [replace(found_on(40), confidence={1: value}) for value in (0.9, 0.888, 0.892)]
    said = iter(
        [
            (sure[0], replace(sure[1], labels=found_on(41).labels)),
            (sure[0], replace(sure[2], labels=found_on(42).labels)),
        ]
    )
    monkeypatch.setattr(own_sample, "at_both_scales", lambda *_: next(said))
    samples = own_sample.own_samples(student_of("zscore"), [image, image])
    assert [int((one.targets[1] > 0).sum()) // 48 for one, _ in samples] == [40, 42]


def test_students_of_fluorescence_learn_from_cells_at_their_own_scale(
    image: StudentImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeded_cells, "cells_at", lambda seen, _: found_on(round(20 * seen.at.scale)))
    ((sample, _),) = own_sample.own_samples(student_of("log"), [image])
    assert (sample.targets[1] > 0).sum() == 20 * 48
