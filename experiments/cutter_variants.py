"""Train the marker network on single real fields with other settings, one run per field and variant.

    python experiments/cutter_variants.py --out FILE.jsonl --fields kc167_095 hela_4 \
        --variant 'soft={"boundary": 0.5, "center_jitter": 3.0}' --variant 'default={}' [--data FOLDER] [--seed 0] [--workers 2]

A variant is a name and the `MarkerSettings` it changes. One line of JSON per run is appended to the file, and runs
that are in it are not done again; the table is printed. One process of one thread per run, 1 to 5 minutes each.
"""

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"


def folder_of(field: str) -> tuple[str, str]:
    """Folder of a field, and its channel with whole cells."""
    return ("phase_nuclear", "phase") if field.startswith(("hela", "3t3")) else ("fluo_two_channel", "cyto")


def execute(field: str, variant: str, changes: dict[str, object], seed: int, data: str) -> dict[str, object]:
    """Train on one field, segment and score it."""
    import torch

    from frugalseg.evaluation.scores import score_labels
    from frugalseg.images.fields import open_fields
    from frugalseg.learning.from_markers.marker_settings import MarkerSettings
    from frugalseg.learning.from_markers.marker_training import learn_from_markers
    from frugalseg.models.baseline_scores import score_baselines
    from frugalseg.models.image_cues import find_cues
    from frugalseg.models.marker_samples import marker_sample, segment_sample

    torch.set_num_threads(1)
    folder, channel = folder_of(field)
    table = open_fields([Path(data) / folder / "fields.csv"], where=[f"field={field}"])
    cues = find_cues(table[0].plane(channel), table[0].plane("nuclear"), name=field)
    truth = table[0].labels("cells")
    settings = MarkerSettings(**changes)  # type: ignore[arg-type]
    sample = marker_sample(cues)
    start = time.monotonic()
    network, training = learn_from_markers([sample], settings, seed=seed, device="cpu")
    seconds = time.monotonic() - start
    scores = score_labels(truth, segment_sample(network, cues, sample, settings, "cpu"), cues.markers.points)
    pick = ("cell_miou", "mAP")
    return {
        "field": field,
        "variant": variant,
        "changes": changes,
        "seed": seed,
        "markers": len(sample.points),
        "steps": training.steps,
        "seconds": round(seconds),
        **{name: round(getattr(scores, name), 4) for name in pick},
        "baselines": {
            method: [round(getattr(values, name), 4) for name in pick]
            for method, values in score_baselines(truth, cues).items()
        },
    }


def main() -> None:
    """Run what is missing, then print everything in the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(__file__).resolve().parent.parent
    parser.add_argument(
        "--data", default=os.environ.get("FRUGALSEG_DATA", str(root.parent / "shared" / "data"))
    )
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--fields", nargs="+", required=True)
    parser.add_argument("--variant", action="append", required=True, metavar="NAME=JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    variants = {name: json.loads(text) for name, text in (v.split("=", 1) for v in arguments.variant)}
    lines = arguments.out.read_text(encoding="utf-8").splitlines() if arguments.out.exists() else []
    done = [json.loads(line) for line in lines]
    there = {(run["field"], run["variant"], run["seed"]) for run in done}
    with ProcessPoolExecutor(arguments.workers) as pool:
        jobs = [
            pool.submit(execute, field, name, changes, arguments.seed, arguments.data)
            for name, changes in variants.items()
            for field in arguments.fields
            if (field, name, arguments.seed) not in there
        ]
        for job in jobs:
            done.append(job.result())
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[-1]) + "\n")
    for run in done:
        best = [max(values[i] for values in run["baselines"].values()) for i in (0, 1)]
        print(
            f"{run['field']} ({run['markers']} markers), {run['variant']}, seed {run['seed']}, {run['steps']} steps: "
            f"{run['cell_miou']:.3f} / {run['mAP']:.3f}, best baseline {best[0]:.3f} / {best[1]:.3f}"
        )


if __name__ == "__main__":
    main()
