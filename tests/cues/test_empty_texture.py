"""Background as the smoothest mode of texture, and the flat cells that it tells apart."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from frugalseg.cues.empty_texture import empty_log_odds
from frugalseg.cues.foreground import find_foreground
from frugalseg.cues.markers import find_markers, markers_from_labels
from frugalseg.cues.two_classes import class_log_odds, fit_two_classes
from frugalseg.images.normalize import blur


def _background_and(*cells: tuple[float, float, int]) -> NDArray[np.float64]:
    """Return 60 000 standard normal values of background, then normal ones of each mean, spread and number."""
    random = np.random.default_rng(0)
    return np.concatenate([random.normal(0, 1, 60_000), *(random.normal(*one) for one in cells)])


def test_cells_begin_where_their_density_is_higher() -> None:
    """60 000 N(0, 1) and 40 000 N(5, 1) are as dense where x = 2.5 + ln(1.5) / 5 = 2.58."""
    at = np.linspace(-4, 9, 1301)
    odds, classes = empty_log_odds(at, _background_and((5, 1, 40_000)))
    assert at[odds > 0][0] == pytest.approx(2.58, abs=0.25)
    assert np.allclose(classes, (0, 1, 5, 1, 0.4), atol=0.25)
    assert classes.share == pytest.approx(0.4, abs=0.03)
    assert np.all(np.diff(odds) >= 0)


def test_flat_and_rough_cells_are_both_cells() -> None:
    """A second Gaussian settles on the rough cells, and the flat ones become background."""
    values = _background_and((3, 0.7, 30_000), (9, 1.5, 30_000))
    flat = values[60_000:90_000]
    rough = np.arange(len(values)) > 105_000
    mixture = fit_two_classes(values.astype(np.float32), rough, ~rough)
    assert np.mean(class_log_odds(flat, mixture) > 0) < 0.4
    odds, _ = empty_log_odds(flat, values)
    assert np.mean(odds > 0) > 0.85


def test_a_few_pixels_without_noise_change_nothing() -> None:
    """A corner without light is far smoother than background."""
    values = _background_and((5, 1, 40_000))
    at = np.array([-20.0, 0.0, 2.0, 5.0])
    odds, _ = empty_log_odds(at, np.concatenate([values, np.full(500, -20.0)]))
    plain, _ = empty_log_odds(at, values)
    assert (odds > 0).tolist() == (plain > 0).tolist() == [False, False, False, True]
    assert odds[0] < odds[1]


def test_one_value_everywhere_is_no_cell() -> None:
    odds, _ = empty_log_odds(np.ones((4, 4)), np.ones(100))
    assert (odds < 0).all()


def _rough_and_flat_cells() -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Return a noisy plane, cells of 60 px, every other one five times rougher than the next, and their nuclei."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:360, :360]
    cells, nuclei = np.zeros((2, 360, 360), np.int32)
    rough = np.zeros((360, 360))
    for number, (row, column) in enumerate((r, c) for r in range(45, 360, 90) for c in range(45, 360, 90)):
        distance = np.hypot(y - row, x - column)
        cells[distance < 30] = number + 1
        nuclei[distance < 11] = number + 1
        rough[distance < 30] = 0.6 if number % 2 else 3.0
    texture = blur(random.normal(size=(360, 360)), 2.0)
    plane = random.normal(size=(360, 360)) + rough * texture / texture.std()
    return plane.astype(np.float32), cells, nuclei


def test_flat_cells_beside_rough_ones_are_foreground() -> None:
    """With the mixture's threshold alone, lowered until the ring around nuclei is held: IoU 0.60, 0.33 of flat cells."""
    plane, cells, nuclei = _rough_and_flat_cells()
    mask = find_foreground(plane, markers_from_labels(nuclei), 60, "texture").mask
    assert (mask & (cells > 0)).sum() / (mask | (cells > 0)).sum() > 0.66
    assert mask[(cells > 0) & (cells % 2 == 0)].mean() > 0.43


@pytest.mark.real
def test_real_flat_cells(real_data: Path) -> None:
    """Recall of the flat cells of `3t3_2` was 0.59."""
    folder = real_data / "phase_nuclear"
    plane, nuclear, cells = (
        tifffile.imread(folder / f"3t3_2_{what}.tif") for what in ("phase", "nuclear", "cells")
    )
    mask = find_foreground(plane, find_markers(nuclear), 68, "texture").mask
    assert mask[cells > 0].mean() > 0.85
    assert (mask & (cells > 0)).sum() / (mask | (cells > 0)).sum() > 0.70
