"""Nuclei that are given to a model of cells, in any form: a stain, a label map, dots, `Markers`, or none at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.errors import BadPixels, InputError, SettingsError, WrongShape
from frugalseg.models.marker_areas import nucleus_seeds, numbered_as, shows_nuclei_as_labels
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 4, "hold_out": False, "device": "cpu"}


@pytest.fixture(scope="module")
def model(fields: Sequence[SyntheticField]) -> fs.ObjectModel:
    """A model that finds most cells, but none with a pronounced peak."""
    images, labels = [one.phase for one in fields], [one.cells for one in fields]
    return fs.ObjectModel.fit(images, labels, scale=1.0, max_steps=40, **QUICK)


def dots_of(nuclei: Any) -> np.ndarray:
    """Return one pixel for each nucleus, its middle one."""
    dots = np.zeros_like(nuclei)
    for label in np.unique(nuclei)[1:]:
        pixels = np.argwhere(nuclei == label)
        dots[tuple(pixels[len(pixels) // 2])] = label
    return dots


def test_where_no_nucleus_is_found_cells_are_those_of_the_image(
    model: fs.ObjectModel, cells: SyntheticField
) -> None:
    alone = model.predict(cells.phase)
    assert len(np.unique(alone)) > 3
    noise = np.random.default_rng(0).normal(100, 5, cells.phase.shape)
    empty = [np.zeros(cells.phase.shape, kind) for kind in (np.uint16, bool, np.float32)]
    for nothing in (noise, *empty):
        np.testing.assert_array_equal(model.predict(cells.phase, nuclei=nothing), alone)
    both = model.predict([cells.phase, cells.phase], nuclei=[cells.nuclei, np.zeros_like(cells.nuclei)])
    np.testing.assert_array_equal(both[0], model.predict(cells.phase, nuclei=cells.nuclei))
    np.testing.assert_array_equal(both[1], alone)
    assert not np.array_equal(both[0], alone)


@pytest.mark.parametrize("shape", [(1, 200), (200, 1), (1, 1)])
def test_an_image_one_pixel_wide_may_have_nuclei(shape: tuple[int, int]) -> None:
    image, nuclei = np.random.default_rng(0).normal(100, 5, shape), np.zeros(shape, np.uint32)
    nuclei[0, 0] = 7
    for given in (nuclei, nuclei[None]):
        assert nucleus_seeds(given, image, "the image").ravel()[:2].tolist() == [1, 0][: nuclei.size]


def test_dots_are_nuclei(cells: SyntheticField) -> None:
    dots = dots_of(cells.nuclei)
    found = nucleus_seeds(dots, cells.phase, "the image")
    assert found.max() == cells.nuclei.max()
    assert all(found[tuple(place)] > 0 for place in np.argwhere(dots))
    assert shows_nuclei_as_labels(dots)
    assert shows_nuclei_as_labels(cells.nuclei)
    assert not shows_nuclei_as_labels(cells.nuclear)
    assert not shows_nuclei_as_labels(dots.astype(float))  # a stain may have single bright pixels


def test_a_stain_that_can_not_be_used_is_told_by_the_name_of_its_image(cells: SyntheticField) -> None:
    with pytest.raises(BadPixels, match=r"field 'b': .*the value 7 everywhere"):
        nucleus_seeds(np.full(cells.phase.shape, 7.0), cells.phase, "field 'b'")


def test_points_that_are_not_finite_are_named(cells: SyntheticField) -> None:
    said = "`markers` hold points that are not finite; give y and x of each in px"
    with pytest.raises(WrongShape, match=said):
        fs.find_cues(cells.phase, markers=[[np.nan, 0.0], [3.0, 4.0]])


def test_nuclei_are_for_models_of_cells(cells: SyntheticField) -> None:
    nuclei = fs.ObjectModel.fit(cells.phase, cells.nuclei, target="nuclei", max_steps=1, **QUICK)
    with pytest.raises(SettingsError, match="this model finds nuclei, and `nuclei` correct cells"):
        nuclei.predict(cells.phase, nuclei=cells.nuclear)


def test_markers_are_given_for_one_image_as_for_several(cells: SyntheticField) -> None:
    markers = fs.find_markers(cells.nuclear)
    quick: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu", "diameter": 26}
    one = fs.self_train(cells.phase, markers=markers, **quick)
    several = fs.self_train([cells.phase], markers=[markers], **quick)
    np.testing.assert_array_equal(one.predict(cells.phase), several.predict(cells.phase))
    with pytest.raises(InputError, match="`images` is a list and `markers` is one array"):
        fs.self_train([cells.phase], markers=markers, **quick)
    with pytest.raises(
        WrongShape, match="`markers` are of an image of 96 x 104 px, and this one has 48 x 52 px"
    ):
        fs.find_cues(cells.phase[:48, :52], markers=markers, mask=np.ones((48, 52), bool))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mask": True, "scribbles": True}, "`mask` is the foreground itself, so `scribbles` have no use"),
        ({"markers": True, "nuclei_diameter": 9}, "`nuclei_diameter` says how nuclei are found in a stain"),
        ({"markers": True, "nuclei_method": "log"}, "`nuclei_method` says how nuclei are found in a stain"),
    ],
)
def test_what_would_have_no_use_is_refused(cells: SyntheticField, given: dict[str, Any], said: str) -> None:
    arrays = {"mask": cells.cells > 0, "scribbles": np.ones(cells.cells.shape, int), "markers": cells.nuclei}
    given = {name: arrays[name] if value is True else value for name, value in given.items()}
    nuclei = None if "markers" in given else cells.nuclear
    with pytest.raises(SettingsError, match=said):
        fs.find_cues(cells.phase, nuclei, **given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"target": "nuclei", "alpha": 2.0},
            "`alpha` is of networks that learn cells, and `target` is 'nuclei'",
        ),
        (
            {"target": "cells", "slope": 9.0},
            "`slope` is of networks that learn nuclei, and `target` is 'cells'",
        ),
    ],
)
def test_settings_of_the_other_target_are_refused(
    cells: SyntheticField, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        fs.ObjectModel.fit(cells.phase, cells.cells, max_steps=1, **QUICK, **given)


def test_too_few_names_of_channels(cells: SyntheticField) -> None:
    with pytest.raises(SettingsError, match="must be a list of 2 names, one for each channel"):
        fs.find_cues(np.stack([cells.phase, cells.cytoplasm]), cells.nuclear, channels=["phase"])


def test_settings_and_keywords_together_set_no_more_than_was_said(cells: SyntheticField) -> None:
    quick: dict[str, Any] = {"encoder": "small", "rounds": 1, "max_steps": 1, "device": "cpu", "diameter": 26}
    first = fs.self_train(cells.phase, cells.nuclear, **quick)
    settings = fs.SelfTrainingSettings(seed=1, rounds=1, diameter=26)
    again = fs.self_train(
        cells.phase, cells.nuclear, start=first, settings=settings, max_steps=1, device="cpu"
    )
    assert (again.card.settings["encoder"], again.card.training.seed) == ("small", 1)


@pytest.mark.parametrize("size", [6.5e-7, 1e6])
def test_a_pixel_size_that_no_card_can_hold_is_refused_before_training(
    cells: SyntheticField, size: float
) -> None:
    told: list[Any] = []
    given: dict[str, Any] = {"pixel_size": size, "device": "cpu", "progress": told.append}
    said = "give micrometres per pixel, between 1e-06 and 1e.06, or None"
    with pytest.raises(SettingsError, match=said):
        fs.self_train(cells.phase, cells.nuclear, encoder="small", **given)
    with pytest.raises(SettingsError, match=said):
        fs.MarkerModel.fit(cells.cytoplasm, nuclei=cells.nuclear, **given)
    with pytest.raises(SettingsError, match=said):
        fs.StainModel.fit(cells.phase, cells.nuclear, encoder="small", **given)
    with pytest.raises(SettingsError, match=said):
        fs.ObjectModel.fit(cells.phase, cells.cells, encoder="small", **given)
    assert not told


def test_cells_have_the_numbers_of_their_nuclei(model: fs.ObjectModel, cells: SyntheticField) -> None:
    """Also where numbers are left out, as after nuclei at the border were removed."""
    usual = model.predict(cells.phase, nuclei=cells.nuclei)
    n = int(cells.nuclei.max())
    numbers = np.array([0, *range(3, 7 * n, 7)])[: n + 1]
    other = model.predict(cells.phase, nuclei=numbers[cells.nuclei])
    assert usual.max() == n
    np.testing.assert_array_equal(other, numbers[usual])
    nuclei = np.kron([[5, 0, 9], [0, 0, 0]], np.ones((4, 4), int))
    found = np.array([[1, 3, 2, 4]], np.uint32)  # 3 and 4 are cells without a nucleus
    assert numbered_as(found, nuclei).tolist() == [[5, 10, 9, 11]]
    assert numbered_as(usual, cells.nuclear) is usual
    with pytest.raises(BadPixels, match="none is left for cells without a nucleus"):
        numbered_as(np.array([[1, 2]], np.uint32), np.array([[2**32 - 1, 0]]))


def test_numbers_of_nuclei_are_kept_in_fluorescence_too(cells: SyntheticField) -> None:
    student = fs.self_train(
        cells.cytoplasm, cells.nuclear, encoder="small", max_steps=2, rounds=1, device="cpu"
    )
    usual, other = (student.predict(cells.cytoplasm, nuclei=many * cells.nuclei) for many in (1, 10))
    n = int(cells.nuclei.max())
    assert set(range(1, n + 1)) <= set(np.unique(usual))
    with_nucleus = usual * (usual <= n)
    np.testing.assert_array_equal(np.where(with_nucleus > 0, other, 0), 10 * with_nucleus)


def test_an_image_of_several_may_have_no_nuclei(model: fs.ObjectModel, cells: SyntheticField) -> None:
    both = model.predict([cells.phase, cells.phase], nuclei=[None, cells.nuclei])
    np.testing.assert_array_equal(both[0], model.predict(cells.phase))
    np.testing.assert_array_equal(both[1], model.predict(cells.phase, nuclei=cells.nuclei))
