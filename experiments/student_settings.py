"""What a student makes of other crops, batches, encoders and first weights than its defaults.

    python experiments/student_settings.py --out FILE.jsonl [--arms batch-2,crop-96] [--kinds RAW,Kc167] [--seeds 0]

As self_training.py, three rounds, defaults but for one setting of each arm; a row has the name of its arm in the place of
the teacher. Compare with the defaults of the same seeds, in experiments/records/self_training.jsonl. Printed: the difference in mIoU and mAP, with nuclei, mean over
the fields of a kind, and the seconds of training beside those of the defaults.
"""

from pathlib import Path
from typing import Any

import numpy as np
from real_fields import append_lines, parser, read_lines
from self_training_tables import RECORD

#: Arm -> crops of a step and their side, settings of self-training.
ARMS: dict[str, tuple[dict[str, int], dict[str, Any]]] = {
    "batch-2": ({"BATCH": 2}, {}),
    "batch-8": ({"BATCH": 8}, {}),
    "crop-96": ({"CROP": 96}, {}),
    "crop-192": ({"CROP": 192}, {}),
    "small": ({}, {"encoder": "small", "weights": None}),
    "random": ({}, {"weights": "none"}),
    "steps-200": ({}, {"max_steps": 200}),
    "steps-600": ({}, {"max_steps": 600}),
}


def learn_arm(data: Path, kind: str, seed: int, arm: str) -> list[dict[str, Any]]:
    """Train the student of an arm; return its scores, one row for each labelled field."""
    from self_training import learn_and_score

    from frugalseg.models import student_start

    constants, changes = ARMS[arm]
    usual = {name: getattr(student_start, name) for name in constants}
    try:
        for name, value in constants.items():
            setattr(student_start, name, value)
        rows = list(learn_and_score(data, kind, seed, [3], "grown", **changes))
    finally:
        for name, value in usual.items():
            setattr(student_start, name, value)
    return [row | {"of": arm} for row in rows]


def print_differences(rows: list[dict[str, Any]], usual: list[dict[str, Any]]) -> None:
    """Print each arm and kind beside the defaults with the same seeds and fields."""
    known = {(row["kind"], row["field"], row["seed"]): row for row in usual}
    groups: dict[tuple[str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for row in rows:
        default = known.get((row["kind"], row["field"], row["seed"]))
        if default is not None:
            groups.setdefault((row["of"], row["kind"]), []).append((row, default))
    print(
        "| arm | kind | fields x seeds | mIoU | mAP | seconds of training, defaults' |\n|---|---|---|---|---|---|"
    )
    for (arm, kind), pairs in sorted(groups.items()):
        paired = np.mean(
            [np.subtract(row["nuclei"][:2], default["nuclei"][:2]) for row, default in pairs], axis=0
        )
        seconds = [np.mean([pair[at]["training"] for pair in pairs]) for at in (0, 1)]
        scores = " | ".join(f"{value:+.3f}" for value in paired)
        print(f"| {arm} | {kind} | {len(pairs)} | {scores} | {seconds[0]:.0f}, {seconds[1]:.0f} |")


def main() -> None:
    """Train what is not in the file yet, and print all differences."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--arms", default=",".join(ARMS))
    options.add_argument("--kinds", default="RAW,Kc167")
    options.add_argument("--seeds", default="0")
    options.add_argument("--usual", type=Path, default=RECORD)
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for arm in given.arms.split(","):
            for kind in given.kinds.split(","):
                known = {(row["kind"], row["seed"], row["of"]) for row in read_lines(given.out)}
                if (kind, seed, arm) not in known:
                    append_lines(given.out, learn_arm(given.data, kind, seed, arm))
    print_differences(read_lines(given.out), read_lines(given.usual))


if __name__ == "__main__":
    main()
