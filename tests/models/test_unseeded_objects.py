"""Cells without nuclei: as many as at the network's scale, with borders of the finer one where the network copes with it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from frugalseg.instances.map_labels import labels_from_maps
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.models import unseeded_objects as module
from frugalseg.models.object_scale import ImageScale
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.unseeded_objects import UnseededObjects, cell_cores, core_agreement, unseeded_objects

SIDE = 96
SETTINGS = LabelSettings(target="cells", zoom=0.25, orientations=4)
FINER = math.exp(0.25)
Maps = NDArray[np.float32]
Discs = list[tuple[float, float]]  # x of the middle, radius, px of the image


def maps_of(scale: float, discs: Discs) -> Maps:
    """Return maps (2,y,x) of discs in the middle row of the image."""
    side = round(SIDE * scale)
    y, x = (np.mgrid[:side, :side] + 0.5) / scale
    distance = np.max([1 - np.hypot(y - SIDE / 2, x - at) / radius for at, radius in discs], axis=0).clip(
        0, 1
    )
    return np.stack([distance, np.where(distance > 0, 5.0, -5.0)]).astype(np.float32)


def found(
    monkeypatch: pytest.MonkeyPatch,
    says: Callable[[float, int], Discs],
    settings: LabelSettings = SETTINGS,
    finer: bool = True,
) -> tuple[UnseededObjects, list[tuple[float, int]]]:
    """Return what is found where orientation number i at a scale sees `says(scale, i)`, and what the network was asked for."""
    asked = list[tuple[float, int]]()

    def oriented(_: Any, planes: Any, scale: float, orientations: int, own: Any = None) -> list[Maps]:
        asked.append((scale, orientations))
        maps = [maps_of(scale, says(scale, i)) for i in range(orientations)]
        return maps if settings.target == "cells" else [one[1:] for one in maps]

    monkeypatch.setattr(module, "oriented_maps", oriented)
    planes = np.zeros((1, SIDE, SIDE), np.float32)
    image = SeenImage(None, settings, planes, ImageScale(1.0), 40.0, finer)  # type: ignore[arg-type]
    return unseeded_objects(image), asked


def area_of(radius: float) -> Any:
    return pytest.approx(math.pi * radius**2, rel=0.05)


def test_a_cell_that_the_finer_maps_split_stays_one_with_their_border(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    split: Discs = [(40, 20.0), (62, 20.0)]
    alone = labels_from_maps(maps_of(1.0, split), "cells", SETTINGS.h, 40.0)
    assert alone.max() == 2
    cells, asked = found(monkeypatch, lambda scale, _: [(51, 22.0)] if scale == 1 else split)
    assert [one for one, _ in asked] == pytest.approx([1.0, FINER])
    assert [number for _, number in asked] == [4, 2]
    assert cells.labels.max() == 1
    assert (cells.labels > 0).sum() == pytest.approx(np.count_nonzero(alone), rel=0.03)
    assert cells.maps.shape == (2, SIDE, SIDE)
    assert np.abs(cells.maps[0] - maps_of(1.0, split)[0]).max() < 0.1


def test_cells_that_the_finer_maps_merge_stay_two(monkeypatch: pytest.MonkeyPatch) -> None:
    cells, _ = found(monkeypatch, lambda scale, _: [(36, 14), (62, 14)] if scale == 1 else [(49, 28)])
    areas = np.bincount(cells.labels.ravel())[1:]
    assert len(areas) == 2
    assert areas.sum() == area_of(28)
    assert areas.min() > math.pi * 7**2  # the core


def test_where_the_orientations_agree_less_at_the_finer_scale_it_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells, asked = found(monkeypatch, lambda scale, i: [(48, 20.0 if scale == 1 else 20.0 + 6 * i)])
    assert len(asked) == 2
    assert (cells.labels > 0).sum() == area_of(20)
    np.testing.assert_array_equal(cells.maps, maps_of(1.0, [(48, 20.0)]))


def test_the_confidence_is_that_of_the_cells_at_the_networks_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    cells, _ = found(monkeypatch, lambda scale, i: [(48, 20.0 - (i == 3)) if scale == 1 else (48, 24.0)])
    assert (cells.labels > 0).sum() == area_of(24)
    assert cells.confidence is not None
    assert list(cells.confidence) == [1]
    assert 0.95 < cells.confidence[1] < 0.99


@pytest.mark.parametrize("changed", [{"orientations": 1}, {"zoom": 0.0}, {"target": "nuclei"}])
def test_who_does_not_know_other_scales_or_orientations_is_asked_once(
    changed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update=changed)
    cells, asked = found(monkeypatch, lambda *_: [(48, 20.0)], settings)
    assert asked == [(1.0, settings.orientations)]
    assert (cells.labels > 0).sum() == area_of(20)
    assert (cells.confidence is None) == ("zoom" not in changed)


def test_a_network_that_may_not_look_closer_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cells, asked = found(monkeypatch, lambda scale, _: [(48, 20.0 if scale == 1 else 24.0)], finer=False)
    assert asked == [(1.0, 4)]
    assert (cells.labels > 0).sum() == area_of(20)


def test_an_image_without_a_cell_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cells, asked = found(monkeypatch, lambda *_: [(-100, 1.0)])
    assert (cells.labels.max(), cells.confidence, len(asked)) == (0, {}, 1)


def test_cores_at_another_scale_say_how_well_cells_agree() -> None:
    maps = [maps_of(0.5, [(48, radius)]) for radius in (20.0, 20.0)]
    labels = labels_from_maps(maps_of(1.0, [(48, 20.0)]), "cells", 20.0, 40.0)
    cores = cell_cores(labels * np.uint32(7), maps_of(1.0, [(48, 20.0)])[0])
    assert set(np.unique(cores)) == {0, 7}
    assert (cores > 0).sum() == pytest.approx(math.pi * 10**2, rel=0.08)
    assert core_agreement(maps, cores) == 1.0
    less = core_agreement([maps[0], maps_of(0.5, [(48, 16.0)])], cores)
    assert less == pytest.approx((1 + (16 / 20) ** 2) / 2, abs=0.02)


def test_cores_that_are_lost_agree_on_nothing() -> None:
    maps = np.full((2, 4, 4), -1, np.float32)
    assert core_agreement([maps, maps], np.zeros((8, 8), np.uint32)) == 0.0
