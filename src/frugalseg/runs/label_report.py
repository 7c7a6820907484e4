"""What `learn labels` says of its training set: scores of every part, and whether fine-tuning was worth it."""

from collections.abc import Mapping

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
    measure = "mask IoU" if target == "nuclei" else "mAP"

    def value(part: ObjectPartScore) -> float:
        return part.mask_iou if target == "nuclei" else part.scores.mAP

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
    )
