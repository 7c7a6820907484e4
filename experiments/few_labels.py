"""What a stain model is worth when there are few labels: nuclei from bright-field, cells from phase, seeds 0-2 or 0-4.

    python experiments/few_labels.py --out FOLDER [--data FOLDER] [--workers 2] [--seeds 0 1 2] [--only nuclei|cells] [--tables]

Needs the stain models of `stain_pcc.py` in the same FOLDER (it makes them where they are missing). All arms have the
same network (efficientnet_lite0), steps, crops and labels and differ in the starting weights only: nothing, ImageNet,
or the stain model (which started from ImageNet). Budget per run: 200 steps of 4 crops of 128 px; for cells also 1000
steps with four fields. Nothing is held out, the last weights are used. What one crop is worth depends most on which crop
it is, so those rows have two seeds more. `--tables` prints what is complete.

- nuclei: brightfield_nuclear, one crop of 512 px or one image of the train rows (another one per seed), scored on the
  test rows: IoU (eq. 4), mean over fields.
- cells: phase_nuclear, one crop of 512 px of a field (another one per seed), one field, two, four of hela_1 to hela_4;
  scored on hela_5: mAP (eq. 5).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from paper_a_runs import (
    HELA,
    LABEL_STEPS,
    arguments,
    cell_model,
    crop_table,
    gain_text,
    in_parallel,
    kept,
    mean_text,
    predicted,
)
from stain_pcc import fields_of, on_fields

CROP_OF_512 = "one crop of 512"
LONG = 5  # times the steps
MORE = (3, 4)  # seeds of one crop, on top
EVERY = ("nothing", "imagenet", "stain")
#: (target, labelled fields, times the steps) and the arms that are compared.
ROWS = {
    ("cells", 4, 1): EVERY,
    ("cells", 2, 1): EVERY,
    ("cells", CROP_OF_512, 1): EVERY,
    ("nuclei", CROP_OF_512, 1): EVERY,
    ("nuclei", 1, 1): EVERY,
    ("cells", 1, 1): EVERY,
    ("cells", 4, LONG): ("stain",),
}
FOLDERS = {"nuclei": "brightfield_nuclear", "cells": "phase_nuclear"}
INPUTS = {"nuclei": ("brightfield", 1.0), "cells": ("phase", 0.5)}
SCORES = {"nuclei": "mask_iou", "cells": "mAP"}


def run(
    out: Path, data: Path, target: str, number: int | str, times: int, start: str, seed: int, factor: float
) -> dict[str, Any]:
    """Learn from so many labelled fields, or one crop, and score on the test fields."""
    name = name_of(target, number, times, start, seed)

    def compute() -> dict[str, Any]:
        folder = FOLDERS[target]
        inputs, scale = INPUTS[target]
        train, test = fields_of(data, folder)
        chosen = chosen_fields(train if target == "nuclei" else HELA, number, seed)
        table = whole = data / folder / "fields.csv"
        if number == CROP_OF_512:
            table = crop_table(out / f"{name}_labels", data, folder, chosen[0], target, 512, seed)
        begin = out / f"stain_{folder}_{seed}" if start == "stain" else start
        steps = round(LABEL_STEPS * times * factor)
        cell_model(out / name, table, chosen, target, inputs, begin, scale, seed, steps)
        minutes = json.loads((out / name / "record.json").read_text(encoding="utf-8"))["seconds"] / 60
        records = predicted(out / name, whole, test, out / f"{name}_test", target)
        scores = {
            field: {
                "mask_iou": one["mask_iou"],
                "mAP": one["scores"]["mAP"],
                "cell_miou": one["scores"]["cell_miou"],
            }
            for field, one in records.items()
        }
        return {
            "row": [target, number, times],
            "start": start,
            "seed": seed,
            "fields": chosen,
            "minutes": minutes,
            "scores": scores,
        }

    return kept(out / f"few_{name}.json", compute)


def name_of(target: str, number: int | str, times: int, start: str, seed: int) -> str:
    """Name of a run's model folder, and behind "few_" of its record."""
    return f"{target}_{str(number).replace(' ', '_')}{f'_x{times}' if times > 1 else ''}_{start}_{seed}"


