"""Sizes of cells that are wrong or unknown: does a student bear a factor of 1.5, and find the scale of new images itself?

    python experiments/cell_sizes.py --out FILE.jsonl [--parts wrong,unknown] [--seeds 0] [--data FOLDER]

"wrong": three HeLa fields whose cells are said to be 1.5 times as wide, as wide, and 1.5 times as narrow as they are; a
student is trained and used with that size. "unknown": students of one line on fields of other lines, phase contrast, with
the scale of training, with the scale at which the cells that the student finds are as large as in training (the default
without pixel sizes), and with the size in the cues. Cell mIoU and mAP, without nuclei at prediction.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel
    from frugalseg.models.image_cues import ImageCues

#: Cells of the HeLa fields are about so wide, px.
HELA_DIAMETER = 56.0
FACTORS = (1 / 1.5, 1.0, 1.5)
#: Students, and the fields that each is tried on.
STUDENTS = ("HeLa unseen", "RAW", "MCF10A")
FIELDS = ("hela_2", "hela_5", "mcf10a_s1", "raw_1", "raw_3", "3t3_1", "3t3_2")


def cues_of_fields(data: Path, names: tuple[str, ...], diameter: float | None = None) -> list["ImageCues"]:
    """Find the cues of label-free fields."""
    from frugalseg import find_cues

    fields = [open_one(data, name, "phase_nuclear") for name in names]
    return [
        find_cues(one.planes(["phase"]), one.plane("nuclear"), name=name, diameter=diameter)
        for name, one in zip(names, fields, strict=True)
    ]


def truth_of(data: Path, name: str) -> Any:
    """Read the true cells of a field."""
    return open_one(data, name, "phase_nuclear").labels("cells")


def score(model: "ObjectModel", image: Any, truth: Any, diameter: float | None = None) -> list[float]:
    """Return cell mIoU and mAP of a student on an image, without nuclei."""
    from frugalseg import score_labels

    scores = score_labels(truth, model.predict(image, diameter=diameter))
    return [round(scores.cell_miou, 4), round(scores.mAP, 4)]


def wrong_sizes(data: Path, seed: int) -> list[dict[str, Any]]:
    """Train and use a student with each wrong size."""
    from frugalseg.models.self_training import self_train_on_cues

    rows = []
    for factor in FACTORS:
        cues = cues_of_fields(data, ("hela_1", "hela_3", "hela_5"), HELA_DIAMETER * factor)
        model = self_train_on_cues(cues, seed=seed, device="cpu")
        for one in cues:
            found = score(model, one.planes, truth_of(data, one.name))
            rows.append(
                {
                    "part": "wrong",
                    "seed": seed,
                    "factor": round(factor, 3),
                    "field": one.name,
                    "scores": found,
                }
            )
    return rows


def unknown_sizes(data: Path, seed: int) -> list[dict[str, Any]]:
    """Try each student on each field with three scales."""
    from frugalseg.models.self_training import self_train_on_cues

    rows = []
    for student in STUDENTS:
        model = self_train_on_cues(cues_of_fields(data, KINDS[student][2]), seed=seed, device="cpu")
        for one in cues_of_fields(data, FIELDS):
            row: dict[str, Any] = {"part": "unknown", "seed": seed, "student": student, "field": one.name}
            for name, diameter in (("own", None), ("training", model.card.diameter), ("cues", one.diameter)):
                row[name] = score(model, one.planes, truth_of(data, one.name), diameter)
            rows.append(row)
    return rows


def main() -> None:
    """Run what is not in the file yet, and print every row."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--parts", default="wrong,unknown")
    options.add_argument("--seeds", default="0")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for part in given.parts.split(","):
            if (part, seed) not in {(row["part"], row["seed"]) for row in read_lines(given.out)}:
                append_lines(given.out, (wrong_sizes if part == "wrong" else unknown_sizes)(given.data, seed))
    for row in read_lines(given.out):
        print(row)


if __name__ == "__main__":
    main()
