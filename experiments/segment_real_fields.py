"""Segment real fields with no label, each by a network trained on this field alone, seeds 0-2, against the baselines.

    python experiments/segment_real_fields.py --out FOLDER [--rounds 0] [--data FOLDER] [--workers 2] [--seeds 0 1 2]

`--rounds 0` (default): a marker network for each field, as in paper B; `--rounds 3`: a student for each field, which is
what `segment` does with one field. All other settings are the defaults, the same for every field. A run is one field and one seed in a process of one thread; runs that are
complete in FOLDER are kept, so the script can be stopped and called again. Baselines have no seed: all runs of a field
have the same. Writes FOLDER/segment_real_fields.json and the tables of docs/results/no-labels.md to stdout. The seconds of each run are in
the second table.

Besides the default it runs, on one HeLa field, both channels as input, and a model trained on `hela_2` on `hela_5`.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from real_fields import FLUORESCENT, HELA, home_of, parser
from segment_real_fields_tables import tables


class Run(NamedTuple):
    """One field, one seed, one choice of channels; or a model used on another field."""

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
    """Return all runs, the models before their use."""
    seeds = tuple(seeds)
    fields = [*HELA, *(field for group in FLUORESCENT.values() for field in group)]
    # Whole seeds one after the other, so that an experiment cut short has some complete.
    runs = [Run(field, home_of(field)[1], seed) for seed in seeds for field in fields]
    runs.append(Run("3t3_1", "phase", seeds[0]))
    runs += [Run("hela_5", "phase", seed, model_of="hela_2") for seed in seeds]
    return [*runs, *(Run("hela_2", "phase,nuclear", seed) for seed in seeds)]


def execute(run: Run, data: Path, out: Path, rounds: int) -> dict[str, Any]:
    """Do one run, or read what an earlier call left."""
    from frugalseg.commands.command_settings import PredictSettings, SegmentSettings
    from frugalseg.commands.predict_fields import predict_fields
    from frugalseg.commands.segment_cells import segment_cells
    from frugalseg.runs.options import RunOptions

    table = [data / home_of(run.field)[0] / "fields.csv"]
    options = RunOptions(where=(f"field={run.field}",), device="cpu", resume=True, quiet=True)
    common = {"cells": tuple(run.cells.split(",")), "nuclei": "nuclear", "truth": "cells", "seed": run.seed}
    if run.model_of:
        folder = "model" if rounds else f"{run.model_of}_model"
        model = out / Run(run.model_of, run.cells, run.seed).name / folder
        result = predict_fields(model, table, out / run.name, PredictSettings(**common), options)
    else:
        result = segment_cells(table, out / run.name, SegmentSettings(**common, rounds=rounds), options)
    return {**run._asdict(), "record": result.to_dict()["fields"][run.field]}


def complete(run: Run, out: Path) -> dict[str, Any] | None:
    """Return what an earlier call left of a run, if it is complete."""
    path = out / run.name / "run.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if content.get("state") != "done":
        return None
    return {**run._asdict(), "record": content["fields"][run.field]}


def main() -> None:
    """Run everything, then print the tables."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--rounds", type=int, default=0)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--tables", action="store_true", help="only print the tables of what is complete")
    given = options.parse_args()
    runs = planned(given.seeds)
    if given.tables:
        found = [complete(run, given.out) for run in runs]
        print(tables([one for one in found if one is not None]))
        return
    first = [run for run in runs if not run.model_of]
    then = [run for run in runs if run.model_of]
    done: list[dict[str, Any]] = []
    with ProcessPoolExecutor(given.workers) as pool:
        for part in (first, then):
            jobs = [pool.submit(execute, run, given.data, given.out, given.rounds) for run in part]
            for run, job in zip(part, jobs, strict=True):
                done.append(job.result())
                scores = done[-1]["record"]["scores"]
                print(f"# {run.name}: mIoU {scores['cell_miou']:.3f}, mAP {scores['mAP']:.3f}", flush=True)
    path = given.out / "segment_real_fields.json"
    path.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    print(tables(done))


if __name__ == "__main__":
    main()