def complete(out: Path, *job: Any) -> dict[str, Any] | None:
    """Return what an earlier call left of a run, if it is complete."""
    path = out / f"few_{name_of(*job)}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def chosen_fields(train: tuple[str, ...], number: int | str, seed: int) -> list[str]:
    """Labelled fields: another first one per seed."""
    count = 1 if number == CROP_OF_512 else int(number)
    first = (seed * 3) % len(train)
    return [train[(first + i) % len(train)] for i in range(count)]


def main() -> None:
    """Run everything, then print the table."""
    only = sys.argv.pop(sys.argv.index("--only") + 1) if "--only" in sys.argv else None
    if only is not None:
        sys.argv.remove("--only")
    only_tables = "--tables" in sys.argv
    if only_tables:
        sys.argv.remove("--tables")
    given = arguments(__doc__)
    rows = {row: starts for row, starts in ROWS.items() if only in (None, row[0])}
    targets = dict.fromkeys(row[0] for row in rows)
    factor = given.steps_factor
    jobs = [
        (*row, start, seed) for row, starts in rows.items() for seed in _seeds(row, given) for start in starts
    ]
    if only_tables:
        found = [one for one in (complete(given.out, *job) for job in jobs) if one is not None]
        _print(rows, found, factor)
        return
    seeds = [seed for seed in (*given.seeds, *MORE) if any(job[-1] == seed for job in jobs)]
    stains = [(given.out, given.data, FOLDERS[one], seed, factor) for one in targets for seed in seeds]
    in_parallel(on_fields, stains, given.workers)
    found = in_parallel(run, [(given.out, given.data, *job, factor) for job in jobs], given.workers)
    _print(rows, found, factor)


def _seeds(row: tuple[str, int | str, int], given: argparse.Namespace) -> list[int]:
    """Seeds of a row: more of them where one crop is all that is labelled."""
    return list(dict.fromkeys([*given.seeds, *(MORE if row[1] == CROP_OF_512 else ())]))


def _print(
    rows: dict[tuple[str, int | str, int], tuple[str, ...]], found: list[dict[str, Any]], factor: float
) -> None:
    """Tables of all runs that are there."""
    targets = dict.fromkeys(row[0] for row in rows)
    for target in targets:
        for score in dict.fromkeys((SCORES[target], "mask_iou", "mAP")):
            print(f"\n{target}, {score}, mean over test fields; mean and 95 % interval over seeds\n")
            print("| labels | steps | nothing | ImageNet | stain model | over nothing | over ImageNet |")
            print("|---|---|---|---|---|---|---|")
            for row in (one for one in rows if one[0] == target):
                runs = [one for one in found if tuple(one["row"]) == row]
                if runs:
                    print(_line(row, runs, score, factor))
    print()
    for times in (1, LONG):
        minutes = [one["minutes"] for one in found if one["row"][2] == times]
        if minutes:
            steps = round(LABEL_STEPS * times * factor)
            print(
                f"{steps} steps took {min(minutes):.1f} to {max(minutes):.1f} minutes with one thread, all included"
            )


def _line(row: tuple[str, int | str, int], runs: list[dict[str, Any]], score: str, factor: float) -> str:
    """One row of a table: each arm, and what the stain model gains over the others."""
    values = {
        start: [
            sum(one[score] for one in r["scores"].values()) / len(r["scores"])
            for r in runs
            if r["start"] == start
        ]
        for start in EVERY
    }
    texts = [mean_text(values[start]) if values[start] else "" for start in EVERY]
    gains = [
        gain_text(values["stain"], values[one]) if len(values[one]) == len(values["stain"]) else ""
        for one in EVERY[:2]
    ]
    return f"| {row[1]} | {round(LABEL_STEPS * row[2] * factor)} | {' | '.join([*texts, *gains])} |"


if __name__ == "__main__":
    main()
