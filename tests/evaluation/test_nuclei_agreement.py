"""Cells and nuclei against each other, where there is no truth."""

import numpy as np

from frugalseg.evaluation.nuclei_agreement import nuclei_agreement


def test_every_kind_of_disagreement_is_counted() -> None:
    cells = np.zeros((4, 40), np.uint32)
    for number, start in enumerate((0, 10, 20), start=3):
        cells[:, start : start + 8] = number
    nuclei = np.zeros_like(cells)
    nuclei[1:3, 1:3], nuclei[1:3, 5:7] = 1, 2  # two in the first cell
    nuclei[1:3, 16:20] = 3  # half in the second: counts
    nuclei[1:3, 34:38] = 9  # in none
    found = nuclei_agreement(cells, nuclei)
    assert (found.cells, found.nuclei) == (3, 4)
    assert (found.cells_with_several, found.cells_without_nucleus, found.nuclei_without_cell) == (1, 1, 1)
    assert found.nuclei_inside == 0.75


def test_nothing_is_counted_where_nothing_is() -> None:
    empty = np.zeros((3, 3), np.uint32)
    found = nuclei_agreement(empty, empty)
    assert (found.cells, found.nuclei, found.nuclei_inside) == (0, 0, None)
