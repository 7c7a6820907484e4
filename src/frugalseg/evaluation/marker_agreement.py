"""How well the markers of two channels agree, such as of a predicted and of the real nuclear stain."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class MarkerAgreement(NamedTuple):
    """Counts, and shares as in paper B.

    Attributes
    ----------
    n_real, n_found
        Markers of the real stain, and those that are judged.
    missed
        Real ones that no other stands for.
    invented
        Those that stand for no real one.
    """

    n_real: int
    n_found: int
    missed: int
    invented: int

    def to_dict(self) -> dict[str, Any]:
        """Counts, and both errors as shares of the real markers (None where there are none)."""
        shares = {
            "missed_share": self.missed / self.n_real if self.n_real else None,
            "invented_share": self.invented / self.n_real if self.n_real else None,
        }
        return {**self._asdict(), **shares}


def marker_agreement(found: NDArray[Any], real: NDArray[Any], reach: float) -> MarkerAgreement:
    """Pair markers one to one, nearest first, and count those that are left.

    Parameters
    ----------
    found, real
        (N, 2) points (y, x), px.
    reach
        Markers further apart than this are not the same, px; half a nucleus' diameter is sensible.

    Examples
    --------
    >>> real = np.array([[0.0, 0.0], [0.0, 9.0]])
    >>> marker_agreement(np.array([[0.0, 1.0], [1.0, 0.0], [50.0, 50.0]]), real, reach=3)
    MarkerAgreement(n_real=2, n_found=3, missed=1, invented=2)
    """
    from scipy.spatial import KDTree

    ours, true = (np.asarray(points, np.float64).reshape(-1, 2) for points in (found, real))
    paired = 0
    if len(ours) and len(true):
        near = KDTree(ours).sparse_distance_matrix(KDTree(true), reach, output_type="coo_matrix")
        free = [np.ones(len(ours), bool), np.ones(len(true), bool)]
        for index in np.argsort(near.data, kind="stable"):
            one, other = near.row[index], near.col[index]
            if free[0][one] and free[1][other]:
                free[0][one] = free[1][other] = False
                paired += 1
    return MarkerAgreement(len(true), len(ours), len(true) - paired, len(ours) - paired)
