"""Images as a student learns from them: grey values, nuclei, and the cells of its teacher."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels
from frugalseg.learning.fingerprint import checksum_of
from frugalseg.models.image_cues import ImageCues
from frugalseg.models.inputs import check_label_map
from frugalseg.models.marker_areas import marker_areas
from frugalseg.models.model_scale import normalized_planes
from frugalseg.models.object_model import ObjectModel
from frugalseg.models.student_start import Start, Student
from frugalseg.models.teacher_cells import stain_draws_borders, teacher_cells
from frugalseg.networks.cards import Normalization

#: Returns the cells (Y,X) of an image whose cues are known.
Teacher = Callable[[ImageCues], NDArray[np.uint32]]


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
    checksum
        Of its grey values: see `pixels_checksum`.
    """

    name: str
    planes: NDArray[np.float32]
    nuclei: NDArray[np.uint32]
    cells: NDArray[np.uint32]
    keeps_teacher: bool
    checksum: str

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return int(self.planes.shape[1]), int(self.planes.shape[2])

    def normalized(self, normalization: Sequence[Normalization], diameter: float) -> "StudentImage":
        """Return the image with normalised grey values, each channel in its own way; `diameter` of a cell, px."""
        owner = f"field {self.name!r}"
        return replace(self, planes=normalized_planes(self.planes, normalization, diameter, (), owner))


@dataclass(frozen=True)
class StartAsTeacher:
    """Teaches the cells that a start finds in label-free images, with nuclei as seeds, and else those that grow from nuclei.

    Attributes
    ----------
    start, pixel_size
        Of cells; (y, x) in um, or None.
    inverted
        Of each label-free image so far, whether the start saw it inverted: see `frugalseg.models.surer_sight`.
    """

    start: ObjectModel
    pixel_size: tuple[float, float] | None
    inverted: list[bool] = field(default_factory=list)

    def __call__(self, cues: ImageCues) -> NDArray[np.uint32]:
        """Return the cells (Y,X) of an image."""
        if cues.modalities[0] == "fluorescent":
            return teacher_cells(cues)
        found = self.start.segment(cues, pixel_size=self.pixel_size)
        self.inverted.append(found.inverted)
        return found.labels


def first_teacher(start: Start | None, pixel_size: tuple[float, float] | None) -> Teacher:
    """Return what the first round learns: the cells that a start finds, with nuclei as seeds, or else those that grow from nuclei.

    Parameters
    ----------
    start
        A model of cells knows more of them than nuclei and foreground tell, in label-free images. In fluorescence the stain
        shows where cells are, and those that grow from nuclei are the better teacher. Other models find no cells.
    pixel_size : (float, float), optional
        (y, x) in um.
    """
    if isinstance(start, ObjectModel) and start.card.kind == "cells":
        return StartAsTeacher(start, pixel_size)
    return teacher_cells


def first_weights(student: Student, teacher: Teacher) -> Student:
    """Return a student with weights for the contrast of its images: inverted where the start saw most of them so."""
    seen = teacher.inverted if isinstance(teacher, StartAsTeacher) else []
    return student.inverted() if 2 * sum(seen) > len(seen) else student


def pixels_checksum(planes: NDArray[np.float32]) -> str:
    """Return a checksum of grey values (C,Y,X) that are not normalised, by which an image is known again.

    Examples
    --------
    >>> pixels_checksum(np.zeros((1, 2, 3), np.float32)) == pixels_checksum(np.zeros((1, 3, 2), np.float32))
    False
    """
    return f"{checksum_of(planes):08x}"


def student_images(cues: Sequence[ImageCues], teacher: Teacher = teacher_cells) -> list[StudentImage]:
    """Return images with the teacher's cells, each with a name of its own.

    Raises
    ------
    WrongShape, BadPixels
        What the teacher returned is no label map of the image's shape.
    """
    known = Counter[str]()
    images = []
    for one in cues:
        known[one.name] += 1
        name = one.name if known[one.name] == 1 else f"{one.name} ({known[one.name]})"
        images.append(replace(_student_image(one, teacher), name=name))
    return images


def _student_image(cues: ImageCues, teacher: Teacher) -> StudentImage:
    nuclei, kept = marker_areas(cues), stain_draws_borders(cues)
    cells = check_label_map(teacher(cues), "teacher", cues.shape, cues.name)
    if (cells < 0).any():
        raise BadPixels(f"{cues.name}: `teacher` gave labels below 0; give 0 where there is no cell")
    return StudentImage(
        cues.name, cues.planes, nuclei, cells.astype(np.uint32), kept, pixels_checksum(cues.planes)
    )
