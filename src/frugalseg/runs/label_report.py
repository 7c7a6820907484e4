"""What `learn labels` says of its training set: scores of every part, and whether fine-tuning was worth it."""

from collections.abc import Collection, Mapping

import numpy as np

from frugalseg.models.model_parts import ObjectPartScore
from frugalseg.report import FieldReport, NumberTable, preview
from frugalseg.runs.records import FieldRecord


def part_records(parts: Mapping[str, ObjectPartScore]) -> dict[str, FieldRecord]:
    """Return the records of the parts of a labelled training set."""
    return {
        name: FieldRecord(
            role=part.role, mask_iou=part.mask_iou, mAP=part.scores.mAP, cell_miou=part.scores.cell_miou
        )
        for name, part in parts.items()
    }


def start_and_tuned(
    before: Mapping[str, ObjectPartScore], after: Mapping[str, ObjectPartScore], target: str
) -> NumberTable:
    """Return a table of scores before and after training, which shows whether it made things worse."""
    measure, value = ("mask IoU", _mask_iou) if target == "nuclei" else ("mAP", _mean_precision)
    rows: list[list[str | float | int | None]] = []
    changes = []
    for name, part in after.items():
        old, new = value(before[name]), value(part)
        rows.append([name, part.role, old, new, new - old])
        if part.role == "held out":
            changes.append(new - old)
    note = "Nothing was held out, so this table can't tell whether fine-tuning helped on new images."
    if changes:
        verdict = "helped" if np.mean(changes) > 0 else "did not help"
        note = (
            f"Fine-tuning {verdict}: {measure} of what was held out changed by {np.mean(changes):+.3f} on average. The "
            "weights were chosen by what was held out, so expect a little less on new images."
        )
    columns = ["field", "role", "start", "fine-tuned", "change"]
    return NumberTable(title="Start against fine-tuned", columns=columns, rows=rows, note=note)


def part_page(part: ObjectPartScore) -> FieldReport:
    """Show one part with its objects and the truth."""
    return FieldReport(
        name=f"{part.name}: {part.role}",
        image=preview(part.planes[:1]),
        labels=part.labels,
        truth=np.maximum(part.truth, 0),
        scores=part.scores,
        role=part.role,
    )


def scores_line(parts: Collection[ObjectPartScore], target: str) -> str:
    """Return the mean scores of what was held out, or else of what was learned from, as a sentence."""
    held_out = [part for part in parts if part.role == "held out"]
    scored = held_out or list(parts)
    iou, precision = (np.mean([value(part) for part in scored]) for value in (_mask_iou, _mean_precision))
    first = f"mask IoU {iou:.3f}, " if target == "nuclei" else ""
    which = "held out" if held_out else "learned from, as nothing was held out"
    return f"{first}mAP {precision:.3f} on what was {which}"


def _mask_iou(part: ObjectPartScore) -> float:
    return part.mask_iou


def _mean_precision(part: ObjectPartScore) -> float:
    return part.scores.mAP
