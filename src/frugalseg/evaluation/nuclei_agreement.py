"""How well cells and nuclei agree, where there is no truth: one nucleus per cell, inside it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Shares of cells without a nucleus, and of nuclei without a cell, from which a field is to be looked at.
MANY, FEW = 0.3, 0.05


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

    @property
    def many_cells_without_nucleus(self) -> bool:
        """Whether more cells are without a nucleus than is usual."""
        return self.cells_without_nucleus > MANY * max(1, self.cells)

    @property
    def many_nuclei_without_cell(self) -> bool:
        """Whether more nuclei are without a cell than is usual."""
        return self.nuclei_without_cell > FEW * max(1, self.nuclei)


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
    inside, owners = _inside(labels, nuclei)
    cells, held = _held(labels, owners)
    lone = np.setdiff1d(np.unique(nuclei[nuclei > 0]), inside)
    return Misfits(cells[held == 0], cells[held > 1], lone)


def nuclei_in_cells(labels: npt.NDArray[np.integer], nuclei: npt.NDArray[np.integer]) -> dict[int, int]:
    """Return how many nuclei mostly lie in each cell, counted as `nuclei_agreement` does.

    Parameters
    ----------
    labels, nuclei : (Y,X) integers
        Label maps of cells and of nuclei, 0 elsewhere.

    Returns
    -------
    dict
        Number of every cell -> number of its nuclei.

    Examples
    --------
    >>> cells = np.array([[1, 1, 1, 0, 2, 2, 0, 0]])
    >>> nuclei = np.array([[1, 0, 2, 0, 0, 0, 3, 3]])
    >>> nuclei_in_cells(cells, nuclei)
    {1: 2, 2: 0}
    """
    cells, held = _held(labels, _inside(labels, nuclei)[1])
    return dict(zip(cells.tolist(), held.tolist(), strict=True))


def _inside(
    labels: npt.NDArray[np.integer], nuclei: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Return pairs: a nucleus, and a cell in which at least half of it lies."""
    there = nuclei > 0
    ids, which, sizes = np.unique(nuclei[there], return_inverse=True, return_counts=True)
    size = int(labels.max(initial=0)) + 1
    held = np.maximum(labels[there].astype(np.int64), 0)  # below 0: not annotated, so in no cell
    # one whole number per pair: unique rows take ten times as long
    pairs, counts = np.unique(which * size + held, return_counts=True)
    at, cells = np.divmod(pairs, size)
    mostly = (cells > 0) & (2 * counts >= sizes[at])
    return ids[at[mostly]], cells[mostly]


def _held(
    labels: npt.NDArray[np.integer], owners: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Return every cell, and how often it is among the owners of nuclei."""
    cells = np.unique(labels[labels > 0])
    held = np.bincount(np.searchsorted(cells, owners), minlength=len(cells))
    return cells, held


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
        cells=len(np.unique(labels[labels > 0])),
        nuclei=int(np.count_nonzero(np.unique(nuclei))),
        cells_without_nucleus=len(misfits.cells_without_nucleus),
        cells_with_several=len(misfits.cells_with_several),
        nuclei_without_cell=len(misfits.nuclei_without_cell),
    )
