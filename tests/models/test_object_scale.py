"""The scale at which a network sees an image: what sizes tell, else the cells that it finds, else the cues."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.models import object_scale
from frugalseg.models.object_scale import fitting_scale, known_scale, scale_with_cues
from frugalseg.networks.cards import ObjectCard

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

        def found(_network: Any, _planes: Any, _h: float, scale: float, _diameter: float) -> float | None:
            scales.append(scale)
            return size(scale)

        monkeypatch.setattr(object_scale, "found_diameter", found)
        return scales

    return install


SETTINGS: Any = type("Settings", (), {"h": 20.0})


def test_known_sizes_decide(card: ObjectCard) -> None:
    assert known_scale(card) is None
    assert known_scale(card, (0.25, 0.25)) == pytest.approx(0.25)
    assert known_scale(card, (0.25, 0.25), 10) == pytest.approx(2.0)
    assert known_scale(card, None, 2.5) == 4.0
    assert known_scale(card.model_copy(update={"pixel_size": None}), (0.25, 0.25)) is None


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
    found = fitting_scale(None, card, None, SETTINGS)  # type: ignore[arg-type]
    assert found == (None if expected is None else pytest.approx(expected))
    assert scales == pytest.approx(tried)


def test_size_counts_relative_to_what_the_network_found_in_training(
    card: ObjectCard, finds: Callable[..., list[float]]
) -> None:
    finds(lambda scale: 28.0)
    own = card.model_copy(update={"found_diameter": 28.0})
    assert fitting_scale(None, own, None, SETTINGS) == SCALE  # type: ignore[arg-type]
    assert fitting_scale(None, card, None, SETTINGS) == pytest.approx(SCALE * 40 / 28)  # type: ignore[arg-type]


def test_the_users_size_outweighs_the_networks_and_that_outweighs_the_cues(
    card: ObjectCard, finds: Callable[..., list[float]]
) -> None:
    cells = fs.make_cells((128, 128), n_cells=12, dim_nuclei=0, seed=1)
    cues = fs.find_cues(cells.phase, cells.nuclear)
    surely = cues.diameter * 3

    def scale(one: Any, model: ObjectCard) -> float:
        return scale_with_cues(None, model, np.zeros((1, 8, 8), np.float32), SETTINGS, one)  # type: ignore[arg-type]

    finds(lambda scale: 20.0)
    assert scale(cues, card) == pytest.approx(1.0)
    user = fs.find_cues(cells.phase, cells.nuclear, diameter=80)
    assert scale(user, card) == pytest.approx(0.25)
    finds(lambda scale: None)
    assert scale(cues, card.model_copy(update={"diameter": surely})) == pytest.approx(SCALE * 3)
    assert scale(cues, card.model_copy(update={"diameter": cues.diameter * 1.1})) == SCALE
