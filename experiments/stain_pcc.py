"""How well stains are predicted on fields that were held out: PCC (paper A, eq. 3), seeds 0-2.

    python experiments/stain_pcc.py --out FOLDER [--data FOLDER] [--workers 2] [--seeds 0 1 2]

Budget per run: 600 steps of 4 crops of 128 px, encoder efficientnet_lite0 from ImageNet. The models stay in FOLDER/stain_*
for the other experiments on paper A.

- phase_nuclear: phase -> nuclear, half scale; trained on hela_1 to hela_4 and hela_u1, scored on hela_5.
- brightfield_nuclear: bright-field -> nuclear, full scale; trained on the train rows, scored on the test rows.
- phase_zstack_neurons: phase -> nuclear, half scale, left two thirds -> right third, the middle plane or all five.
"""

import time
from pathlib import Path
from typing import Any

from paper_a_runs import (
    HELA,
    STAIN_STEPS,
    arguments,
    in_parallel,
    kept,
    mean_text,
    predicted,
    rows_of,
    stain_model,
)

SETS = {
    "phase_nuclear": ("phase", 0.5, (*HELA, "hela_u1"), ("hela_5",)),
    "brightfield_nuclear": ("brightfield", 1.0, None, None),
}


def fields_of(data: Path, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training and test fields of a set."""
    _, _, train, test = SETS[folder]
    if train is not None and test is not None:
        return train, test
    rows = rows_of(data / folder / "fields.csv")
    by_split = {
        split: tuple(row["field"] for row in rows if row["split"] == split) for split in ("train", "test")
    }
    return by_split["train"], by_split["test"]


def on_fields(out: Path, data: Path, folder: str, seed: int, factor: float) -> dict[str, Any]:
    """Train on whole fields, score on others."""

    def compute() -> dict[str, Any]:
        inputs, scale, _, _ = SETS[folder]
        train, test = fields_of(data, folder)
        model = out / f"stain_{folder}_{seed}"
        table = data / folder / "fields.csv"
        started = time.perf_counter()
        stain_model(model, table, train, inputs, "nuclear", scale, seed, round(STAIN_STEPS * factor))
        minutes = (time.perf_counter() - started) / 60
        scores = predicted(model, table, test, out / f"{model.name}_test", "nuclear")
        pcc = {name: one["pcc"] for name, one in scores.items()}
        return {"set": folder, "seed": seed, "minutes": minutes, "pcc": pcc}

    return kept(out / f"pcc_{folder}_{seed}.json", compute)


def on_neurons(out: Path, data: Path, inputs: str, seed: int, factor: float) -> dict[str, Any]:
    """Train on the left two thirds of the only field, score on the right third."""

    def compute() -> dict[str, Any]:
        import numpy as np
        import tifffile

        parts = out / f"neurons_{inputs.replace(',', '')}_{seed}"
        row = rows_of(data / "phase_zstack_neurons" / "fields.csv")[0]
        for channel in ("phase", "nuclear"):
            whole = tifffile.imread(data / "phase_zstack_neurons" / row[channel])
            third = 2 * whole.shape[-1] // 3
            parts.mkdir(parents=True, exist_ok=True)
            axes = {"metadata": {"axes": "ZYX" if whole.ndim == 3 else "YX"}}
            tifffile.imwrite(parts / f"left_{channel}.tif", np.ascontiguousarray(whole[..., :third]), **axes)
            tifffile.imwrite(parts / f"right_{channel}.tif", np.ascontiguousarray(whole[..., third:]), **axes)
        (parts / "fields.csv").write_text(
            "field,phase,nuclear\n"
            + "".join(f"{side},{side}_phase.tif,{side}_nuclear.tif\n" for side in ("left", "right"))
        )
        table, model = parts / "fields.csv", parts / "model"
        started = time.perf_counter()
        stain_model(model, table, ["left"], inputs, "nuclear", 0.5, seed, round(STAIN_STEPS * factor))
        minutes = (time.perf_counter() - started) / 60
        scores = predicted(model, table, ["right"], parts / "test", "nuclear")
        return {
            "set": f"neurons {inputs}",
            "seed": seed,
            "minutes": minutes,
            "pcc": {"right third": scores["right"]["pcc"]},
        }

    return kept(out / f"pcc_neurons_{inputs.replace(',', '')}_{seed}.json", compute)


def main() -> None:
    """Run everything, then print the table."""
    given = arguments(__doc__)
    common = (given.out, given.data)
    found = in_parallel(
        on_fields,
        [(*common, folder, seed, given.steps_factor) for folder in SETS for seed in given.seeds],
        given.workers,
    )
    found += in_parallel(
        on_neurons,
        [
            (*common, planes, seed, given.steps_factor)
            for planes in ("phase[3]", "phase[*]")
            for seed in given.seeds
        ],
        given.workers,
    )
    minutes = [one["minutes"] for one in found]
    print(f"training took {min(minutes):.1f} to {max(minutes):.1f} minutes with one thread\n")
    print("| set | field | PCC, mean and 95 % interval over seeds |\n|---|---|---|")
    for name in dict.fromkeys(one["set"] for one in found):
        runs = [one for one in found if one["set"] == name]
        for field in runs[0]["pcc"]:
            print(f"| {name} | {field} | {mean_text([one['pcc'][field] for one in runs])} |")
        means = [sum(one["pcc"].values()) / len(one["pcc"]) for one in runs]
        print(f"| {name} | mean | {mean_text(means)} |")


if __name__ == "__main__":
    main()
