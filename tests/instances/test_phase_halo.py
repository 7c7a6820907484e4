"""The halo is found by where it lies, whatever its sign, and only there it is cut away."""

import numpy as np
import pytest

from frugalseg.instances.phase_halo import boundary_distance, find_halo


def cells_with_halo(halo_value: float, inside: float = 0.0, seed: int = 0):
    """Labels of 3x3 square cells with 2 px gaps; their outermost 2 px have the value `halo_value`."""
    random = np.random.default_rng(seed)
    labels = np.zeros((120, 120), dtype=np.uint32)
    plane = np.zeros(labels.shape, dtype=np.float32)
    for number in range(9):
        y, x = 12 + 34 * (number // 3), 12 + 34 * (number % 3)
        labels[y : y + 30, x : x + 30] = number + 1
        plane[y : y + 30, x : x + 30] = halo_value
        plane[y + 2 : y + 28, x + 2 : x + 28] = inside
    return labels, (plane + random.normal(0, 0.05, plane.shape)).astype(np.float32)


@pytest.mark.parametrize(("halo_value", "sign"), [(-3.0, "dark"), (3.0, "bright")])
def test_halo_of_either_sign_is_found_at_the_boundary_only(halo_value, sign):
    labels, plane = cells_with_halo(halo_value)
    halo, found = find_halo(labels, plane, labels > 0)
    assert found == sign
    assert halo.any()
    assert not halo[boundary_distance(labels) > 1].any()
    assert not halo[labels == 0].any()
    # All of the outermost pixels of a cell's straight sides are halo.
    assert halo[12, 16:38].all()


def test_cells_that_differ_as_much_inside_have_no_halo():
    labels, plane = cells_with_halo(-3.0, inside=-3.0)
    halo, sign = find_halo(labels, plane, labels > 0)
    assert sign is None
    assert not halo.any()


def test_weak_halos_are_kept():
    labels, plane = cells_with_halo(-0.05)
    assert find_halo(labels, plane, labels > 0)[1] is None


def test_no_background_or_no_cell_means_no_halo():
    labels, plane = cells_with_halo(-3.0)
    assert find_halo(labels, plane, np.ones(labels.shape, bool))[1] is None
    assert find_halo(np.zeros_like(labels), plane, labels > 0)[1] is None


def test_boundary_distance_counts_touching_cells_and_background():
    labels = np.zeros((3, 9), dtype=np.uint32)
    labels[:, 1:5], labels[:, 5:9] = 1, 2
    assert boundary_distance(labels)[1].tolist() == [0, 0, 1, 1, 0, 0, 1, 2, 3]
    assert np.isinf(boundary_distance(np.ones((4, 4), np.uint32))).all()
