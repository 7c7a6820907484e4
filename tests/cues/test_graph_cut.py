"""The graph cut finds the least energy there is: held to all masks of small problems, and to what it may not do."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from frugalseg.cues import graph_cut as module
from frugalseg.cues.graph_cut import graph_cut

SHAPE = (3, 4)
#: All 2^12 masks (4096,3,4).
MASKS = np.array(list(itertools.product((False, True), repeat=12))).reshape(-1, *SHAPE)


def _pairs(height: int, width: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Every pair of eight-neighbours once, by plain search."""
    pixels = list(itertools.product(range(height), range(width)))
    return [
        (p, q) for p, q in itertools.combinations(pixels, 2) if max(abs(p[0] - q[0]), abs(p[1] - q[1])) == 1
    ]


def _energies(
    masks: NDArray[np.bool_],
    log_odds: NDArray[np.float64],
    smoothness: float,
    image: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """The docstring's energy of every mask (M,Y,X)."""
    energy = (np.abs(log_odds) * (masks != (log_odds > 0))).sum(axis=(1, 2))
    steps = [] if image is None else [np.diff(image, axis=0).ravel(), np.diff(image, axis=1).ravel()]
    for p, q in _pairs(*log_odds.shape):
        weight = 1.0 / np.hypot(p[0] - q[0], p[1] - q[1])
        if image is not None:
            weight *= np.exp(-((image[p] - image[q]) ** 2) / (2 * np.mean(np.concatenate(steps) ** 2)))
        energy = energy + smoothness * weight * (masks[:, *p] != masks[:, *q])
    return energy


@pytest.mark.parametrize("with_image", [False, True], ids=["flat", "image"])
@pytest.mark.parametrize("seed", range(12))
def test_the_mask_is_the_best_of_all_4096(
    seed: int, with_image: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEPS", 1_000_000)  # so that rounding decides nothing
    random = np.random.default_rng(seed)
    log_odds = random.normal(0.0, 2.0, SHAPE)
    smoothness = float(random.uniform(0.2, 2.5))
    image = random.normal(0.0, 3.0, SHAPE) if with_image else None
    energies = _energies(MASKS, log_odds, smoothness, image)
    found = graph_cut(log_odds, smoothness, image)
    assert found.tolist() == MASKS[energies.argmin()].tolist()


@pytest.mark.parametrize("seed", range(6))
def test_rounding_costs_less_than_half_a_step_per_term(seed: int) -> None:
    random = np.random.default_rng(100 + seed)
    log_odds, image = random.normal(0.0, 2.0, SHAPE), random.normal(0.0, 1.0, SHAPE)
    energies = _energies(MASKS, log_odds, 1.3, image)
    found = graph_cut(log_odds, 1.3, image)
    terms = len(_pairs(*SHAPE)) + found.size
    assert _energies(found[None], log_odds, 1.3, image)[0] <= energies.min() + terms / module.STEPS


def _turned_all_ways(array: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    sides = (array, array.T)
    return [side[::down, ::right] for side in sides for down in (1, -1) for right in (1, -1)]


@pytest.mark.parametrize("seed", range(5))
def test_flipping_or_transposing_the_problem_does_so_to_the_mask(seed: int) -> None:
    random = np.random.default_rng(seed)
    log_odds, image = random.normal(0.0, 1.5, (9, 14)), random.normal(0.0, 1.0, (9, 14))
    straight = graph_cut(log_odds, 1.0, image)
    assert 0 < straight.sum() < straight.size
    expected = [apply_flips.tolist() for apply_flips in _turned_all_ways(straight)]
    pairs = zip(_turned_all_ways(log_odds), _turned_all_ways(image), strict=True)
    assert [graph_cut(odds, 1.0, grey).tolist() for odds, grey in pairs] == expected


def test_a_row_does_not_go_on_in_the_next_one() -> None:
    # The right column leans towards background a little, edges cut it off from its neighbours, and a link around the
    # image's border would tie it to the left one.
    image = np.array([[0.0] + [50.0] * 10 + [0.0]] * 6)
    log_odds = np.array([[9.0] + [-9.0] * 10 + [-0.1]] * 6)
    expected = [[True] + [False] * 11] * 6
    assert graph_cut(log_odds, 1.0, image).tolist() == expected
    assert graph_cut(log_odds.T, 1.0, image.T).T.tolist() == expected


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("where", [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)])
def test_neighbours_on_all_sides_hold_a_doubtful_pixel(where: tuple[int, int], sign: float) -> None:
    log_odds = np.full((3, 3), 5.0 * sign)
    log_odds[where] = -1.0 * sign
    assert graph_cut(log_odds, 1.0).tolist() == [[sign > 0] * 3] * 3
    assert graph_cut(log_odds, 0.1)[where] == (sign < 0)


def test_what_could_be_either_is_background() -> None:
    assert not graph_cut(np.zeros((4, 4))).any()
    assert graph_cut(np.array([[1.0, 0.0, -1.0]]), 0.5).tolist() == [[True, False, False]]
    assert graph_cut(np.array([[-1.0, 0.0, 1.0]]), 0.5).tolist() == [[False, False, True]]


def test_the_border_goes_where_grey_values_jump() -> None:
    log_odds = np.zeros((8, 20))
    log_odds[:, 0], log_odds[:, -1] = 4.0, -4.0
    for jump in (3, 9, 16):
        image = np.where(np.arange(20) < jump, 0.0, 1.0)[None].repeat(8, axis=0)
        assert graph_cut(log_odds, 2.0, image).tolist() == [[x < jump for x in range(20)]] * 8


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
@pytest.mark.parametrize("with_image", [False, True])
def test_lines_and_points(shape: tuple[int, int], with_image: bool) -> None:
    image = np.ones(shape) if with_image else None
    assert graph_cut(np.full(shape, 1.0), 1.0, image).all()
    assert not graph_cut(np.full(shape, -1.0), 1.0, image).any()
