"""Synthetic cells with a known truth: the same cells in stains, phase contrast and bright field.

They serve the demo, the documentation and the tests, and show whether a method works at all. They are no evidence of
its accuracy on real images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frugalseg.errors import SettingsError
from frugalseg.synthetic.optics import render
from frugalseg.synthetic.truth import draw_truth

CHANNELS = ("nuclear", "cytoplasm", "membrane", "phase", "brightfield")
TRUTHS = ("cells", "nuclei")


@dataclass(frozen=True)
class SyntheticField:
    """One field: five images of the same cells, and the truth.

    Images are (Y, X) uint16, label maps (Y, X) uint32 with 0 for background, markers (N, 2) float64 in
    px, y then x. Cell i, nucleus i and row i - 1 of the markers belong together.
    """

    nuclear: npt.NDArray[np.uint16]
    cytoplasm: npt.NDArray[np.uint16]
    membrane: npt.NDArray[np.uint16]
    phase: npt.NDArray[np.uint16]
    brightfield: npt.NDArray[np.uint16]
    cells: npt.NDArray[np.uint32]
    nuclei: npt.NDArray[np.uint32]
    markers: npt.NDArray[np.float64]

    def planes(self, channels: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return some of the images as (C, Y, X) float32, in the order given."""
        return np.stack([getattr(self, channel) for channel in channels]).astype(np.float32)


def make_cells(
    shape: tuple[int, int] = (256, 256),
    n_cells: int | None = None,
    density: float = 0.6,
    diameter: float = 30.0,
    seed: int | Sequence[int] = 0,
    *,
    dim_nuclei: float = 0.1,
    vignette: float = 0.25,
    noise: float = 1.0,
) -> SyntheticField:
    """Draw one field of touching cells of varied shape, with paired images.

    Parameters
    ----------
    shape
        Height and width in px.
    n_cells
        Exact number of cells; None: as many as `density` requires.
    density
        Part of the field that cells cover, 0 to 1; at 1 there is no background. With `n_cells` it only sets how
        strongly the cells gather in colonies: the lower, the more.
    diameter
        Typical cell diameter in px: that of a disk of the same area.
    seed
        The same seed and settings give the same pixels. Noise, vignette and dim nuclei do not move the cells.
    dim_nuclei
        Part of the nuclei with almost no stain (4 % of the usual brightness).
    vignette
        How much darker than the centre the corners are, 0 to 1.
    noise
        Factor on the noise of the camera; 0 for none.

    Returns
    -------
    SyntheticField
        Images and truth. Every cell has one nucleus and one marker, also at the edge of the field.

    Raises
    ------
    SettingsError
        A value is out of range, or `n_cells` do not fit.

    Examples
    --------
    >>> field = make_cells((128, 128), n_cells=12, seed=1)
    >>> field.phase.shape, field.phase.dtype, int(field.cells.max())
    ((128, 128), dtype('uint16'), 12)
    """
    _check(shape, n_cells, density, diameter, dim_nuclei, vignette, noise, seed)
    # Separate random streams, so that settings of the optics never move the cells.
    placing, imaging = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    truth = draw_truth(shape, n_cells, density, diameter, placing)
    images = render(truth, diameter, dim_nuclei, vignette, noise, imaging)
    return SyntheticField(**images, cells=truth.cells, nuclei=truth.nuclei, markers=truth.markers)


def _check(
    shape: tuple[int, int],
    n_cells: int | None,
    density: float,
    diameter: float,
    dim_nuclei: float,
    vignette: float,
    noise: float,
    seed: int | Sequence[int],
) -> None:
    if len(shape) != 2 or min(shape) < 16:
        raise SettingsError(f"`shape` is {tuple(shape)}; give height and width, both at least 16 px")
    if not 8 <= diameter < math.inf:
        raise SettingsError(f"`diameter` is {diameter} px; synthetic cells need at least 8")
    if n_cells is not None and n_cells != int(n_cells):
        raise SettingsError(f"`n_cells` is {n_cells}; give a whole number")
    if np.min(seed) < 0:
        raise SettingsError(f"`seed` is {seed}; give whole numbers of 0 or more")
    for name, value in {"density": density, "dim_nuclei": dim_nuclei, "vignette": vignette}.items():
        if not 0 <= value <= 1:
            raise SettingsError(f"`{name}` is {value}; it must lie between 0 and 1")
    if not 0 <= noise < math.inf:
        raise SettingsError(f"`noise` is {noise}; it must be 0 (none) or more")
    fits = int(shape[0] * shape[1] / (0.25 * diameter) ** 2)
    if n_cells is not None and not 0 <= n_cells <= fits:
        raise SettingsError(f"`n_cells` is {n_cells}; between 0 and {fits} fit a field of {shape} px")
