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
    there = nuclei > 0
    pairs, counts = np.unique(np.stack([nuclei[there], labels[there]]), axis=1, return_counts=True)
    ids, sizes = np.unique(nuclei[there], return_counts=True)
    size = dict(zip(ids.tolist(), sizes.tolist(), strict=True))
    of_cell: dict[int, int] = {}
    for (nucleus, cell), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        if cell > 0 and 2 * count >= size[nucleus]:
            of_cell[cell] = of_cell.get(cell, 0) + 1
    n_cells = int(np.count_nonzero(np.unique(labels)))
    inside = sum(of_cell.values())
    several = sum(n > 1 for n in of_cell.values())
    return NucleiAgreement(n_cells, len(ids), n_cells - len(of_cell), several, max(0, len(ids) - inside))
