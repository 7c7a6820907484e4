"""A model of HeLa cells on another cell line, T98G in phase contrast: untouched, and tuned on one of its fields.

    python experiments/cells_elsewhere.py --out FOLDER [--data FOLDER] [--workers 2] [--seeds 0 1 2]

Needs the models of `few_labels.py` in the same FOLDER: phase_nuclear, four fields, 1000 steps from the stain model.
Scored on both test fields of phase_cells_t98g, mean over them.

- untouched: as it is, and with the median diameter of T98G cells in the training rows (`--diameter`).
- tuned: 200 steps of 4 crops of 128 px on one training field (another one per seed).
"""

from pathlib import Path
from typing import Any

from few_labels import LONG
from paper_a_runs import (
    LABEL_STEPS,
    arguments,
    cell_model,
    in_parallel,
    kept,
    mean_text,
    predicted,
    rows_of,
)

UNTOUCHED, WITH_DIAMETER, TUNED = "untouched", "untouched, --diameter", "tuned"
WAYS = (UNTOUCHED, WITH_DIAMETER, TUNED)
FOLDER = "phase_cells_t98g"


def median_diameter(data: Path) -> float:
    """Diameter of the circle of a training cell's median area, px."""
    import numpy as np
    import tifffile

    areas = []
    for row in rows_of(data / FOLDER / "fields.csv"):
        if row["split"] == "train":
            counts = np.bincount(tifffile.imread(data / FOLDER / row["cells"]).ravel())[1:]
            areas.append(counts[counts > 0])
    return float(np.sqrt(4 * np.median(np.concatenate(areas)) / np.pi))


def run(out: Path, data: Path, way: str, seed: int, factor: float) -> dict[str, Any]:
    """Find cells in the test fields one way."""
    name = f"t98g_{way.replace(' ', '_').replace(',', '').replace('--', '')}_{seed}"

    def compute() -> dict[str, Any]:
        table = data / FOLDER / "fields.csv"
        rows = rows_of(table)
        train, test = ([row["field"] for row in rows if row["split"] == one] for one in ("train", "test"))
        model, changed = out / f"cells_4_x{LONG}_stain_{seed}", {}
        diameter = median_diameter(data)
        chosen = train[(seed * 3) % len(train)]
        if way == WITH_DIAMETER:
            changed = {"diameter": diameter}
        elif way != UNTOUCHED:
            steps = round(LABEL_STEPS * factor)
            model = cell_model(out / name, table, [chosen], "cells", "phase", model, None, seed, steps)
        records = predicted(model, table, test, out / f"{name}_test", "cells", **changed)
        return {
            "way": way,
            "seed": seed,
            "field": chosen,
            "diameter": diameter,
            "scores": {
                field: {key: one["scores"][key] for key in ("mAP", "cell_miou")}
                for field, one in records.items()
            },
        }

    return kept(out / f"{name}.json", compute)


def main() -> None:
    """Run everything, then print the table."""
    given = arguments(__doc__)
    jobs = [(given.out, given.data, way, seed, given.steps_factor) for way in WAYS for seed in given.seeds]
    found = in_parallel(run, jobs, given.workers)
    print(f"median diameter of T98G cells: {found[0]['diameter']:.1f} px\n")
    print("| start | mAP, mean and 95 % interval over seeds | cell mIoU |\n|---|---|---|")
    for way in WAYS:
        runs = [one["scores"].values() for one in found if one["way"] == way]
        texts = [
            mean_text([sum(one[key] for one in fields) / len(fields) for fields in runs])
            for key in ("mAP", "cell_miou")
        ]
        print(f"| {way} | {' | '.join(texts)} |")


if __name__ == "__main__":
    main()
