"""The channel that tells a cutter whose cell it is to mark: high at the marker, falling off over the image."""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frugalseg.images.geodesic import geodesic_distances
from frugalseg.networks.patches import padded_planes

#: The typical way is measured this far around markers, px at the working scale: inside nearly every cell.
INSIDE = (4.0, 12.0)
#: It is measured at no more markers than this.
MEASURED = 200
#: Maps that are kept, of all fields together, 20 to 25 kB each.
KEPT = 16384


def gaussian_disk(side: int, sigma: float) -> Tensor:
    """Disk (y,x) of height 1 at the patch's marker, which is pixel ``side // 2``."""
    return torch.exp(-_squares(side) / (2 * sigma**2))


class MarkerChannels:
    r"""Position channel of the markers of one field.

    The paper's is a Gaussian disk, :math:`e^{-d^2 / 2\sigma^2}` with d the distance to the marker. Ours takes for d the
    shortest way over the image (`frugalseg.images.geodesic`), so it falls off at borders, follows long cells, and tells the
    network before it has learned anything what CellProfiler's propagation knows. Ways are scaled so that inside a cell
    of this field they are typically as long as the straight line.

    Parameters
    ----------
    cost_image : (Y,X) float32
        From `frugalseg.images.geodesic.cost_image`, of the image of the cells at the working scale.
    centres : (N,2) int64
        Marker pixels (y, x).
    side, sigma : int, float
        Side of a patch and standard deviation, px at the working scale.
    regularization : float or None
        See `frugalseg.images.geodesic.step_costs`; None: the paper's disk.
    reach : int
        How far a patch may be moved off its marker, px.
    kept : int
        Maps of the markers used last that are kept.

    Examples
    --------
    A bright square of 27 px. The disk hardly falls at its border, behind which the way is long.

    >>> square = np.zeros((61, 61), np.float32)
    >>> square[17:44, 17:44] = 1.0
    >>> for regularization in (None, 0.05):
    ...     position = MarkerChannels(square, np.array([[30, 30]]), 48, 15.0, regularization)([0])
    ...     print([round(float(position[0, 0, 24, x]), 2) for x in (24, 34, 39)])
    [1.0, 0.8, 0.61]
    [1.0, 0.82, 0.0]
    """

    def __init__(
        self,
        cost_image: NDArray[np.float32],
        centres: NDArray[np.int64],
        side: int,
        sigma: float,
        regularization: float | None,
        reach: int = 0,
        kept: int = KEPT,
    ) -> None:
        self.side, self.sigma, self.regularization, self.reach = side, sigma, regularization, reach
        self.disk = gaussian_disk(side, sigma)
        self.centres = centres
        if regularization is not None:
            self.window = side + 2 * reach
            self.cost_image = padded_planes(cost_image[None], self.window)[0]
            self._kept = lru_cache(maxsize=kept)(self._map)
            self.scale = self._typical_way()

    def __call__(
        self, chosen: NDArray[np.int64] | list[int], moves: NDArray[np.int64] | None = None
    ) -> Tensor:
        """Position channel (n,1,y,x) of the chosen markers' patches, which are moved by `moves` (n,2) px.

        A disk stays in the middle of its patch, wherever that is moved; ways start at the marker.
        """
        if self.regularization is None:
            return self.disk.expand(len(chosen), 1, -1, -1)
        places = self.reach + (np.zeros((len(chosen), 2), np.int64) if moves is None else moves)
        maps = [
            self._kept(int(number))[y : y + self.side, x : x + self.side]
            for number, (y, x) in zip(chosen, places.tolist(), strict=True)
        ]
        return torch.stack(maps)[:, None] if maps else torch.zeros(0, 1, self.side, self.side)

    def _ways(self, number: int) -> NDArray[np.float64]:
        assert self.regularization is not None
        y, x = self.centres[number]
        around = self.cost_image[y : y + self.window, x : x + self.window]
        return geodesic_distances(around, (self.window // 2, self.window // 2), self.regularization)

    def _map(self, number: int) -> Tensor:
        ways = self._ways(number) / self.scale
        return torch.from_numpy(np.exp(-(ways**2) / (2 * self.sigma**2)).astype(np.float32))

    def _typical_way(self) -> float:
        """Ways inside cells, relative to the straight line."""
        straight = np.sqrt(_squares(self.window).numpy())
        inside = (straight >= INSIDE[0]) & (straight <= INSIDE[1])
        measured = range(0, len(self.centres), 1 + len(self.centres) // MEASURED)
        ratios = [self._ways(number)[inside] / straight[inside] for number in measured]
        return float(np.median(ratios)) if ratios else 1.0


def _squares(side: int) -> Tensor:
    """Squared distance (y,x) to pixel ``side // 2``."""
    steps = torch.arange(side, dtype=torch.float32) - side // 2
    return steps[:, None] ** 2 + steps[None, :] ** 2
