"""The marker channel, which tells the marker network whose cell to segment: 1 at the marker, falling off around it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from frugalseg.images.geodesic import geodesic_distances
from frugalseg.networks.patches import pad_planes

#: Geodesic and straight distance are compared this far from markers, px at the model's scale: inside nearly every cell.
INSIDE = (4.0, 12.0)
#: They are compared at no more markers than this.
MEASURED = 200
#: Maps that are cached, of all fields together, 20 to 25 kB each.
KEPT = 16384


def gaussian_disk(side: int, sigma: float) -> Tensor:
    """Return a disk (y,x) of height 1 at the patch's marker, which is pixel ``side // 2``."""
    return torch.exp(-_squares(side) / (2 * sigma**2))


class MarkerChannels:
    r"""Marker channel of each marker of one field.

    In the paper it is a Gaussian disk, :math:`e^{-d^2 / 2\sigma^2}` with d the distance to the marker. Here d is the
    geodesic distance over a cost image (`frugalseg.images.geodesic`). So the channel falls off at boundaries and follows
    long cells, and an untrained network has the information that CellProfiler's propagation uses. Distances are scaled so
    that inside the cells of a field they are typically those of the straight line.

    Parameters
    ----------
    cost_image : (Y,X) float32
        From `frugalseg.images.geodesic.cost_image`, of the image of the cells at the model's scale.
    centres : (N,2) int64
        Marker pixels (y, x).
    side, sigma : int, float
        Side of a patch and standard deviation, px at the model's scale.
    regularization : float or None
        See `frugalseg.images.geodesic.step_costs`; None: the paper's disk.
    max_shift : int
        How far a patch may be shifted off its marker, px.
    kept : int
        Number of maps that are cached, of the markers used last.

    Examples
    --------
    A bright square of 27 px. The disk hardly falls off at its boundary, where the geodesic distance jumps.

    >>> square = np.zeros((61, 61), np.float32)
    >>> square[17:44, 17:44] = 1.0
    >>> for regularization in (None, 0.05):
    ...     channel = MarkerChannels(square, np.array([[30, 30]]), 48, 15.0, regularization)([0])
    ...     print([round(float(channel[0, 0, 24, x]), 2) for x in (24, 34, 39)])
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
        max_shift: int = 0,
        kept: int = KEPT,
    ) -> None:
        self.side, self.sigma, self.regularization, self.max_shift = side, sigma, regularization, max_shift
        self.disk = gaussian_disk(side, sigma)
        self.centres = centres
        if regularization is not None:
            self.window = side + 2 * max_shift
            self.cost_image = pad_planes(cost_image[None], self.window)[0]
            self.kept, self._maps = kept, dict[int, Tensor]()
            self.scale = self._typical_ratio()

    def __call__(
        self, chosen: NDArray[np.int64] | list[int], shifts: NDArray[np.int64] | None = None
    ) -> Tensor:
        """Return the marker channel (n,1,y,x) of the chosen markers' patches.

        Patches are shifted by `shifts` (n,2) px. A disk stays in the middle of its patch wherever that is; geodesic
        distances start at the marker.
        """
        if self.regularization is None:
            return self.disk.expand(len(chosen), 1, -1, -1)
        places = self.max_shift + (np.zeros((len(chosen), 2), np.int64) if shifts is None else shifts)
        maps = [
            self._map(int(number))[y : y + self.side, x : x + self.side]
            for number, (y, x) in zip(chosen, places.tolist(), strict=True)
        ]
        return torch.stack(maps)[:, None] if maps else torch.zeros(0, 1, self.side, self.side)

    def _distances(self, number: int) -> NDArray[np.float64]:
        """Return the unscaled geodesic distances (y,x) from a marker, over the largest window of its patches."""
        assert self.regularization is not None
        y, x = self.centres[number]
        around = self.cost_image[y : y + self.window, x : x + self.window]
        return geodesic_distances(around, (self.window // 2, self.window // 2), self.regularization)

    def _map(self, number: int) -> Tensor:
        found = self._maps.get(number)
        if found is None:
            distances = self._distances(number) / self.scale
            found = torch.from_numpy(np.exp(-(distances**2) / (2 * self.sigma**2)).astype(np.float32))
            if len(self._maps) < self.kept:
                self._maps[number] = found
        return found

    def _typical_ratio(self) -> float:
        """Return the median ratio of geodesic to straight distance inside cells."""
        straight = np.sqrt(_squares(self.window).numpy())
        inside = (straight >= INSIDE[0]) & (straight <= INSIDE[1])
        measured = range(0, len(self.centres), 1 + len(self.centres) // MEASURED)
        ratios = [self._distances(number)[inside] / straight[inside] for number in measured]
        return float(np.median(ratios)) if ratios else 1.0


def _squares(side: int) -> Tensor:
    """Return the squared distance (y,x) to pixel ``side // 2``."""
    steps = torch.arange(side, dtype=torch.float32) - side // 2
    return steps[:, None] ** 2 + steps[None, :] ** 2
