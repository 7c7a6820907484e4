"""Cells and nuclei against each other, where there is no truth."""

import time

import numpy as np

from frugalseg.evaluation.nuclei_agreement import find_misfits, nuclei_agreement, nuclei_in_cells


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


def test_the_nuclei_of_each_cell_add_up_to_the_same_counts() -> None:
    rng = np.random.default_rng(3)
    cells = (rng.integers(1, 40, (12, 15)) * (rng.random((12, 15)) < 0.7)).repeat(6, 0).repeat(6, 1)
    nuclei = np.zeros_like(cells)
    for number, (y, x) in enumerate(np.argwhere(rng.random((18, 22)) < 0.2).tolist(), start=1):
        nuclei[4 * y : 4 * y + 3, 4 * x : 4 * x + 3] = number  # 9 px: never half in each of two cells
    held, found = nuclei_in_cells(cells, nuclei), nuclei_agreement(cells, nuclei)
    assert list(held) == np.unique(cells[cells > 0]).tolist()
    assert [cell for cell, n in held.items() if n == 0] == find_misfits(
        cells, nuclei
    ).cells_without_nucleus.tolist()
    assert sum(n == 0 for n in held.values()) == found.cells_without_nucleus > 0
    assert sum(n > 1 for n in held.values()) == found.cells_with_several > 0
    assert sum(held.values()) == found.nuclei - found.nuclei_without_cell > 0


def test_nothing_is_counted_where_nothing_is() -> None:
    empty = np.zeros((3, 3), np.uint32)
    found = nuclei_agreement(empty, empty)
    assert (found.cells, found.nuclei, found.nuclei_inside) == (0, 0, None)


def test_many_nuclei_of_large_numbers_are_counted_in_seconds() -> None:
    nuclei = np.arange(1, 901, dtype=np.uint32).reshape(30, 30).repeat(70, 0).repeat(70, 1)
    cells = np.uint32(2**32 - 1) - nuclei
    cells[:70, :70] = 0  # that of nucleus 1
    nuclei[-30:, -70:] = 901  # a second one in the last cell
    start = time.process_time()
    held = nuclei_in_cells(cells, nuclei)
    assert time.process_time() - start < 5
    assert held == {2**32 - 901: 2} | {2**32 - 1 - number: 1 for number in range(899, 1, -1)}
    assert find_misfits(cells, nuclei).nuclei_without_cell.tolist() == [1]


def test_what_is_not_annotated_is_no_cell() -> None:
    cells = np.array([[1, 1, 1, -1, -1, 2, 2]])
    nuclei = np.array([[1, 1, 0, 2, 2, 3, 3]])
    assert find_misfits(cells, nuclei).cells_with_several.tolist() == []
    found = nuclei_agreement(cells, nuclei)
    assert (found.cells, found.nuclei_without_cell, found.cells_without_nucleus) == (2, 1, 0)
