"""The fields of `learn labels`: what can be learned from them, and how well it was learned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels, FrugalsegError, InputError, WrongShape
from frugalseg.evaluation.pixel_scores import mask_iou
from frugalseg.evaluation.scores import Scores, score_labels
from frugalseg.images.channels import InputChannel, shared_input_names
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.resize import resize_labels, scaled_shape
from frugalseg.instances.boundary_distance import labels_beside_unknown
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.from_labels.label_samples import label_sample
from frugalseg.learning.splits import Part, Split, split_fields
from frugalseg.models.label_checks import looks_grey
from frugalseg.networks.object_net import Target
from frugalseg.prediction.whole_image import predict_objects
from frugalseg.report import FieldReport, NumberTable, Report, preview
from frugalseg.workflows.objects import ObjectNetwork
from frugalseg.workflows.stains import read_zscored

Labels = NDArray[np.integer[Any]]


@dataclass
class LabelLesson:
    """Labelled fields, read once and kept: there are few.

    Attributes
    ----------
    target
        What the labels are.
    names
        Of the inputs.
    fields, planes, labels
        One entry per field: itself, its inputs (C,Y,X), z-scored, and its labels (Y,X), below 0 not annotated.
    failed
        Field name -> one line that says why it can't be used.
    unlabelled
        Fields without labels.
    scale
        Network px per image px.
    parts
        What is learned from and what is held out.
    """

    target: Target
    names: tuple[str, ...] = ()
    fields: list[Field] = field(default_factory=list)
    planes: list[NDArray[np.float32]] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unlabelled: list[str] = field(default_factory=list)
    scale: float = 1.0
    parts: Split = field(default=Split((), ()))

    @property
    def diameter(self) -> float:
        """Median diameter of the labelled objects, px of the images; of those that the annotation cuts only if all are."""
        cut = [np.isin(np.unique(one[one > 0]), labels_beside_unknown(one)) for one in self.labels]
        sizes = [np.unique(one[one > 0], return_counts=True)[1] for one in self.labels]
        every, whole = np.concatenate(sizes), ~np.concatenate(cut)
        return float(np.sqrt(4 * np.median(every[whole] if whole.any() else every) / np.pi))

    def split(self, seed: int, hold_out: bool) -> None:
        """Choose what is held out."""
        shapes = [_shape(one) for one in self.labels]
        self.parts = split_fields(shapes, seed, hold_out, [one > 0 for one in self.labels])

    def name(self, part: Part) -> str:
        """Name of a part."""
        return part.name(self.fields[part.field].name)

    def part_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the parts that are learned from, and of those held out."""
        train, held_out = (tuple(self.name(part) for part in parts) for parts in self.parts)
        return train, held_out

    def line(self) -> str:
        """One line on what is about to be learned."""
        held_out = ", ".join(self.part_names()[1]) or "nothing"
        return (
            f"{len(self.fields)} labelled fields with {self.target} of {self.diameter:.0f} px, held out: {held_out}; "
            f"network px per image px {self.scale:.2f}"
        )

    def samples(self) -> tuple[list[CropSample], list[tuple[CropSample, Labels]]]:
        """What is learned from, and what is held out with its labels, at the network's scale."""
        return [self._sample(part)[0] for part in self.parts.train], [
            self._sample(part) for part in self.parts.held_out
        ]

    def _sample(self, part: Part) -> tuple[CropSample, Labels]:
        planes, labels = self.planes[part.field], self.labels[part.field]
        sample = label_sample(self.name(part), planes, labels, self.target, self.scale, part)
        shape = scaled_shape(_shape(labels), self.scale)
        return sample, resize_labels(labels, shape)[part.area(shape)]


def read_label_lesson(
    table: FieldTable, channels: Sequence[InputChannel], labels: str, target: Target
) -> LabelLesson:
    """Read every labelled field; raises the first error where there is none that can be used."""
    lesson, errors = LabelLesson(target), list[FrugalsegError]()
    for one in table:
        try:
            drawn = one.labels(labels)
            if drawn is None:
                lesson.unlabelled.append(one.name)
                continue
            planes = _fitting(one, read_zscored(one, channels), drawn, labels)
        except FrugalsegError as error:
            errors.append(error)
            lesson.failed[one.name] = " ".join(str(error).split())
            continue
        lesson.fields.append(one)
        lesson.planes.append(planes)
        lesson.labels.append(drawn)
    if errors and not lesson.fields:
        raise errors[0]
    if not any((one > 0).any() for one in lesson.labels):
        raise InputError(f"no field has a label in {labels!r}; outline some {target} first")
    lesson.names = shared_input_names(lesson.fields, channels)
    return lesson


