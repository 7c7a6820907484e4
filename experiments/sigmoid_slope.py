"""How steep the sigmoid of eq. 1 should be where nuclei are learned from a stain model, seeds 0-2.

    python experiments/sigmoid_slope.py --out FOLDER [--data FOLDER] [--workers 2] [--seeds 0 1 2]

With the paper's slope of 1 a stain of 0..1 spans only 0.38 to 0.62 before anything is learned. Same runs as in
`few_labels.py`, nuclei with one crop of 512 px and the stain models in FOLDER as start: 200 steps of 4 crops of 128 px,
scored on the test rows of brightfield_nuclear by IoU (eq. 4).
"""

from pathlib import Path
from typing import Any

from few_labels import CROP_OF_512, chosen_fields
from paper_a_runs import (
    LABEL_STEPS,
    arguments,
    cell_model,
    crop_table,
    in_parallel,
    kept,
    mean_text,
    predicted,
)
from stain_pcc import fields_of, on_fields

FOLDER = "brightfield_nuclear"
SLOPES = (1.0, 4.0, 12.0)


def run(out: Path, data: Path, slope: float, seed: int, factor: float) -> dict[str, Any]:
    """Learn with one slope, score on the test fields."""
    name = f"slope_{slope:g}_{seed}"

    def compute() -> dict[str, Any]:
        train, test = fields_of(data, FOLDER)
        field = chosen_fields(train, CROP_OF_512, seed)[0]
        table = crop_table(out / f"{name}_labels", data, FOLDER, field, "nuclei", 512, seed)
        steps = round(LABEL_STEPS * factor)
        start = out / f"stain_{FOLDER}_{seed}"
        cell_model(out / name, table, [field], "nuclei", "brightfield", start, 1.0, seed, steps, slope=slope)
        records = predicted(out / name, data / FOLDER / "fields.csv", test, out / f"{name}_test", "nuclei")
        return {"slope": slope, "seed": seed, "mask_iou": {one: r["mask_iou"] for one, r in records.items()}}

    return kept(out / f"{name}.json", compute)


def main() -> None:
    """Run everything, then print one line per slope."""
    given = arguments(__doc__)
    in_parallel(
        on_fields,
        [(given.out, given.data, FOLDER, seed, given.steps_factor) for seed in given.seeds],
        given.workers,
    )
    jobs = [
        (given.out, given.data, slope, seed, given.steps_factor) for seed in given.seeds for slope in SLOPES
    ]
    found = in_parallel(run, jobs, given.workers)
    for slope in SLOPES:
        values = [
            sum(one["mask_iou"].values()) / len(one["mask_iou"]) for one in found if one["slope"] == slope
        ]
        print(f"slope {slope:g}: IoU {mean_text(values)}")


if __name__ == "__main__":
    main()
