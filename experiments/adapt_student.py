"""Does a student of other cells help where a student has to be learned anew, with no label anywhere?

    python experiments/adapt_student.py --out FILE.jsonl --students FOLDER [--data FOLDER] [--seeds 0,1,2]
        [--of "HeLa unseen"] [--kinds 3T3,MCF10A,RAW] [--arms own,unseen,start,weights]

A student of some cells (`--of`) is the start for students of others. Arms, per kind and seed: "own", the student of the kind
without a start; "unseen", the other student as it is; "start", a student of the kind that starts from the other student, whose
cells are what it learns first; "weights", the same from its weights only, so the first round learns cells that grow from
nuclei. Default settings, nuclei known while learning. One line per kind, seed, arm and field: cell mIoU, mAP and
foreground IoU without nuclei and with them. Results of earlier calls are kept, and the other students in `--students`. With one
thread three to eight CPU minutes per student.

Printed: for each kind and arm the mean over fields, of each seed.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one, three_scores

if TYPE_CHECKING:
    from frugalseg import ImageCues, ObjectModel

ARMS = ("own", "unseen", "start", "weights")


def cues_of(data: Path, kind: str) -> dict[str, "ImageCues"]:
    """Find the cues of all fields that a kind learns from."""
    from frugalseg import find_cues

    folder, channel, learned, _ = KINDS[kind]
    fields = {name: open_one(data, name, folder) for name in learned}
    return {
        name: find_cues(one.planes([channel]), one.plane("nuclear"), name=name)
        for name, one in fields.items()
    }


def learn(cues: dict[str, "ImageCues"], seed: int, **options: Any) -> "ObjectModel":
    """Train a student with default settings."""
    from frugalseg import self_train_on_cues

    return self_train_on_cues(cues.values(), seed=seed, device="cpu", **options)


def other_student(given: Any, seed: int) -> "ObjectModel":
    """Return the student that is the start: learned, or loaded where that was done."""
    from frugalseg import load_model

    folder: Path = given.students / f"{given.of.replace(' ', '_')}_{seed}"
    if not folder.exists():
        learn(cues_of(given.data, given.of), seed).save(folder)
    model: ObjectModel = load_model(folder, device="cpu")
    return model


def of_arm(arm: str, cues: dict[str, "ImageCues"], other: "ObjectModel", seed: int) -> "ObjectModel":
    """Return the student of an arm."""
    from frugalseg.models.teacher_cells import teacher_cells

    if arm == "unseen":
        return other
    options: dict[str, Any] = {} if arm == "own" else {"start": other}
    return learn(cues, seed, **options | ({"teacher": teacher_cells} if arm == "weights" else {}))


def measure(given: Any, kind: str, seed: int, arms: list[str]) -> Iterator[dict[str, Any]]:
    """Train the students of some arms, and score each on the fields of the kind that have labels."""
    from frugalseg import score_labels

    cues, other = cues_of(given.data, kind), other_student(given, seed)
    truths = {name: open_one(given.data, name, KINDS[kind][0]) for name in cues}
    for arm in arms:
        start = time.process_time()
        model = of_arm(arm, cues, other, seed)
        about = {"kind": kind, "of": given.of, "seed": seed, "arm": arm}
        about["seconds"] = round(time.process_time() - start, 1)
        for name, field in truths.items():
            if field.has("cells"):
                truth = field.labels("cells")
                plain = score_labels(truth, model.predict(cues[name].planes))
                nuclei = score_labels(truth, model.segment(cues[name]).labels)
                scores = {"plain": three_scores(plain), "nuclei": three_scores(nuclei)}
                yield about | {"field": name} | scores


def print_means(rows: list[dict[str, Any]]) -> None:
    """Print cell mIoU and mAP of each kind and arm: the mean over fields, of each seed and of all."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["of"], row["arm"]), []).append(row)
    for (kind, of, arm), group in sorted(groups.items()):
        for how in ("plain", "nuclei"):
            seeds = sorted({row["seed"] for row in group})
            means = [
                np.mean([row[how][:2] for row in group if row["seed"] == seed], axis=0) for seed in seeds
            ]
            each = ", ".join(f"{one[0]:.3f} / {one[1]:.3f}" for one in means)
            mean = np.mean(means, axis=0)
            print(f"{kind:8} of {of}, {arm:8} {how:6} {mean[0]:.3f} / {mean[1]:.3f}, seeds {seeds}: {each}")


def main() -> None:
    """Train what is not in the file yet, and print all means."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--students", type=Path, required=True)
    options.add_argument("--of", default="HeLa unseen", choices=KINDS)
    options.add_argument("--kinds", default="3T3,MCF10A,RAW")
    options.add_argument("--arms", default=",".join(ARMS))
    options.add_argument("--seeds", default="0,1,2")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            known = {(row["kind"], row["of"], row["seed"], row["arm"]) for row in read_lines(given.out)}
            arms = [one for one in given.arms.split(",") if (kind, given.of, seed, one) not in known]
            if arms:
                append_lines(given.out, measure(given, kind, seed, arms))
    print_means(read_lines(given.out))


if __name__ == "__main__":
    main()
