"""Segment real fields with no label, each by a cutter trained on itself, seeds 0-2, against the baselines.

    python experiments/segment_real_fields.py --out FOLDER [--data FOLDER] [--workers 2] [--seeds 0 1 2]

Defaults only, the same for every field. A run is one field and one seed in a process of one thread; runs that are
complete in FOLDER are kept, so the script can be stopped and called again. Baselines have no seed and are scored once per
field. Writes FOLDER/segment_real_fields.json and the tables of docs/results.md to stdout. The seconds of each run are in
the second table.

Besides the default it runs, on one HeLa field, both channels as input, and a model trained on `hela_2` on `hela_5`.
"""

import argparse
import json
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

from segment_real_fields_tables import tables

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

HELA = tuple(f"hela_{i}" for i in range(1, 6))
FLUORESCENT = {
    "Kc167": ("kc167_095", "kc167_096", "kc167_097"),
    "macrophage": ("macrophagocyte_104", "macrophagocyte_106", "macrophagocyte_107"),
    "neuronal": ("neurocyte_010", "neurocyte_044", "neurocyte_069"),
}


class Run(NamedTuple):
    """One field, one seed, one choice of channels; or a model used on another field."""

    folder: str
    field: str
    cells: str
    seed: int
    model_of: str = ""

    @property
    def name(self) -> str:
        """Folder of the results."""
        source = f"_model_of_{self.model_of}" if self.model_of else ""
        return f"{self.field}_{self.cells.replace(',', '+')}{source}_seed{self.seed}"


def planned(seeds: Iterable[int]) -> list[Run]:
    """All runs, the models before their use."""
    seeds = tuple(seeds)
    runs = []
    for seed in seeds:  # whole seeds one after the other, so that a run cut short has some complete
        runs += [Run("phase_nuclear", field, "phase", seed) for field in HELA]
        runs += [
            Run("fluo_two_channel", field, "cyto", seed)
            for fields in FLUORESCENT.values()
            for field in fields
        ]
    runs.append(Run("phase_nuclear", "3t3_1", "phase", seeds[0]))
    runs += [Run("phase_nuclear", "hela_5", "phase", seed, model_of="hela_2") for seed in seeds]
    return [*runs, *(Run("phase_nuclear", "hela_2", "phase,nuclear", seed) for seed in seeds)]


def execute(run: Run, data: str, out: str) -> dict[str, object]:
    """Do one run, or read what an earlier call left."""
    import torch

    from frugalseg.workflows.predict import PredictSettings, predict_fields
    from frugalseg.workflows.segment import SegmentSettings, segment_fields

    torch.set_num_threads(1)
    folder = Path(out) / run.name
    table, where = [str(Path(data) / run.folder / "fields.csv")], [f"field={run.field}"]
    common = {"cells": tuple(run.cells.split(",")), "nuclei": "nuclear", "truth": "cells", "seed": run.seed}
    if run.model_of:
        model = Path(out) / Run(run.folder, run.model_of, run.cells, run.seed).name / f"{run.model_of}_model"
        settings = PredictSettings(**common)
        result = predict_fields(
            model, table, folder, settings, where=where, device="cpu", resume=True, quiet=True
        )
    else:
        result = segment_fields(
            table, folder, SegmentSettings(**common), where=where, device="cpu", resume=True, quiet=True
        )
    record = dict(result.to_dict()["fields"][run.field])
    return {**run._asdict(), "record": record | {"baselines": baselines_of(run, data, out)}}


def baselines_of(run: Run, data: str, out: str) -> dict[str, object]:
    """Scores of the classical methods on a run's field, or what an earlier call found."""
    from frugalseg.images.fields import open_fields
    from frugalseg.models.baseline_scores import score_baselines
    from frugalseg.models.image_cues import find_cues

    path = Path(out) / f"{run.field}_baselines.json"
    if not path.exists():
        field = open_fields([Path(data) / run.folder / "fields.csv"], where=[f"field={run.field}"])[0]
        channel = run.cells.split(",")[0]
        cues = find_cues(field.plane(channel), field.plane("nuclear"), name=run.field)
        found = {name: one.to_dict() for name, one in score_baselines(field.labels("cells"), cues).items()}
        path.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def complete(run: Run, data: str, out: str) -> dict[str, object] | None:
    """Give what an earlier call left of a run, if it is complete."""
    path = Path(out) / run.name / "run.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if content.get("state") != "done":
        return None
    record = content["fields"][run.field]
    return {**run._asdict(), "record": record | {"baselines": baselines_of(run, data, out)}}


def main() -> None:
    """Run everything, then print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(__file__).resolve().parent.parent
    parser.add_argument(
        "--data", default=os.environ.get("FRUGALSEG_DATA", str(root.parent / "shared" / "data"))
    )
    parser.add_argument("--out", required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tables", action="store_true", help="only print the tables of what is complete")
    arguments = parser.parse_args()
    runs = planned(arguments.seeds)
    if arguments.tables:
        found = [complete(run, arguments.data, arguments.out) for run in runs]
        print(tables([one for one in found if one is not None]))
        return
    first = [run for run in runs if not run.model_of]
    then = [run for run in runs if run.model_of]
    done: list[dict[str, object]] = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        for part in (first, then):
            jobs = [pool.submit(execute, run, arguments.data, arguments.out) for run in part]
            for run, job in zip(part, jobs, strict=True):
                done.append(job.result())
                scores = done[-1]["record"]["scores"]  # type: ignore[index]
                print(f"# {run.name}: mIoU {scores['cell_miou']:.3f}, mAP {scores['mAP']:.3f}", flush=True)
    path = Path(arguments.out) / "segment_real_fields.json"
    path.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    print(tables(done))


if __name__ == "__main__":
    main()
