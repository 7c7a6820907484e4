"""What a model of nuclei or cells says of one image."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from frugalseg.evaluation.nuclei_agreement import NucleiAgreement


@dataclass(frozen=True)
class CellPrediction:
    """Cells of one image, and how far they can be trusted.

    Attributes
    ----------
    labels
        (Y,X) uint32; a cell has the number of its marker, counted from 1, cells without a nucleus have larger numbers.
    confidence
        Number of a cell -> agreement of the image's orientations on it, 0..1; empty of a model that sees one orientation.
    agreement
        Of cells and nuclei.
    look_distance
        How far the image looks from those that the model was learned from, above 1: unlike them; None: the model does not
        say.
    doubts
        Sentences for the user.
    nuclei
        Number of a cell -> how many nuclei mostly lie in it.
    adapted
        Whether the model was not sure of the image as it is, and saw it with batch norms that know it: see
        `frugalseg.models.surer_sight`.
    contrast
        By what it multiplied grey values without a stain, likewise; below 0 it saw bright for dark and dark for bright.
    """

    labels: NDArray[np.uint32]
    confidence: Mapping[int, float]
    agreement: NucleiAgreement
    look_distance: float | None = None
    doubts: tuple[str, ...] = ()
    nuclei: Mapping[int, int] = field(default_factory=dict)
    adapted: bool = False
    contrast: float = 1.0

    @property
    def inverted(self) -> bool:
        """Whether bright was seen for dark."""
        return self.contrast < 0


@dataclass(frozen=True)
class ObjectPrediction:
    """Nuclei or cells of one image, found without its nuclei, and how far they can be trusted.

    Attributes
    ----------
    labels
        (Y,X) uint32.
    maps
        (K,Y,X) float32, what they were made of.
    confidence
        As of `CellPrediction`; None of nuclei, and of a model that sees the image in one orientation only.
    look_distance, doubts, adapted, contrast
        As of `CellPrediction`.
    """

    labels: NDArray[np.uint32]
    maps: NDArray[np.float32]
    confidence: Mapping[int, float] | None
    look_distance: float | None
    doubts: tuple[str, ...]
    adapted: bool = False
    contrast: float = 1.0

    @property
    def inverted(self) -> bool:
        """Whether bright was seen for dark."""
        return self.contrast < 0


def sight_of(found: CellPrediction | ObjectPrediction) -> dict[str, bool | float]:
    """Return how a model saw an image, for records: `adapted`, `inverted` and `contrast`."""
    return {"adapted": found.adapted, "inverted": found.inverted, "contrast": found.contrast}
