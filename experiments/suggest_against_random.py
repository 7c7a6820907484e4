"""Crops that `frugalseg.suggest` ranks first against random ones: what a student gains from outlining them.

    python experiments/suggest_against_random.py --out FILE.jsonl --student FOLDER [--kind HeLa] [--crops 1,2,4] [--draws 8] [--seeds 0] [--steps N]

A student is self-trained without any label (and kept in FOLDER; one that is there is used). Then 1, 2 or 4 crops of 256 px are
labelled, all else is "not annotated", and the student is fine-tuned on them with `ObjectModel.fit(start=student)`, its defaults but
for `--steps`, nothing held out. Scored on fields of which nothing is labelled: cell mIoU and mAP, the mean over them. The kinds:

- HeLa: learned from hela_1 to hela_4 and hela_u1, crops of hela_1 to hela_4, scored on hela_5.
- 3T3 and RAW: learned from all of their fields, crops of the first labelled one, scored on the other.
- other lines: the student of HeLa meets fields of RAW and 3T3; crops of hela_1, raw_1 and 3t3_1, scored on hela_5, raw_3 and 3t3_2.

Random crops do not overlap, and hold at least one cell: nobody outlines an empty crop. Each draw is another set of crops; with
more crops it has those with fewer, as the suggestions have. One line per run; runs that are in the file are not made again.

Printed: for each number of crops the mean over seeds, of the suggestions and of the random draws, how many draws the
suggestions exceed, and the paired difference (same seed of the fine-tuning) with its 95 % interval over draws.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from real_fields import append_lines, parser, read_lines
from self_training import open_one

if TYPE_CHECKING:
    from frugalseg import Field, ObjectModel

CROP = 256


class Kind(NamedTuple):
    """Fields that the student learns from, fields that crops are taken from, and fields that are scored."""

    learned: tuple[str, ...]
    labelled: tuple[str, ...]
    tests: tuple[str, ...]


HELA = ("hela_1", "hela_2", "hela_3", "hela_4", "hela_u1")
KINDS = {
    "HeLa": Kind(HELA, HELA[:4], ("hela_5",)),
    "3T3": Kind(("3t3_1", "3t3_2", "3t3_u1"), ("3t3_1",), ("3t3_2",)),
    "RAW": Kind(("raw_1", "raw_3"), ("raw_1",), ("raw_3",)),
    "other lines": Kind(HELA, ("hela_1", "raw_1", "3t3_1"), ("hela_5", "raw_3", "3t3_2")),
}

#: Field, y and x of a crop.
Place = tuple[int, int, int]


def open_all(data: Path, names: tuple[str, ...]) -> list["Field"]:
    """Open fields of any set."""
    return [open_one(data, name, "phase_nuclear") for name in names]


def open_student(folder: Path, data: Path, learned: tuple[str, ...]) -> "ObjectModel":
    """Load the student, or train and keep it."""
    import frugalseg as fs

    if not folder.exists():
        fields = open_all(data, learned)
        images, stains = ([one.plane(channel) for one in fields] for channel in ("phase", "nuclear"))
        fs.self_train(images, stains, seed=0, device="cpu").save(folder)
    student = fs.load_model(folder, "cpu")
    assert isinstance(student, fs.ObjectModel)
    return student


def suggested(student: "ObjectModel", fields: list["Field"], count: int) -> list[Place]:
    """Return the crops that are suggested, the best first."""
    import frugalseg as fs

    images, stains = ([one.plane(channel) for one in fields] for channel in ("phase", "nuclear"))
    found = fs.suggest(student, images, stains, crop=CROP, n=count)
    return [(one.image, one.y, one.x) for one in found]


def drawn(truths: list[Any], count: int, draw: int) -> list[Place]:
    """Return random crops that do not overlap and hold a cell."""
    rng, places = np.random.default_rng(draw), list[Place]()
    while len(places) < count:
        index = int(rng.integers(len(truths)))
        y, x = (int(rng.integers(side - CROP + 1)) for side in truths[index].shape)
        apart = all(index != i or abs(y - j) >= CROP or abs(x - k) >= CROP for i, j, k in places)
        if apart and (truths[index][y : y + CROP, x : x + CROP] > 0).any():
            places.append((index, y, x))
    return places


def tune_and_score(
    student: "ObjectModel", data: Path, kind: Kind, places: list[Place], seed: int, steps: int | None
) -> dict[str, Any]:
    """Fine-tune the student on some crops, and score it on the test fields."""
    import frugalseg as fs

    start = time.process_time()
    fields = open_all(data, kind.labelled)
    truths = [one.labels("cells") for one in fields]
    labels = [np.full(truth.shape, -1) for truth in truths if truth is not None]
    for index, y, x in places:
        area = slice(y, y + CROP), slice(x, x + CROP)
        labels[index][area] = truths[index][area]  # type: ignore[index]
    used = sorted({index for index, _, _ in places})
    images = [fields[index].plane("phase") for index in used]
    changes: dict[str, Any] = {} if steps is None else {"max_steps": steps}
    tuned = fs.ObjectModel.fit(
        images,
        [labels[index] for index in used],
        start=student,
        hold_out=False,
        seed=seed,
        device="cpu",
        **changes,
    )
    cells = sum(len(np.unique(labels[index][labels[index] > 0])) for index in used)
    return {**scores_of(tuned, data, kind), "cells": cells, "seconds": round(time.process_time() - start, 1)}


def scores_of(model: "ObjectModel", data: Path, kind: Kind) -> dict[str, Any]:
    """Return the scores of a model on the test fields: their mean, and mAP of each."""
    from frugalseg import score_labels

    scores = [
        score_labels(one.labels("cells"), model.predict(one.plane("phase")))
        for one in open_all(data, kind.tests)
    ]
    each = [round(one.mAP, 4) for one in scores]
    mean_iou = round(float(np.mean([one.cell_miou for one in scores])), 4)
    return {"miou": mean_iou, "mAP": round(float(np.mean(each)), 4), "tests": each}


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print means, and paired differences over draws."""
    from frugalseg.evaluation.intervals import mean_interval

    alone = next(row for row in rows if row["way"] == "student")
    print(f"student without a label: mIoU {alone['miou']:.3f}, mAP {alone['mAP']:.3f}")
    groups = sorted({(row["crops"], row["steps"] or 0) for row in rows if row["crops"]})
    for count, steps in groups:
        here = [row for row in rows if (row["crops"], row["steps"] or 0) == (count, steps)]
        for score in ("mAP", "miou"):
            own = {row["seed"]: row[score] for row in here if row["way"] == "suggest"}
            draws: dict[int, list[float]] = {}
            for row in here:
                if row["way"] == "random" and row["seed"] in own:
                    draws.setdefault(row["draw"], []).append(row[score] - own[row["seed"]])
            if draws:
                paired = [-float(np.mean(one)) for one in draws.values()]
                random = np.mean([row[score] for row in here if row["way"] == "random"])
                print(
                    f"{count} crops, {steps or 'default'} steps, {score}: suggested {np.mean(list(own.values())):.3f}, random "
                    f"{random:.3f}; difference {mean_interval(paired)}, {sum(one > 0 for one in paired)} of {len(paired)} draws"
                )
        cells = {way: [row["cells"] for row in here if row["way"] == way] for way in ("suggest", "random")}
        print(
            "  cells in the crops: " + ", ".join(f"{way} {np.mean(n):.0f}" for way, n in cells.items() if n)
        )


