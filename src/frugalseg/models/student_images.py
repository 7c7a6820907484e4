"""Images as a student learns from them: grey values, nuclei, and the cells of its teacher."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.normalize import zscore
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.marker_areas import marker_areas
from frugalseg.models.model_scale import log_planes
from frugalseg.models.teacher_cells import stain_draws_borders, teacher_cells


@dataclass(frozen=True)
class StudentImage:
    """One image as the student learns from it, at the image's own scale.

    Attributes
    ----------
    name
        The image's.
    planes
        (C,Y,X) float32, grey values, or normalised.
    nuclei
        (Y,X) uint32, label i is marker i.
    cells
        (Y,X) uint32, the teacher's.
    diameter
        Of a typical cell, px.
    fluorescent
        Whether the first channel shows fluorescence.
    keeps_teacher
        Whether no round replaces the teacher's cells: see `frugalseg.models.teacher_cells.stain_draws_borders`.
    """

    name: str
    planes: NDArray[np.float32]
    nuclei: NDArray[np.uint32]
    cells: NDArray[np.uint32]
    diameter: float
    fluorescent: bool
    keeps_teacher: bool

    def normalized(self, fluorescent: bool, diameter: float) -> "StudentImage":
        """Return the image with normalised grey values: the logarithm of fluorescence, else z-scored."""
        owner = f"field {self.name!r}"
        log = log_planes(self.planes, diameter, (), owner) if fluorescent else zscore(self.planes, (), owner)
        return replace(self, planes=log)


def student_image(cues: ImageCues) -> StudentImage:
    """Return an image with the teacher's cells."""
    fluorescent = cues.modalities[0] == "fluorescent"
    nuclei, cells, kept = marker_areas(cues), teacher_cells(cues), stain_draws_borders(cues)
    return StudentImage(cues.name, cues.planes, nuclei, cells, cues.diameter, fluorescent, kept)
