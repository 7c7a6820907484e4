"""Cells around known nuclei: at the finer of two scales, unless the network is less sure of them there."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import frugalseg as fs
from frugalseg.errors import BadPixels
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models import seeded_cells as module
from frugalseg.models import seen_image
from frugalseg.models.cell_prediction import known_nuclei, size_doubts
from frugalseg.models.model_scale import normalization_of
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seeded_cells import SeededCells, seeded_cells
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.surer_sight import mean_confidence
from frugalseg.synthetic.cells import make_cells

SIDE = 96
SETTINGS = LabelSettings(target="cells", zoom=0.25, orientations=4)
FINER = math.exp(0.25)
Radii = Callable[[float], list[float]]


def disc(scale: float, radius: float) -> NDArray[np.float32]:
    """Return maps (2,y,x) of a disc in the middle of the image, `radius` in px of the image."""
    side = round(SIDE * scale)
    y, x = (np.mgrid[:side, :side] + 0.5) / scale - SIDE / 2
    distance = np.clip(1 - np.hypot(y, x) / radius, 0, 1)
    return np.stack([distance, np.where(distance > 0, 5.0, -5.0)]).astype(np.float32)


def found(
    monkeypatch: pytest.MonkeyPatch, radii: Radii, settings: LabelSettings = SETTINGS, finer: bool = True
) -> tuple[SeededCells, list[float]]:
    """Return the cells, and the scales that the network was asked for; it sees discs of `radii` at a scale."""
    asked = list[float]()

    def oriented(_: Any, planes: Any, scale: float, orientations: int, own: Any) -> list[NDArray[np.float32]]:
        asked.append(scale)
        return [disc(scale, radius) for radius in radii(scale)]

    monkeypatch.setattr(module, "oriented_maps", oriented)
    nuclei = np.zeros((SIDE, SIDE), np.uint32)
    nuclei[46:50, 46:50] = 3
    planes = np.zeros((1, SIDE, SIDE), np.float32)
    image = SeenImage(None, settings, planes, ImageScale(1.0), 40.0, finer)  # type: ignore[arg-type]
    return seeded_cells(image, nuclei), asked


def area_of(radius: float) -> float:
    return pytest.approx(math.pi * radius**2, rel=0.05)  # type: ignore[return-value]


def test_the_finer_scale_counts_where_the_orientations_agree_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    cells, asked = found(monkeypatch, lambda scale: [20.0] * 4 if scale == 1 else [24.0] * 4)
    assert asked == pytest.approx([1.0, FINER])
    assert (cells.labels == 3).sum() == area_of(24)
    assert cells.area == pytest.approx(math.pi * 24**2, rel=0.02)
    assert cells.maps[0].shape == (2, round(SIDE * FINER), round(SIDE * FINER))
    assert cells.confidence == {3: pytest.approx(1.0, abs=0.02)}


def test_the_usual_scale_counts_where_they_agree_less_at_the_finer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells, _ = found(monkeypatch, lambda scale: [20.0] * 4 if scale == 1 else [18.0, 24.0, 24.0, 28.0])
    assert (cells.labels == 3).sum() == area_of(20)
    assert cells.maps[0].shape == (2, SIDE, SIDE)
    assert mean_confidence(cells.confidence) > 0.98


def test_hardly_less_agreement_is_no_reason_against_the_finer_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    cells, _ = found(
        monkeypatch, lambda scale: [20.0, 20.0, 20.0, 20.4] if scale == 1 else [24.0, 24.0, 24.0, 24.3]
    )
    assert (cells.labels == 3).sum() == area_of(24)
    assert mean_confidence(cells.confidence) == pytest.approx(0.985, abs=0.002)


def test_a_network_that_may_not_look_closer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    _, asked = found(monkeypatch, lambda _: [20.0] * 4, finer=False)
    assert asked == [1.0]


@pytest.mark.parametrize("changed", [{"orientations": 1}, {"zoom": 0.0}])
def test_a_network_that_knows_one_scale_or_orientation_is_asked_once(
    changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update=changed)
    cells, asked = found(monkeypatch, lambda scale: [20.0] * settings.orientations, settings)
    assert asked == [1.0]
    assert (cells.labels == 3).sum() == area_of(20)


def test_an_image_that_is_too_large_is_not_enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_image, "LARGEST_AT_MODEL_SCALE", round(SIDE * FINER) ** 2 - 1)
    cells, asked = found(monkeypatch, lambda _: [20.0] * 4)
    assert asked == [1.0]
    monkeypatch.setattr(seen_image, "LARGEST_AT_MODEL_SCALE", round(SIDE * FINER) ** 2)
    assert found(monkeypatch, lambda _: [20.0] * 4)[1] == pytest.approx([1.0, FINER])
    assert (cells.labels == 3).sum() == area_of(20)


def test_without_a_cell_there_is_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[float]()

    def oriented(_: Any, planes: Any, scale: float, *__: Any) -> list[NDArray[np.float32]]:
        asked.append(scale)
        return [np.full((2, SIDE, SIDE), -5.0, np.float32)] * 4

    monkeypatch.setattr(module, "oriented_maps", oriented)
    nothing = np.zeros((SIDE, SIDE), np.uint32)
    planes = np.zeros((1, SIDE, SIDE), np.float32)
    image = SeenImage(None, SETTINGS, planes, ImageScale(1.0), 40.0)  # type: ignore[arg-type]
    cells = seeded_cells(image, nothing)
    assert (cells.labels.max(), cells.area, asked) == (0, 0.0, [1.0])


def test_predict_and_segment_find_the_same_cells() -> None:
    cells = make_cells((128, 128), n_cells=12, dim_nuclei=0, seed=1)
    model = fs.self_train(cells.phase, cells.nuclear, encoder="small", rounds=1, max_steps=60, device="cpu")
    cues = fs.find_cues(cells.phase, cells.nuclear)
    found = model.segment(cues).labels
    np.testing.assert_array_equal(model.predict(cells.phase, nuclei=cells.nuclear) > 0, found > 0)
    assert found.max() > 5


def test_a_diameter_holds_for_the_cues_that_a_model_finds_itself() -> None:
    cells = make_cells((96, 96), n_cells=9, dim_nuclei=0, seed=4)
    how: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu"}
    card = fs.self_train(cells.cytoplasm, cells.nuclear, **how).card
    assert normalization_of(card) == ("log",)
    for diameter in (17.0, None):
        cues = known_nuclei(card, cells.nuclear, cells.cytoplasm, "the image", diameter)
        assert isinstance(cues, fs.ImageCues)
        wanted = fs.find_cues(cells.cytoplasm, cells.nuclear, diameter=diameter)
        assert cues.diameter == wanted.diameter
        np.testing.assert_array_equal(cues.foreground.mask, wanted.foreground.mask)


def test_a_student_of_fluorescence_needs_no_nuclei_that_tell_how_large_cells_are() -> None:
    cells = make_cells((96, 96), n_cells=9, dim_nuclei=0, seed=4)
    how: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu"}
    model = fs.self_train(cells.cytoplasm, cells.nuclear, **how)
    dots = np.zeros((96, 96), np.uint8)
    dots[30, 40], dots[70, 60] = 1, 2
    known = known_nuclei(model.card, dots, cells.cytoplasm, "the image")
    assert isinstance(known, np.ndarray)
    np.testing.assert_array_equal(np.argwhere(known), [[30, 40], [70, 60]])
    assert len(np.unique(known)) == 3
    cues = known_nuclei(model.card, dots, cells.cytoplasm, "the image", 24.0)
    assert isinstance(cues, fs.ImageCues)
    assert (len(cues.markers), cues.diameter) == (2, 24.0)
    for kind in (np.float32, np.uint16):
        nothing = np.zeros((96, 96), kind)
        assert not np.any(known_nuclei(model.card, nothing, cells.cytoplasm, "the image"))
        alone = model.predict(cells.cytoplasm)
        np.testing.assert_array_equal(model.predict(cells.cytoplasm, nuclei=nothing), alone)


@pytest.mark.parametrize("channel", ["phase", "cytoplasm"])
def test_a_label_map_of_nuclei_is_no_stain(channel: str) -> None:
    cells = make_cells((96, 96), n_cells=9, dim_nuclei=0, seed=4)
    image, nuclei = getattr(cells, channel), np.maximum(cells.nuclei, 0)
    how: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu"}
    model = fs.self_train(image, cells.nuclear, **how)
    known = known_nuclei(model.card, nuclei, image, "the image")
    if channel == "phase":
        assert isinstance(known, np.ndarray)
        np.testing.assert_array_equal(known > 0, nuclei > 0)
        assert len(np.unique(known)) == len(np.unique(nuclei))
    else:
        assert isinstance(known, fs.ImageCues)
        assert known.markers.method == "labels"
        assert len(known.markers) == len(np.unique(nuclei)) - 1
    with pytest.raises(BadPixels, match=r"^the image: `nuclei` [^`]*mask"):
        model.predict(image, nuclei=nuclei > 0)


def test_cells_that_are_hardly_more_than_nuclei_are_named() -> None:
    cells = make_cells((96, 96), n_cells=9, dim_nuclei=0, seed=4)
    cues = fs.find_cues(cells.phase, cells.nuclear, diameter=24)
    nuclei = np.where(cells.nuclei > 0, cells.nuclei, 0).astype(np.uint32)
    assert size_doubts(cells.cells, cues) == size_doubts(np.zeros_like(nuclei), cues) == ()
    small = np.zeros_like(nuclei)
    small[10:16, 10:16] = 1  # as wide as a disc of 6.8 px
    (doubt,) = size_doubts(small, cues)
    assert doubt.startswith("Most cells are 7 px wide, and nuclei and foreground say 24 px: ")
