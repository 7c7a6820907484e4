"""What is it worth that a model of outlined objects sees an image in four orientations? With the models of a finished study.

    python experiments/orientations.py --study FOLDER --out FILE.jsonl [--data FOLDER] [--runs 'imagenet-*']

Every run of the study that learned from labels is a model folder. It finds the objects of its test fields again: in one
orientation, in four at its scale, and in four with the borders of a finer scale where it copes with one (decision 21). Nothing is
trained. One line per run and field; printed: mean mAP and foreground IoU per arm, budget and orientations, and the paired difference
to one orientation: of each field the mean over runs, then the mean over fields with its 95 % interval.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from real_fields import append_lines, parser, read_lines
from self_training import open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel

WAYS = {"one": (1, False), "four": (4, False), "four, finer": (4, True)}
SCORES = ("mAP", "foreground_iou")
#: Where a field of a task lies.
FOLDERS = {"cells": "phase_nuclear", "nuclei": "brightfield_nuclear"}


def in_orientations(model: "ObjectModel", orientations: int, finer: bool) -> "ObjectModel":
    """Return the model as if it had been made with so many orientations."""
    from frugalseg import ObjectModel

    settings = model.settings.model_copy(update={"orientations": orientations})
    card = model.card.model_copy(update={"copes_with_finer": finer})
    return ObjectModel(card, model.network, settings, device="cpu")


def score_run(folder: Path, data: Path) -> Iterator[dict[str, Any]]:
    """Score the model of a run on its test fields, in each way."""
    from frugalseg import load_model, score_labels

    spec = json.loads((folder / "run.json").read_text(encoding="utf-8"))["spec"]
    model = load_model(folder / "model", device="cpu")
    about = {"run": spec["name"], "arm": spec["arm"], "seed": spec["seed"], "steps": spec["steps"]}
    whole, crops = spec["budget"]
    about["outlined"] = f"{crops} crop" if crops else f"{whole} fields"
    for name in spec["test"]:
        field = open_one(data, name, FOLDERS[spec["target"]])
        planes, truth = field.planes([spec["inputs"]]), field.labels(spec["labels"])
        for way, how in WAYS.items():
            if how[1] and model.card.kind == "nuclei":  # which never have a finer scale
                continue
            start = time.process_time()
            scores = score_labels(truth, in_orientations(model, *how).predict(planes))
            found = {score: round(getattr(scores, score), 4) for score in SCORES}
            yield (
                about | {"field": name, "way": way, "seconds": round(time.process_time() - start, 2)} | found
            )


def print_means(rows: list[dict[str, Any]]) -> None:
    """Print means and paired differences to one orientation."""
    from frugalseg.evaluation.intervals import mean_interval

    table = {(row["run"], row["field"], row["way"]): row for row in rows}
    groups = dict.fromkeys((row["arm"], row["outlined"], row["steps"]) for row in rows)
    for group in [*groups, ("all", "", "")]:
        keys = [
            key[:2]
            for key, row in table.items()
            if key[2] == "one" and group in (("all", "", ""), (row["arm"], row["outlined"], row["steps"]))
        ]
        for way in {key[2]: "" for key in table}:
            for score in SCORES:
                gains: dict[str, list[float]] = {}
                for key in keys:
                    gains.setdefault(key[1], []).append(table[*key, way][score] - table[*key, "one"][score])
                mean = np.mean([table[*key, way][score] for key in keys])
                gain = mean_interval([float(np.mean(one)) for one in gains.values()])
                print(f"{' '.join(map(str, group)):32} {way:12} {score:9} {mean:.3f}, {gain}")


def main() -> None:
    """Score what is not in the file yet, and print all means."""
    options = parser(__doc__)
    options.add_argument("--study", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--runs", default="imagenet-*", help="pattern of the runs' names")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    known = {row["run"] for row in read_lines(given.out)}
    for record in sorted(given.study.glob(f"runs/*/{given.runs}/run.json")):
        spec = json.loads(record.read_text(encoding="utf-8"))["spec"]
        if spec["kind"] == "labels" and spec["name"] not in known:
            append_lines(given.out, list(score_run(record.parent, given.data)))
    print_means(read_lines(given.out))


if __name__ == "__main__":
    main()
