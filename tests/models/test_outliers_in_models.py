"""Hot pixels change neither what is learned nor what is predicted: training and prediction see the same image without them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.images.focus import best_focus
from frugalseg.images.image import Image
from frugalseg.images.normalize import blur
from frugalseg.images.tile_store import TileStore
from frugalseg.models.model_scale import model_planes, normalized_planes, zscored_image
from frugalseg.networks.cards import Normalization
from frugalseg.prediction.tiled import make_scaled_reader
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 3, "device": "cpu"}


def spoilt(image: np.ndarray, value: float = 1e30, count: int = 5) -> np.ndarray:
    """The image with hot pixels in every channel."""
    copy = np.array(image, np.float32)
    planes = copy[None] if copy.ndim == 2 else copy
    for seed, plane in enumerate(planes):
        plane.flat[np.random.default_rng(seed).choice(plane.size, count, replace=False)] = value
    return copy


def test_training_and_prediction_scale_alike(fields: list[SyntheticField]) -> None:
    images, stains = [one.phase for one in fields], [one.nuclear for one in fields]
    model = fs.StainModel.fit([spoilt(images[0]), *images[1:]], [*stains[:3], spoilt(stains[3])], **QUICK)
    clean = fs.StainModel.fit(images, stains, **QUICK)
    assert model.card.target_scale.spread[0] == pytest.approx(clean.card.target_scale.spread[0], rel=0.02)
    np.testing.assert_array_equal(
        zscored_image(spoilt(images[0]), None, "a"), model_planes(model.card, spoilt(images[0]), "a")
    )
    wanted, found = clean.predict_scaled(images[0]), clean.predict_scaled(spoilt(images[0]))
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("value", [65535.0, 1e30])
def test_nuclei_are_found_beside_hot_pixels(cells: SyntheticField, value: float) -> None:
    wanted = fs.segment_nuclei(cells.nuclear)
    found = fs.segment_nuclei(spoilt(cells.nuclear, value))
    assert found.max() == wanted.max() == 9
    assert ((found > 0) == (wanted > 0)).mean() > 0.99
    assert len(fs.find_markers(spoilt(cells.nuclear, value))) == len(fs.find_markers(cells.nuclear)) == 9


def test_cues_are_those_of_the_image_without_hot_pixels(cells: SyntheticField) -> None:
    wanted = fs.find_cues(cells.cytoplasm, cells.nuclear)
    found = fs.find_cues(spoilt(cells.cytoplasm), spoilt(cells.nuclear))
    assert found.modalities == wanted.modalities
    assert found.diameter == pytest.approx(wanted.diameter, rel=0.05)
    assert (found.foreground.mask == wanted.foreground.mask).mean() > 0.98


def test_the_logarithm_of_fluorescence_is_not_flattened(cells: SyntheticField) -> None:
    wanted = normalized_planes(cells.planes(["cytoplasm"]), ["log"], 30, (), "a")[0]
    found = normalized_planes(spoilt(cells.planes(["cytoplasm"])), ["log"], 30, (), "a")[0]
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.99


def test_a_mask_of_a_few_pixels_is_no_outlier(cells: SyntheticField) -> None:
    mask = np.zeros(cells.phase.shape)
    mask[40:44, 50:53] = 1
    cues = fs.find_cues(cells.phase, markers=np.array([[41, 51]]), mask=mask, diameter=20)
    np.testing.assert_array_equal(cues.foreground.mask, mask > 0)


@pytest.mark.parametrize("core", [32, 96])
def test_tiles_are_scaled_as_the_whole_image_is(cells: SyntheticField, tmp_path: Path, core: int) -> None:
    planes = spoilt(cells.planes(["phase", "nuclear"]), 65535)
    image = Image(planes[:, None], ("phase", "nuclear"))
    store = TileStore(tmp_path / "tiles", image.shape, 32, {})
    wanted = zscored_image(planes, None, "a")
    for _ in range(2):  # the second time moments and limits come from the store
        read = make_scaled_reader(image, store, core)
        for window in ((slice(0, 96), slice(0, 104)), (slice(13, 50), slice(70, 104))):
            np.testing.assert_allclose(read(window), wanted[:, *window], atol=2e-5)
    assert np.abs(wanted).max() < 20


def test_tiles_are_in_even_light_as_the_whole_image_is(cells: SyntheticField, tmp_path: Path) -> None:
    """Of the channels that are to be; outliers are gone before the light is measured."""
    ramp = np.linspace(0.5, 1.5, 104, dtype=np.float32)
    planes = spoilt(cells.planes(["phase", "brightfield"]) * ramp, 65535)
    store = TileStore(tmp_path / "tiles", (96, 104), 32, {})
    how: tuple[Normalization, ...] = ("even", "zscore")
    wanted = normalized_planes(planes, how, 8.0, (), "a")
    assert np.abs(wanted - normalized_planes(planes, ("zscore", "zscore"), 8.0, (), "a"))[0].max() > 0.5
    for _ in range(2):
        image = Image(planes[:, None], ("phase", "brightfield"))
        read = make_scaled_reader(image, store, 32, how, 8.0)
        for window in ((slice(0, 96), slice(0, 104)), (slice(13, 50), slice(70, 104))):
            np.testing.assert_allclose(read(window), wanted[:, *window], atol=2e-5)


def test_the_sharpest_plane_is_not_the_one_with_a_hot_pixel(cells: SyntheticField) -> None:
    planes = [blur(cells.phase, sigma) for sigma in (1, 4)]
    assert best_focus([planes[0], spoilt(planes[1], 1e30, count=1)]) == 0
    assert best_focus([planes[1], spoilt(planes[0], 1e30, count=1)]) == 1
