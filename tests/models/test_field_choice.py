"""Of many images, those that look most different are learned from, and no more than fit."""

from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.images.normalize import normalize_plane, zscore
from frugalseg.models.field_choice import ChosenImages, _own_look, choose_images
from frugalseg.models.looks import image_look


@pytest.fixture(scope="module")
def many() -> list[Any]:
    """Nine images of one kind, and one of another, in the middle."""
    found = []
    for seed in range(10):
        cells = fs.make_cells((128, 128), n_cells=10, dim_nuclei=0, seed=seed)
        image = -cells.phase.astype(float) if seed == 5 else cells.phase
        found.append(fs.find_cues(image, cells.nuclear, diameter=30 + seed, name=str(seed)))
    return found


def test_a_rare_look_stays_and_the_others_are_stood_for(many: list[Any]) -> None:
    chosen = choose_images(iter(many), most=4)
    names = [one.name for one in chosen.cues]
    assert (names[0], names == sorted(names), len(names)) == ("0", True, 4)
    assert "5" in names
    assert chosen.counts[names.index("5")] == 1
    assert sum(chosen.counts) == 10
    assert chosen.diameters == [30.0 + seed for seed in range(10)]
    assert chosen.modalities == [("label-free",)] * 10
    assert chosen.normalization == ("even",)
    assert list(chosen.lines([float(count) for count in chosen.counts])) == [
        "learning from 4 of 10 images, those that look most different"
    ]


def test_few_images_are_all_taken(many: list[Any]) -> None:
    chosen = choose_images(many[:4], most=4)
    assert [one is other for one, other in zip(chosen.cues, many, strict=False)] == [True] * 4
    assert chosen.counts == [1, 1, 1, 1]
    assert list(chosen.lines([0.5] * 4)) == []
    assert list(chosen.lines([0.5, 0.5, 0.5, 1.0])) == [
        "images that look like few others are drawn up to 2.0 times as often: 1 of 4"
    ]


def test_each_channel_is_seen_by_its_modality_in_most_images() -> None:
    """A channel that looks otherwise in one image, such as a stain of few nuclei, is seen as in the others."""
    kinds: list[Any] = [
        ("label-free", "fluorescent"),
        ("label-free", "label-free"),
        ("fluorescent", "fluorescent"),
    ]
    assert ChosenImages(modalities=kinds).normalization == ("even", "log")
    assert ChosenImages(modalities=kinds[::2]).normalization == ("even", "log")
    assert ChosenImages(modalities=kinds[:2]).normalization == ("even", "even")


def test_a_look_is_of_each_channel_by_its_own_modality() -> None:
    cells = fs.make_cells((128, 128), n_cells=10, dim_nuclei=0, seed=1)
    cues = fs.find_cues(cells.planes(["phase", "nuclear"]), cells.nuclear, diameter=30)
    assert cues.modalities == ("label-free", "fluorescent")
    wanted = [zscore(cues.planes[:1])[0], normalize_plane(cues.planes[1], "fluorescent", 30)]
    assert _own_look(cues) == image_look(np.stack(wanted))


def test_the_nuclear_stain_among_the_channels_is_named() -> None:
    cells = fs.make_cells((128, 128), n_cells=10, dim_nuclei=0, seed=1)
    both = fs.find_cues(cells.planes(["phase", "nuclear"]), cells.nuclear, diameter=30)
    other = fs.find_cues(cells.planes(["phase", "membrane"]), cells.nuclear, diameter=30)
    points = fs.find_cues(cells.planes(["phase", "nuclear"]), markers=cells.markers, diameter=30)
    (line,) = choose_images([both]).lines([1.0], ["phase", "dapi"])
    assert line.startswith(
        "channel 'dapi' is the stain that nuclei were found in: a student that sees it learns to miss"
    )
    assert [one.split(" is ")[0] for one in choose_images([both]).lines([1.0])] == ["channel 1"]
    for cues in ([other], [points], [both, other]):
        assert list(choose_images(cues).lines([1.0] * len(cues))) == []
