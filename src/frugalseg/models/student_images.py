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
    keeps_teacher
        Whether no round replaces the teacher's cells: see `frugalseg.models.teacher_cells.stain_draws_borders`.
    """

    name: str
    planes: NDArray[np.float32]
    nuclei: NDArray[np.uint32]
    cells: NDArray[np.uint32]
    keeps_teacher: bool

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.planes.shape[1]), int(self.planes.shape[2])

    def normalized(self, fluorescent: bool, diameter: float) -> "StudentImage":
        """Return the image with normalised grey values: the logarithm of fluorescence, else z-scored."""
        return replace(
            self, planes=normalized_planes(self.planes, fluorescent, diameter, f"field {self.name!r}")
        )


def student_image(cues: ImageCues) -> StudentImage:
    """Return an image with the teacher's cells."""
    nuclei, cells, kept = marker_areas(cues), teacher_cells(cues), stain_draws_borders(cues)
    return StudentImage(cues.name, cues.planes, nuclei, cells, kept)


def normalized_planes(
    planes: NDArray[np.float32], fluorescent: bool, diameter: float, owner: str
) -> NDArray[np.float32]:
    """Return planes (C,Y,X) as a student sees them but for their size; `BadPixels` where one is constant."""
    return log_planes(planes, diameter, (), owner) if fluorescent else zscore(planes, (), owner)
