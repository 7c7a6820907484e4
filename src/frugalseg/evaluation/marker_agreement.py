"""Agreement of the markers of two channels, such as of a predicted and of the real nuclear stain."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class MarkerAgreement(NamedTuple):
    """Counts of markers that two channels share or not.

    Attributes
    ----------
    n_real, n_found
        Markers of the real stain, and of the stain that is compared with it.
    missed
        Real markers without a partner.
    invented
        Found markers without a partner.
    """

    n_real: int
    n_found: int
    missed: int
    invented: int

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, and both errors as shares of the real markers as in paper B (None without real markers)."""
        shares = {
            "missed_share": self.missed / self.n_real if self.n_real else None,
            "invented_share": self.invented / self.n_real if self.n_real else None,
        }
        return {**self._asdict(), **shares}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "MarkerAgreement":
        """Read what `to_dict` returned."""
        return cls(**{name: int(content[name]) for name in cls._fields})


def marker_agreement(found: NDArray[Any], real: NDArray[Any], reach: float) -> MarkerAgreement:
    """Pair markers one to one, nearest first, and count those without a partner.

    Parameters
    ----------
    found, real
        (N, 2) points (y, x), px.
    reach
        Largest distance of a pair, px; half the diameter of a nucleus is sensible.

    Examples
    --------
    >>> real = np.array([[0.0, 0.0], [0.0, 9.0]])
    >>> marker_agreement(np.array([[0.0, 1.0], [1.0, 0.0], [50.0, 50.0]]), real, reach=3)
    MarkerAgreement(n_real=2, n_found=3, missed=1, invented=2)
    """
    from scipy.spatial import KDTree

    found, real = (np.asarray(points, np.float64).reshape(-1, 2) for points in (found, real))
    paired = 0
    if len(found) and len(real):
        near = KDTree(found).sparse_distance_matrix(KDTree(real), reach, output_type="coo_matrix")
        free_found, free_real = np.ones(len(found), bool), np.ones(len(real), bool)
        for index in np.argsort(near.data, kind="stable"):
            row, column = near.row[index], near.col[index]
            if free_found[row] and free_real[column]:
                free_found[row] = free_real[column] = False
                paired += 1
    return MarkerAgreement(len(real), len(found), len(real) - paired, len(found) - paired)
