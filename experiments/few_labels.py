"""What a stain model is worth when there are few labels: nuclei from bright-field, cells from phase, seeds 0-2.

    python experiments/few_labels.py --out FOLDER [--data FOLDER] [--workers 2] [--seeds 0 1 2] [--only nuclei|cells]

Needs the stain models of `stain_pcc.py` in the same FOLDER (it makes them where they are missing). Both arms have the
same network, steps, crops and labels and differ in the starting weights only: nothing, or the stain model. Budget per
run: 300 steps of 4 crops of 128 px, about 1.5 minutes on one core. Nothing is held out, the last weights are used.

- nuclei: brightfield_nuclear, one crop of 512 px or one image of the train rows (another one per seed), scored on the
  test rows: IoU (eq. 4), mean over fields.
- cells: phase_nuclear, one crop of 512 px of a field (another one per seed), one field, two, four of hela_1 to hela_4;
  scored on hela_5: mAP (eq. 5).
"""

import sys
from pathlib import Path
from typing import Any

from paper_a_runs import (
    BATCH,
    CROP,
    HELA,
    LABEL_STEPS,
    arguments,
    crop_table,
    gain_text,
    in_parallel,
    kept,
    mean_text,
    one_thread,
    predicted,
)
from stain_pcc import fields_of, on_fields

STARTS = ("nothing", "stain")
CROP_OF_512 = "one crop of 512"
NUMBERS = {"nuclei": (CROP_OF_512, 1), "cells": (CROP_OF_512, 1, 2, 4)}
FOLDERS = {"nuclei": "brightfield_nuclear", "cells": "phase_nuclear"}
INPUTS = {"nuclei": ("brightfield", 1.0), "cells": ("phase", 0.5)}
SCORES = {"nuclei": "mask_iou", "cells": "mAP"}


def run(
    out: Path, data: Path, target: str, number: int | str, start: str, seed: int, factor: float
) -> dict[str, Any]:
    """Learn from so many labelled fields, or one crop, and score on the test fields."""

    def compute() -> dict[str, Any]:
        from frugalseg.workflows.learn_labels import LearnLabelsSettings, learn_labels_model

        one_thread()
        folder = FOLDERS[target]
        inputs, scale = INPUTS[target]
        train, test = fields_of(data, folder)
        chosen = _chosen(train if target == "nuclei" else HELA, number, seed)
        name = f"{target}_{str(number).replace(' ', '_')}_{start}_{seed}"
        table = data / folder / "fields.csv"
        if number == CROP_OF_512:
            table = crop_table(out / f"{name}_labels", data, folder, chosen[0], target, 512, seed)
        settings = LearnLabelsSettings(
            inputs=inputs,
            labels=target,
            target=target,
            start=out / f"stain_{folder}_{seed}" if start == "stain" else None,
            scale=scale,
            hold_out=False,
            crop=CROP,
            batch=BATCH,
            max_steps=round(LABEL_STEPS * factor),
            seed=seed,
        )
        where = [f"field={','.join(chosen)}"]
        learn_labels_model(
            [table], out / name, settings, where=where, device="cpu", overwrite=True, quiet=True
        )
        records = predicted(out / name, data / folder / "fields.csv", test, out / f"{name}_test", target)
        scores = {
            field: {
                "mask_iou": one["mask_iou"],
                "mAP": one["scores"]["mAP"],
                "cell_miou": one["scores"]["cell_miou"],
            }
            for field, one in records.items()
        }
        return {
            "target": target,
            "n": number,
            "start": start,
            "seed": seed,
            "fields": chosen,
            "scores": scores,
        }

    return kept(out / f"few_{target}_{str(number).replace(' ', '_')}_{start}_{seed}.json", compute)


def _chosen(train: tuple[str, ...], number: int | str, seed: int) -> list[str]:
    """Labelled fields: another first one per seed."""
    count = 1 if number == CROP_OF_512 else int(number)
    first = (seed * 3) % len(train)
    return [train[(first + i) % len(train)] for i in range(count)]


def main() -> None:
    """Run everything, then print the table."""
    only = sys.argv.pop(sys.argv.index("--only") + 1) if "--only" in sys.argv else None
    if only is not None:
        sys.argv.remove("--only")
    given = arguments(__doc__)
    targets = [one for one in NUMBERS if only in (None, one)]
    factor = given.steps_factor
    stains = [(given.out, given.data, FOLDERS[one], seed, factor) for one in targets for seed in given.seeds]
    in_parallel(on_fields, stains, given.workers)
    jobs = [
        (given.out, given.data, target, number, start, seed, factor)
        for target in targets
        for number in NUMBERS[target]
        for seed in given.seeds
        for start in STARTS
    ]
    found = in_parallel(run, jobs, given.workers)
    print(
        "| target | labels | score | from nothing | from the stain model | relative gain |\n|---|---|---|---|---|---|"
    )
    for target in targets:
        for score in dict.fromkeys((SCORES[target], "mask_iou", "mAP")):
            for number in NUMBERS[target]:
                values = {
                    start: [
                        sum(one[score] for one in r["scores"].values()) / len(r["scores"])
                        for r in found
                        if (r["target"], r["n"], r["start"]) == (target, number, start)
                    ]
                    for start in STARTS
                }
                texts = [mean_text(values[start]) for start in STARTS]
                gain = gain_text(values["stain"], values["nothing"])
                print(f"| {target} | {number} | {score} | {' | '.join(texts)} | {gain} |")


if __name__ == "__main__":
    main()
