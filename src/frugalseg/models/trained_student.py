"""What a student finds in the images that it learned from: how large and how sure cells are, and whether rounds agree."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from frugalseg.evaluation.matching import match_labels
from frugalseg.evaluation.scores import best_match_miou
from frugalseg.images.freed_memory import give_back_freed_memory
from frugalseg.models.field_doubts import MEASURED, usual_confidence
from frugalseg.models.object_scale import ImageScale, found_diameter
from frugalseg.models.seeded_cells import SeededCells, at_both_scales, better_of, copes
from frugalseg.models.seen_image import SeenImage
from frugalseg.models.student_images import StudentImage
from frugalseg.models.student_start import Student

#: Cells that differ by less between rounds are not kept.
LEAST_SHARE = 0.005

Cells = NDArray[np.uint32]


class Measured(NamedTuple):
    """What a student finds in one image.

    Attributes
    ----------
    diameter
        Of a typical cell, px, found without the nuclei; None if there are hardly any cells.
    usual, enlarged
        Cells at the network's scale, and in the image enlarged; twice the same where it can't be.
    """

    diameter: float | None
    usual: SeededCells
    enlarged: SeededCells


def measure_student(student: Student, images: Sequence[StudentImage]) -> list[Measured]:
    """Return what a trained student finds in the first images that it learned from."""
    network, learning, diameter = student.network, student.learning, student.diameter
    found = list[Measured]()
    for one in images[:MEASURED]:
        size, own = found_diameter(network, one.planes, learning.h, student.scale, diameter)
        seen = ImageScale(student.scale, own)
        usual, enlarged = at_both_scales(SeenImage(network, learning, one.planes, seen, diameter), one.nuclei)
        found.append(Measured(size, usual, enlarged or usual))
        give_back_freed_memory()
    return found


def usual_values(measured: Sequence[Measured], diameter: float) -> dict[str, Any]:
    """Return what the card of a trained student says of the images that it learned from."""
    finer = copes([one.usual.area for one in measured], [one.enlarged.area for one in measured])
    better = (better_of(one.usual, one.enlarged) if finer else one.usual for one in measured)
    sizes = [one.diameter for one in measured if one.diameter]
    return {
        "found_diameter": float(np.median(sizes or [diameter])),
        "usual_confidence": usual_confidence([sure for one in better for sure in one.confidence.values()]),
        "copes_with_finer": finer,
    }


class RoundsAgreement(NamedTuple):
    """How well the cells of the last round agree with those of the round before, by the name of the image.

    Attributes
    ----------
    mean
        Mean IoU of the last round's cells with the best cell of the round before.
    cells
        That IoU by the number of a cell, which is that of its nucleus; cells without a nucleus are numbered anew each time.
    differ
        By the checksum of the image: see `frugalseg.learning.training_record.TrainingRecord.rounds_differ`.
    """

    mean: dict[str, float]
    cells: dict[str, dict[int, float]]
    differ: dict[str, list[tuple[float, float, float]]]


def rounds_agree(
    images: Sequence[StudentImage], measured: Sequence[Measured], before: Mapping[int, Cells]
) -> RoundsAgreement:
    """Return how well the last two rounds agree on images whose cells of the round before are known, by position."""
    found = RoundsAgreement({}, {}, {})
    for index, cells in before.items():
        image, last = images[index], measured[index].usual.labels
        found.differ[image.checksum] = [*_cells_apart(last, cells), *_cells_apart(cells, last)]
        if last.any():
            match = match_labels(last, cells)
            pairs = zip(match.true_ids.tolist(), match.best()[0].tolist(), strict=True)
            found.mean[image.name] = round(best_match_miou(match), 3)
            n_nuclei = int(image.nuclei.max(initial=0))
            found.cells[image.name] = {cell: round(iou, 3) for cell, iou in pairs if cell <= n_nuclei}
    return found


def _cells_apart(cells: Cells, others: Cells) -> Iterator[tuple[float, float, float]]:
    """Yield the middle, px, of each cell that differs from its best partner in another round, and half of 1 - IoU with it."""
    match = match_labels(cells, others)
    share = (1 - match.best()[0]) / 2
    apart = np.flatnonzero(share >= LEAST_SHARE)
    if len(apart):
        middles = ndimage.center_of_mass(cells > 0, cells, match.true_ids[apart])
        for (y, x), one in zip(middles, share[apart], strict=True):
            yield round(float(y), 1), round(float(x), 1), round(float(one), 3)
