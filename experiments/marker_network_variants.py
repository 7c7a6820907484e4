"""Train the marker network on single real fields with other settings, one run per field and variant.

    python experiments/marker_network_variants.py --out FILE.jsonl --fields kc167_095 hela_4 \
        --variant 'soft={"boundary": 0.5, "center_jitter": 3.0}' --variant 'default={}' [--data FOLDER] [--seed 0] [--workers 2]

A variant is a name and the `MarkerSettings` it changes. One line of JSON per run is appended to the file, and runs
that are in it are not done again; the table is printed. One process of one thread per run, 1 to 5 minutes each.
"""

import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from real_fields import append_lines, default_cues, open_field, parser, read_lines

SCORES = ("cell_miou", "mAP")


def execute(name: str, variant: str, changes: dict[str, Any], seed: int, data: Path) -> dict[str, Any]:
    """Train on one field, segment and score it."""
    from frugalseg import score_labels
    from frugalseg.learning.from_markers.marker_settings import MarkerSettings
    from frugalseg.learning.from_markers.marker_training import learn_from_markers
    from frugalseg.models.baseline_scores import score_baselines
    from frugalseg.models.marker_samples import marker_sample, segment_sample

    field = open_field(data, name)
    cues, truth, settings = default_cues(field), field.labels("cells"), MarkerSettings(**changes)
    sample = marker_sample(cues)
    start = time.monotonic()
    network, training = learn_from_markers([sample], settings, seed=seed, device="cpu")
    seconds = time.monotonic() - start
    labels = segment_sample(network, cues, sample, settings, "cpu")
    scores = score_labels(truth, labels, cues.markers.points)
    return {
        "field": name,
        "variant": variant,
        "changes": changes,
        "seed": seed,
        "markers": len(cues.markers),
        "steps": training.steps,
        "seconds": round(seconds),
        **{score: round(getattr(scores, score), 4) for score in SCORES},
        "baselines": {
            method: [round(getattr(one, score), 4) for score in SCORES]
            for method, one in score_baselines(truth, cues).items()
        },
    }


def main() -> None:
    """Run what is missing, then print everything in the file."""
    options = parser(__doc__)
    options.add_argument("--out", required=True, type=Path)
    options.add_argument("--fields", nargs="+", required=True)
    options.add_argument("--variant", action="append", required=True, metavar="NAME=JSON")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    variants = {name: json.loads(text) for name, text in (v.split("=", 1) for v in given.variant)}
    done = read_lines(given.out)
    complete = {(run["field"], run["variant"], run["seed"]) for run in done}
    with ProcessPoolExecutor(given.workers) as pool:
        jobs = [
            pool.submit(execute, field, name, changes, given.seed, given.data)
            for name, changes in variants.items()
            for field in given.fields
            if (field, name, given.seed) not in complete
        ]
        for job in jobs:
            done.append(job.result())
            append_lines(given.out, done[-1:])
    for run in done:
        best = [max(values[i] for values in run["baselines"].values()) for i in (0, 1)]
        print(
            f"{run['field']} ({run['markers']} markers), {run['variant']}, seed {run['seed']}, {run['steps']} steps: "
            f"{run['cell_miou']:.3f} / {run['mAP']:.3f}, best baseline {best[0]:.3f} / {best[1]:.3f}"
        )


if __name__ == "__main__":
    main()
