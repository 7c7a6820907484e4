"""Size of a typical cell: in the foreground around its nucleus, and how sure it is."""

import numpy as np
import pytest

from frugalseg.cues.cell_size import MOST, estimate_cell_diameter, estimate_cell_size, size_of_cells
from frugalseg.cues.markers import Markers, find_markers, markers_from_labels, markers_from_points
from frugalseg.cues.scaled_plane import MEASURED_WIDER
from frugalseg.errors import NoMarkers
from frugalseg.images.seeds import resize_seeds
from frugalseg.synthetic.cells import SyntheticField, make_cells


def true_diameter(field: SyntheticField) -> float:
    area = np.bincount(field.cells.ravel())[1:]
    return float(np.median(np.sqrt(4 * area[area > 0] / np.pi)))


def small_nuclei(field: SyntheticField, radius: float) -> Markers:
    """Discs around the true markers."""
    y, x = np.mgrid[: field.cells.shape[0], : field.cells.shape[1]]
    nuclei = np.zeros(field.cells.shape, int)
    for number, point in enumerate(field.markers, start=1):
        nuclei[np.hypot(y - point[0], x - point[1]) <= radius] = number
    return markers_from_labels(nuclei)


@pytest.mark.parametrize("channel", ["cytoplasm", "phase", "brightfield"])
@pytest.mark.parametrize("diameter", [24, 40])
def test_size_follows_the_cells_and_not_the_nuclei(channel: str, diameter: int) -> None:
    field = make_cells((10 * diameter, 12 * diameter), diameter=diameter, density=0.4, seed=2, dim_nuclei=0)
    true = true_diameter(field)
    for share in (0.25, 0.5):  # of the cell's diameter
        size = estimate_cell_size(field.planes([channel])[0], small_nuclei(field, share * diameter / 2))
        assert true / 1.3 < size.diameter < true * 1.3
        assert 1.2 <= size.factor < 1.6


def test_spacing_alone_would_call_small_nuclei_small_cells() -> None:
    field = make_cells((400, 480), diameter=40, density=0.4, seed=2, dim_nuclei=0)
    markers = small_nuclei(field, 5.0)
    assert estimate_cell_diameter(markers, field.cells.shape) < 0.65 * true_diameter(field)


def test_size_scales_with_the_image() -> None:
    field = make_cells((240, 280), diameter=24, density=0.5, seed=1, dim_nuclei=0)
    plane, nuclei = field.planes(["cytoplasm"])[0], find_markers(field.nuclear).nuclei
    assert nuclei is not None
    twice = np.kron(plane, np.ones((2, 2), np.float32)), np.kron(nuclei, np.ones((2, 2), int))
    one = estimate_cell_size(plane, markers_from_labels(nuclei))
    two = estimate_cell_size(twice[0], markers_from_labels(twice[1]))
    assert two.diameter == pytest.approx(2 * one.diameter, rel=0.06)


def test_in_the_users_own_mask_size_needs_no_correction() -> None:
    field = make_cells((240, 280), diameter=30, density=0.5, seed=1, dim_nuclei=0)
    size = estimate_cell_size(np.zeros_like(field.cytoplasm), small_nuclei(field, 5), mask=field.cells > 0)
    assert size.diameter == pytest.approx(true_diameter(field), rel=0.1)


def test_points_have_a_size_by_their_spacing_that_is_less_sure() -> None:
    grid = [(y, x) for y in range(10, 300, 30) for x in range(10, 300, 30)]
    size = estimate_cell_size(np.zeros((300, 300), np.float32), markers_from_points(grid))
    assert size.diameter == pytest.approx(30)
    assert size.factor == 1.5
    with pytest.raises(NoMarkers, match="no marker"):
        estimate_cell_size(np.zeros((9, 9), np.float32), markers_from_labels(np.zeros((9, 9), int)))


def test_a_cell_is_at_most_six_nuclei_wide() -> None:
    y, x = np.mgrid[:200, :200]
    mask = np.hypot(y - 100, x - 100) < 80
    markers = markers_from_labels((np.hypot(y - 100, x - 100) < 4.0).astype(int))
    size = estimate_cell_size(mask.astype(np.float32), markers, mask=mask)
    assert size.diameter == pytest.approx(MOST * markers.diameter)
    assert size.factor > 1.2  # one cell says little
    assert MEASURED_WIDER > 1


def test_cells_at_the_edge_do_not_count() -> None:
    mask = np.ones((40, 120), bool)
    points = np.array([[20.0, 0.0], [20.0, 40.0], [20.0, 80.0], [20.0, 119.0]])
    seeds = resize_seeds(None, points, mask.shape, mask.shape)
    assert size_of_cells(seeds, mask, 40.0)[0] == pytest.approx(np.sqrt(4 * 40 * 40 / np.pi), rel=0.02)
    only_edge = np.where((seeds == 1) | (seeds == 4), seeds, 0).astype(np.uint32)
    assert size_of_cells(only_edge, mask, 40.0)[0] > 40
