"""Cells of a field: scores against a truth and of classical methods, and how the report shows them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, WrongShape
from frugalseg.evaluation.baselines import BASELINES
from frugalseg.evaluation.scores import Scores, compare_labels
from frugalseg.images.field import Field as ImageField
from frugalseg.images.label_checks import check_objects
from frugalseg.images.read import read_image
from frugalseg.models.baseline_scores import TRIMMED, score_baselines
from frugalseg.models.image_cues import ImageCues
from frugalseg.report import FieldReport, preview
from frugalseg.runs.field_cues import FieldCues
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog

#: Dim nuclei are lifted in the report's picture by this exponent.
NUCLEI_GAMMA = 0.6


def check_same_pixels(field: str, inputs: tuple[int, ...], channel: str, other: tuple[int, ...]) -> None:
    """`WrongShape` unless a channel of a field has as many pixels (Y, X) as the inputs."""
    if tuple(inputs) != tuple(other):
        raise WrongShape(
            f"field {field!r}: the inputs are {inputs[0]} x {inputs[1]} px and {channel!r} is {other[0]} x {other[1]} px; both must "
            "show the same pixels"
        )


def read_truth(
    field: ImageField,
    channel: str | None,
    log: RunLog | None = None,
    shape: tuple[int, ...] | None = None,
) -> tuple[NDArray[Any] | None, tuple[str, ...]]:
    """Return the true labels of a field, and doubts on them, which `log` prints; `shape` (Y, X) is that of the inputs.

    There are no labels where the field has none, nothing is annotated, or they are surely no label map: a result is not lost
    because it can't be scored.

    Raises
    ------
    InputError
        The file can't be read, or is of another shape than the inputs.
    """
    truth = None if channel is None else field.labels(channel)
    if truth is None:
        return None, ()
    if shape is not None:
        check_same_pixels(field.name, shape, str(channel), truth.shape)
    if not (truth >= 0).any():
        return None, ()
    try:
        doubts = check_objects(truth, f"The truth {channel!r}")
    except BadPixels as error:
        truth, doubts = None, (f"{error}. The field was not scored.",)
    if log is not None:
        for doubt in doubts:
            log.warn(doubt)
    return truth, doubts


def score_cells(
    truth: NDArray[Any] | None, labels: NDArray[np.uint32], cues: ImageCues, baselines: bool
) -> dict[str, Scores | dict[str, Scores]]:
    """Return `scores` and `baselines` for the field's record; nothing without a truth."""
    if truth is None:
        return {}
    found: dict[str, Scores | dict[str, Scores]] = {
        "scores": compare_labels(truth, labels, cues.markers.points)
    }
    if baselines:
        found["baselines"] = score_baselines(truth, cues)
    return found


def score_no_cues(
    truth: NDArray[Any] | None, labels: NDArray[np.uint32], baselines: bool
) -> dict[str, Scores | dict[str, Scores]]:
    """Return the same for a field without markers, where classical methods find nothing."""
    if truth is None:
        return {}
    no_points = np.zeros((0, 2))
    nothing = compare_labels(truth, np.zeros_like(labels), no_points)
    compared = {"baselines": dict.fromkeys((*BASELINES, TRIMMED), nothing)} if baselines else {}
    return {"scores": compare_labels(truth, labels, no_points), **compared}


def cells_page(
    cues: FieldCues, labels: NDArray[np.uint32], truth: NDArray[Any] | None, record: FieldRecord
) -> FieldReport:
    """Show a field with its cells and cues."""
    image = cues.image
    return FieldReport(
        name=image.name,
        image=preview(image.planes),
        labels=labels,
        markers=image.markers.points,
        nuclei=None if image.nuclei is None else preview(image.nuclei, gamma=NUCLEI_GAMMA),
        foreground=image.foreground.mask,
        truth=truth,
        pixel_size=cues.pixel_size,
        **numbers_of(record),
    )


def labels_page(
    name: str,
    picture: NDArray[Any],
    labels: NDArray[np.uint32],
    record: FieldRecord,
    truth: NDArray[Any] | None = None,
    markers: NDArray[np.float64] | None = None,
    pixel_size: tuple[float, float] | None = None,
) -> FieldReport:
    """Show a field with its objects, without cues."""
    return FieldReport(
        name=name,
        image=picture,
        labels=labels,
        truth=truth,
        markers=np.zeros((0, 2)) if markers is None else markers,
        pixel_size=pixel_size,
        **numbers_of(record),
    )


def numbers_of(record: FieldRecord) -> dict[str, Any]:
    """Return what the report takes from a field's record."""
    return {
        "cue_quality": record.cues,
        "scores": record.scores,
        "baselines": record.baselines,
        "measurements": record.measurements,
        "seconds": record.seconds,
        "warnings": record.warnings,
        "agreement": record.nuclei_agreement,
        "look_distance": record.look_distance,
        "rounds_agree": record.rounds_agree,
    }


def stored_labels(outputs: OutputFolder, name: str) -> NDArray[np.uint32]:
    """Read the label map of a complete field."""
    return np.asarray(read_image(outputs.result_path(name)).pixels[0, 0]).astype(np.uint32)
