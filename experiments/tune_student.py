"""The self-trained HeLa student tuned to one outlined crop, or one outlined field, and scored on the other fields.

    python experiments/tune_student.py --out FILE.jsonl [--data FOLDER] [--kinds HeLa,"HeLa unseen"] [--seeds 0,1,2]
        [--arms crop,field,crop-alone]

"HeLa": the student learned from hela_1 to hela_5, without a label, and is scored on all of them but hela_2. "HeLa unseen": it
learned from hela_1 to hela_4 and an unlabelled field, and is scored on hela_5, which it never saw. Labels are of hela_2: one crop
of 512 px (46, 45 and 47 cells for seeds 0 to 2; everything else is not annotated), or all of it. Default settings, nothing
held out. "crop-alone": nothing is rehearsed, so the crop is all that is learned from. Without nuclei.

One line per kind, seed, arm and field: mAP, cell mIoU, foreground IoU. Results of earlier calls are kept. With one thread
about three CPU minutes per student and two per arm. Printed: means over fields for each seed, and paired differences to
the student: of each field the mean over seeds, then the mean over fields with its 95 % interval.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_a_runs import crop_labels
from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel

LABELLED, SIDE = "hela_2", 512
#: Seed -> place of the crop, see `crop_labels`: those that hold about 46 cells.
PLACES = {0: 3, 1: 0, 2: 1}
STUDENT = "student"
SCORES = ("mAP", "cell_miou", "foreground_iou")


class Fields:
    """Fields of a kind, each read once."""

    def __init__(self, data: Path, kind: str) -> None:
        self.folder, self.channel, self.learned, unseen = KINDS[kind]
        names = (*self.learned, *unseen)
        self.fields = {name: open_one(data, name, self.folder) for name in names}
        hela = [name for name in (unseen or self.learned) if name.startswith("hela") and name != LABELLED]
        self.test = tuple(name for name in hela if self.fields[name].has("cells"))

    def planes(self, name: str) -> Any:
        """Return the input (C,Y,X) of a field."""
        return self.fields[name].planes([self.channel])

    def student(self, seed: int) -> "ObjectModel":
        """Learn from the fields and their nuclei, without a label."""
        from frugalseg import self_train

        stains = [self.fields[name].plane("nuclear") for name in self.learned]
        images = [self.planes(name) for name in self.learned]
        return self_train(
            images, stains, names=self.learned, channels=[self.channel], seed=seed, device="cpu"
        )

    def tuned(self, student: "ObjectModel", arm: str, seed: int) -> "ObjectModel":
        """Tune a student to the labels of an arm; the fields it learned from are there without labels."""
        from frugalseg import ObjectModel

        labels = self.fields[LABELLED].labels("cells")
        if arm != "field":
            labels = crop_labels(labels, SIDE, PLACES[seed])
        others = [self.planes(name) for name in self.learned if name != LABELLED]
        changes = {"rehearsal": 0.0} if arm == "crop-alone" else {}
        return ObjectModel.fit(
            self.planes(LABELLED),
            labels,
            start=student,
            unlabelled=others,
            hold_out=False,
            seed=seed,
            device="cpu",
            **changes,
        )

    def scores(self, model: "ObjectModel") -> dict[str, dict[str, float]]:
        """Score a model on every test field."""
        from frugalseg import score_labels

        found = {}
        for name in self.test:
            scores = score_labels(self.fields[name].labels("cells"), model.predict(self.planes(name)))
            found[name] = {score: round(getattr(scores, score), 4) for score in SCORES}
        return found


def measure(data: Path, kind: str, seed: int, arms: list[str], out: Path) -> None:
    """Train one student, tune it for each arm, and append the scores of all."""
    fields = Fields(data, kind)
    start = time.process_time()
    student = fields.student(seed)
    known = {(row["kind"], row["seed"], row["arm"]) for row in read_lines(out)}
    for arm in [STUDENT, *arms]:
        if (kind, seed, arm) in known:
            continue
        model = student if arm == STUDENT else fields.tuned(student, arm, seed)
        seconds = round(time.process_time() - start, 1)
        rows = [
            {"kind": kind, "seed": seed, "arm": arm, "field": name, "seconds": seconds, **scores}
            for name, scores in fields.scores(model).items()
        ]
        append_lines(out, rows)
        start = time.process_time()


def print_means(rows: list[dict[str, Any]]) -> None:
    """Print means over fields for each seed, and paired differences to the student over fields."""
    import numpy as np

    from frugalseg.evaluation.intervals import mean_interval

    for kind in dict.fromkeys(row["kind"] for row in rows):
        for arm in dict.fromkeys(row["arm"] for row in rows if row["kind"] == kind):
            for score in SCORES:
                table = {
                    (row["arm"], row["field"], row["seed"]): row[score] for row in rows if row["kind"] == kind
                }
                mine = [key for key in table if key[0] == arm and (STUDENT, *key[1:]) in table]
                seeds, names = ({key[at] for key in mine} for at in (2, 1))
                means = [np.mean([table[key] for key in mine if key[2] == seed]) for seed in sorted(seeds)]
                gains = [
                    float(np.mean([table[key] - table[STUDENT, *key[1:]] for key in mine if key[1] == name]))
                    for name in sorted(names)
                ]
                text = "" if arm == STUDENT else f"; - student: {mean_interval(gains)}"
                by_seed = " ".join(f"{mean:.3f}" for mean in means)
                print(f"{kind}, {arm:10} {score:14} {np.mean(means):.3f}, seeds {by_seed}{text}")


def main() -> None:
    """Measure what is not in the file yet, and print all means."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--kinds", default="HeLa,HeLa unseen")
    options.add_argument("--seeds", default="0,1,2")
    options.add_argument("--arms", default="crop,field,crop-alone")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    arms = given.arms.split(",")
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            known = {(row["kind"], row["seed"], row["arm"]) for row in read_lines(given.out)}
            if any((kind, seed, arm) not in known for arm in [STUDENT, *arms]):
                measure(given.data, kind, seed, arms, given.out)
    print_means(read_lines(given.out))


if __name__ == "__main__":
    main()
