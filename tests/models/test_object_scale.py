"""The scale at which a network sees an image: what sizes tell, else the cells that it finds, else the cues."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.models import object_scale
from frugalseg.models.object_scale import fitting_scale, image_scale, scale_by_sizes
from frugalseg.networks.cards import ObjectCard

#: What the network says of an image.
MAPS = np.ones((2, 4, 4), np.float32)
#: Cells of 40 px in training, seen at half the scale.
DIAMETER, SCALE = 40.0, 0.5


@pytest.fixture(scope="module")
def card() -> ObjectCard:
    cells = fs.make_cells((96, 96), n_cells=6, dim_nuclei=0, seed=1)
    settings = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu"}
    made = fs.self_train(cells.phase, cells.nuclear, pixel_size=0.5, **settings).card
    return made.model_copy(update={"scale": SCALE, "diameter": DIAMETER, "found_diameter": None})


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """Let the network find cells of a size that depends on the scale; the scales are recorded."""

    def install(size: Callable[[float], float | None]) -> list[float]:
        scales: list[float] = []

        def found(_network: Any, _planes: Any, _h: float, scale: float, _diameter: float) -> Any:
            scales.append(scale)
            return size(scale), MAPS * scale

        monkeypatch.setattr(object_scale, "found_diameter", found)
        return scales

    return install


SETTINGS: Any = type("Settings", (), {"h": 20.0})


def test_sizes_that_are_known(card: ObjectCard) -> None:
    assert scale_by_sizes(card) == SCALE
    assert scale_by_sizes(card, (0.25, 0.25)) == pytest.approx(0.25)
    assert scale_by_sizes(card, (0.25, 0.25), 10) == pytest.approx(2.0)
    assert scale_by_sizes(card, None, 2.5) == 4.0
    assert scale_by_sizes(card.model_copy(update={"pixel_size": None}), (0.25, 0.25)) == SCALE


@pytest.mark.parametrize(
    ("size", "expected", "tried"),
    [
        (lambda scale: 46.0, 0.5, [0.5]),  # 15 % larger is the same
        (lambda scale: 20.0, 1.0, [0.5, 1.0]),  # half as large, whatever the scale
        (lambda scale: 200.0 * scale, None, [0.5, 0.2, 0.5]),  # what it finds never fits
        (lambda scale: None, None, [0.5]),
    ],
)
def test_a_scale_counts_once_cells_found_at_it_fit(
    card: ObjectCard, finds: Callable[..., list[float]], size: Any, expected: float | None, tried: list[float]
) -> None:
    scales = finds(size)
    found = fitting_scale(None, card, SETTINGS, None, SCALE)  # type: ignore[arg-type]
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.scale == pytest.approx(expected)
        np.testing.assert_array_equal(
            found.maps, MAPS * found.scale
        )  # of the pass that fits, not of the first
    assert scales == pytest.approx(tried)


def test_size_counts_relative_to_what_the_network_found_in_training(
    card: ObjectCard, finds: Callable[..., list[float]]
) -> None:
    finds(lambda scale: 28.0)
    own = card.model_copy(update={"found_diameter": 28.0})
    kept, changed = (fitting_scale(None, one, SETTINGS, None, SCALE) for one in (own, card))  # type: ignore[arg-type]
    assert kept is not None
    assert changed is not None
    assert (kept.scale, changed.scale) == (SCALE, pytest.approx(SCALE * 40 / 28))


def test_diameter_then_found_cells_then_cues(card: ObjectCard, finds: Callable[..., list[float]]) -> None:
    cells = fs.make_cells((128, 128), n_cells=12, dim_nuclei=0, seed=1)
    cues = fs.find_cues(cells.phase, cells.nuclear)
    user = fs.find_cues(cells.phase, cells.nuclear, diameter=80)

    def scale(model: ObjectCard, *known: Any) -> float:
        planes = np.zeros((1, 8, 8), np.float32)
        return image_scale(None, model, SETTINGS, planes, *known).scale  # type: ignore[arg-type]

    scales = finds(lambda scale: 20.0)
    assert scale(card, None, None, cues) == scale(card) == pytest.approx(1.0)
    assert scale(card, None, None, user) == scale(card, None, 80.0, cues) == pytest.approx(0.25)
    del scales[:]
    assert scale(card, (0.25, 0.25)) == pytest.approx(1.0)
    assert scales == pytest.approx([0.25, 1.0])  # pixel sizes say where to begin
    finds(lambda scale: None)
    larger = card.model_copy(update={"diameter": cues.diameter * 3})
    assert scale(larger, None, None, cues) == pytest.approx(SCALE * 3)
    assert scale(larger, (0.5, 0.5), None, cues) == SCALE
    assert scale(card.model_copy(update={"diameter": cues.diameter * 1.1}), None, None, cues) == SCALE


def test_a_model_learned_from_labels_keeps_its_scale(
    card: ObjectCard, finds: Callable[..., list[float]]
) -> None:
    scales = finds(lambda scale: 20.0)
    labelled = card.model_copy(update={"self_trained": False})
    planes = np.zeros((1, 8, 8), np.float32)
    seen = image_scale(None, labelled, SETTINGS, planes, (0.25, 0.25))  # type: ignore[arg-type]
    assert seen.scale == pytest.approx(0.25)
    assert (seen.maps, scales) == (None, [])