def _fitting(one: Field, planes: NDArray[np.float32], drawn: Labels, labels: str) -> NDArray[np.float32]:
    """Inputs that fit their labels, or an error."""
    if planes.shape[1:] != drawn.shape:
        raise WrongShape(
            f"field {one.name!r}: the inputs are {planes.shape[1]} x {planes.shape[2]} px and the labels {labels!r} "
            f"{drawn.shape[0]} x {drawn.shape[1]} px; both must show the same pixels"
        )
    if not (drawn >= 0).any():
        raise BadPixels(f"field {one.name!r}: nothing in {labels!r} is annotated; leave the field out")
    if looks_grey(drawn):
        raise BadPixels(
            f"field {one.name!r}: {labels!r} looks like a grey image; give a label map, in which each object has a number"
        )
    n, _ = cv2.connectedComponents((drawn > 0).astype(np.uint8))
    if n > 2 and len(np.unique(drawn[drawn > 0])) == 1:
        raise BadPixels(
            f"field {one.name!r}: {labels!r} has one label in {n - 1} separate pieces, so it is a mask; give a label map, in "
            "which each object has a number of its own"
        )
    return planes


@dataclass(frozen=True)
class Judged:
    """One part of a field: what was found there, what is true, and how well both agree."""

    part: Part
    found: NDArray[np.uint32]
    truth: Labels
    scores: Scores
    record: dict[str, Any]


def judge_objects(network: ObjectNetwork, lesson: LabelLesson, h: float) -> dict[str, Judged]:
    """Find the objects of every part at the image's scale and score them; held-out parts come first."""
    network.eval()
    found = {}
    roles = [(part, "held out") for part in lesson.parts.held_out]
    roles += [(part, "learned from") for part in lesson.parts.train]
    for part, role in roles:
        labels, maps = predict_objects(
            network, lesson.planes[part.field], lesson.target, lesson.scale, h, lesson.diameter
        )
        area = part.area(_shape(labels))
        truth, ours = lesson.labels[part.field][area], labels[area]
        scores = score_labels(truth, ours)
        record = {
            "role": role,
            "mask_iou": mask_iou((maps[-1][area] > 0) & (truth >= 0), truth > 0),
            "mAP": scores.mAP,
            "cell_miou": scores.cell_miou,
        }
        found[lesson.name(part)] = Judged(part, ours, truth, scores, record)
    return found


def describe(
    lesson: LabelLesson, before: dict[str, Judged] | None, after: dict[str, Judged]
) -> dict[str, Any]:
    """What a record says of the fields: scores of the model, and of its start where there is one."""
    return {
        "scale": lesson.scale,
        "inputs": lesson.names,
        "diameter": lesson.diameter,
        "fields": {name: one.record for name, one in after.items()},
        "start": None if before is None else {name: one.record for name, one in before.items()},
        "failed": lesson.failed,
        "unlabelled": lesson.unlabelled,
    }


def start_and_tuned(before: dict[str, Judged], after: dict[str, Judged], measure: str) -> NumberTable:
    """Table that tells a user when tuning made things worse."""
    rows: list[list[str | float | int | None]] = []
    changes = []
    for name, one in after.items():
        old, new = before[name].record[measure], one.record[measure]
        rows.append([name, one.record["role"], old, new, new - old])
        if one.record["role"] == "held out":
            changes.append(new - old)
    note = "Nothing was held out, so this table can't tell whether tuning helped on new images."
    if changes:
        verdict = "helped" if np.mean(changes) > 0 else "did not help"
        note = (
            f"Tuning {verdict}: {measure.replace('_iou', ' IoU')} of what was held out changed by {np.mean(changes):+.3f} "
            "on average. The weights were chosen by what was held out, so expect a little less on new images."
        )
    return NumberTable(
        title="Start against tuned",
        columns=["field", "role", "start", "tuned", "change"],
        rows=rows,
        note=note,
    )


def show_labels(
    report: Report, lesson: LabelLesson, before: dict[str, Judged] | None, after: dict[str, Judged]
) -> None:
    """Add to a report what was found, and whether training was worth it."""
    if before is not None:
        measure = "mask_iou" if lesson.target == "nuclei" else "mAP"
        report.tables.append(start_and_tuned(before, after, measure))
    for name, one in after.items():
        area = one.part.area(_shape(lesson.labels[one.part.field]))
        report.add(
            FieldReport(
                name=f"{name}: {one.record['role']}",
                image=preview(lesson.planes[one.part.field][:1, *area]),
                labels=one.found,
                truth=np.maximum(one.truth, 0),
                scores=one.scores,
            )
        )


def _shape(plane: NDArray[Any]) -> tuple[int, int]:
    return int(plane.shape[0]), int(plane.shape[1])
