"""Which fields a model of HeLa cells does not know: by how they look, and by how sure the model is of its cells.

    python experiments/unlike_fields.py --model FOLDER [--data FOLDER]

Trains the HeLa student of `experiments/self_training.py` ("HeLa unseen", seed 0, defaults; about three CPU minutes) unless
FOLDER holds it already. One row per field: distance of its look from the nearest field that was learned from (of a field
that was learned from: the nearest other one), median confidence of the cells without and with nuclei at prediction, cell
mIoU and mAP where the field has labels, and what names the field: "look" above a distance of 1, "unsure" below the
confidence of nine in ten cells that were learned from. The last lines are rank correlations with mIoU over the unseen fields.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from real_fields import parser
from scipy.stats import spearmanr
from self_training import KINDS, open_one

if TYPE_CHECKING:
    from frugalseg import ImageCues, ObjectModel

FOLDER, CHANNEL, LEARNED, UNSEEN = KINDS["HeLa unseen"]
FIELDS = (*LEARNED, *UNSEEN, "3t3_u1", "mcf10a_u1", "bmdm_u1", "bmdm_u2")


def model_of(folder: Path, cues: "dict[str, ImageCues]") -> "ObjectModel":
    """Load the student, or train and save it."""
    from frugalseg import ObjectModel
    from frugalseg.models.self_training import self_train_on_cues

    if not folder.exists():
        model = self_train_on_cues([cues[name] for name in LEARNED], seed=0, device="cpu", log=print)
        model.save(folder)
    return ObjectModel.load(folder, "cpu")


def row_of(name: str, model: "ObjectModel", cues: "ImageCues", truth: Any) -> dict[str, Any]:
    """Return distance, confidences and scores of one field."""
    from frugalseg import score_labels
    from frugalseg.models.looks import look_distance

    ratio = cues.diameter / model.card.diameter
    own = cues.diameter if max(ratio, 1 / ratio) > cues.size_factor else None
    plain, seeded = model.find_objects(cues.planes, diameter=own), model.segment(cues)
    row: dict[str, Any] = {"field": name, "distance": plain.look_distance}
    row["doubts"] = [
        word
        for word, start in (("look", "It looks unlike"), ("unsure", "The model is less sure"))
        if any(doubt.startswith(start) for doubt in plain.doubts)
    ]
    if name in LEARNED:
        at = LEARNED.index(name)
        others = [one for index, one in enumerate(model.card.looks) if index != at]
        row["distance"] = round(look_distance(model.card.looks[at], others), 2)
    for kind, found in (("plain", plain), ("nuclei", seeded)):
        row[kind] = {"confidence": float(np.median(list((found.confidence or {}).values())))}
        if truth is not None:
            scores = score_labels(truth, found.labels)
            row[kind] |= {"miou": scores.cell_miou, "mAP": scores.mAP}
    return row


def print_rows(rows: list[dict[str, Any]], usual: float | None) -> None:
    """Print the table, and the rank correlations of both criteria with mIoU."""
    print(
        "| field | distance | confidence, without / with nuclei | mIoU / mAP without | with nuclei | named by |"
    )
    print("|---|---|---|---|---|---|")
    for row in rows:
        scores = [
            f"{row[kind]['miou']:.3f} / {row[kind]['mAP']:.3f}" if "miou" in row[kind] else "no labels"
            for kind in ("plain", "nuclei")
        ]
        sure = f"{row['plain']['confidence']:.3f} / {row['nuclei']['confidence']:.3f}"
        learned = " (learned)" if row["field"] in LEARNED else ""
        named = ", ".join(row["doubts"]) or "–"
        print(
            f"| `{row['field']}`{learned} | {row['distance']:.2f} | {sure} | {' | '.join(scores)} | {named} |"
        )
    print(f"confidence that nine in ten cells exceed in the fields that were learned from: {usual}")
    scored = [row for row in rows if row["field"] in UNSEEN]
    miou = [row["plain"]["miou"] for row in scored]
    for what, values in (
        ("distance", [-row["distance"] for row in scored]),
        ("confidence", [row["plain"]["confidence"] for row in scored]),
    ):
        print(
            f"{what}: rank correlation with mIoU over {len(scored)} unseen fields {spearmanr(values, miou)[0]:.2f}"
        )


def main() -> None:
    """Find cues, train what is not there, and print the table."""
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True)
    given = options.parse_args()
    import torch

    from frugalseg import find_cues

    torch.set_num_threads(1)
    fields = {name: open_one(given.data, name, FOLDER) for name in FIELDS}
    cues = {
        name: find_cues(field.planes([CHANNEL]), field.plane("nuclear"), name=name)
        for name, field in fields.items()
    }
    model = model_of(given.model, cues)
    rows = []
    for name, field in fields.items():
        truth = field.labels("cells") if field.has("cells") else None
        rows.append(row_of(name, model, cues[name], truth))
    print_rows(rows, model.card.usual_confidence)


if __name__ == "__main__":
    main()