def main() -> None:
    """Make the runs that are not in the file yet, and print the table."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--student", type=Path, required=True)
    options.add_argument("--kind", default="HeLa", choices=KINDS)
    options.add_argument("--crops", default="1,2,4")
    options.add_argument("--draws", type=int, default=8)
    options.add_argument("--seeds", default="0")
    options.add_argument("--steps", type=int)
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    kind = KINDS[given.kind]
    student = open_student(given.student, given.data, kind.learned)
    counts, seeds = ([int(one) for one in text.split(",")] for text in (given.crops, given.seeds))
    fields = open_all(given.data, kind.labelled)
    ways: dict[tuple[str, int], list[Place]] = {("suggest", 0): suggested(student, fields, max(counts))}
    truths = [one.labels("cells") for one in fields]
    ways |= {("random", draw): drawn(truths, max(counts), draw) for draw in range(given.draws)}
    asked = [("student", 0, 0, 0)]
    asked += [(way, draw, count, seed) for count in counts for way, draw in ways for seed in seeds]
    for way, draw, count, seed in asked:
        run = {
            "kind": given.kind,
            "way": way,
            "draw": draw,
            "crops": count,
            "seed": seed,
            "steps": given.steps if count else None,
        }
        if any(run.items() <= row.items() for row in read_lines(given.out)):
            continue
        if not count:
            append_lines(given.out, [{**run, **scores_of(student, given.data, kind)}])
            continue
        places = ways[way, draw][:count]
        found = tune_and_score(student, given.data, kind, places, seed, given.steps)
        append_lines(given.out, [{**run, "places": places, **found}])
    print_table([row for row in read_lines(given.out) if row["kind"] == given.kind])


if __name__ == "__main__":
    main()
