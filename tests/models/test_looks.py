"""Looks: the same for other gain, light and density, another for cells that are dark where others are bright."""

import numpy as np
import pytest
from numpy.typing import NDArray

from frugalseg.images.normalize import zscore
from frugalseg.models.looks import image_look, look_distance, sampling_weights
from frugalseg.networks.cards import Look
from frugalseg.synthetic.cells import make_cells


def phase(seed: int, density: float = 0.5) -> NDArray[np.float32]:
    return zscore(make_cells((300, 300), density=density, seed=seed).phase[None].astype(np.float32))


@pytest.fixture(scope="module")
def known() -> list[Look]:
    return [image_look(phase(seed)) for seed in (1, 2)]


def test_dark_cells_are_unlike_bright_ones_and_other_fields_of_a_kind_are_not(known: list[Look]) -> None:
    assert look_distance(image_look(-phase(3)), known) > 1.5
    assert look_distance(image_look(phase(3)), known) < 0.6
    assert look_distance(image_look(phase(4, density=0.3)), known) < 1
    assert look_distance(known[0], known) == 0


def test_gain_and_black_level_are_no_look(known: list[Look]) -> None:
    image = phase(1)
    assert np.allclose(image_look(5 * image + 300).values, known[0].values, atol=2e-3)


def test_a_bright_corner_and_wide_empty_areas_are_no_look(known: list[Look]) -> None:
    corner = phase(3)
    rows, columns = np.indices(corner.shape[1:])
    corner[:, rows + columns < 60] += 40
    assert look_distance(image_look(zscore(corner)), known) < 1
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 300, 1200)).astype(np.float32)
    noise[:, :, :300] += phase(3)
    assert look_distance(image_look(zscore(noise)), known) < 1
    assert look_distance(image_look(zscore(-noise)), known) > 1


def test_a_look_has_as_many_values_for_each_channel(known: list[Look]) -> None:
    image = phase(1)
    both = image_look(np.concatenate([image, -image]))
    assert both.values[:10] == known[0].values
    np.testing.assert_allclose(both.values[10:], np.negative(known[0].values), atol=2e-3)
    assert look_distance(both, known) == 0
    assert look_distance(known[0], []) == 0


def test_a_tiny_or_flat_image_has_a_look() -> None:
    flat = image_look(np.zeros((1, 40, 40), np.float32))
    assert (flat.values, flat.spread) == ((0.0,) * 10, 0.0)
    assert len(image_look(np.arange(6, dtype=np.float32).reshape(1, 1, 6)).values) == 10


def test_distance_is_in_units_of_the_larger_spread() -> None:
    narrow, wide = Look(values=(0.5, 0.1), spread=0.1), Look(values=(0.2, -0.2), spread=0.15)
    assert look_distance(narrow, [wide]) == pytest.approx(0.3 / 0.15)
    assert look_distance(wide, [narrow]) == pytest.approx(0.3 / 0.15)


def test_a_rare_look_gets_more_than_its_share_and_one_look_equal_shares() -> None:
    common, rare = Look(values=(0.3,), spread=0.1), Look(values=(-0.3,), spread=0.1)
    weights = np.array(sampling_weights([common] * 16 + [rare], [1] * 17))
    assert weights[-1] / weights.sum() == pytest.approx(1 / 5)
    assert len(set(weights[:-1])) == 1
    assert len(set(sampling_weights([common] * 5, [1] * 5))) == 1


def test_images_that_stand_for_others_count_as_so_many() -> None:
    common, rare = Look(values=(0.3,), spread=0.1), Look(values=(-0.3,), spread=0.1)
    weights = np.array(sampling_weights([common, common, rare], [60, 4, 1]))
    np.testing.assert_allclose(weights / weights.sum(), [4 / 9, 4 / 9, 1 / 9])
