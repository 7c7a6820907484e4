"""How well cells and nuclei agree, where there is no truth: one nucleus per cell, inside it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class NucleiAgreement:
    """Counts of cells and nuclei that fit each other, and of those that do not.

    Attributes
    ----------
    cells, nuclei
        How many there are.
    cells_without_nucleus, cells_with_several
        Cells in which no nucleus, or more than one, mostly lies.
    nuclei_without_cell
        Nuclei of which less than half lies in one cell.
    """

    cells: int
    nuclei: int
    cells_without_nucleus: int
    cells_with_several: int
    nuclei_without_cell: int

    @property
    def nuclei_inside(self) -> float | None:
        """Share of the nuclei that lie mostly in one cell; None without nuclei."""
        return 1 - self.nuclei_without_cell / self.nuclei if self.nuclei else None


@dataclass(frozen=True)
class Misfits:
    """Numbers of the cells and nuclei that do not fit each other, ascending; see `NucleiAgreement`."""

    cells_without_nucleus: npt.NDArray[np.integer]
    cells_with_several: npt.NDArray[np.integer]
    nuclei_without_cell: npt.NDArray[np.integer]


def find_misfits(labels: npt.NDArray[np.integer], nuclei: npt.NDArray[np.integer]) -> Misfits:
    """Find the cells that do not hold one nucleus, and the nuclei that are in no cell.

    Parameters
    ----------
    labels, nuclei : (Y,X) integers
        Label maps of cells and of nuclei, 0 elsewhere.

    Examples
    --------
    >>> cells = np.array([[1, 1, 1, 0, 2, 2, 0, 0]])
    >>> nuclei = np.array([[1, 0, 2, 0, 0, 0, 3, 3]])
    >>> found = find_misfits(cells, nuclei)
    >>> found.cells_without_nucleus, found.cells_with_several, found.nuclei_without_cell
    (array([2]), array([1]), array([3]))
    """
    there = nuclei > 0
    pairs, counts = np.unique(np.stack([nuclei[there], labels[there]]), axis=1, return_counts=True)
    ids, sizes = np.unique(nuclei[there], return_counts=True)
    mostly = (pairs[1] > 0) & (2 * counts >= sizes[np.searchsorted(ids, pairs[0])])
    owners, held = np.unique(pairs[1][mostly], return_counts=True)
    cells = np.unique(labels[labels > 0])
    return Misfits(np.setdiff1d(cells, owners), owners[held > 1], np.setdiff1d(ids, pairs[0][mostly]))


def nuclei_agreement(labels: npt.NDArray[np.integer], nuclei: npt.NDArray[np.integer]) -> NucleiAgreement:
    """Count the nuclei of every cell.

    Parameters
    ----------
    labels, nuclei : (Y,X) integers
        Label maps of cells and of nuclei, 0 elsewhere.

    Examples
    --------
    >>> cells = np.array([[1, 1, 1, 0, 2, 2, 0, 0]])
    >>> nuclei = np.array([[1, 0, 2, 0, 0, 0, 3, 3]])
    >>> agreement = nuclei_agreement(cells, nuclei)
    >>> agreement.cells_with_several, agreement.cells_without_nucleus, agreement.nuclei_without_cell
    (1, 1, 1)
    """
    misfits = find_misfits(labels, nuclei)
    return NucleiAgreement(
        cells=int(np.count_nonzero(np.unique(labels))),
        nuclei=int(np.count_nonzero(np.unique(nuclei))),
        cells_without_nucleus=len(misfits.cells_without_nucleus),
        cells_with_several=len(misfits.cells_with_several),
        nuclei_without_cell=len(misfits.nuclei_without_cell),
    )
